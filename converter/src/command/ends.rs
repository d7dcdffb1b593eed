// SPDX-License-Identifier: BSD-2-Clause
//! Which connection a JSON object is about.

use bblog_dissector::tcp_provider::Addresses;
use serde::Serialize;

use crate::event::connection::Address;

/// The ends of a connection, its session (eventlog) and its log id (BBLog); null where they are not known.
#[derive(Serialize)]
pub(super) struct JsonEnds<'a> {
    local: Option<String>,
    local_port: Option<u16>,
    remote: Option<String>,
    remote_port: Option<u16>,
    session: Option<u64>,
    log_id: Option<&'a str>,
}

impl<'a> JsonEnds<'a> {
    pub(super) fn new(
        addresses: Option<Addresses>,
        session: Option<u64>,
        log_id: Option<&'a str>,
    ) -> JsonEnds<'a> {
        let (local, remote) = addresses.unzip();
        JsonEnds {
            local: local.map(|end| Address(end).to_string()),
            local_port: local.map(|end| end.port()),
            remote: remote.map(|end| Address(end).to_string()),
            remote_port: remote.map(|end| end.port()),
            session,
            log_id,
        }
    }
}
