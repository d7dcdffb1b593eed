// SPDX-License-Identifier: BSD-2-Clause
//! One value of many events: its rows are found once, by name, and read without looking at other rows.

use crate::event::{Event, Field, RecordContext, RowGroup};
use crate::spec::{EventSpec, FieldSpec, Repeat, UNKNOWN};
use crate::tables;

/// Which rows hold the value of one name in one kind of event.
///
/// Made once for each event number, kernel, and stack that records are decoded by ([`Event::stack`]; or each event of a provider);
/// [`Event::read`] then compares no strings and allocates nothing.
///
/// ```
/// use bblog_dissector::bblog::{RECORD_LEN, Record, id};
/// use bblog_dissector::event::{RecordContext, Event};
/// use bblog_dissector::lookup::Lookup;
/// use bblog_dissector::spec::{Kernel, Stack};
///
/// let context = RecordContext::new(Stack::Rack, Kernel::Main);
/// let cwnd = Lookup::of_record(id::CWND, context, "snd_cwnd").expect("every record has it");
/// let mut bytes = [0; RECORD_LEN];
/// bytes[25] = id::CWND;
/// bytes[80..84].copy_from_slice(&14_480_u32.to_le_bytes());
/// let (record, _) = Record::split(&bytes)?;
/// let event = Event::of_record(&record, context);
/// assert_eq!(event.read(&cwnd).and_then(|field| field.value.as_int()), Some(14_480));
/// # Ok::<(), bblog_dissector::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The event's table entry: rows of its own are for no other event.
    event: &'static EventSpec,
    /// Groups, their indexes, and the rows there, in the order in which they are tried.
    rows: Box<[(RowGroup, usize, &'static FieldSpec)]>,
}

impl Lookup {
    /// The rows called `name` of BBLog's event `event_id`: its own and then those that every record has, without
    /// those of other stacks and kernels; for a name that no such row has, the derived one. `None` if there are none.
    pub fn of_record(event_id: u8, context: RecordContext, name: &str) -> Option<Lookup> {
        let event = tables::event(event_id).unwrap_or(&UNKNOWN);
        let is_logged = event.fields.iter().chain(tables::RECORD).any(|row| row.name == name);
        if is_logged {
            let groups = [(RowGroup::Own, event.fields), (RowGroup::Common, tables::RECORD)];
            return Lookup::among(event, groups, context, name);
        }
        Lookup::among(event, [(RowGroup::Derived, tables::DERIVED)], context, name)
    }

    /// The rows called `name` of the eventlog event that `event` describes: its own and those of the header.
    pub fn of_elog(event: &'static EventSpec, name: &str) -> Option<Lookup> {
        let groups = [(RowGroup::Own, event.fields), (RowGroup::Common, tables::ELOG_HEADER)];
        Lookup::among(event, groups, RecordContext::default(), name)
    }

    fn among<const N: usize>(
        event: &'static EventSpec,
        groups: [(RowGroup, &'static [FieldSpec]); N],
        context: RecordContext,
        name: &str,
    ) -> Option<Lookup> {
        let is_wanted = |row: &FieldSpec| {
            row.name == name
                && row.place.repeat == Repeat::Once
                && row.when.stacks & context.stack.bit() != 0
                && row.when.kernels & context.kernel.bit() != 0
        };
        let rows = groups.into_iter().flat_map(|(group, rows)| {
            let wanted = rows.iter().enumerate().filter(move |(_, row)| is_wanted(row));
            wanted.map(move |(index, row)| (group, index, row))
        });
        let rows: Box<[_]> = rows.collect();
        (!rows.is_empty()).then_some(Lookup { event, rows })
    }

    /// The rows, in the order in which they are tried. More than one stands for values that the event holds in
    /// different places, or in different units, as its other members say.
    pub fn specs(&self) -> impl Iterator<Item = &'static FieldSpec> {
        self.rows.iter().map(|&(_, _, row)| row)
    }
}

impl<'a> Event<'a> {
    /// The value that `lookup` is for; `None` if this event does not hold it, or is another event than the one
    /// that the lookup was made for.
    #[inline]
    pub fn read(&self, lookup: &Lookup) -> Option<Field<'a>> {
        lookup.rows.iter().find_map(|&(group, index, _)| {
            if group == RowGroup::Own && !std::ptr::eq(self.spec(), lookup.event) {
                return None;
            }
            self.value_at(group, index)
        })
    }
}
