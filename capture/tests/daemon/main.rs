// SPDX-License-Identifier: BSD-2-Clause
//! bblogd as its operator meets it: the real program, on streams of `/dev/tcp_log` through files
//! and FIFOs, on devices that a preloaded library plays ([`devices`]), and with everything that
//! goes wrong on a server.
//!
//! What it writes is read back by `pcap-file` and by the real tshark, never by our own readers.

mod bblogd;
mod devices;
mod made;
mod reading;
mod small_disk;

mod both_devices;
mod check;
mod compatibility;
mod disk;
mod eventlog;
mod hostile;
mod killed;
mod operation;
mod rights;
mod stream_out;
mod syslog;
