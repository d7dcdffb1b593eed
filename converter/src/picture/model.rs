// SPDX-License-Identifier: BSD-2-Clause
//! The picture of a connection without a form.
//!
//! Times are microseconds since the connection's first event. Sequence numbers are relative to the
//! initial one and do not wrap.

use bblog_dissector::spec::Category;

/// The picture of one connection.
#[derive(Clone, Debug, Default)]
pub struct ConnectionPicture {
    /// Its addresses and ports.
    pub title: String,
    /// The machine that logged it: its local address.
    pub host: String,
    /// Stack, kernel, log id: one line.
    pub details: String,
    /// What limited it, as a sentence.
    pub verdict: String,
    /// Time in recovery, waiting for timers, and with failed sends, microseconds.
    pub lost_us: u64,
    /// Time of the first event, microseconds of the clock.
    pub origin_us: i64,
    /// Whether the clock is UTC; else it counts from the start of the machine.
    pub utc: bool,
    /// From the first event to the last.
    pub duration_us: u64,
    /// A display filter that selects the connection in tshark.
    pub filter: String,
    /// The command that shows the connection, without times and files.
    pub show: String,
    /// The files of the command, quoted for a shell.
    pub files: Vec<String>,
    /// Time in each state of the sending side, microseconds.
    pub shares: Vec<(&'static str, u64)>,
    /// Gaps without progress.
    pub stalls: Vec<StallBand>,
    /// The panel of the direction that has little data: it is shown on demand only.
    pub minor: Option<Panel>,
    /// Values over time.
    pub lines: Vec<Series>,
    /// Ranges of sequence numbers.
    pub bars: Vec<Bars>,
    /// States over time.
    pub bands: Vec<BandRow>,
    /// Every event.
    pub ticks: Ticks,
}

impl ConnectionPicture {
    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        self.ticks.times.is_empty()
    }
}

/// A gap without progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StallBand {
    /// When it begins.
    pub start_us: u64,
    /// How long it lasts.
    pub duration_us: u64,
    /// Cause and end, as a sentence.
    pub text: String,
}

/// The panels that have an axis of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Sequence numbers sent.
    Sequence,
    /// Sequence numbers received.
    Arrival,
    /// Windows and flight.
    Window,
    /// Round-trip times.
    Rtt,
    /// Rates.
    Rate,
}

impl Panel {
    /// All panels, from top to bottom.
    pub const ALL: [Panel; 5] = [Panel::Sequence, Panel::Arrival, Panel::Window, Panel::Rtt, Panel::Rate];

    /// Its name in the page.
    pub fn id(self) -> &'static str {
        match self {
            Panel::Sequence => "sequence",
            Panel::Arrival => "arrival",
            Panel::Window => "window",
            Panel::Rtt => "rtt",
            Panel::Rate => "rate",
        }
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Panel::Sequence => "Sequence numbers sent",
            Panel::Arrival => "Sequence numbers received",
            Panel::Window => "Windows and flight",
            Panel::Rtt => "Round-trip time",
            Panel::Rate => "Rates",
        }
    }

    /// The unit of its values.
    pub fn unit(self) -> AxisUnit {
        match self {
            Panel::Sequence | Panel::Arrival | Panel::Window => AxisUnit::Bytes,
            Panel::Rtt => AxisUnit::Microseconds,
            Panel::Rate => AxisUnit::BitsPerSecond,
        }
    }
}

/// The unit of a panel's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisUnit {
    /// Bytes.
    Bytes,
    /// Microseconds, shown as milliseconds.
    Microseconds,
    /// Bits per second.
    BitsPerSecond,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesStyle {
    /// A value holds until the next one.
    Step,
    /// Each value is a dot.
    Dots,
}

/// A value over time.
#[derive(Clone, Debug)]
pub struct Series {
    /// The panel it is drawn in.
    pub panel: Panel,
    /// Its name in the palette.
    pub id: &'static str,
    /// Its name in the legend.
    pub label: &'static str,
    /// How it is drawn.
    pub style: SeriesStyle,
    /// Times, which do not fall, and values; NaN where the value is absent.
    pub points: Vec<(u64, f64)>,
}

