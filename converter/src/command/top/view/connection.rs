// SPDX-License-Identifier: BSD-2-Clause
//! One connection: its verdict, how its values went, where its time went, its stalls and notable events.

use bblog_analysis::{Limit, Total};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{Glyphs, limit_style, line};
use crate::command::top::history::Sample;
use crate::command::top::model::Detail;
use crate::command::top::quantity::{Share, Si, SpanText};
use crate::command::top::status::time_of_day;
use crate::command::top::table;
use crate::command::top::ui::{Page, Ui};

/// Characters of a sparkline's name, and of its value.
const NAME: usize = 11;
const VALUE: usize = 10;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, ui: &mut Ui, glyphs: Glyphs) {
    let Page::Connection(_, detail, scrolled) = &mut ui.page else { return };
    let Some(detail) = detail else { return line(frame, area, 0, Line::raw("Not followed any more.")) };
    let width = usize::from(area.width);
    let mut lines = vec![heading(detail, glyphs)];
    lines.extend(wrapped(&detail.account.verdict(), "", width));
    lines.push(Line::raw(""));
    lines.extend(sparklines(detail, area.width, glyphs));
    lines.push(Line::raw(""));
    lines.extend(limits("last 10 s", recent(detail), width, glyphs));
    lines.extend(limits("in all", detail.account.sending.totals.iter().map(total), width, glyphs));
    lines.extend(stalls(detail, width, glyphs));
    let clock = ui.status.counts.now.map(|(clock, _)| clock);
    lines.push(Line::raw(""));
    lines.push(Line::styled("events, the last first", glyphs.bold()));
    lines.extend(detail.notables.iter().rev().map(|notable| {
        let time = clock.map_or(String::new(), |clock| time_of_day(clock, notable.time));
        Line::raw(format!("  {time}  {}", notable.what))
    }));
    *scrolled = (*scrolled).min(lines.len().saturating_sub(usize::from(area.height)));
    ui.height = usize::from(area.height.max(1));
    let shown = lines.into_iter().skip(*scrolled).take(ui.height);
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), area);
}

/// Text in lines of at most `width` characters, all but the first with `indent` before them.
fn wrapped(text: &str, indent: &str, width: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) => lines.push(format!("{indent}{word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(Line::raw).collect()
}

/// Which connection it is.
fn heading(detail: &Detail, glyphs: Glyphs) -> Line<'static> {
    let line = &detail.line;
    let identity = &line.identity;
    let mut text = table::name(line);
    if let Some(stack) = &identity.stack {
        let inferred = if identity.is_stack_inferred { " (inferred)" } else { "" };
        text += &format!(", {stack}{inferred}");
    }
    if let Some(cc) = &identity.cc {
        text += &format!(", {cc}");
    }
    if let Some(id) = &identity.log_id {
        text += &format!(", id \"{id}\"");
    }
    text += &format!(", {}", line.state.unwrap_or("state not known"));
    let limit = line.limit.map_or(Span::raw(""), |limit| {
        Span::styled(format!(", {}", limit.name()), limit_style(limit, glyphs))
    });
    Line::from(vec![Span::styled(text, glyphs.bold()), limit])
}

/// A value that is drawn, of a sample.
type SampleValue = fn(&Sample, u64) -> Option<u64>;

/// Bits per second of bytes in a sample of so many microseconds.
fn rate(bytes: u64, sample_us: u64) -> Option<u64> {
    u64::try_from((u128::from(bytes) * 8_000_000).checked_div(u128::from(sample_us))?).ok()
}

/// How a value is written.
type SampleFormat = fn(u64) -> String;

/// The values that are drawn: name, value, form.
const VALUES: [(&str, SampleValue, SampleFormat); 6] = [
    ("cwnd", |sample, _| sample.cwnd.map(u64::from), |bytes| Si(bytes).to_string()),
    ("flight", |sample, _| sample.flight.map(u64::from), |bytes| Si(bytes).to_string()),
    ("srtt", |sample, _| sample.srtt_us.map(u64::from), |us| SpanText(us).to_string()),
    ("goodput", |sample, us| rate(sample.bytes.acked, us), |rate| format!("{}bit/s", Si(rate))),
    ("sent", |sample, us| rate(sample.bytes.sent, us), |rate| format!("{}bit/s", Si(rate))),
    ("sent again", |sample, us| rate(sample.bytes.again, us), |rate| format!("{}bit/s", Si(rate))),
];

