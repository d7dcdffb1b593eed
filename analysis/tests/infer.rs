// SPDX-License-Identifier: BSD-2-Clause
//! Stacks, kernels and tick rates as inferred from genuine logs, which hold none of them.

use std::path::{Path, PathBuf};

use bblog_analysis::infer::{EventlogTicks, Inference, Machines};
use bblog_dissector::Micros;
use bblog_dissector::bblog::{self, Record};
use bblog_dissector::elog::{FILE_HEADER_LEN, ProviderTable, RawEvent};
use bblog_dissector::spec::{Kernel, Stack};
use bblog_dissector::tcp_provider;

/// The stacks with the numbers 1 to 3, the kernels, and hz.
type Answers = ([Option<Stack>; 3], Option<(Kernel, Kernel)>, Option<u32>);

fn answers(path: &Path, most: usize) -> Answers {
    let bytes = std::fs::read(path).unwrap();
    let mut machine = Inference::default();
    let mut left = most;
    for entry in bblog::entries(&bytes) {
        let Ok((_, body)) = entry else { break };
        machine.begin_connection();
        for record in bblog::records(body).map_while(Result::ok) {
            if left > 0 {
                machine.observe(&record, Stack::Unknown);
                left -= 1;
            }
        }
    }
    let stack = |id| machine.stack(id).map(|inferred| inferred.value);
    let kernel =
        machine.kernel().map(|inferred| (inferred.value.kernels().next().unwrap(), inferred.value.newest()));
    ([stack(1), stack(2), stack(3)], kernel, machine.hz().map(|inferred| inferred.value))
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "tcplog"));
    files.sort();
    files
}

/// Right, or not said.
fn assert_right(path: &Path, (stacks, kernel, hz): Answers) {
    let is_15 = path.file_name().unwrap().to_str().unwrap().starts_with("fbsd15");
    for (found, right) in stacks.into_iter().zip([Stack::Freebsd, Stack::Rack, Stack::Bbr]) {
        assert!(found.is_none_or(|found| found == right), "{}: {right:?} is {found:?}", path.display());
    }
    let of_15 = [(Kernel::Freebsd14, Kernel::Main), (Kernel::Main, Kernel::Main)];
    let right: &[_] = if is_15 { &of_15 } else { &[(Kernel::Freebsd13, Kernel::Freebsd13)] };
    assert!(kernel.is_none_or(|kernel| right.contains(&kernel)), "{}: {kernel:?}", path.display());
    let is_100 = is_15 && !path.ends_with("fbsd15_hz1000.tcplog");
    let right = if is_100 { 100 } else { 1000 };
    assert!(hz.is_none_or(|hz| hz == right), "{}: {hz:?}", path.display());
}

#[test]
fn genuine_logs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = logs(&root.join("../shared/streams/bblog"));
    all.extend(logs(&root.join("tests/fixtures")));
    // Made up: a record of each event, without regard to stack and kernel.
    all.retain(|path| !path.ends_with("each_event.tcplog"));
    assert!(!all.is_empty());
    for path in &all {
        for most in [1, 2, 3, 5, 10, 30, 100, 300, 1_000, usize::MAX] {
            assert_right(path, answers(path, most));
        }
        assert_known(path, answers(path, usize::MAX));
    }
}

/// The whole of each of these logs proves the kernel, hz, and the stack that its name says.
fn assert_known(path: &Path, (stacks, kernel, hz): Answers) {
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(kernel.is_some() && hz.is_some(), "{name}: {kernel:?}, {hz:?}");
    for (word, stack) in ["default_", "rack_", "bbr_"].into_iter().zip(stacks) {
        assert!(!name.starts_with(word) || stack.is_some(), "{name}: stack not found out");
    }
}

/// What has no evidence in it proves nothing.
#[test]
fn nothing_from_nothing() {
    let mut machine = Inference::default();
    // FLOWEND, which all stacks write alike.
    let mut bytes = [0; bblog::RECORD_LEN];
    (bytes[24], bytes[25]) = (1, 25);
    let (record, _) = Record::split(&bytes).unwrap();
    for _ in 0..100 {
        machine.observe(&record, Stack::Unknown);
    }
    assert_eq!((machine.stack(1), machine.kernel(), machine.hz()), (None, None, None));
    assert!(machine.is_open(1));
}

/// Contradictions are no conclusion.
#[test]
fn nothing_from_contradictions() {
    let mut machine = Inference::default();
    let connection_end = |flags: u8| {
        let mut bytes = [0; bblog::RECORD_LEN];
        (bytes[24], bytes[25], bytes[26]) = (1, 54, flags);
        bytes
    };
    // CONNEND without stack information is of 13, with it of newer kernels.
    let (of_13, newer) = (connection_end(0), connection_end(0x10));
    for bytes in [&of_13, &newer, &of_13, &of_13, &of_13] {
        machine.observe(&Record::split(bytes).unwrap().0, Stack::Unknown);
    }
    assert_eq!(machine.kernel(), None);
    for _ in 0..5 {
        machine.observe(&Record::split(&of_13).unwrap().0, Stack::Unknown);
    }
    let kernel = machine.kernel().unwrap();
    assert_eq!((kernel.value.to_string().as_str(), kernel.votes, kernel.against), ("13", 9, 1));
}

