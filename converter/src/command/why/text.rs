// SPDX-License-Identifier: BSD-2-Clause
//! Findings as text.

use std::io::{self, Write};

use bblog_analysis::{Account, Stall, StallCause, TimeByState, Total};
use bblog_dissector::Micros;
use bblog_dissector::counted::Counted;

use super::{Finding, Findings};

/// How the command that shows the evidence is called.
pub struct EvidenceCommand {
    /// Options and inputs as the user gave them, quoted for a shell.
    pub inputs: String,
}

/// Stalls and spans listed without -v.
const LISTED: usize = 8;

pub(super) fn print(findings: &Findings, evidence: &EvidenceCommand, out: &mut impl Write) -> io::Result<()> {
    for (number, finding) in findings.connections.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        connection(findings, finding, evidence, out)?;
    }
    if findings.left_out.connections() > 0 {
        writeln!(out, "\nand {}", findings.left_out)?;
    }
    match findings.listeners {
        0 => {}
        1 => writeln!(out, "\n1 socket without a connection is left out.")?,
        listeners => writeln!(out, "\n{listeners} sockets without a connection are left out.")?,
    }
    Ok(())
}

fn connection(
    findings: &Findings,
    finding: &Finding,
    evidence: &EvidenceCommand,
    out: &mut impl Write,
) -> io::Result<()> {
    let account = &finding.account;
    heading(findings, finding, out)?;
    writeln!(out, "  {}", account.verdict())?;
    sending(account, out)?;
    receiving(account, out)?;
    stalls(account, out)?;
    let notes = account.notes();
    if !notes.is_empty() {
        writeln!(out, "  notes")?;
    }
    for note in &notes {
        writeln!(out, "    {}", note.text)?;
    }
    spans(account, out)?;
    show(findings, finding, evidence, out)
}

/// Whose account it is.
fn heading(findings: &Findings, finding: &Finding, out: &mut impl Write) -> io::Result<()> {
    let Finding { subject, account } = finding;
    match subject.addresses {
        Some((local, remote)) => write!(out, "{local} - {remote}")?,
        None => write!(out, "? - ?")?,
    }
    for stack in findings.names.stacks_of(subject) {
        write!(out, ", {stack}")?;
    }
    if let Some(kernel) = findings.names.kernel_of(subject) {
        write!(out, ", {kernel}")?;
    }
    if let Some(session) = subject.session {
        write!(out, ", session {session}")?;
    }
    if let Some(id) = &subject.log_id {
        write!(out, ", id \"{id}\"")?;
    }
    let what = if subject.session.is_some() { "event" } else { "record" };
    writeln!(out, ": {}, {}", Counted(account.items, what), seconds(account.duration_us))
}

fn sending(account: &Account, out: &mut impl Write) -> io::Result<()> {
    write!(out, "  sending")?;
    if let Some(bytes) = account.acked_bytes {
        write!(out, ", {} acknowledged", Counted(bytes, "byte"))?;
    }
    if account.sent.retransmitted_bytes > 0 {
        write!(out, ", {} sent again", account.sent.retransmitted_bytes)?;
    }
    rate(account.goodput_bps(), out)?;
    table(&account.sending, |total| total.state.name(), out)
}

/// The receiving side, if anything was received or in the way.
fn receiving(account: &Account, out: &mut impl Write) -> io::Result<()> {
    use bblog_analysis::Reception::{OutOfOrder, PeerSilent, WindowClosed};
    let in_the_way = [OutOfOrder, PeerSilent, WindowClosed].iter().any(|&s| account.receiving.time_us(s) > 0);
    let bytes = account.received.bytes.saturating_sub(account.received.retransmitted_bytes);
    if bytes == 0 && !in_the_way {
        return Ok(());
    }
    write!(out, "  receiving, {}", Counted(bytes, "byte"))?;
    rate(account.received_bps(), out)?;
    table(&account.receiving, |total| total.state.name(), out)
}

