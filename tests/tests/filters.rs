// SPDX-License-Identifier: BSD-2-Clause
//! `bblog --filter` and the real tshark: the same expression selects the same number of events from
//! a log and of frames from what `bblog convert` made of it.

use std::path::Path;
use std::sync::LazyLock;

use bblog_tests::fixtures::{STACKS, fixture, stream};
use bblog_tests::programs::{bblog, convert};
use bblog_tests::tshark::Tshark;

static TSHARK: LazyLock<Tshark> = LazyLock::new(Tshark::with_plugin);

/// Expressions without a comma, which `-z io,stat` takes many of at a time.
const BBLOG: [&str; 49] = [
    "bblog.event",
    "bblog.event == IN",
    "bblog.event == \"OUT\" && tcp",
    "bblog.event eq HPTSI_CALC or bblog.event==TIMERSTAR",
    "bblog.event > \"OUT\"",
    "bblog.event contains \"TIMER\"",
    "bblog.event matches \"^(r?to|bbr)\"",
    "bblog.event matches \"^IN$\"",
    "bblog.event && !(bblog.event == IN)",
    "bblog.event && not bblog.event == IN and not tcp",
    "bblog.snd_cwnd < 20000",
    "bblog.snd_cwnd >= 0x3890 and bblog.snd_cwnd <= 0x10000",
    "bblog.snd_cwnd in {10000..20000}",
    "bblog.event and bblog.snd_cwnd not in {10000 .. 20000}",
    "bblog.snd_max == bblog.snd_una",
    "bblog.snd_max != bblog.snd_una",
    "bblog.snd_ssthresh > bblog.snd_cwnd",
    "bblog.snd_cwnd == 1073725440",
    "bblog.out.cwnd_to_use",
    "bblog.out.cwnd_to_use >= 1073725440",
    "bblog.bbrrtt.rtt and not bblog.bbrrtt.rtt < 1000000",
    "bblog.state == ESTABLISHED",
    "bblog.state == \"established\"",
    "bblog.state == 4",
    "bblog.errno < 0",
    "bblog.flight > 20000",
    "bblog.time_delta > 1000",
    "bblog.gap",
    "bblog.srtt > 20000",
    "bblog.t_flags & 0x20",
    "bblog.t_flags & 0x100 == 0x100",
    "bblog.t_flags_sent_fin == 1",
    "bblog.event_flags_verbose == 0",
    "bblog.function",
    "bblog.function contains \"output\"",
    "bblog.timerstar.timeout",
    "bblog.timerstar.timeout != 5",
    "bblog.timerstar.timeout > 100000 and bblog.event == TIMERSTAR",
    "bblog.flex1",
    "bblog.summary contains \"timer\"",
    "tcp.flags & 2",
    "tcp.flags.fin == 1 || tcp.flags.reset == 1",
    "tcp.len > 0 and tcp.flags.push == 0",
    "ip.src == 10.99.0.0/16",
    "ip.addr == 10.99.0.1",
    "ipv6",
    "all tcp.port > 1024",
    "tcp.port !== 9334 and tcp.ack_raw > 5",
    "bblog or (ip and tcp.srcport == 9334)",
];
const EVENTLOG: [&str; 22] = [
    "bblog.time_delta",
    "bblog.time_delta > 1000",
    "eventlog",
    "bblog",
    "bblog.event == OUT",
    "bblog.event == OUT or bblog.event == IN and tcp.len == 0",
    "bblog.event == CONN_SET_IP_V4",
    "bblog.event contains CONN",
    "eventlog.provider == \"tcp\"",
    "eventlog.provider != \"tcp\"",
    "eventlog.tcp.out.cwnd",
    "eventlog.tcp.out.cwnd > 14480",
    "eventlog.tcp.out.cwnd == 1073725440",
    "eventlog.tcp.cwnd.ssthresh",
    "eventlog.tcp.cwnd.ssthresh > 1000000000",
    "eventlog.tcp.out.seq == eventlog.tcp.out.seq",
    "eventlog.event_id in {100..101}",
    "eventlog.session_id > 1",
    "tcp.flags.syn == 1",
    "ip.addr == 192.0.2.0/24",
    "ipv6.addr == 2001:db8::/32",
    "tcp.dstport < 1024",
];
/// Those with commas, one by one.
const SETS: [&str; 4] = [
    "bblog.event in {IN, OUT}",
    "bblog.event in {IN, \"RTO\", TIMERSTAR} && bblog.snd_cwnd in {1..20000, 30000..0xffffffff}",
    "tcp.port in {80, 443, 9000..9999}",
    "bblog.event and not bblog.event in {IN, OUT, SESSION_CREATE}",
];

fn lines(text: &[u8]) -> usize {
    text.iter().filter(|&&b| b == b'\n').count()
}

fn selected(log: &Path, filter: &str) -> usize {
    let log = log.to_str().expect("a UTF-8 path");
    let ran = bblog(&["show", "--no-pager", "--stack", STACKS, "--filter", filter, log]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{filter}: {said}");
    lines(&ran.stdout)
}

/// How many frames each expression selects, by the last line of the table: a pair of numbers, frames
/// and bytes, for each.
fn counted(capture: &[u8], filters: &[&str]) -> Vec<usize> {
    let text = TSHARK.text(&["-q", "-z", &format!("io,stat,0,{}", filters.join(","))], capture);
    let row = text.lines().rfind(|line| line.contains("<>")).expect("a row");
    let cells: Vec<&str> = row.split('|').map(str::trim).filter(|cell| !cell.is_empty()).skip(1).collect();
    cells.chunks(2).map(|pair| pair[0].parse().expect("a count")).collect()
}

fn agree(log: &Path, filters: &[&str]) {
    let capture = convert(log);
    let mut wrong = Vec::new();
    let counts = counted(&capture, filters);
    assert_eq!(counts.len(), filters.len());
    let sets = SETS.map(|filter| lines(TSHARK.text(&["-Y", filter], &capture).as_bytes()));
    let mut some = 0;
    for (filter, frames) in filters.iter().zip(counts).chain(SETS.iter().zip(sets)) {
        let events = selected(log, filter);
        some += usize::from(frames > 0);
        if events != frames {
            wrong.push(format!("{filter}: {events} events, {frames} frames"));
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", log.display());
    assert!(some > 12, "{}: only {some} expressions select anything", log.display());
}

#[test]
fn rack() {
    agree(&fixture("rack_reqresp.tcplog"), &BBLOG);
}

#[test]
fn rack_with_verbose_records() {
    agree(&fixture("rack_verbose_40.tcplog"), &BBLOG);
}

#[test]
fn genuine_streams() {
    for name in ["rack_tailloss_rto", "bbr_ecn", "default_ipv6_clean"] {
        if let Some(log) = stream(&format!("bblog/{name}.tcplog")) {
            agree(&log, &BBLOG);
        }
    }
}

#[test]
fn eventlog() {
    for name in ["small-plain.elog", "variant_a.elog", "variant_e.elog"] {
        agree(&fixture(name), &EVENTLOG);
    }
}
