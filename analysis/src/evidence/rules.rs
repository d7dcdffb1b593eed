// SPDX-License-Identifier: BSD-2-Clause
//! Which event and which of its values says what: a table. Names are those of the tables of events.

use super::RttKind;
use super::facts::Stop;

/// Which log a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// BBLog of any stack.
    Bblog,
    /// The `tcp` provider of eventlog(9).
    Eventlog,
}

/// What an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
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
pub(super) enum Fact {
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
    pub(super) log: Log,
    pub(super) event: &'static str,
    pub(super) role: Role,
}

/// What the value called `value` of the event called `event` is.
pub(super) struct FactRule {
    pub(super) log: Log,
    /// The event's name, or [`EVERY`].
    pub(super) event: &'static str,
    pub(super) value: &'static str,
    /// The event must not have this value; empty if it may have any.
    pub(super) unless: &'static str,
    pub(super) fact: Fact,
}

/// Every event that has the value.
pub(super) const EVERY: &str = "*";

const fn role(log: Log, event: &'static str, role: Role) -> RoleRule {
    RoleRule { log, event, role }
}

const fn fact(log: Log, event: &'static str, value: &'static str, fact: Fact) -> FactRule {
    FactRule { log, event, value, unless: "", fact }
}

use self::Log::{Bblog, Eventlog};

/// What events are.
pub(super) static ROLES: &[RoleRule] = &[
    role(Bblog, "IN", Role::In),
    role(Bblog, "OUT", Role::Out),
    role(Bblog, "USERSEND", Role::UserWrite),
    role(Bblog, "CONNEND", Role::End),
    role(Eventlog, "IN", Role::In),
    role(Eventlog, "OUT", Role::Out),
    role(Eventlog, "ACK", Role::Ack),
    role(Eventlog, "SACK", Role::Ack),
    role(Eventlog, "USER_SEND", Role::UserWrite),
    role(Eventlog, "ENTER_RECOVERY", Role::EnterRecovery),
    role(Eventlog, "EXIT_RECOVERY", Role::ExitRecovery),
    role(Eventlog, "RTO", Role::RtoRecovery),
    role(Eventlog, "TIMER_START", Role::Arm),
    role(Eventlog, "TIMER_CANCEL", Role::Disarm),
    role(Eventlog, "TIMER_FIRED", Role::Disarm),
    role(Eventlog, "TCP_STACK_CHANGE", Role::StackChange),
    role(Eventlog, "CC_ALGO_CHANGE", Role::CcChange),
    role(Eventlog, "SESSION_END", Role::End),
];

