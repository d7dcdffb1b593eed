// SPDX-License-Identifier: BSD-2-Clause
//! The event numbers of the `tcp` provider, equal in all layouts unless a constant says otherwise. They are also
//! in the schemas `tables/eventlog/tcp*.schema`, with which a test compares them.

/// The addresses of the connection, IPv4.
pub const CONN_SET_IP_V4: u32 = 0;
/// The addresses of the connection, IPv6.
pub const CONN_SET_IP_V6: u32 = 1;
/// The log id that a program gave the connection.
pub const LOG_ID: u32 = 2;
/// What was agreed on in the handshake. 8 bytes in layout A.
pub const CONN_PARAMS: u32 = 3;
/// The maximum segment size.
pub const MSS: u32 = 4;
/// The process that owns the socket.
pub const CONN_OWNER: u32 = 5;
/// The connection changed to another TCP stack. Not layout A.
pub const TCP_STACK_CHANGE: u32 = 6;
/// Layout A: what CONN_PARAMS is in the other layouts.
pub const A_CONN_PARAMS_V2: u32 = 6;
/// The connection changed to another congestion control algorithm. Not layout A.
pub const CC_ALGO_CHANGE: u32 = 7;
/// Layout A: the connection changed to another TCP stack.
pub const A_TCP_STACK_CHANGE: u32 = 7;
/// Layout A: the connection changed to another congestion control algorithm.
pub const A_CC_ALGO_CHANGE: u32 = 8;
/// A segment was received.
pub const IN: u32 = 100;
/// A segment is sent.
pub const OUT: u32 = 101;
/// An acknowledgement was processed.
pub const ACK: u32 = 102;
/// A SACK was processed.
pub const SACK: u32 = 103;
/// The program wrote to the socket.
pub const USER_SEND: u32 = 104;
/// The program called sendfile(2).
pub const SENDFILE: u32 = 105;
/// Layout E: the program called shutdown(2).
pub const SHUTDOWN: u32 = 106;
/// Layout E: the program closed the socket.
pub const CLOSE: u32 = 107;
/// The congestion window changed.
pub const CWND: u32 = 200;
/// Parameters of congestion control.
pub const CC_PARAMS: u32 = 201;
/// Loss recovery begins.
pub const ENTER_RECOVERY: u32 = 202;
/// Loss recovery ends.
pub const EXIT_RECOVERY: u32 = 203;
/// Proportional rate reduction.
pub const PRR_STATE: u32 = 204;
/// The peer took back window.
pub const WINDOW_COLLAPSE: u32 = 205;
/// HyStart++.
pub const HYSTART: u32 = 206;
/// A measurement of goodput.
pub const GOODPUT: u32 = 207;
/// The round-trip time that the stack uses.
pub const RTT: u32 = 300;
/// A sample of the round-trip time.
pub const RTT_SAMPLE: u32 = 301;
/// The retransmission timer expired.
pub const RTO: u32 = 400;
/// Why data is sent again.
pub const RETRANSMIT_REASON: u32 = 401;
/// The peer reported a duplicate segment.
pub const DSACK: u32 = 402;
/// A timer was armed.
pub const TIMER_START: u32 = 500;
/// A timer was disarmed.
pub const TIMER_CANCEL: u32 = 501;
/// A timer expired.
pub const TIMER_FIRED: u32 = 502;
/// The program waiting for a socket buffer is woken.
pub const SB_WAKE: u32 = 503;
/// A timer's expiry was handled. Layout D and later.
pub const TIMER_PROCESSED: u32 = 504;
/// A pacing delay was calculated.
pub const PACING_CALC: u32 = 600;
/// Sizes of pacing bursts.
pub const PACE_STATE: u32 = 601;
/// Pacing by the network card.
pub const HW_PACE_RATE: u32 = 602;
/// A socket option was set to a number.
pub const SOCKET_OPT_UINT32: u32 = 700;
/// A socket option was refused.
pub const SOCKET_OPT_ERR: u32 = 701;
/// Layout E: a socket option was set to bytes.
pub const SOCKET_OPT_BLOB: u32 = 702;
/// What the output function decided.
pub const OUTPUT_DECISION: u32 = 800;
