// SPDX-License-Identifier: BSD-2-Clause
//! What following a connection costs, for each record.

use std::num::NonZeroU32;
use std::path::Path;

use bblog_analysis::{ConnectionKey, Connections, Item, RecordItem, Wanted};
use bblog_dissector::bblog::{self, Record, records};
use bblog_dissector::event::RecordContext;
use bblog_dissector::spec::{Kernel, Stack};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// A log of this repository, or of the larger collection beside it.
fn log(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let large = root.join("../../shared/streams/bblog").join(name);
    let small = root.join("../tests/fixtures").join(name);
    std::fs::read(if large.exists() { large } else { small }).expect("a log")
}

#[divan::bench(args = ["rack_tailloss_rto.tcplog", "rack_clean.tcplog", "default_clean.tcplog", "bbr_ecn.tcplog"])]
fn follow(bencher: Bencher, name: &str) {
    let bytes = if Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").exists() {
        log(name)
    } else {
        log("rack_tailloss_rto.tcplog")
    };
    let stack = Stack::from_name(name.as_bytes());
    let context = RecordContext { hz: NonZeroU32::new(1000), ..RecordContext::new(stack, Kernel::Freebsd13) };
    let bodies = bblog::entries(&bytes).map(|entry| entry.expect("an entry").1);
    let all: Vec<Record<'_>> =
        bodies.flat_map(|body| records(body).map(|record| record.expect("a record"))).collect();
    let key = ConnectionKey::Endpoints([0; 40], 2);
    bencher.counter(ItemsCount::new(all.len())).bench_local(|| {
        let mut connections: Connections = Connections::new(Wanted::default());
        for (number, record) in all.iter().enumerate() {
            let item = Item::Bblog(RecordItem { record: *record, time: record.time(), context });
            black_box(connections.feed(key, number as u64, &item));
        }
        connections
    });
}
