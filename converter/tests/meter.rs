// SPDX-License-Identifier: BSD-2-Clause
//! What is counted for the progress bar: every byte of the inputs once, also of many of which each is
//! looked at before its turn comes.

mod support;

use bblog_converter::command::convert;
use bblog_converter::event::merge::Events;
use bblog_converter::input::{InputName, Inputs};

use support::seen::tables;
use support::{Folder, bytes};

#[test]
fn every_byte_counts_once() {
    let folder = Folder::new();
    let log = bytes("rack_reqresp.tcplog");
    let names: Vec<InputName> =
        (0..40).map(|number| InputName::new(folder.write(&format!("{number}.tcplog"), &log))).collect();
    let all = (names.len() * log.len()) as u64;
    let inputs = Inputs::new(names, &tables());
    let mut events = Events::open(&inputs, &mut |name, fault| panic!("{name}: {fault}"));
    assert_eq!(inputs.meter.bytes(), 0);
    while events.advance(&mut |name, fault| panic!("{name}: {fault}")) {}
    assert_eq!(inputs.meter.bytes(), all);
    let on_error = &mut |name: &InputName, fault: &bblog_converter::InputError| panic!("{name}: {fault}");
    let mut streams = convert::open(&inputs, on_error);
    convert::write(&mut streams, None, Vec::new(), on_error).unwrap();
    assert_eq!(inputs.meter.bytes(), 2 * all);
}
