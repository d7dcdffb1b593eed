// SPDX-License-Identifier: BSD-2-Clause
//! Which event and which of its values says what: a table. Names are those of the tables of events.

use super::RttKind;
use super::facts::StopReason;

/// Which log a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleLog {
    /// BBLog of any stack.
    Bblog,
    /// The `tcp` provider of eventlog(9).
    Eventlog,
}

/// What an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EventRole {
    /// Nothing of its own: only its values count.
    #[default]
    None,
    /// A segment was received.
    In,
    /// A segment was sent.
    Out,
    /// An ACK was processed.
    Ack,
    /// The application wrote.
    UserWrite,
    /// Loss recovery begins.
    EnterRecovery,
    /// Loss recovery ends.
    ExitRecovery,
    /// The retransmission timer fired and cwnd was taken back.
    RtoRecovery,
    /// A timer is armed; its kind is a value.
    Arm,
    /// A timer is disarmed; its kind is a value.
    Disarm,
    /// The connection, or its log, ends.
    End,
    /// The connection changes to another stack.
    StackChange,
    /// The connection changes to another congestion control.
    CcChange,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueRole {
    /// Why output stopped: one of [`STOPS`].
    Stop,
    /// How output ended: one of [`WAYS_OUT`].
    WayOut,
    /// Which timers run, and whether the pacer holds output back.
    Armed,
    /// Whether the persist state is on.
    Persist,
    /// The congestion window that the stack uses.
    CwndToUse,
    /// The size of a full segment's data.
    Mss,
    /// The size of a full segment's data and its options.
    MssWithOptions,
    /// What the send buffer holds at most.
    BufferLimit,
    /// Bytes in the send buffer.
    Buffered,
    /// The stack's name.
    StackName,
    /// A round-trip time.
    Rtt(RttKind),
    /// The smoothed RTT.
    Srtt,
    /// The stack's own estimate of the goodput.
    Goodput,
    /// HyStart++'s step.
    HyStart,
    /// Sequence number.
    Seq,
    /// Acknowledgement number.
    Ack,
    /// Flags of the header.
    Flags,
    /// The window, scaled.
    Window,
    /// Bytes of data.
    Len,
    /// The TCP state.
    State,
    /// The congestion window.
    Cwnd,
    /// The slow-start threshold.
    Ssthresh,
    /// The oldest unacknowledged sequence number.
    SndUna,
    /// Bytes newly acknowledged.
    Acked,
    /// Bytes in flight: of RACK those before the acknowledgement, less what is SACKed.
    Flight,
    /// Bytes SACKed.
    Sacked,
    /// The newest SACK block received: its first sequence number.
    SackStart,
    /// The sequence number after it.
    SackEnd,
    /// An error number.
    Error,
    /// Our initial sequence number.
    Iss,
    /// The shift of the peer's windows.
    SndShift,
    /// What was negotiated.
    Negotiated,
    /// Which timer.
    Timer,
}

/// What the event called `event` is.
pub(super) struct RoleRule {
    pub(super) log: RuleLog,
    pub(super) event: &'static str,
    pub(super) role: EventRole,
}

/// What the value called `value` of the event called `event` is.
pub(super) struct FactRule {
    pub(super) log: RuleLog,
    /// The event's name, or [`EVERY`].
    pub(super) event: &'static str,
    pub(super) value: &'static str,
    /// The event must not have this value; empty if it may have any.
    pub(super) unless: &'static str,
    pub(super) fact: ValueRole,
}

/// Every event that has the value.
pub(super) const EVERY: &str = "*";

const fn role(log: RuleLog, event: &'static str, role: EventRole) -> RoleRule {
    RoleRule { log, event, role }
}

const fn fact(log: RuleLog, event: &'static str, value: &'static str, fact: ValueRole) -> FactRule {
    FactRule { log, event, value, unless: "", fact }
}

use self::RuleLog::{Bblog, Eventlog};

