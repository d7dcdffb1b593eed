// SPDX-License-Identifier: BSD-2-Clause
//! The table model: fields and events as plain data.
//!
//! A [`FieldSpec`] is one row: a name, the place of the value ([`Place`]), its conditions
//! ([`When`]), and how to show it ([`Unit`], [`ValueNames`]). An [`EventSpec`] is an event's
//! rows and the sentences ([`SummaryTemplate`]) that sum it up. BBLog's rows are compiled from
//! `tables/`, eventlog's are made from schemas when the program starts; decoding, Wireshark's
//! fields, JSON keys, texts and reference documentation all read the same ones.

mod alert;
mod event;
mod field;
mod kernel;
mod kernel_set;
mod names;
mod place;
mod proof;
mod stack;
mod template;
mod timer;
mod when;

pub use crate::language::category::Category;
pub use crate::language::unit::Unit;
pub use alert::{Alert, AlertGroup, AlertSpec, Severity};
pub use event::{EventSpec, FormerName, UNKNOWN};
pub use field::FieldSpec;
pub use kernel::Kernel;
pub use kernel_set::KernelSet;
pub use names::{NameTable, ValueNames};
pub use place::{ByteOrder, Place, ReadMethod, Repeat, ValueKind};
pub use proof::{Compare, Proof, Takeover};
pub use stack::Stack;
pub use template::{EventCategory, SentenceValue, SummaryTemplate, TemplatePart, Title};
pub use timer::{TimerStep, TimerVerb};
pub use when::{ALL, Condition, MemberTest, When};
