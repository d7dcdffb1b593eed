// SPDX-License-Identifier: BSD-2-Clause
//! TCP states as tcp_fsm.h numbers them.

use bblog_dissector::bblog::tcp_state;

pub(crate) const CLOSED: u8 = tcp_state::CLOSED as u8;
pub(crate) const LISTEN: u8 = tcp_state::LISTEN as u8;
pub(crate) const SYN_SENT: u8 = tcp_state::SYN_SENT as u8;
pub(crate) const SYN_RECEIVED: u8 = tcp_state::SYN_RECEIVED as u8;
pub(crate) const ESTABLISHED: u8 = tcp_state::ESTABLISHED as u8;
pub(crate) const CLOSE_WAIT: u8 = tcp_state::CLOSE_WAIT as u8;
pub(crate) const CLOSING: u8 = tcp_state::CLOSING as u8;
pub(crate) const LAST_ACK: u8 = tcp_state::LAST_ACK as u8;
pub(crate) const FIN_WAIT_2: u8 = tcp_state::FIN_WAIT_2 as u8;
pub(crate) const TIME_WAIT: u8 = tcp_state::TIME_WAIT as u8;