/// What events are.
pub(super) static ROLES: &[RoleRule] = &[
    role(Bblog, "IN", EventRole::In),
    role(Bblog, "OUT", EventRole::Out),
    role(Bblog, "USERSEND", EventRole::UserWrite),
    role(Bblog, "CONNEND", EventRole::End),
    role(Eventlog, "IN", EventRole::In),
    role(Eventlog, "OUT", EventRole::Out),
    role(Eventlog, "ACK", EventRole::Ack),
    role(Eventlog, "SACK", EventRole::Ack),
    role(Eventlog, "USER_SEND", EventRole::UserWrite),
    role(Eventlog, "ENTER_RECOVERY", EventRole::EnterRecovery),
    role(Eventlog, "EXIT_RECOVERY", EventRole::ExitRecovery),
    role(Eventlog, "RTO", EventRole::RtoRecovery),
    role(Eventlog, "TIMER_START", EventRole::Arm),
    role(Eventlog, "TIMER_CANCEL", EventRole::Disarm),
    role(Eventlog, "TIMER_FIRED", EventRole::Disarm),
    role(Eventlog, "TCP_STACK_CHANGE", EventRole::StackChange),
    role(Eventlog, "CC_ALGO_CHANGE", EventRole::CcChange),
    role(Eventlog, "SESSION_END", EventRole::End),
];

/// What values are. Of several rules for one fact all that apply are used, the later ones last.
pub(super) static FACTS: &[FactRule] = &[
    fact(Bblog, "JUSTRET", "reason", ValueRole::Stop),
    fact(Bblog, EVERY, "hpts_flags", ValueRole::Armed),
    fact(Bblog, "JUSTRET", "in_persist", ValueRole::Persist),
    fact(Bblog, "DOSEG_DONE", "in_persist", ValueRole::Persist),
    fact(Bblog, "TIMERSTAR", "in_persist", ValueRole::Persist),
    fact(Bblog, "JUSTRET", "cwnd_to_use", ValueRole::CwndToUse),
    fact(Bblog, "OUT", "cwnd_to_use", ValueRole::CwndToUse),
    fact(Bblog, "OUT", "t_maxseg", ValueRole::MssWithOptions),
    fact(Bblog, "IN", "t_maxseg", ValueRole::MssWithOptions),
    fact(Bblog, "OUT", "maxseg", ValueRole::Mss),
    fact(Bblog, "JUSTRET", "p_maxseg", ValueRole::Mss),
    fact(Bblog, "DOSEG_DONE", "snd_hiwat", ValueRole::BufferLimit),
    // RACK logs a sample twice: as computed, with its send time, and as taken.
    FactRule { unless: "send_time", ..fact(Bblog, "RTT", "rtt", ValueRole::Rtt(RttKind::Sample)) },
    fact(Bblog, "BBRRTT", "rtt", ValueRole::Rtt(RttKind::Used)),
    fact(Bblog, "HPTSI_CALC", "gp_bw", ValueRole::Goodput),
    fact(Bblog, "BBRRTT", "btl_bw", ValueRole::Goodput),
    fact(Bblog, "HYSTART", "event", ValueRole::HyStart),
    fact(Eventlog, "IN", "seq", ValueRole::Seq),
    fact(Eventlog, "IN", "ack", ValueRole::Ack),
    fact(Eventlog, "IN", "flags", ValueRole::Flags),
    fact(Eventlog, "IN", "win", ValueRole::Window),
    fact(Eventlog, "IN", "len", ValueRole::Len),
    fact(Eventlog, "IN", "state", ValueRole::State),
    fact(Eventlog, "OUT", "seq", ValueRole::Seq),
    fact(Eventlog, "OUT", "ack", ValueRole::Ack),
    fact(Eventlog, "OUT", "flags", ValueRole::Flags),
    fact(Eventlog, "OUT", "win", ValueRole::Window),
    fact(Eventlog, "OUT", "len", ValueRole::Len),
    fact(Eventlog, "OUT", "state", ValueRole::State),
    fact(Eventlog, "OUT", "cwnd", ValueRole::Cwnd),
    fact(Eventlog, "ACK", "snd_una", ValueRole::SndUna),
    fact(Eventlog, "ACK", "acked", ValueRole::Acked),
    fact(Eventlog, "ACK", "inflight", ValueRole::Flight),
    fact(Eventlog, "ACK", "sacked", ValueRole::Sacked),
    fact(Eventlog, "SACK", "snd_una", ValueRole::SndUna),
    fact(Eventlog, "SACK", "acked", ValueRole::Acked),
    fact(Eventlog, "SACK", "inflight", ValueRole::Flight),
    fact(Eventlog, "SACK", "sacked", ValueRole::Sacked),
    fact(Eventlog, "SACK", "blk1_start", ValueRole::SackStart),
    fact(Eventlog, "SACK", "blk1_end", ValueRole::SackEnd),
    fact(Eventlog, "CWND", "cwnd", ValueRole::Cwnd),
    fact(Eventlog, "CWND", "ssthresh", ValueRole::Ssthresh),
    fact(Eventlog, "ENTER_RECOVERY", "cwnd", ValueRole::Cwnd),
    fact(Eventlog, "ENTER_RECOVERY", "ssthresh", ValueRole::Ssthresh),
    fact(Eventlog, "EXIT_RECOVERY", "cwnd", ValueRole::Cwnd),
    fact(Eventlog, "EXIT_RECOVERY", "ssthresh", ValueRole::Ssthresh),
    fact(Eventlog, "USER_SEND", "sndbuf_used", ValueRole::Buffered),
    fact(Eventlog, "USER_SEND", "state", ValueRole::State),
    fact(Eventlog, "USER_SEND", "error", ValueRole::Error),
    fact(Eventlog, "MSS", "mss", ValueRole::MssWithOptions),
    fact(Eventlog, "CONN_PARAMS", "iss", ValueRole::Iss),
    fact(Eventlog, "CONN_PARAMS", "mss", ValueRole::MssWithOptions),
    fact(Eventlog, "CONN_PARAMS", "snd_wscale", ValueRole::SndShift),
    fact(Eventlog, "CONN_PARAMS", "flags", ValueRole::Negotiated),
    fact(Eventlog, "CONN_PARAMS", "tcp_stack", ValueRole::StackName),
    fact(Eventlog, "CONN_PARAMS_V2", "tcp_stack", ValueRole::StackName),
    fact(Eventlog, "TCP_STACK_CHANGE", "tcp_stack", ValueRole::StackName),
    fact(Eventlog, "CONN_PARAMS_V2", "iss", ValueRole::Iss),
    fact(Eventlog, "CONN_PARAMS_V2", "mss", ValueRole::MssWithOptions),
    fact(Eventlog, "CONN_PARAMS_V2", "snd_wscale", ValueRole::SndShift),
    fact(Eventlog, "CONN_PARAMS_V2", "flags", ValueRole::Negotiated),
    fact(Eventlog, "RTT_SAMPLE", "rtt", ValueRole::Rtt(RttKind::Sample)),
    fact(Eventlog, "RTT", "rtt", ValueRole::Rtt(RttKind::Used)),
    fact(Eventlog, "RTT", "srtt", ValueRole::Srtt),
    fact(Eventlog, "GOODPUT", "gp_bw", ValueRole::Goodput),
    fact(Eventlog, "HYSTART", "mod", ValueRole::HyStart),
    fact(Eventlog, "TIMER_START", "reason", ValueRole::Timer),
    fact(Eventlog, "TIMER_CANCEL", "reason", ValueRole::Timer),
    fact(Eventlog, "TIMER_FIRED", "reason", ValueRole::Timer),
    fact(Eventlog, "OUTPUT_DECISION", "way_out", ValueRole::WayOut),
    fact(Eventlog, "OUTPUT_DECISION", "in_persist", ValueRole::Persist),
];

