// SPDX-License-Identifier: BSD-2-Clause
//! A connection as a JSON object.

use std::collections::BTreeMap;

use bblog_analysis::{Account, NoteValue, Span, Stall, TimeByState, Total};
use serde::Serialize;

use super::Finding;
use crate::command::ends::JsonEnds;
use crate::event::subject::Names;

/// A line of `bblog why --json`.
#[derive(Serialize)]
pub(super) struct WhyLine<'a> {
    connection: JsonEnds<'a>,
    stacks: Vec<&'a str>,
    kernel: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inferred: Vec<&'static str>,
    clock: &'static str,
    first_us: i64,
    duration_us: u64,
    established: bool,
    sending: Sending,
    receiving: Receiving,
    stalls: Vec<JsonStall>,
    more_stalls: u32,
    notes: Vec<NoteJson>,
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    spans: Option<Vec<JsonSpan>>,
}

#[derive(Serialize)]
struct Sending {
    bytes: Option<u64>,
    retransmitted_bytes: u64,
    goodput_bps: Option<u64>,
    limits: Vec<StateTimeJson>,
    main: Option<&'static str>,
}

#[derive(Serialize)]
struct Receiving {
    bytes: u64,
    retransmitted_bytes: u64,
    goodput_bps: Option<u64>,
    limits: Vec<StateTimeJson>,
    main: Option<&'static str>,
}

#[derive(Serialize)]
struct StateTimeJson {
    state: &'static str,
    time_us: u64,
    share: f64,
    spells: u32,
    longest_us: u64,
    decided_by: &'static str,
}

#[derive(Serialize)]
struct JsonStall {
    start_us: i64,
    duration_us: u64,
    cause: &'static str,
    ended_by: &'static str,
    first_number: u64,
    last_number: u64,
    text: String,
}

#[derive(Serialize)]
struct JsonSpan {
    start_us: i64,
    duration_us: u64,
    state: &'static str,
    decided_by: &'static str,
}

#[derive(Serialize)]
struct NoteJson {
    kind: &'static str,
    text: String,
    #[serde(flatten)]
    values: BTreeMap<&'static str, NoteValueJson>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum NoteValueJson {
    Number(u64),
    Word(&'static str),
}

impl<'a> WhyLine<'a> {
    /// A connection; with its spans if it has any.
    pub(super) fn of(finding: &'a Finding, names: &'a Names) -> WhyLine<'a> {
        let Finding { subject, account } = finding;
        let kernel = names.kernel_of(subject);
        let inferred = [
            (names.stacks_of(subject).any(|stack| stack.is_inferred), "stack"),
            (kernel.is_some_and(|kernel| kernel.is_inferred), "kernel"),
        ];
        let spans = (!account.spans.is_empty()).then(|| account.spans.iter().map(JsonSpan::of).collect());
        WhyLine {
            connection: JsonEnds::new(subject.addresses, subject.session, subject.log_id.as_deref()),
            stacks: names.stacks_of(subject).map(|stack| &*stack.name).collect(),
            kernel: kernel.map(|kernel| kernel.kernel.name()),
            inferred: inferred.into_iter().filter(|fact| fact.0).map(|fact| fact.1).collect(),
            clock: if subject.is_uptime { "uptime" } else { "utc" },
            first_us: account.first.0,
            duration_us: account.duration_us,
            established: account.established,
            sending: Sending::of(account),
            receiving: Receiving::of(account),
            stalls: account.stalls.iter().map(|stall| JsonStall::of(stall, account)).collect(),
            more_stalls: account.more_stalls,
            notes: account.notes().into_iter().map(NoteJson::of).collect(),
            verdict: account.verdict(),
            spans,
        }
    }
}

impl Sending {
    fn of(account: &Account) -> Sending {
        let name = |total: &Total<bblog_analysis::Limit>| total.state.name();
        Sending {
            bytes: account.acked_bytes,
            retransmitted_bytes: account.sent.retransmitted_bytes,
            goodput_bps: account.goodput_bps(),
            limits: states(&account.sending, name),
            main: account.sending.main().map(|limit| limit.name()),
        }
    }
}

impl Receiving {
    fn of(account: &Account) -> Receiving {
        let name = |total: &Total<bblog_analysis::Reception>| total.state.name();
        let counts = account.received;
        Receiving {
            bytes: counts.bytes.saturating_sub(counts.retransmitted_bytes),
            retransmitted_bytes: counts.retransmitted_bytes,
            goodput_bps: account.received_bps(),
            limits: states(&account.receiving, name),
            main: account.receiving.main().map(|state| state.name()),
        }
    }
}

fn states<S: Copy + Eq>(
    side: &TimeByState<S>,
    name: impl Fn(&Total<S>) -> &'static str,
) -> Vec<StateTimeJson> {
    let all = side.all_us();
    let state = |total: &Total<S>| StateTimeJson {
        state: name(total),
        time_us: total.time_us,
        share: share(total.time_us, all),
        spells: total.spells,
        longest_us: total.longest_us,
        decided_by: total.decided_by.name(),
    };
    side.totals.iter().map(state).collect()
}

/// To six places: more would be noise.
fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { (part as f64 / all as f64 * 1e6).round() / 1e6 }
}

impl JsonStall {
    fn of(stall: &Stall, account: &Account) -> JsonStall {
        JsonStall {
            start_us: stall.start.0,
            duration_us: stall.us(),
            cause: stall.cause.name(),
            ended_by: stall.ended_by.name(),
            first_number: stall.first_number,
            last_number: stall.last_number,
            text: stall.text(account.first),
        }
    }
}

impl JsonSpan {
    fn of(span: &Span<bblog_analysis::Limit>) -> JsonSpan {
        JsonSpan {
            start_us: span.start.0,
            duration_us: span.us(),
            state: span.state.name(),
            decided_by: span.evidence.name(),
        }
    }
}

impl NoteJson {
    fn of(note: bblog_analysis::Note) -> NoteJson {
        let value = |value: &NoteValue| match *value {
            NoteValue::Number(number) => NoteValueJson::Number(number),
            NoteValue::Word(word) => NoteValueJson::Word(word),
        };
        let values = note.values.iter().map(|(name, of)| (*name, value(of))).collect();
        NoteJson { kind: note.kind, text: note.text, values }
    }
}