/// How the values went, each in a line with its greatest, and what a character stands for.
fn sparklines(detail: &Detail, width: u16, glyphs: Glyphs) -> Vec<Line<'static>> {
    let room = usize::from(width).saturating_sub(NAME + VALUE + 1).max(1);
    let samples = &detail.samples;
    let shown = &samples[samples.len().saturating_sub(room)..];
    let mut lines: Vec<Line<'static>> = VALUES
        .iter()
        .map(|(name, value, text)| {
            let values: Vec<Option<u64>> =
                shown.iter().map(|sample| value(sample, detail.sample_us)).collect();
            let most = values.iter().flatten().max().copied();
            let graph: String = values.iter().map(|value| glyph(*value, most.unwrap_or(0), glyphs)).collect();
            let most = most.map_or("-".to_owned(), text);
            let name = format!("{name:<NAME$}");
            Line::from(vec![Span::styled(name, glyphs.bold()), Span::raw(format!("{most:>VALUE$} {graph}"))])
        })
        .collect();
    let span = detail.sample_us.saturating_mul(shown.len() as u64);
    let each = SpanText(detail.sample_us);
    let about = format!("{:NAME$}{:>VALUE$} {} in all, {each} a character", "", "greatest", SpanText(span));
    lines.insert(0, Line::raw(about));
    lines
}

/// A blank where nothing is known, the lowest for 0.
fn glyph(value: Option<u64>, most: u64, glyphs: Glyphs) -> char {
    let Some(value) = value else { return ' ' };
    let last = glyphs.heights.len() as u128 - 1;
    let height = (u128::from(value) * last).div_ceil(u128::from(most.max(1))).min(last);
    glyphs.heights[height as usize]
}

/// The time in each state of the last ten seconds, the largest first.
fn recent(detail: &Detail) -> impl Iterator<Item = (Limit, u64)> {
    let recent = detail.line.recent;
    let mut states = Limit::ALL.map(|limit| (limit, recent[limit as usize]));
    states.sort_by_key(|(_, us)| std::cmp::Reverse(*us));
    states.into_iter()
}

fn total(total: &Total<Limit>) -> (Limit, u64) {
    (total.state, total.time_us)
}

/// States that took time, with their shares, in as many lines as they need.
fn limits(
    name: &'static str,
    states: impl Iterator<Item = (Limit, u64)>,
    width: usize,
    glyphs: Glyphs,
) -> Vec<Line<'static>> {
    let states: Vec<(Limit, u64)> = states.filter(|(_, us)| *us > 0).collect();
    let all: u64 = states.iter().map(|(_, us)| us).sum();
    let head = |name: &str| Line::styled(format!("{name:<NAME$}"), glyphs.bold());
    let mut lines = vec![head(name)];
    for (at, &(limit, us)) in states.iter().enumerate() {
        let comma = if at + 1 < states.len() { ", " } else { "" };
        let text = format!("{} {}{comma}", limit.name(), Share(us as f64 / all.max(1) as f64));
        let used = lines.last().map_or(0, Line::width);
        if used > NAME && used + text.trim_end().len() > width {
            lines.push(head(""));
        }
        if let Some(last) = lines.last_mut() {
            last.push_span(Span::styled(text, limit_style(limit, glyphs)));
        }
    }
    if let (true, Some(last)) = (states.is_empty(), lines.last_mut()) {
        last.push_span("-");
    }
    lines
}

/// The stalls, the last first.
fn stalls(detail: &Detail, width: usize, glyphs: Glyphs) -> Vec<Line<'static>> {
    let account = &detail.account;
    if account.stalls.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::raw(""), Line::styled("stalls, the last first", glyphs.bold())];
    for stall in account.stalls.iter().rev() {
        lines.extend(wrapped(&format!("  {}", stall.text(account.first)), "    ", width));
    }
    if account.more_stalls > 0 {
        lines.push(Line::raw(format!("  and {} shorter ones", account.more_stalls)));
    }
    lines
}