/// Records of two machines in one input, in turn: each keeps what is known of it, and the number of a
/// stack means another one on each.
#[test]
fn machines_apart() {
    let in_of = |stack_information: bool| {
        let mut bytes = [0; bblog::RECORD_LEN];
        (bytes[24], bytes[25], bytes[26]) = (1, 1, if stack_information { 0x10 } else { 0 });
        // A record cut by lldb's script has 60 bytes and nothing there.
        bytes[60] = 1;
        bytes
    };
    let (base, rack) = (in_of(false), in_of(true));
    let mut machines = Machines::default();
    for boot_time in [Micros(1), Micros(2), Micros(1), Micros(2)] {
        machines.begin_connection(boot_time);
        let bytes = if boot_time == Micros(1) { &base } else { &rack };
        assert!(machines.wants(1));
        machines.observe(&Record::split(bytes).unwrap().0, Stack::Unknown);
    }
    machines.begin_connection(Micros(1));
    assert_eq!(machines.current().stack(1).unwrap().value, Stack::Freebsd);
    machines.begin_connection(Micros(2));
    let inferred = machines.current().stack(1).unwrap();
    assert_eq!((inferred.value, inferred.votes), (Stack::Rack, 2));
    machines.begin_connection(Micros(3));
    assert_eq!(machines.current().stack(1), None);
}

/// Where the boot time is not known, as in files made from core dumps, machines are distinguished by what their records
/// prove.
#[test]
fn machines_that_booted_at_an_unknown_time() {
    let of_event = |event: u8, flags: u8| {
        let mut bytes = [0; bblog::RECORD_LEN];
        (bytes[24], bytes[25], bytes[26], bytes[60]) = (1, event, flags, 1);
        bytes
    };
    let (base, rack, nothing) = (of_event(1, 0), of_event(1, 0x10), of_event(31, 0));
    let mut machines = Machines::default();
    let mut stack_after = |bytes: &[u8]| {
        machines.begin_connection(Micros(0));
        machines.observe(&Record::split(bytes).unwrap().0, Stack::Unknown);
        machines.met(1);
        machines.current().stack(1).map(|inferred| (inferred.value, inferred.votes))
    };
    assert_eq!(stack_after(&nothing), None);
    assert_eq!(stack_after(&base), Some((Stack::Freebsd, 1)));
    assert_eq!(stack_after(&rack), Some((Stack::Rack, 1)));
    assert_eq!(stack_after(&nothing), Some((Stack::Rack, 1)));
    assert_eq!(stack_after(&base), Some((Stack::Freebsd, 2)));
}

/// Of many records that prove nothing few are looked at, and memory does not grow with machines.
#[test]
fn looks_are_few() {
    let mut machines = Machines::default();
    let bytes = [0; bblog::RECORD_LEN];
    let (record, _) = Record::split(&bytes).unwrap();
    let mut looked = 0;
    for _ in 0..1_000_000 {
        machines.met(1);
        if machines.wants(0) {
            machines.observe(&record, Stack::Unknown);
            looked += 1;
        }
    }
    assert_eq!(looked, 1_024 + 1_000_000 / 32);
    for boot_time in 1..10_001 {
        machines.begin_connection(Micros(boot_time));
        assert!(machines.wants(0));
    }
}

/// Captures of a kernel with 100 ticks a second: most prove it, and none proves another rate.
#[test]
fn ticks_per_second_of_eventlog() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams/elog");
    let Ok(files) = std::fs::read_dir(&folder) else {
        return eprintln!("{}: not here, left out", folder.display());
    };
    let is_genuine = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("genuine_") && name.ends_with(".elog")
    };
    let mut known = 0;
    for path in files.map(|file| file.unwrap().path()).filter(is_genuine) {
        let bytes = std::fs::read(&path).unwrap();
        let (providers, mut rest) = ProviderTable::split(&bytes[FILE_HEADER_LEN..]).unwrap();
        let mut ticks = EventlogTicks::default();
        while let Ok(Some((event, after))) = RawEvent::split(rest) {
            rest = after;
            if providers.name(event.provider_id()) == Some(tcp_provider::NAME) {
                ticks.observe(&event);
            }
        }
        let hz = ticks.hz().map(|inferred| inferred.value);
        assert!([None, Some(100)].contains(&hz), "{}: {hz:?}", path.display());
        known += u32::from(hz.is_some());
    }
    assert!(known >= 5, "{known}");
}
