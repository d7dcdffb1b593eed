// SPDX-License-Identifier: GPL-2.0-or-later
//! From a request of the C half to the answer.

use bblog_dissector::bblog::{Record, VERBOSE_LEN};
use bblog_dissector::elog::RawEvent;

use crate::answer::{malformed, notice};
use crate::frames::Frames;
use crate::items::Items;
use crate::request::{Answer, FrameBytes, Request};
use crate::sections::{Assumed, SectionFacts};
use crate::{eventlog, record};

/// Decodes what is requested into `items`, which are empty.
pub fn decode(
    request: &Request<'_>,
    section: &mut SectionFacts,
    assumed: &Assumed,
    frames: &mut Frames,
    items: &mut Items,
) -> Answer {
    match request.input {
        FrameBytes::Record { data, verbose, packet } => match Record::from_tcpinfo(data) {
            Ok(record) => {
                let record = record.with_verbose(verbose_part(verbose));
                record::decode(request, (section, assumed), frames, &record, packet, items)
            }
            Err(problem) => malformed(items, problem),
        },
        FrameBytes::Eventlog { data, packet } => match RawEvent::whole(data) {
            Ok(raw) => eventlog::decode(request, section, frames, &raw, packet, items),
            Err(problem) => malformed(items, problem),
        },
        FrameBytes::Nothing => {
            notice(items, "skipped");
            Answer { connection: section.connection, ..Answer::default() }
        }
    }
}

/// A verbose part of the right size; any other size counts as none.
fn verbose_part(bytes: &[u8]) -> Option<&[u8; VERBOSE_LEN]> {
    bytes.first_chunk()
}

#[cfg(test)]
mod tests {
    use bblog_dissector::bblog::TCPINFO_LEN;
    use bblog_dissector::elog::EVENT_HEADER_LEN;

    use super::*;
    use crate::items::NONE;
    use crate::sections::{SectionKey, SectionOption, Sections};
    use crate::{ffi, registry};

    const ALL: u32 = u32::MAX;
    const KEY: SectionKey = SectionKey { file: 1, number: 0 };

    /// A section with the stacks 1 to 3 and, as the provider with the number 1, `provider`.
    fn sections(provider: &str) -> Sections {
        let mut sections = Sections::default();
        sections.enter(KEY);
        for name in [&b"\x01freebsd"[..], b"\x02rack", b"\x03bbr"] {
            sections.note(SectionOption::Netflix(6, name));
        }
        let mut option = b"ELOGELOG\x01".to_vec();
        option.resize(44, 0);
        option.extend([1, 0, 0, 0, 1, 0]);
        option.extend(provider.as_bytes());
        option.resize(44 + 4 + 34, 0);
        sections.note(SectionOption::Freebsd(&option));
        sections
    }

    /// Decodes, and checks that C can use every item; gives the event's name.
    fn decode_checked(input: FrameBytes<'_>, want: u32, sections: &mut Sections) -> Option<String> {
        let mut items = Items::default();
        let mut frames = Frames::default();
        let request = Request { input, want, section: KEY, frame: 1, first: true };
        let (section, assumed) = sections.get(KEY).expect("every test enters it");
        let decoded = decode(&request, section, assumed, &mut frames, &mut items);
        let (data, verbose) = match input {
            FrameBytes::Record { data, verbose, .. } => (data.len(), verbose.len()),
            FrameBytes::Eventlog { data, .. } => (data.len(), 0),
            FrameBytes::Nothing => (0, 0),
        };
        let text = |at: u32| {
            let bytes = items.texts().get(at as usize..).filter(|_| at != NONE)?;
            let end = bytes.iter().position(|&b| b == 0).expect("every text ends");
            Some(str::from_utf8(&bytes[..end]).expect("every text is UTF-8").to_owned())
        };
        for item in items.as_slice() {
            let len = if item.origin == ffi::BBLOG_ORIGIN_VERBOSE as u8 { verbose } else { data };
            assert!(item.offset as usize + item.length as usize <= len, "{item:?} of {len}");
            assert!(item.field == NONE || (item.field as usize) < registry::get().0.len, "{item:?}");
            assert!(u32::from(item.depth) <= ffi::BBLOG_MAX_DEPTH);
            assert!(item.text == NONE || text(item.text).is_some());
            assert!(item.field != NONE || item.text != NONE, "{item:?}");
        }
        assert!(items.alerts().iter().all(|alert| text(alert.text).is_some()));
        let is_named = decoded.name != NONE || want & ffi::BBLOG_WANT_TREE == 0;
        assert!(is_named || decoded.problem != NONE || matches!(input, FrameBytes::Nothing));
        text(decoded.name)
    }

    #[test]
    fn any_record_decodes() {
        let mut sections = sections("tcp");
        for fill in [0, 0x55, 0xff] {
            for id in 0..=255 {
                let mut data = [fill; TCPINFO_LEN];
                data[25] = id;
                for stack in 0..5 {
                    data[24] = stack;
                    let input = FrameBytes::Record {
                        data: &data,
                        verbose: &[fill; VERBOSE_LEN],
                        packet: &[fill; 64],
                    };
                    for want in [ALL, ALL & !ffi::BBLOG_WANT_TEXT, 0] {
                        decode_checked(input, want, &mut sections);
                    }
                }
            }
            for len in 0..TCPINFO_LEN {
                decode_checked(
                    FrameBytes::Record { data: &[fill; TCPINFO_LEN][..len], verbose: &[], packet: &[] },
                    ALL,
                    &mut sections,
                );
            }
            for len in 0..100 {
                let input = FrameBytes::Record {
                    data: &[fill; TCPINFO_LEN],
                    verbose: &[fill; 100][..len],
                    packet: &[],
                };
                decode_checked(input, ALL, &mut sections);
            }
        }
    }

    #[test]
    fn any_eventlog_event_decodes() {
        for provider in ["tcp", "hpts", "test", "nobody"] {
            for id in (0..=1000).chain([u32::MAX, u32::MAX - 1, u32::MAX - 2]) {
                for len in [0, 31, 32, 33, 40, 50, 64, 72, 104, 160, 300] {
                    let mut data = vec![0xa5; len];
                    if len >= EVENT_HEADER_LEN {
                        data[4..6].copy_from_slice(&[1, 0]);
                        data[24..28].copy_from_slice(&id.to_le_bytes());
                    }
                    decode_checked(
                        FrameBytes::Eventlog { data: &data, packet: &[] },
                        ALL,
                        &mut sections(provider),
                    );
                }
            }
        }
    }

    #[test]
    fn both_logs_call_a_received_segment_in() {
        let mut record = [0; TCPINFO_LEN];
        record[25] = 1;
        let input = FrameBytes::Record { data: &record, verbose: &[], packet: &[] };
        let want = ffi::BBLOG_WANT_TREE;
        assert_eq!(decode_checked(input, want, &mut sections("tcp")).as_deref(), Some("IN"));
        let mut event = [0; 72];
        event[4] = 1;
        event[24] = 100;
        assert_eq!(
            decode_checked(FrameBytes::Eventlog { data: &event, packet: &[] }, want, &mut sections("tcp"))
                .as_deref(),
            Some("IN")
        );
    }
}
