// SPDX-License-Identifier: BSD-2-Clause
//! What happened, in a line.

use std::fmt::{self, Write};

use bblog_analysis::Retransmission;
use bblog_dissector::catalog::ProviderSpec;
use bblog_dissector::tcp_provider::{self, SegmentPlan, id};
use bblog_dissector::text::InitialSeqs;
use bblog_dissector::words::{self, SegmentWords};

use super::decode::DecodedItem;
use super::item::{EventlogItem, LogItem};

/// Writes events in words.
#[derive(Debug, Default)]
pub struct Words {
    /// Where the provider of the last eventlog segment has the members of one.
    plan: Option<(&'static ProviderSpec, SegmentPlan)>,
}

impl Words {
    /// Writes what happened, with sequence numbers as `style` has them.
    ///
    /// # Errors
    /// Those of `out`.
    #[inline]
    pub fn write<W: Write>(
        &mut self,
        decoded: &DecodedItem<'_>,
        style: InitialSeqs,
        out: &mut W,
    ) -> fmt::Result {
        let segment = match &decoded.item {
            LogItem::Bblog(item) => {
                let header = item.record.tcp_header().filter(|_| item.record.is_segment());
                header.and_then(|header| SegmentWords::of_record(&item.record, header))
            }
            LogItem::Eventlog(item) => self.of_event(decoded, item),
        };
        let again = decoded.again.as_ref().map(Retransmission::words);
        words::write(&decoded.event, segment.as_ref(), again, style, out)
    }

    /// The segment of an IN or OUT event.
    fn of_event<'a>(
        &mut self,
        decoded: &DecodedItem<'_>,
        item: &EventlogItem<'a>,
    ) -> Option<SegmentWords<'a>> {
        if !matches!(item.event.event_id(), id::IN | id::OUT) || item.provider != Some(tcp_provider::NAME) {
            return None;
        }
        let provider = item.tables?;
        let plan = match &mut self.plan {
            Some((of, plan)) if std::ptr::eq(*of, provider) => plan,
            plan => &mut plan.insert((provider, SegmentPlan::of(provider))).1,
        };
        SegmentWords::of_event(&item.event, plan, &decoded.event)
    }
}
