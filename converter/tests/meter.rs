// SPDX-License-Identifier: BSD-2-Clause
//! What is counted for the progress bar: every byte of the inputs once, also of many of which each is
//! looked at before its turn comes. A process of its own, for the counts are the process's.

mod support;

use bblog_converter::event_stream::Events;
use bblog_converter::input::Name;
use bblog_converter::{convert, meter};

use support::seen::tables;
use support::{Folder, bytes};

#[test]
fn every_byte_counts_once() {
    let folder = Folder::new();
    let log = bytes("rack_reqresp.tcplog");
    let inputs: Vec<Name> =
        (0..40).map(|number| Name::new(folder.write(&format!("{number}.tcplog"), &log))).collect();
    let all = (inputs.len() * log.len()) as u64;
    let mut events = Events::open(&inputs, &tables(), &mut |name, fault| panic!("{name}: {fault}"));
    assert_eq!(meter::bytes(), 0);
    while events.advance(&mut |name, fault| panic!("{name}: {fault}")) {}
    assert_eq!(meter::bytes(), all);
    let on_fault = &mut |name: &Name, fault: &bblog_converter::Fault| panic!("{name}: {fault}");
    let mut streams = convert::open(&inputs, &tables(), on_fault);
    convert::write(&mut streams, None, Vec::new(), on_fault).unwrap();
    assert_eq!(meter::bytes(), 2 * all);
}
