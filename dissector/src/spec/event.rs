// SPDX-License-Identifier: BSD-2-Clause
//! An event of a table.

use super::alert::Alert;
use super::field::FieldSpec;
use super::kernel::Kernel;
use super::proof::{Proof, Takeover};
use super::template::{EventCategory, SummaryTemplate, TemplatePart, Title};
use super::timer::TimerStep;
use super::when::ALL;

/// One event of a stack or provider.
#[derive(Debug)]
#[non_exhaustive]
pub struct EventSpec {
    /// Its number: 0 to 72 for BBLog (tlb_eventid), any u32 for eventlog.
    pub id: u32,
    /// Its short name: the C identifier without `TCP_LOG_`, `BBR_LOG_`, `TCP_`, `BBR_` or `RACK_`
    /// for BBLog, the schema's name for eventlog. Unique within its source.
    pub name: &'static str,
    /// The identifier in the kernel's source.
    pub c_name: &'static str,
    /// Names that older kernels gave the number: kernels, short name, C identifier.
    pub former_names: &'static [FormerName],
    /// What happened, a few words.
    pub label: &'static str,
    /// General remarks.
    pub notes: &'static [&'static str],
    /// Who writes it.
    pub logged_by: &'static [&'static str],
    /// Its values.
    pub fields: &'static [FieldSpec],
    /// Plain names, those with the most conditions first; the first that applies is used.
    pub titles: &'static [Title],
    /// What it is about; chosen alike.
    pub categories: &'static [EventCategory],
    /// Its summaries; chosen alike.
    pub says: &'static [SummaryTemplate],
    /// What listings add to the packet that the event is; chosen alike.
    pub beside: &'static [SummaryTemplate],
    /// The schema's format (eventlog).
    pub format: &'static [TemplatePart],
    /// When it deserves notice.
    pub alerts: &'static [Alert],
    /// What it does to a timer; the first that applies.
    pub timers: &'static [TimerStep],
    /// What a record of it proves about the stack or the kernel that wrote it.
    pub proofs: &'static [Proof],
    /// The stacks that write it, as [`Stack::bit`](super::Stack::bit)s; [`ALL`] if others than stacks do, too.
    pub writers: u8,
    /// Which stack wrote a record of it that stands under the id of another; the first that applies.
    pub takeovers: &'static [Takeover],
    /// Bytes of the payload's structure without a variable-length tail (eventlog); 0 for BBLog.
    pub size: u16,
}

/// A name that older kernels gave an event's number.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FormerName {
    /// The kernels, as [`Kernel::bit`]s.
    pub kernels: u8,
    /// The short name.
    pub name: &'static str,
    /// The identifier in those kernels' source.
    pub c_name: &'static str,
}

impl EventSpec {
    /// Whether this stands in for an event that no table has.
    pub fn is_unknown(&self) -> bool {
        std::ptr::eq(self, &UNKNOWN)
    }

    /// Its name on `kernel`.
    pub fn name_on(&self, kernel: Kernel) -> &'static str {
        self.former_names
            .iter()
            .find(|former| former.kernels & kernel.bit() != 0)
            .map_or(self.name, |former| former.name)
    }
}

/// Stands in for events whose number no table has: no rows but the raw ones.
pub static UNKNOWN: EventSpec = EventSpec::without_rows(u32::MAX, "UNKNOWN", "", "unknown event");

impl EventSpec {
    /// An event with a name and a label only.
    pub(crate) const fn without_rows(
        id: u32,
        name: &'static str,
        c_name: &'static str,
        label: &'static str,
    ) -> EventSpec {
        EventSpec {
            id,
            name,
            c_name,
            former_names: &[],
            label,
            notes: &[],
            logged_by: &[],
            fields: &[],
            titles: &[],
            categories: &[],
            says: &[],
            beside: &[],
            format: &[],
            alerts: &[],
            timers: &[],
            proofs: &[],
            writers: ALL,
            takeovers: &[],
            size: 0,
        }
    }
}
