// SPDX-License-Identifier: BSD-2-Clause
//! Following a connection record by record allocates nothing.

use std::fmt::{self, Write};
use std::path::Path;

use allocation_counter::measure;
use bblog_analysis::track::Track;
use bblog_dissector::bblog;

/// Text that goes nowhere.
struct Nowhere(usize);

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

#[test]
fn records_are_tracked_without_an_allocation() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/default_verbose_20.tcplog");
    let stream = std::fs::read(path).unwrap();
    let mut out = Nowhere(0);
    let counted = measure(|| {
        let mut track = Track::default();
        for entry in bblog::entries(&stream) {
            for record in bblog::records(entry.unwrap().1) {
                for field in track.next(&record.unwrap()).fields() {
                    write!(out, "{field}").unwrap();
                }
            }
        }
    });
    assert!(out.0 > 100, "{}", out.0);
    assert_eq!(counted.count_total, 0);
}
