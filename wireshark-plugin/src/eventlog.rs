// SPDX-License-Identifier: GPL-2.0-or-later
//! An eventlog(9) event: its name, its summary, and the items of the tree.

use std::ops::Range;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, RawEvent};
use bblog_dissector::event::Event;
use bblog_pcapng::packet::{Parsed, RAW};

use crate::catalog;
use crate::decode::{self, Decoded, Request, alerts, counted, malformed, notice};
use crate::ffi;
use crate::frames::{Flow, Frames};
use crate::items::{Items, NONE, TextAt};
use crate::line::{self, Line};
use crate::registry::PluginField;
use crate::sections::Section;

/// Where the provider's number stands in an ELOG event.
const PROVIDER_ID: Range<usize> = 4..6;

/// Decodes an event into `items`; `packet` is the frame, if the event describes one.
pub fn decode(
    request: &Request<'_>,
    section: &mut Section,
    frames: &mut Frames,
    raw: &RawEvent<'_>,
    packet: &[u8],
    items: &mut Items,
) -> Decoded {
    let layout = section.layout_with(raw);
    let provider = section.provider(raw.provider_id());
    let table = provider.and_then(|name| catalog::get().provider(name, layout));
    let event = Event::of_elog(raw, Catalog::event(table, raw.event_id()));
    let flow = Flow::Session(request.section, raw.provider_id(), raw.session_id());
    if request.first {
        let act = decode::act(&event, Parsed::new(RAW, packet).as_ref());
        frames.note_event(request.frame, flow, raw.timestamp(), act);
    }
    let mut decoded = decode::named(&event, request, items);
    if request.wants(ffi::BBLOG_WANT_FLOW) {
        decoded.flow = frames.number(flow);
    }
    decoded.provider = provider.map_or(NONE, |name| items.bytes(name));
    alerts(&event, items);
    if table.is_none() {
        notice(items, "unknown_provider");
    } else if event.spec().is_unknown() {
        notice(items, "unknown_event");
    }
    if event.is_truncated() {
        let (found, needed) = (raw.payload().len(), event.spec().size);
        decoded.problem =
            malformed(items, format_args!("payload of {found} bytes, expected {needed}")).problem;
    } else if !event.trailing().is_empty() && !event.spec().is_unknown() {
        notice(items, "unknown_layout");
    }
    if request.wants(ffi::BBLOG_WANT_COUNTED) {
        counted(&event, &mut decoded, items);
    }
    if request.wants(ffi::BBLOG_WANT_STATE)
        && let Some(cwnd) = event.get("cwnd")
    {
        decoded.state = items.text(format_args!("cwnd={}", cwnd.value.as_int().unwrap_or_default()));
    }
    tree(request, &event, decoded.provider, frames, items);
    decoded
}

/// Adds the lines of the tree.
fn tree(request: &Request<'_>, event: &Event<'_>, provider: TextAt, frames: &Frames, items: &mut Items) {
    let text = request.wants(ffi::BBLOG_WANT_TEXT);
    if request.wants(ffi::BBLOG_WANT_EARLIER) {
        let computed = Line { depth: 0, text, ..Line::COMPUTED };
        frames.of_event(request.frame).for_each(|value| computed.push(items, &value));
        decode::link(event, request.frame, frames, items);
    }
    if !request.wants(ffi::BBLOG_WANT_VALUES) {
        return;
    }
    if provider != NONE {
        items.push(line::of_plugin(PluginField::Provider, provider, PROVIDER_ID, 0));
    }
    let logged = Line { text, ..Line::LOGGED };
    let origin = ffi::BBLOG_ORIGIN_DATA;
    let mut values = event.fields().peekable();
    if text && values.peek().is_some() {
        let payload = EVENT_HEADER_LEN..event.as_bytes().len();
        items.group(ffi::BBLOG_SUBTREE_VALUES, "Event values", origin, payload);
    }
    values.for_each(|value| logged.push(items, &value));
    let trailing = event.trailing();
    if !trailing.is_empty() {
        items.push(line::of_plugin(PluginField::Trailing, NONE, trailing, 1));
    }
    if text {
        items.group(ffi::BBLOG_SUBTREE_HEADER, "Event header", origin, 0..EVENT_HEADER_LEN);
    }
    event.common().for_each(|value| logged.push(items, &value));
}
