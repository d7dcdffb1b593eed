// SPDX-License-Identifier: BSD-2-Clause
//! Streams and events made for a test.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// An entry's header in the making.
#[derive(Clone)]
pub struct Connection {
    pub id: Vec<u8>,
    pub reason: Vec<u8>,
    pub tag: Vec<u8>,
    pub lport: u16,
    pub fport: u16,
    pub boot: i64,
}

/// A connection with an id and ports 1000 and 2000, from 10.0.0.1 to 10.0.0.2.
pub fn connection(id: impl AsRef<[u8]>) -> Connection {
    Connection {
        id: id.as_ref().to_vec(),
        reason: b"auto-dumped from continual".to_vec(),
        tag: b"web".to_vec(),
        lport: 1000,
        fport: 2000,
        boot: 1_795_000_000,
    }
}

impl Connection {
    /// The same with another local port.
    pub fn port(&self, lport: u16) -> Connection {
        Connection { lport, ..self.clone() }
    }

    /// The same with another reason.
    pub fn reason(&self, reason: &str) -> Connection {
        Connection { reason: reason.into(), ..self.clone() }
    }

    /// An entry of it with these records.
    pub fn entry(&self, records: &[Vec<u8>]) -> Vec<u8> {
        let mut entry = self.header(records.iter().map(Vec::len).sum());
        records.iter().for_each(|record| entry.extend(record));
        entry
    }

    /// A header that announces `body` bytes.
    pub fn header(&self, body: usize) -> Vec<u8> {
        let mut header = vec![0; 208];
        header[0] = 9;
        header[4] = 1;
        header[8..16].copy_from_slice(&(208 + body as u64).to_le_bytes());
        header[16..18].copy_from_slice(&self.fport.to_be_bytes());
        header[18..20].copy_from_slice(&self.lport.to_be_bytes());
        header[32..36].copy_from_slice(&[10, 0, 0, 2]);
        header[48..52].copy_from_slice(&[10, 0, 0, 1]);
        header[56..64].copy_from_slice(&self.boot.to_le_bytes());
        for (at, size, text) in [(72, 64, &self.id), (136, 32, &self.reason), (168, 32, &self.tag)] {
            let len = text.len().min(size);
            header[at..at + len].copy_from_slice(&text[..len]);
        }
        header[200] = 2;
        header
    }
}

/// A record without TCP header, 1 ms after the one before.
pub fn record(serial: u32) -> Vec<u8> {
    of_stack(serial, 2)
}

/// The same of another stack.
pub fn of_stack(serial: u32, stack: u8) -> Vec<u8> {
    let mut record = vec![0; 328];
    let time = 100_000_000 + u64::from(serial) * 1000;
    record[..8].copy_from_slice(&(time / 1_000_000).to_le_bytes());
    record[8..16].copy_from_slice(&(time % 1_000_000).to_le_bytes());
    record[20..24].copy_from_slice(&serial.to_le_bytes());
    record[24] = stack;
    record[25] = 10;
    record
}

/// Records with consecutive serial numbers.
pub fn records(serials: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    serials.map(record).collect()
}

/// The last record of a connection.
pub fn connection_end(serial: u32) -> Vec<u8> {
    let mut record = record(serial);
    record[25] = 54;
    record
}

/// The clock of eventlog's time stamps.
pub fn uptime() -> u64 {
    micros(ClockId::CLOCK_MONOTONIC)
}

/// Microseconds since 1970.
pub fn utc() -> u64 {
    micros(ClockId::CLOCK_REALTIME)
}

fn micros(clock: ClockId) -> u64 {
    Duration::from(clock_gettime(clock).unwrap()).as_micros().try_into().unwrap()
}

/// Event ids.
pub const SESSION_CREATE: u32 = 0xffff_fffe;
pub const SESSION_END: u32 = 0xffff_ffff;
pub const DUMP_COMPLETE: u32 = 0xffff_fffd;
const CONN_SET_IP_V4: u32 = 0;
const LOG_ID: u32 = 2;
/// An event whose payload is not read here.
const MSS: u32 = 4;

/// An event as the device gives it.
pub fn event(provider: u16, session: u64, time: u64, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(32 + payload.len());
    event.extend((32 + payload.len() as u16).to_le_bytes());
    event.extend([3, 0]);
    event.extend(provider.to_le_bytes());
    event.extend([0; 2]);
    event.extend(time.to_le_bytes());
    event.extend(session.to_le_bytes());
    event.extend(id.to_le_bytes());
    event.extend(100_077_u32.to_le_bytes());
    event.extend(payload);
    event
}

/// How a connection's session of provider 1 begins: four events.
pub fn session_begin(session: u64, id: &str, lport: u16) -> Vec<u8> {
    let time = uptime();
    let mut addresses = [0xa5; 16];
    addresses[..4].copy_from_slice(&[10, 0, 0, 1]);
    addresses[4..6].copy_from_slice(&lport.to_be_bytes());
    addresses[8..12].copy_from_slice(&[10, 0, 0, 2]);
    addresses[12..14].copy_from_slice(&2000_u16.to_be_bytes());
    let mut log_id = [0; 64];
    log_id[..id.len()].copy_from_slice(id.as_bytes());
    [
        event(1, session, time, SESSION_CREATE, &(0xffff_0000_0000_0000 + session).to_le_bytes()),
        event(1, session, time, CONN_SET_IP_V4, &addresses),
        event(1, session, time, LOG_ID, &log_id),
        event(1, session, time, MSS, &1448_u32.to_le_bytes()),
    ]
    .concat()
}

/// `count` events in the middle of a session; the payload of each is its number.
pub fn session_events(session: u64, count: u32) -> Vec<u8> {
    let time = uptime();
    (0..count).flat_map(|number| event(1, session, time, MSS, &number.to_le_bytes())).collect()
}

/// How a session ends.
pub fn session_end(session: u64) -> Vec<u8> {
    event(1, session, uptime(), SESSION_END, &[])
}