/// What values are. Of several rules for one fact all that apply are used, the later ones last.
pub(super) static FACTS: &[FactRule] = &[
    fact(Bblog, "JUSTRET", "reason", Fact::Stop),
    fact(Bblog, EVERY, "hpts_flags", Fact::Armed),
    fact(Bblog, "JUSTRET", "in_persist", Fact::Persist),
    fact(Bblog, "DOSEG_DONE", "in_persist", Fact::Persist),
    fact(Bblog, "TIMERSTAR", "in_persist", Fact::Persist),
    fact(Bblog, "JUSTRET", "cwnd_to_use", Fact::CwndToUse),
    fact(Bblog, "OUT", "cwnd_to_use", Fact::CwndToUse),
    fact(Bblog, "OUT", "t_maxseg", Fact::MssWithOptions),
    fact(Bblog, "IN", "t_maxseg", Fact::MssWithOptions),
    fact(Bblog, "OUT", "maxseg", Fact::Mss),
    fact(Bblog, "JUSTRET", "p_maxseg", Fact::Mss),
    fact(Bblog, "DOSEG_DONE", "snd_hiwat", Fact::BufferLimit),
    // RACK logs a sample twice: as computed, with its send time, and as taken.
    FactRule { unless: "send_time", ..fact(Bblog, "RTT", "rtt", Fact::Rtt(RttKind::Sample)) },
    fact(Bblog, "BBRRTT", "rtt", Fact::Rtt(RttKind::Used)),
    fact(Bblog, "HPTSI_CALC", "gp_bw", Fact::Goodput),
    fact(Bblog, "BBRRTT", "btl_bw", Fact::Goodput),
    fact(Bblog, "HYSTART", "event", Fact::HyStart),
    fact(Eventlog, "IN", "seq", Fact::Seq),
    fact(Eventlog, "IN", "ack", Fact::Ack),
    fact(Eventlog, "IN", "flags", Fact::Flags),
    fact(Eventlog, "IN", "win", Fact::Window),
    fact(Eventlog, "IN", "len", Fact::Len),
    fact(Eventlog, "IN", "state", Fact::State),
    fact(Eventlog, "OUT", "seq", Fact::Seq),
    fact(Eventlog, "OUT", "ack", Fact::Ack),
    fact(Eventlog, "OUT", "flags", Fact::Flags),
    fact(Eventlog, "OUT", "win", Fact::Window),
    fact(Eventlog, "OUT", "len", Fact::Len),
    fact(Eventlog, "OUT", "state", Fact::State),
    fact(Eventlog, "OUT", "cwnd", Fact::Cwnd),
    fact(Eventlog, "ACK", "snd_una", Fact::SndUna),
    fact(Eventlog, "ACK", "acked", Fact::Acked),
    fact(Eventlog, "ACK", "inflight", Fact::Flight),
    fact(Eventlog, "ACK", "sacked", Fact::Sacked),
    fact(Eventlog, "SACK", "snd_una", Fact::SndUna),
    fact(Eventlog, "SACK", "acked", Fact::Acked),
    fact(Eventlog, "SACK", "inflight", Fact::Flight),
    fact(Eventlog, "SACK", "sacked", Fact::Sacked),
    fact(Eventlog, "SACK", "blk1_start", Fact::SackStart),
    fact(Eventlog, "SACK", "blk1_end", Fact::SackEnd),
    fact(Eventlog, "CWND", "cwnd", Fact::Cwnd),
    fact(Eventlog, "CWND", "ssthresh", Fact::Ssthresh),
    fact(Eventlog, "ENTER_RECOVERY", "cwnd", Fact::Cwnd),
    fact(Eventlog, "ENTER_RECOVERY", "ssthresh", Fact::Ssthresh),
    fact(Eventlog, "EXIT_RECOVERY", "cwnd", Fact::Cwnd),
    fact(Eventlog, "EXIT_RECOVERY", "ssthresh", Fact::Ssthresh),
    fact(Eventlog, "USER_SEND", "sndbuf_used", Fact::Buffered),
    fact(Eventlog, "USER_SEND", "state", Fact::State),
    fact(Eventlog, "USER_SEND", "error", Fact::Error),
    fact(Eventlog, "MSS", "mss", Fact::MssWithOptions),
    fact(Eventlog, "CONN_PARAMS", "iss", Fact::Iss),
    fact(Eventlog, "CONN_PARAMS", "mss", Fact::MssWithOptions),
    fact(Eventlog, "CONN_PARAMS", "snd_wscale", Fact::SndShift),
    fact(Eventlog, "CONN_PARAMS", "flags", Fact::Negotiated),
    fact(Eventlog, "CONN_PARAMS", "tcp_stack", Fact::StackName),
    fact(Eventlog, "CONN_PARAMS_V2", "tcp_stack", Fact::StackName),
    fact(Eventlog, "TCP_STACK_CHANGE", "tcp_stack", Fact::StackName),
    fact(Eventlog, "CONN_PARAMS_V2", "iss", Fact::Iss),
    fact(Eventlog, "CONN_PARAMS_V2", "mss", Fact::MssWithOptions),
    fact(Eventlog, "CONN_PARAMS_V2", "snd_wscale", Fact::SndShift),
    fact(Eventlog, "CONN_PARAMS_V2", "flags", Fact::Negotiated),
    fact(Eventlog, "RTT_SAMPLE", "rtt", Fact::Rtt(RttKind::Sample)),
    fact(Eventlog, "RTT", "rtt", Fact::Rtt(RttKind::Used)),
    fact(Eventlog, "RTT", "srtt", Fact::Srtt),
    fact(Eventlog, "GOODPUT", "gp_bw", Fact::Goodput),
    fact(Eventlog, "HYSTART", "mod", Fact::HyStart),
    fact(Eventlog, "TIMER_START", "reason", Fact::Timer),
    fact(Eventlog, "TIMER_CANCEL", "reason", Fact::Timer),
    fact(Eventlog, "TIMER_FIRED", "reason", Fact::Timer),
    fact(Eventlog, "OUTPUT_DECISION", "way_out", Fact::WayOut),
    fact(Eventlog, "OUTPUT_DECISION", "in_persist", Fact::Persist),
];

/// A table of value names, and what values of it stand for. Values are the kernel's; what they are called is for
/// people to read, and may change.
pub(super) struct Values<T: 'static> {
    pub(super) table: &'static str,
    pub(super) values: &'static [(i64, T)],
}

/// Why output stopped: CTF_JR_ of tcp_log_buf.h.
pub(super) static STOPS: Values<Stop> = Values {
    table: "jr_reason",
    values: &[
        (0, Stop::DataSent),
        (1, Stop::Cwnd),
        (2, Stop::Rwnd),
        (3, Stop::Application),
        (4, Stop::Assessing),
        (5, Stop::Persist),
        (6, Stop::Prr),
    ],
};

/// Ways out that say something.
pub(super) static WAYS_OUT: Values<WayOut> =
    Values { table: "output_way", values: &[(1, WayOut::Persist), (2, WayOut::Pacer)] };

/// How output ended, where that shows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayOut {
    /// The persist state is on.
    Persist,
    /// The pacer runs output later.
    Pacer,
}

/// HyStart++'s steps that end slow start.
pub(super) static HYSTART_ENDS: Values<()> = Values { table: "hystart", values: &[(6, ())] };

/// Bits of [`Fact::Armed`]: PACE_ of tcp_hpts.h.
pub(super) mod armed {
    pub(in super::super) const PERSIST: u32 = 0x10;
    pub(in super::super) const PACED: u32 = 0x40;
}

/// Bits of a connection's flags by which ECN is in use, by table and name.
pub(super) const ECN: [(&str, &str); 2] = [("t_flags2", "ECN_PERMIT"), ("t_flags2", "ACE_PERMIT")];
