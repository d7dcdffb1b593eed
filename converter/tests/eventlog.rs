// SPDX-License-Identifier: BSD-2-Clause
//! Sessions of eventlog: whose event it is, in captures made for the purpose.

mod support;

use pcap_file::pcapng::{Block, PcapNgReader};

use support::convert_bytes;

const CREATE: u32 = 0xffff_fffe;
const END: u32 = 0xffff_ffff;
const DUMP_COMPLETE: u32 = 0xffff_fffd;
const SET_IP: u32 = 0;
const MSS: u32 = 4;
const OUT: u32 = 101;

/// A capture of providers 1 and 7, both `tcp`, and 3, `hpts`.
struct Capture(Vec<u8>);

impl Capture {
    fn new() -> Capture {
        let mut bytes = b"ELOG\x01\0\0\0".to_vec();
        for word in [1_000u64, 1_700_000_000_000_000, 0, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(3u32.to_le_bytes());
        for (id, name) in [(3u16, "hpts"), (1, "tcp"), (7, "tcp")] {
            bytes.extend(id.to_le_bytes());
            let mut field = [0; 32];
            field[..name.len()].copy_from_slice(name.as_bytes());
            bytes.extend(field);
        }
        Capture(bytes)
    }

    fn add(&mut self, provider: u16, session: u64, id: u32, payload: &[u8]) -> &mut Capture {
        let count = self.0.len() as u64;
        self.0.extend((32 + payload.len() as u16).to_le_bytes());
        self.0.extend(0u16.to_le_bytes());
        self.0.extend(provider.to_le_bytes());
        self.0.extend(0u16.to_le_bytes());
        self.0.extend((1_000 + count).to_le_bytes());
        self.0.extend(session.to_le_bytes());
        self.0.extend(id.to_le_bytes());
        self.0.extend(0i32.to_le_bytes());
        self.0.extend(payload);
        self
    }

    fn create(&mut self, session: u64, tcpcb: u64) -> &mut Capture {
        self.add(1, session, CREATE, &tcpcb.to_le_bytes())
    }

    fn set_ip(&mut self, session: u64, remote: u8, port: u16) -> &mut Capture {
        let mut payload = [0xa5; 16];
        payload[..4].copy_from_slice(&[10, 0, 0, 1]);
        payload[4..6].copy_from_slice(&80u16.to_be_bytes());
        payload[8..12].copy_from_slice(&[10, 0, 0, remote]);
        payload[12..14].copy_from_slice(&port.to_be_bytes());
        self.add(1, session, SET_IP, &payload)
    }

    fn out(&mut self, provider: u16, session: u64) -> &mut Capture {
        let mut payload = [0; 32];
        payload[8] = 0x10;
        payload[24] = 4;
        payload[25] = 8;
        self.add(provider, session, OUT, &payload)
    }

    /// Gives the events these times.
    fn times(&mut self, times: &[u64]) {
        let table = 4 + 34 * u32::from_le_bytes(self.0[40..44].try_into().unwrap()) as usize;
        let mut rest = &mut self.0[40 + table..];
        for time in times {
            let (event, after) = rest.split_at_mut(usize::from(u16::from_le_bytes([rest[0], rest[1]])));
            event[8..16].copy_from_slice(&(1_000 + time).to_le_bytes());
            rest = after;
        }
        assert!(rest.is_empty());
    }

    /// What convert makes of it, per event: `-` without addresses, the last number of the remote
    /// address and port else, with a `P` for a packet.
    fn converted(&self) -> Vec<String> {
        let (events, faults) = self.converted_with_faults();
        assert_eq!(faults, [""; 0]);
        events
    }

    fn converted_with_faults(&self) -> (Vec<String>, Vec<String>) {
        let (file, faults) = convert_bytes(&[&self.0]);
        let mut reader = PcapNgReader::new(&file[..]).unwrap();
        let mut events = Vec::new();
        let mut last = 0;
        while let Some(block) = reader.next_block() {
            let (Block::EnhancedPacket(packet), _) = block.unwrap() else { continue };
            assert!(packet.timestamp.as_micros() >= last);
            last = packet.timestamp.as_micros();
            let data = &packet.data;
            events.push(match (packet.interface_id, data.get(24..26)) {
                (0, _) => format!("P{}:{}", data[19], u16::from_be_bytes([data[22], data[23]])),
                (_, Some([0, 20])) => format!("{}:{}", data[39], u16::from_be_bytes([data[62], data[63]])),
                _ => "-".to_owned(),
            });
        }
        (events, faults)
    }
}

#[test]
fn early_events_get_the_addresses() {
    let mut capture = Capture::new();
    capture.create(5, 1).add(1, 5, MSS, &[0; 4]).add(3, 5, 5, &[]).set_ip(5, 2, 99).out(1, 5).add(
        1,
        5,
        END,
        &[],
    );
    // hpts has sessions of its own, without addresses.
    assert_eq!(capture.converted(), ["2:99", "2:99", "-", "2:99", "P2:99", "2:99"]);
}

#[test]
fn without_addresses_no_packets() {
    let mut capture = Capture::new();
    capture.create(5, 1).out(1, 5).create(6, 2).out(1, 6).add(1, 6, END, &[]).out(1, 0);
    capture.add(1, u64::MAX, DUMP_COMPLETE, &[]);
    assert_eq!(capture.converted(), ["-"; 7]);
}

#[test]
fn a_session_may_begin_again() {
    let mut capture = Capture::new();
    // After its end; a late event still belongs to the first connection, and what goes on with the same tcpcb
    // until it has other addresses.
    capture.create(5, 1).set_ip(5, 2, 99).add(1, 5, END, &[]).add(1, 5, MSS, &[0; 4]);
    capture.create(5, 1).out(1, 5).set_ip(5, 3, 98);
    // Without an end, with another tcpcb.
    capture.create(5, 7).out(1, 5).set_ip(5, 4, 97);
    // Only repeated.
    capture.create(5, 7).out(1, 5).set_ip(5, 4, 97);
    let (events, faults) = capture.converted_with_faults();
    let expected = ["2:99", "2:99", "2:99", "2:99", "2:99", "P2:99", "3:98", "4:97", "P4:97", "4:97"];
    assert_eq!(events[..10], expected);
    assert_eq!(events[10..], ["4:97", "P4:97", "4:97"]);
    let said = "session 5 begins again with another tcpcb and without an end, as in two VNET jails: events from \
                here on may be of either connection";
    assert_eq!(faults, [said]);
}

#[test]
fn late_events_spoil_no_connection() {
    let mut capture = Capture::new();
    // Another connection gets the number before the last events of the first one are logged.
    capture.create(5, 1).out(1, 5).create(5, 2).set_ip(5, 3, 98).out(1, 5);
    capture.set_ip(5, 2, 99).add(1, 5, END, &[]).add(1, 5, END, &[]);
    capture.times(&[0, 3, 10, 11, 12, 1, 5, 20]);
    let (events, faults) = capture.converted_with_faults();
    assert_eq!(events, ["2:99", "2:99", "P2:99", "2:99", "3:98", "3:98", "P3:98", "3:98"]);
    assert_eq!(faults, ["2 events logged after newer ones: put in the order of their times"]);
}

#[test]
fn providers_of_one_name_share_sessions() {
    let mut capture = Capture::new();
    capture.create(5, 1).set_ip(5, 2, 99).out(7, 5).out(1, 5);
    assert_eq!(capture.converted(), ["2:99", "2:99", "P2:99", "P2:99"]);
}

#[test]
fn a_listener_has_no_packets_and_loses_against_a_connection() {
    let mut capture = Capture::new();
    capture.create(5, 1).set_ip(5, 0, 0).out(1, 5).set_ip(5, 2, 99).out(1, 5).set_ip(5, 0, 0).out(1, 5);
    assert_eq!(capture.converted(), ["0:0", "0:0", "0:0", "2:99", "P2:99", "2:99", "P2:99"]);
}

#[test]
fn waiting_is_bounded_and_in_order() {
    let mut capture = Capture::new();
    capture.create(5, 1).create(6, 2).set_ip(6, 2, 99);
    for _ in 0..40_000 {
        capture.out(1, 6);
    }
    capture.set_ip(5, 3, 98).out(1, 5);
    let events = capture.converted();
    assert_eq!(events.len(), 40_005);
    assert_eq!(events[..4], ["-", "2:99", "2:99", "P2:99"]);
    assert_eq!(events[40_003..], ["3:98", "P3:98"]);
}

#[test]
fn an_event_too_long_for_an_option_is_no_packet() {
    let mut capture = Capture::new();
    let mut payload = vec![0; 65_535 - 32];
    payload[8] = 0x10;
    payload[24] = 4;
    payload[25] = 8;
    capture.create(5, 1).set_ip(5, 2, 99).add(1, 5, OUT, &payload).add(1, 5, OUT, &payload[..65_527 - 32]);
    capture.out(1, 5);
    assert_eq!(capture.converted(), ["2:99", "2:99", "2:99", "P2:99", "P2:99"]);
}