fn rate(bps: Option<u64>, out: &mut impl Write) -> io::Result<()> {
    match bps {
        Some(bps) => writeln!(out, ", {:.3} Mbit/s", bps as f64 / 1e6),
        None => writeln!(out),
    }
}

/// The table of states.
fn table<S: Copy + Eq>(
    side: &TimeByState<S>,
    name: impl Fn(&Total<S>) -> &'static str,
    out: &mut impl Write,
) -> io::Result<()> {
    let all = side.all_us().max(1);
    for total in &side.totals {
        let percent = total.time_us as f64 * 100.0 / all as f64;
        let spells = if total.spells == 1 { "spell" } else { "spells" };
        writeln!(
            out,
            "    {:<17} {:>14}  {percent:5.1} %  {:>6} {spells:<6}  longest {:>14}  {}",
            name(total),
            seconds(total.time_us),
            total.spells,
            seconds(total.longest_us),
            total.decided_by.name()
        )?;
    }
    Ok(())
}

/// The stalls, the longest ones if there are many and spans are not wanted.
fn stalls(account: &Account, out: &mut impl Write) -> io::Result<()> {
    if account.stalls.is_empty() {
        return Ok(());
    }
    writeln!(out, "  stalls")?;
    let mut listed: Vec<&Stall> = account.stalls.iter().collect();
    if account.spans.is_empty() && listed.len() > LISTED {
        listed.sort_by_key(|stall| std::cmp::Reverse(stall.us()));
        listed.truncate(LISTED);
        listed.sort_by_key(|stall| stall.first_number);
    }
    for stall in &listed {
        writeln!(
            out,
            "    {} (events {} to {})",
            stall.text(account.first),
            stall.first_number,
            stall.last_number
        )?;
    }
    let more = account.stalls.len() - listed.len() + account.more_stalls as usize;
    if more > 0 {
        writeln!(out, "    and {more} shorter ones")?;
    }
    Ok(())
}

/// The spans, if they were wanted.
fn spans(account: &Account, out: &mut impl Write) -> io::Result<()> {
    if account.spans.is_empty() {
        return Ok(());
    }
    writeln!(out, "  spans")?;
    for span in &account.spans {
        let start = (span.start - account.first).0;
        writeln!(
            out,
            "    {:>14}  {:>14}  {:<17} {}",
            format!("+{}", seconds(start.max(0) as u64)),
            seconds(span.us()),
            span.state.name(),
            span.evidence.name()
        )?;
    }
    if account.more_spans > 0 {
        writeln!(out, "    and {} more", account.more_spans)?;
    }
    Ok(())
}

/// The command that shows the evidence: the longest stall, or all that matters.
fn show(
    findings: &Findings,
    finding: &Finding,
    evidence: &EvidenceCommand,
    out: &mut impl Write,
) -> io::Result<()> {
    write!(out, "  evidence: bblog show -n")?;
    if let Some((local, remote)) = finding.subject.addresses.filter(|_| findings.connections.len() > 1) {
        write!(out, " --connection '{local}-{remote}'")?;
    }
    let account = &finding.account;
    let stalls = account.stalls.iter().filter(|stall| stall.cause != StallCause::ApplicationSilent);
    let longest = stalls.max_by_key(|stall| stall.us()).filter(|stall| stall.us() * 20 > account.duration_us);
    let first = findings.first.unwrap_or(account.first);
    match longest {
        Some(stall) => {
            let (from, to) = ((stall.start - first).0, (stall.end - first).0.saturating_add(1));
            write!(out, " --from +{} --to +{}", point(from), point(to))?;
        }
        None => write!(out, " --notable")?,
    }
    writeln!(out, " {}", evidence.inputs)
}

/// Seconds with their microseconds: `0.462036 s`.
fn seconds(us: u64) -> String {
    format!("{}.{:06} s", us / 1_000_000, us % 1_000_000)
}

/// A point in time after the first event, as --from takes it.
fn point(us: i64) -> String {
    let Micros(us) = Micros(us.max(0));
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