impl Series {
    /// A line without points.
    pub fn new(panel: Panel, id: &'static str, label: &'static str, style: SeriesStyle) -> Series {
        Series { panel, id, label, style, points: Vec::new() }
    }

    /// Adds a value. Of equal values that follow each other a step line keeps the first.
    pub fn push(&mut self, time: u64, value: f64) {
        let same = |last: &(u64, f64)| last.1 == value || (last.1.is_nan() && value.is_nan());
        if self.style == SeriesStyle::Step && self.points.last().is_some_and(same) {
            return;
        }
        self.points.push((time, value));
    }

    /// From `time` on the value is absent.
    pub fn end(&mut self, time: u64) {
        if !self.points.is_empty() {
            self.push(time, f64::NAN);
        }
    }
}

/// Ranges of sequence numbers of one kind, in order of time.
#[derive(Clone, Debug)]
pub struct Bars {
    /// The panel they are drawn in.
    pub panel: Panel,
    /// Its name in the palette.
    pub kind: &'static str,
    /// Its name in the legend.
    pub label: &'static str,
    /// What they are.
    pub role: BarRole,
    /// The ranges.
    pub ranges: Vec<Range>,
}

/// What ranges of one kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarRole {
    /// The usual course of things: many on one pixel are one.
    Plain,
    /// A mark that is always drawn.
    Mark,
    /// A mark for a segment that was sent again.
    Retransmission,
}

/// A range of sequence numbers at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// When.
    pub time: u64,
    /// The first sequence number.
    pub low: u64,
    /// The one behind the last.
    pub high: u64,
    /// The number of the event.
    pub number: u64,
}

/// States over time, which do not overlap.
#[derive(Clone, Debug, Default)]
pub struct BandRow {
    /// Its name in the page: `limit` has the colours of the states.
    pub row: &'static str,
    /// Its name beside the row.
    pub label: &'static str,
    /// Begin, end and name of each, in order of time.
    pub spans: Vec<(u64, u64, &'static str)>,
}

/// Every event of the connection.
#[derive(Clone, Debug, Default)]
pub struct Ticks {
    /// When, in order of time.
    pub times: Vec<u64>,
    /// The number of each event in its input.
    pub numbers: Vec<u64>,
    /// What each is: an index into `codes`.
    pub codes_of: Vec<u16>,
    /// Names of events, with the kind that gives the row and the colour.
    pub codes: Vec<(String, &'static str)>,
    /// Sentences of the events that have one.
    pub texts: SentenceList,
}

/// Sentences of events, one after the other.
#[derive(Clone, Debug, Default)]
pub struct SentenceList {
    /// The index of the event of each, in order.
    pub events: Vec<u32>,
    /// Where each ends in `all`.
    pub ends: Vec<usize>,
    /// All of them.
    pub all: String,
}

impl SentenceList {
    /// Adds the sentence that `write` writes for the event with index `event`.
    pub fn push(&mut self, event: usize, write: impl FnOnce(&mut String)) {
        write(&mut self.all);
        self.events.push(u32::try_from(event).unwrap_or(u32::MAX));
        self.ends.push(self.all.len());
    }

    /// Each event's index and sentence.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let texts = starts.zip(&self.ends).map(|(start, end)| self.all.get(start..*end).unwrap_or_default());
        self.events.iter().copied().zip(texts)
    }
}

impl Ticks {
    /// The kinds of events that there are, in the order of their rows: that of the categories in the tables.
    pub fn kinds(&self) -> Vec<&'static str> {
        let order = |kind: &str| Category::ALL.iter().position(|category| category.word() == kind);
        let mut kinds: Vec<&'static str> = self.codes.iter().map(|code| code.1).collect();
        kinds.sort_by_key(|kind| order(kind));
        kinds.dedup();
        kinds
    }
}

/// A log's text as one line: control characters, which XML and xplot cannot hold, become blanks.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
