// SPDX-License-Identifier: BSD-2-Clause
//! The packets of the same run agree: what was sent again, when the window was closed, and for how long
//! nothing moved.

mod logs;

use std::fs::File;
use std::path::Path;

use bblog_analysis::{Account, StallCause};
use bblog_dissector::bblog::Header;
use etherparse::{SlicedPacket, TransportSlice};
use pcap_file::pcap::PcapReader;

use crate::logs::{follow, load, name, streams};

/// A packet of the connection's local end or to it.
struct Packet {
    /// Microseconds since the first packet.
    time: i64,
    is_ours: bool,
    seq: u32,
    ack: u32,
    syn: bool,
    fin: bool,
    rst: bool,
    window: u16,
    len: u32,
}

impl Packet {
    fn end(&self) -> u32 {
        self.seq.wrapping_add(self.len + u32::from(self.syn) + u32::from(self.fin))
    }
}

/// The packets of the connection whose local port this is.
fn packets(path: &Path, local_port: u16) -> Vec<Packet> {
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    let (mut first, mut packets) = (None, Vec::new());
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        let Ok(sliced) = SlicedPacket::from_ethernet(packet.data()) else { continue };
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { continue };
        if ![tcp.source_port(), tcp.destination_port()].contains(&local_port) {
            continue;
        }
        let time = packet.timestamp().as_micros() as i64;
        let first = *first.get_or_insert(time);
        packets.push(Packet {
            time: time - first,
            is_ours: tcp.source_port() == local_port,
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            window: tcp.window_size(),
            len: tcp.payload().len() as u32,
        });
    }
    packets
}

fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// Data bytes that we sent and had sent before; probes of a closed window are none.
fn sent_again(packets: &[Packet]) -> u64 {
    let (mut max, mut again, mut window) = (None::<u32>, 0, 1);
    for packet in packets {
        if !packet.is_ours {
            window = packet.window;
            continue;
        }
        if packet.rst || packet.end() == packet.seq {
            continue;
        }
        let is_probe = packet.len == 1 && window == 0;
        if let Some(max) = max.filter(|&max| before(packet.seq, max) && !is_probe && packet.len > 0) {
            let to = if before(packet.end(), max) { packet.end() } else { max };
            let bytes = to.wrapping_sub(packet.seq);
            // The byte of a probe is not counted when the data after it is sent.
            again += u64::from(bytes.min(packet.len)) * u64::from(bytes > 1);
        }
        max =
            Some(max.map_or(packet.end(), |max| if before(max, packet.end()) { packet.end() } else { max }));
    }
    again
}

/// How often the peer closed its window.
fn windows_closed(packets: &[Packet]) -> u64 {
    let (mut closed, mut times) = (false, 0);
    for packet in packets.iter().filter(|packet| !packet.is_ours && !packet.syn && !packet.rst) {
        times += u64::from(packet.window == 0 && !closed);
        closed = packet.window == 0;
    }
    times
}

/// Gaps without progress with something out or held back by a closed window: from the last acknowledgement of new
/// data, or new data sent, to the next one.
fn gaps(packets: &[Packet], longer_than: i64) -> Vec<(i64, i64)> {
    let (mut una, mut max) = (None::<u32>, None::<u32>);
    let (mut last, mut window, mut waiting, mut gaps) = (0, 1, false, Vec::new());
    for packet in packets {
        waiting |= una != max || window == 0;
        let progress = if packet.is_ours {
            let is_new = max.is_none_or(|max| before(max, packet.end())) && window != 0;
            if max.is_none_or(|max| before(max, packet.end())) {
                max = Some(packet.end());
            }
            una = una.or(Some(packet.seq));
            is_new
        } else {
            let is_new = una.is_some_and(|una| before(una, packet.ack)) && !packet.rst;
            if is_new {
                una = Some(packet.ack);
            }
            window = packet.window;
            is_new
        };
        if progress {
            if waiting && packet.time - last > longer_than {
                gaps.push((last, packet.time));
            }
            (last, waiting) = (packet.time, false);
        }
    }
    gaps
}

#[test]
fn packets_agree() {
    let mut checked = [0; 4];
    for path in streams("bblog", "tcplog") {
        let capture = path.with_extension("pcap");
        let bytes = std::fs::read(&path).unwrap();
        if !capture.exists() {
            continue;
        }
        // The first SYN waited for ARP before it was on the wire; what is received is logged at once.
        let mut first_received = None;
        let connections = follow(&load(&path, &bytes), |logged, _, connection| {
            if connection.account().received.segments > 0 {
                first_received.get_or_insert(logged.record.time());
            }
        });
        let name = name(&path);
        // Logs that begin late, or end early, lack what the packets have; so do those with the end of one stack.
        let is_part = ["logbuf", "_limit100", "_limit200", "multi"].iter().any(|part| name.contains(part));
        if connections.len() != 1 || is_part {
            continue;
        }
        let account: Account = connections.into_values().next().unwrap().finish();
        let port = Header::parse(&bytes).unwrap().lport();
        let packets = packets(&capture, port);
        checked[0] += 1;
        assert_eq!(account.sent.retransmitted_bytes, sent_again(&packets), "{name}: sent again");
        checked[1] += usize::from(account.sent.retransmitted_bytes > 0);
        let closed = account.notes().iter().find(|note| note.kind == "zero_window").map_or(0, |note| {
            let bblog_analysis::NoteValue::Number(times) = note.values[0].1 else { panic!() };
            times
        });
        assert_eq!(closed, windows_closed(&packets), "{name}: windows closed");
        checked[2] += usize::from(closed > 0);
        let received = packets.iter().find(|packet| !packet.is_ours).map_or(0, |packet| packet.time);
        let late = first_received.map_or(0, |time| (time - account.first).0) - received;
        let stalls = account.stalls.iter().filter(|stall| stall.cause != StallCause::ApplicationSilent);
        let stalls: Vec<(i64, i64)> =
            stalls.map(|stall| ((stall.start - account.first).0, (stall.end - account.first).0)).collect();
        let gaps = gaps(&packets, 200_000);
        let gaps: Vec<_> = gaps.iter().map(|gap| (gap.0 + late, gap.1 + late)).collect();
        let near = |a: i64, b: i64| (a - b).abs() <= 1000 || a == 0;
        let same = stalls.len() == gaps.len()
            && stalls.iter().zip(&gaps).all(|(a, b)| near(a.0, b.0) && near(a.1, b.1));
        assert!(same, "{name}: {stalls:?} in the log, {gaps:?} on the wire");
        checked[3] += gaps.len();
    }
    // Logs; of them with something sent again, with a closed window; and stalls.
    assert!(checked == [0; 4] || checked == [28, 9, 3, 6], "{checked:?}");
}