/// A table of value names, and what values of it stand for. Values are the kernel's; what they are called is for
/// people to read, and may change.
pub(super) struct ValueTable<T: 'static> {
    pub(super) table: &'static str,
    pub(super) values: &'static [(i64, T)],
}

/// Why output stopped: CTF_JR_ of tcp_log_buf.h.
pub(super) static STOPS: ValueTable<StopReason> = ValueTable {
    table: "jr_reason",
    values: &[
        (0, StopReason::DataSent),
        (1, StopReason::Cwnd),
        (2, StopReason::Rwnd),
        (3, StopReason::Application),
        (4, StopReason::Assessing),
        (5, StopReason::Persist),
        (6, StopReason::Prr),
    ],
};

/// Ways out that say something.
pub(super) static WAYS_OUT: ValueTable<WayOut> =
    ValueTable { table: "output_way", values: &[(1, WayOut::Persist), (2, WayOut::Pacer)] };

/// How output ended, where that shows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayOut {
    /// The persist state is on.
    Persist,
    /// The pacer runs output later.
    Pacer,
}

/// HyStart++'s steps that end slow start.
pub(super) static HYSTART_ENDS: ValueTable<()> = ValueTable { table: "hystart", values: &[(6, ())] };

/// Bits of [`ValueRole::Armed`]: PACE_ of tcp_hpts.h.
pub(super) mod armed {
    pub(in super::super) const PERSIST: u32 = 0x10;
    pub(in super::super) const PACED: u32 = 0x40;
}

/// Bits of a connection's flags by which ECN is in use, by table and name.
pub(super) const ECN: [(&str, &str); 2] = [("t_flags2", "ECN_PERMIT"), ("t_flags2", "ACE_PERMIT")];
