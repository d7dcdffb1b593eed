// SPDX-License-Identifier: BSD-2-Clause
//! What is read without decoding a whole event equals what decoding gives: a record's members, the ids and
//! members of eventlog's `tcp` provider, and lookups by name.

use std::path::Path;

use bblog_dissector::bblog::{self, Record, id};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, ProviderTable, RawEvent};
use bblog_dissector::event::{Event, Field, RecordContext, Value};
use bblog_dissector::layout::{Layout, Votes};
use bblog_dissector::lookup::Lookup;
use bblog_dissector::spec::{Kernel, Stack, Unit};
use bblog_dissector::{tables, tcp_provider};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)).unwrap()
}

fn records(stream: &[u8]) -> impl Iterator<Item = Record<'_>> {
    bblog::entries(stream).flat_map(|entry| bblog::records(entry.unwrap().1)).map(Result::unwrap)
}

#[test]
fn members_are_what_the_rows_say() {
    let context = RecordContext::new(Stack::Freebsd, Kernel::Main);
    let mut seen = 0;
    for name in ["default_verbose_20.tcplog", "rack_verbose_40.tcplog", "bbr_120.tcplog"] {
        let bytes = fixture(name);
        for record in records(&bytes) {
            let event = Event::of_record(&record, context);
            let value = |name: &str| {
                let of = |mut fields: bblog_dissector::event::Fields<'_>| {
                    fields.find(|field| field.spec.name == name).and_then(|field| field.value.as_int())
                };
                of(event.common()).or_else(|| of(event.derived()))
            };
            let members: [(&str, Option<i64>); 31] = [
                ("ticks", Some(record.ticks().into())),
                ("serial_nr", Some(record.serial().into())),
                ("stack_id", Some(record.stack_id().into())),
                ("event_id", Some(record.event_id().into())),
                ("event_flags", Some(record.flags().0.into())),
                ("errno", Some(record.errno().into())),
                ("state", Some(record.state().into())),
                ("starttime", Some(record.starttime().into())),
                ("iss", Some(record.iss().into())),
                ("t_flags", Some(record.t_flags().into())),
                ("t_flags2", Some(record.t_flags2().into())),
                ("snd_una", Some(record.snd_una().into())),
                ("snd_max", Some(record.snd_max().into())),
                ("snd_nxt", Some(record.snd_nxt().into())),
                ("snd_cwnd", Some(record.snd_cwnd().into())),
                ("snd_wnd", Some(record.snd_wnd().into())),
                ("snd_ssthresh", Some(record.snd_ssthresh().into())),
                ("snd_recover", Some(record.snd_recover().into())),
                ("srtt", Some(record.srtt().into())),
                ("rttvar", Some(record.rttvar().into())),
                ("rcv_nxt", Some(record.rcv_nxt().into())),
                ("rcv_adv", Some(record.rcv_adv().into())),
                ("rcv_wnd", Some(record.rcv_wnd().into())),
                ("dupacks", Some(record.dupacks().into())),
                ("seg_qlen", Some(record.segqlen().into())),
                ("snd_num_holes", Some(record.snd_numholes().into())),
                ("payload_length", Some(record.len().into())),
                ("snd_shift", Some(record.snd_scale().into())),
                ("rcv_shift", Some(record.rcv_scale().into())),
                ("rxb_acc", record.rxb_acc().map(i64::from)),
                ("txb_acc", record.txb_acc().map(i64::from)),
            ];
            for (name, member) in members {
                assert_eq!(value(name), member, "{name}");
            }
            assert_eq!(value("rxb_ccc"), record.rxb_ccc().map(i64::from));
            assert_eq!(value("txb_accs"), record.txb_ccc().map(i64::from));
            assert_eq!(value("flight"), Some(record.flight().into()));
            let flags = event.common().find(|field| field.spec.name == "t_flags").unwrap();
            let recovers = flags.has_flag("FASTRECOVERY") || flags.has_flag("CONGRECOVERY");
            assert_eq!(record.is_in_recovery(), recovers);
            assert_eq!(record.is_connection_end(), event.name() == "CONNEND");
            assert_eq!(record.is_segment(), matches!(event.name(), "IN" | "OUT"));
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn a_buffer_that_was_not_logged_is_absent() {
    let mut bytes = [0xff; bblog::RECORD_LEN];
    bytes[26..28].copy_from_slice(&[0, 0]);
    let record = Record::from_tcpinfo(&bytes).unwrap();
    assert_eq!([record.rxb_acc(), record.rxb_ccc(), record.txb_acc(), record.txb_ccc()], [None; 4]);
}

/// Constants against the schemas: each layout that has an event of the name has it under the number.
#[test]
fn ids_are_those_of_the_schemas() {
    use tcp_provider::id::*;
    let everywhere = [
        ("CONN_SET_IP_V4", CONN_SET_IP_V4),
        ("CONN_SET_IP_V6", CONN_SET_IP_V6),
        ("LOG_ID", LOG_ID),
        ("CONN_PARAMS", CONN_PARAMS),
        ("MSS", MSS),
        ("CONN_OWNER", CONN_OWNER),
        ("IN", IN),
        ("OUT", OUT),
        ("ACK", ACK),
        ("SACK", SACK),
        ("USER_SEND", USER_SEND),
        ("SENDFILE", SENDFILE),
        ("SHUTDOWN", SHUTDOWN),
        ("CLOSE", CLOSE),
        ("CWND", CWND),
        ("CC_PARAMS", CC_PARAMS),
        ("ENTER_RECOVERY", ENTER_RECOVERY),
        ("EXIT_RECOVERY", EXIT_RECOVERY),
        ("PRR_STATE", PRR_STATE),
        ("WINDOW_COLLAPSE", WINDOW_COLLAPSE),
        ("HYSTART", HYSTART),
        ("GOODPUT", GOODPUT),
        ("RTT", RTT),
        ("RTT_SAMPLE", RTT_SAMPLE),
        ("RTO", RTO),
        ("RETRANSMIT_REASON", RETRANSMIT_REASON),
        ("DSACK", DSACK),
        ("TIMER_START", TIMER_START),
        ("TIMER_CANCEL", TIMER_CANCEL),
        ("TIMER_FIRED", TIMER_FIRED),
        ("SB_WAKE", SB_WAKE),
        ("TIMER_PROCESSED", TIMER_PROCESSED),
        ("PACING_CALC", PACING_CALC),
        ("PACE_STATE", PACE_STATE),
        ("HW_PACE_RATE", HW_PACE_RATE),
        ("SOCKET_OPT_UINT32", SOCKET_OPT_UINT32),
        ("SOCKET_OPT_ERR", SOCKET_OPT_ERR),
        ("SOCKET_OPT_BLOB", SOCKET_OPT_BLOB),
        ("OUTPUT_DECISION", OUTPUT_DECISION),
    ];
    let only_a = [
        ("CONN_PARAMS_V2", A_CONN_PARAMS_V2),
        ("TCP_STACK_CHANGE", A_TCP_STACK_CHANGE),
        ("CC_ALGO_CHANGE", A_CC_ALGO_CHANGE),
    ];
    let later = [("TCP_STACK_CHANGE", TCP_STACK_CHANGE), ("CC_ALGO_CHANGE", CC_ALGO_CHANGE)];
    let catalog = Catalog::builtin();
    for layout in Layout::ALL {
        let provider = catalog.provider(tcp_provider::NAME, Some(layout)).unwrap();
        let own = if layout == Layout::A { &only_a[..] } else { &later[..] };
        for event in provider.events.iter().filter(|event| event.id < 1000) {
            let known = everywhere.iter().chain(own).find(|known| known.0 == event.name);
            assert_eq!(known.map(|known| known.1), Some(event.id), "{layout:?} {}", event.name);
        }
    }
    for known in everywhere {
        let has = |layout| {
            let provider = catalog.provider(tcp_provider::NAME, Some(layout)).unwrap();
            provider.events.iter().any(|event| event.name == known.0)
        };
        assert!(Layout::ALL.into_iter().any(has), "{}", known.0);
    }
}

#[test]
fn what_the_tcp_provider_tells_is_what_the_rows_say() {
    let catalog = Catalog::builtin();
    let (mut addresses, mut stacks, mut scales, mut ids, mut tcpcbs, mut rtts) = (0, 0, 0, 0, 0, 0);
    let variants =
        ["variant_a.elog", "variant_b.elog", "variant_c.elog", "variant_d2.elog", "variant_e.elog"];
    for name in variants.into_iter().chain(["small-plain.elog"]) {
        let bytes = fixture(name);
        let (providers, events) = ProviderTable::split(&bytes[FILE_HEADER_LEN..]).unwrap();
        let all = || {
            let mut rest = events;
            std::iter::from_fn(move || {
                let (event, after) = RawEvent::split(rest).unwrap()?;
                rest = after;
                Some(event)
            })
        };
        let is_tcp = |event: &RawEvent<'_>| providers.name(event.provider_id()) == Some(tcp_provider::NAME);
        let mut votes = Votes::default();
        all().filter(is_tcp).for_each(|event| votes.count(&event));
        let provider = catalog.provider(tcp_provider::NAME, votes.winner());
        for raw in all().filter(is_tcp) {
            let event = Event::of_elog(&raw, Catalog::event(provider, raw.event_id()));
            let get =
                |name: &str| event.fields().find(|field| field.spec.name == name).map(|field| field.value);
            let text = |name: &str| match get(name) {
                Some(Value::Text(text)) => Some(text),
                _ => None,
            };
            let number = |name: &str| get(name).and_then(|value| value.as_int());
            assert_eq!(tcp_provider::stack_name(&raw), text("tcp_stack"), "{name} {}", event.name());
            assert_eq!(tcp_provider::log_id(&raw), text("log_id"), "{name}");
            let scale = number("snd_wscale").zip(number("rcv_wscale"));
            assert_eq!(tcp_provider::window_scales(&raw).map(|(a, b)| (a.into(), b.into())), scale, "{name}");
            assert_eq!(tcp_provider::tcpcb(&raw).map(|tcpcb| tcpcb as i64), number("tp"), "{name}");
            let has =
                |flag| event.fields().find(|field| field.spec.name == "flags").map(|f| f.has_flag(flag));
            let timestamps = scale.and_then(|_| has("CP_TIMESTAMPS"));
            assert_eq!(tcp_provider::timestamps(&raw), timestamps, "{name}");
            let is_in_ticks = |field: &Field<'_>| field.spec.unit == Unit::TicksX1000;
            let rtt = event.fields().find(|field| field.spec.name == "rtt").filter(is_in_ticks);
            let ticks = rtt.and_then(|rtt| Some(rtt.value.as_int()? / 1000));
            let whole = |at: &str| number(at).is_some_and(|value| value % 1000 == 0);
            let ticks = ticks.filter(|_| whole("rtt") && whole("srtt"));
            assert_eq!(tcp_provider::ticks_rtt(&raw).map(|rtt| i64::from(rtt.rtt)), ticks, "{name}");
            rtts += u32::from(ticks.is_some());
            let ports = tcp_provider::addresses(&raw)
                .map(|(local, remote)| (i64::from(local.port()), i64::from(remote.port())));
            assert_eq!(ports, number("src_port").zip(number("dst_port")), "{name}");
            if let Some((local, remote)) = tcp_provider::addresses(&raw) {
                let value = |address| match address {
                    std::net::IpAddr::V4(address) => Some(Value::Ipv4(address)),
                    std::net::IpAddr::V6(address) => Some(Value::Ipv6(address)),
                };
                assert_eq!((value(local.ip()), value(remote.ip())), (get("src_addr"), get("dst_addr")));
                addresses += 1;
            }
            stacks += u32::from(text("tcp_stack").is_some());
            scales += u32::from(scale.is_some());
            ids += u32::from(text("log_id").is_some());
            tcpcbs += u32::from(number("tp").is_some());
        }
    }
    assert!([addresses, stacks, scales, tcpcbs, rtts].iter().all(|&count| count > 0), "{ids}");
}

/// For every event of every stack and kernel, and every name that one of its rows has: a lookup gives what
/// going through all rows gives.
#[test]
fn a_lookup_gives_what_decoding_gives() {
    let bytes = [fixture("rack_verbose_40.tcplog"), fixture("bbr_120.tcplog")];
    let mut found = 0;
    for (stack, bytes) in [Stack::Rack, Stack::Bbr].into_iter().zip(&bytes) {
        for kernel in [Kernel::Freebsd13, Kernel::Freebsd14, Kernel::Main] {
            let context = RecordContext::new(stack, kernel);
            let lookups: Vec<Vec<(&str, Lookup)>> = (0..=tables::EVENTS.len() as u8)
                .map(|event_id| {
                    let rows = tables::event(event_id).map_or(&[][..], |event| event.fields);
                    let names = rows.iter().chain(tables::RECORD).map(|row| row.name);
                    names
                        .filter_map(|name| Some((name, Lookup::of_record(event_id, context, name)?)))
                        .collect()
                })
                .collect();
            for record in records(bytes) {
                let event = Event::of_record(&record, context);
                for (name, lookup) in &lookups[usize::from(record.event_id())] {
                    let (read, got) = (event.read(lookup), event.get(name));
                    assert_eq!(read.as_ref().map(|field| field.value), got.as_ref().map(|field| field.value));
                    assert_eq!(
                        read.map(|field| field.spec.id),
                        got.map(|field| field.spec.id),
                        "{} {name}",
                        event.name()
                    );
                    found += 1;
                }
            }
        }
    }
    assert!(found > 10_000, "{found}");
    let context = RecordContext::default();
    assert!(Lookup::of_record(id::IN, context, "no_such_name").is_none());
    let bytes = [0; EVENT_HEADER_LEN];
    let event = RawEvent::whole(&bytes).unwrap();
    let own = Lookup::of_elog(Catalog::event(None, u32::MAX), "timestamp");
    let event = Event::of_elog(&event, Catalog::event(None, u32::MAX));
    assert_eq!(own.and_then(|own| event.read(&own)).is_some(), event.get("timestamp").is_some());
}
