// SPDX-License-Identifier: BSD-2-Clause
//! The table language: `tables/*.tbl` as data. One directive or row a line; indentation
//! nests `when`. docs in tables/README.md.

use std::collections::BTreeMap;

/// A fault in a table: file, line and what is wrong.
pub type Fault = String;

/// All tables.
#[derive(Default)]
pub struct Tables {
    pub members: BTreeMap<String, Member>,
    pub names: Vec<NameTable>,
    pub sets: BTreeMap<String, Vec<Row>>,
    pub groups: Vec<Group>,
    pub alerts: Vec<AlertKind>,
    pub events: Vec<Event>,
}

/// Something that deserves notice, whichever event tells of it.
pub struct AlertKind {
    pub name: String,
    pub severity: String,
    pub group: String,
    pub about: String,
}

#[derive(Clone)]
pub struct Member {
    pub offset: u16,
    pub ty: Type,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Type {
    Unsigned(u16),
    Signed(u16),
    Network(u16),
    Text(u16),
}

impl Type {
    pub fn size(self) -> u16 {
        match self {
            Type::Unsigned(n) | Type::Signed(n) | Type::Network(n) | Type::Text(n) => n,
        }
    }
}

pub struct NameTable {
    pub name: String,
    pub flags: bool,
    pub values: Vec<(i64, String)>,
}

/// Rows under a filter prefix that belong to no event.
#[derive(Default)]
pub struct Group {
    pub name: String,
    pub prefix: String,
    pub rows: Vec<Row>,
    pub evidence: Vec<(When, Evidence)>,
}

#[derive(Default)]
pub struct Event {
    pub id: u32,
    pub name: String,
    pub c_name: String,
    pub was: Vec<(u8, String, String)>,
    pub by: Vec<String>,
    pub about: String,
    pub notes: Vec<String>,
    pub rows: Vec<Row>,
    pub says: Vec<(When, String)>,
    pub alerts: Vec<(When, String)>,
    pub timers: Vec<(When, TimerStep)>,
    pub evidence: Vec<(When, Evidence)>,
}

/// What a record proves about the stack or the kernel that wrote it.
pub struct Evidence {
    /// The event of the connection's next record, if that is what proves it.
    pub next: Option<String>,
    pub stacks: Option<u8>,
    pub kernels: Option<u8>,
    pub compare: Option<Compare>,
}

/// Whether a member is above so many times another one, or not above it.
pub struct Compare {
    pub member: MemberRef,
    pub above: bool,
    pub times: u64,
    pub other: MemberRef,
}

/// What an event does to a timer.
pub struct TimerStep {
    pub verb: String,
    pub chain: String,
    pub keyed: bool,
    pub row: String,
}

#[derive(Clone, Default, PartialEq)]
pub struct When {
    pub stacks: Option<u8>,
    pub kernels: Option<u8>,
    pub conds: Vec<Cond>,
}

#[derive(Clone, PartialEq)]
pub struct Cond {
    pub member: MemberRef,
    pub test: Test,
}

#[derive(Clone, PartialEq)]
pub enum Test {
    In(Vec<u64>),
    NotIn(Vec<u64>),
    Above(u64),
    AnySet(u64),
    NoneSet(u64),
}

#[derive(Clone, PartialEq, Debug)]
pub struct MemberRef {
    pub name: String,
    pub bits: Option<(u8, u8)>,
    pub low: Option<String>,
    pub minus: Option<String>,
}

#[derive(Clone)]
pub struct Row {
    pub member: MemberRef,
    pub name: String,
    pub unit: String,
    pub signed: bool,
    pub network: bool,
    pub about: String,
    pub source: String,
    pub when: When,
    pub common: bool,
}

/// Where rows go at the moment.
enum Target {
    None,
    Names,
    Set(String),
    Group,
    Event,
}

struct Block {
    indent: usize,
    when: When,
    source: String,
    rows_at: usize,
}

/// Adds one file to `tables`.
pub fn parse(tables: &mut Tables, file: &str, text: &str) -> Result<(), Fault> {
    let mut target = Target::None;
    let mut blocks: Vec<Block> = Vec::new();
    for (at, full) in text.lines().enumerate() {
        let fault = |what: String| format!("{file}:{}: {what}", at + 1);
        let line = full.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let indent = full.len() - full.trim_start().len();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let mut words = rest.split_whitespace();
        let mut next =
            |what: &str| words.next().map(str::to_owned).ok_or_else(|| fault(format!("{word}: no {what}")));
        if indent == 0 {
            blocks = vec![Block { indent: 0, when: When::default(), source: String::new(), rows_at: 0 }];
            match word {
                "member" => {
                    let name = next("name")?;
                    let offset = next("offset")?.parse().map_err(|_| fault("offset is no number".into()))?;
                    let ty = parse_type(&next("type")?).ok_or_else(|| fault("unknown type".into()))?;
                    if tables.members.insert(name, Member { offset, ty }).is_some() {
                        return Err(fault("member defined twice".into()));
                    }
                    target = Target::None;
                }
                "enum" | "flags" => {
                    let name = next("name")?;
                    if tables.names.iter().any(|t| t.name == name) {
                        return Err(fault(format!("names {name} defined twice")));
                    }
                    tables.names.push(NameTable { name, flags: word == "flags", values: Vec::new() });
                    target = Target::Names;
                }
                "set" => {
                    let name = next("name")?;
                    tables.sets.insert(name.clone(), Vec::new());
                    target = Target::Set(name);
                }
                "group" => {
                    let (name, prefix) = (next("name")?, next("prefix")?);
                    tables.groups.push(Group { name, prefix, ..Group::default() });
                    target = Target::Group;
                }
                "alert" => {
                    let (name, severity, group) = (next("name")?, next("severity")?, next("group")?);
                    let about = words.collect::<Vec<_>>().join(" ");
                    if tables.alerts.iter().any(|have| have.name == name) {
                        return Err(fault(format!("alert {name} defined twice")));
                    }
                    tables.alerts.push(AlertKind { name, severity, group, about });
                    target = Target::None;
                }
                "event" => {
                    let id = next("id")?.parse().map_err(|_| fault("id is no number".into()))?;
                    let name = next("name")?;
                    if tables.events.iter().any(|e| e.id == id || e.name == name) {
                        return Err(fault(format!("event {id} {name} defined twice")));
                    }
                    tables.events.push(Event { id, name, ..Event::default() });
                    target = Target::Event;
                }
                _ => return Err(fault(format!("unknown directive {word}"))),
            }
            continue;
        }
        if matches!(target, Target::Names) {
            let value = parse_int(word).ok_or_else(|| fault(format!("{word} is no number")))?;
            let table = tables.names.last_mut().ok_or_else(|| fault("no table".into()))?;
            if table.values.iter().any(|v| v.0 == value) {
                return Err(fault(format!("{word} named twice")));
            }
            table.values.push((value, rest.to_owned()));
            continue;
        }
        while blocks.len() > 1 && blocks.last().is_some_and(|b| b.indent >= indent) {
            blocks.pop();
        }
        if let (Target::Event, Some(event)) = (&target, tables.events.last_mut())
            && event_line(event, word, rest, &blocks).map_err(fault)?
        {
            continue;
        }
        if let (Target::Group, Some(group), "proves") = (&target, tables.groups.last_mut(), word) {
            let when = merged(&blocks, &When::default()).map_err(fault)?;
            group.evidence.push((when, parse_proof(None, rest).map_err(fault)?));
            continue;
        }
        let sets = tables.sets.clone();
        let rows = match &target {
            Target::Set(name) => tables.sets.get_mut(name),
            Target::Group => tables.groups.last_mut().map(|g| &mut g.rows),
            Target::Event => tables.events.last_mut().map(|event| &mut event.rows),
            Target::None | Target::Names => None,
        };
        let rows = rows.ok_or_else(|| fault("row outside a set, group or event".into()))?;
        match word {
            "when" => {
                let when = parse_when(rest).map_err(fault)?;
                let source = blocks.last().map(|b| b.source.clone()).unwrap_or_default();
                blocks.push(Block { indent, when, source, rows_at: rows.len() });
            }
            "from" => {
                if let Some(block) = blocks.last_mut() {
                    block.source = rest.to_owned();
                }
            }
            "use" => {
                let name = next("set")?;
                let except: Vec<&str> =
                    rest.split_whitespace().skip(1).map(|w| w.trim_start_matches('-')).collect();
                let set = sets.get(&name).ok_or_else(|| fault(format!("no set {name}")))?;
                let source = blocks.last().map(|b| b.source.clone()).unwrap_or_default();
                for row in set.iter().filter(|row| !except.contains(&row.member.name.as_str())) {
                    let when = merged(&blocks, &row.when).map_err(fault)?;
                    rows.push(Row { when, source: source.clone(), common: true, ..row.clone() });
                }
            }
            _ => {
                let member = parse_member(word).ok_or_else(|| fault(format!("{word} is no member")))?;
                let (name, unit) = (next("name")?, next("unit")?);
                let about = words.collect::<Vec<_>>().join(" ");
                let (unit, signed) = unit.strip_prefix("+-").map_or((unit.as_str(), false), |u| (u, true));
                let (unit, network) = unit.strip_prefix("be:").map_or((unit, false), |u| (u, true));
                let block = blocks.last().ok_or_else(|| fault("no block".into()))?;
                // A row of the block's own takes the place of the same member's row of a set.
                let from = block.rows_at;
                let common = matches!(target, Target::Set(_));
                let mut index = 0;
                rows.retain(|row| {
                    index += 1;
                    common || index <= from || !row.common || row.member.name != member.name
                });
                let when = merged(&blocks, &When::default()).map_err(fault)?;
                let source = block.source.clone();
                let (unit, name) = (unit.to_owned(), name.to_owned());
                rows.push(Row { member, name, unit, signed, network, about, source, when, common });
            }
        }
    }
    Ok(())
}

/// Takes in a line about the event itself; false if it is none.
fn event_line(event: &mut Event, word: &str, rest: &str, blocks: &[Block]) -> Result<bool, Fault> {
    let mut words = rest.split_whitespace();
    let mut next = |what: &str| words.next().map(str::to_owned).ok_or_else(|| format!("{word}: no {what}"));
    let here = || merged(blocks, &When::default());
    match word {
        "c_name" => event.c_name = rest.to_owned(),
        "was" => event.was.push((kernels(&next("kernels")?)?, next("name")?, next("C name")?)),
        "by" => event.by.extend(rest.split_whitespace().map(str::to_owned)),
        "about" => event.about = rest.to_owned(),
        "note" => event.notes.push(rest.to_owned()),
        "say" => event.says.push((here()?, rest.to_owned())),
        "alert" => event.alerts.push((here()?, next("name")?)),
        "proves" => event.evidence.push((here()?, parse_proof(None, rest)?)),
        "next" => {
            let (name, proof) = rest.split_once(" proves ").ok_or("next: no proves")?;
            event.evidence.push((here()?, parse_proof(Some(name.trim().to_owned()), proof)?));
        }
        "starts" | "stops" | "fires" | "handles" => {
            let (chain, row) = (next("timer")?, next("row")?);
            let keyed = rest.split_whitespace().nth(2) == Some("keyed");
            event.timers.push((here()?, TimerStep { verb: word.to_owned(), chain, keyed, row }));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// What follows `proves`: `stack=rack` or `kernel=14|main`, and perhaps `if flex2>100*flex6`.
fn parse_proof(next: Option<String>, rest: &str) -> Result<Evidence, Fault> {
    let (what, compare) = match rest.split_once(" if ") {
        Some((what, compare)) => (what, Some(parse_compare(compare.trim())?)),
        None => (rest, None),
    };
    match parse_when(what)? {
        When { stacks, kernels, conds } if conds.is_empty() && stacks.is_some() != kernels.is_some() => {
            Ok(Evidence { next, stacks, kernels, compare })
        }
        _ => Err(format!("proves {rest}: expected stack=NAMES or kernel=NAMES")),
    }
}

/// `flex2>100*flex6` or `flex2<=100*flex6`.
fn parse_compare(text: &str) -> Result<Compare, Fault> {
    let fault = || format!("{text}: expected MEMBER>NUMBER*MEMBER or MEMBER<=NUMBER*MEMBER");
    let (above, parts) = match text.split_once("<=") {
        Some(parts) => (false, parts),
        None => (true, text.split_once('>').ok_or_else(fault)?),
    };
    let (times, other) = parts.1.split_once('*').ok_or_else(fault)?;
    let member = |name: &str| parse_member(name).ok_or_else(fault);
    let times = times.parse().map_err(|_| fault())?;
    Ok(Compare { member: member(parts.0)?, above, times, other: member(other)? })
}

fn parse_type(word: &str) -> Option<Type> {
    Some(match word {
        "u8" => Type::Unsigned(1),
        "u16" => Type::Unsigned(2),
        "u32" => Type::Unsigned(4),
        "u64" => Type::Unsigned(8),
        "i32" => Type::Signed(4),
        "i64" => Type::Signed(8),
        "be16" => Type::Network(2),
        "be32" => Type::Network(4),
        _ => Type::Text(word.strip_prefix("text")?.parse().ok()?),
    })
}

fn parse_int(word: &str) -> Option<i64> {
    match word.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}

/// `member`, `member[low:high]`, `high:low` or `member-member`.
fn parse_member(word: &str) -> Option<MemberRef> {
    let plain = |name: &str| MemberRef { name: name.to_owned(), bits: None, low: None, minus: None };
    if let Some((name, bits)) = word.strip_suffix(']').and_then(|w| w.rsplit_once('['))
        && let Some((low, high)) = bits.split_once(':')
    {
        let bits = Some((low.parse().ok()?, high.parse().ok()?));
        return Some(MemberRef { bits, ..plain(name) });
    }
    if let Some((high, low)) = word.split_once(':') {
        return Some(MemberRef { low: Some(low.to_owned()), ..plain(high) });
    }
    if let Some((from, what)) = word.split_once('-') {
        return Some(MemberRef { minus: Some(what.to_owned()), ..plain(from) });
    }
    Some(plain(word))
}

/// `stack=rack|bbr kernel=13 flex8=1|2 flex8!=0 flex3&0x400 flex8!&0x2 flex8>3`.
fn parse_when(rest: &str) -> Result<When, Fault> {
    let mut when = When::default();
    for word in rest.split_whitespace() {
        if let Some(names) = word.strip_prefix("stack=") {
            when.stacks = Some(stacks(names)?);
            continue;
        }
        if let Some(names) = word.strip_prefix("kernel=") {
            when.kernels = Some(kernels(names)?);
            continue;
        }
        let at = word.find(['=', '!', '&', '>']).ok_or_else(|| format!("{word} is no condition"))?;
        let (member, test) = word.split_at(at);
        let member = parse_member(member).ok_or_else(|| format!("{member} is no member"))?;
        let int = |v: &str| parse_int(v).map(|v| v as u64).ok_or_else(|| format!("{v} is no number"));
        let list = |v: &str| v.split('|').map(int).collect::<Result<Vec<_>, _>>();
        let test = if let Some(values) = test.strip_prefix("!=") {
            Test::NotIn(list(values)?)
        } else if let Some(mask) = test.strip_prefix("!&") {
            Test::NoneSet(int(mask)?)
        } else if let Some(values) = test.strip_prefix('=') {
            Test::In(list(values)?)
        } else if let Some(mask) = test.strip_prefix('&') {
            Test::AnySet(int(mask)?)
        } else if let Some(value) = test.strip_prefix('>') {
            Test::Above(int(value)?)
        } else {
            return Err(format!("{word} is no condition"));
        };
        when.conds.push(Cond { member, test });
    }
    Ok(when)
}

fn stacks(names: &str) -> Result<u8, Fault> {
    bits(names, &["unknown", "freebsd", "rack", "bbr"])
}

fn kernels(names: &str) -> Result<u8, Fault> {
    bits(names, &["13", "14", "main"])
}

fn bits(names: &str, known: &[&str]) -> Result<u8, Fault> {
    names.split('|').try_fold(0, |mask, name| {
        let bit =
            known.iter().position(|k| *k == name).ok_or_else(|| format!("{name} is none of {known:?}"))?;
        Ok(mask | 1 << bit)
    })
}

/// The conditions of all open blocks and of a row.
fn merged(blocks: &[Block], row: &When) -> Result<When, Fault> {
    let mut all = When::default();
    for when in blocks.iter().map(|b| &b.when).chain([row]) {
        for (have, new, what) in
            [(&mut all.stacks, when.stacks, "stack"), (&mut all.kernels, when.kernels, "kernel")]
        {
            if let Some(new) = new {
                let both = have.map_or(new, |have| have & new);
                if both == 0 {
                    return Err(format!("no {what} left"));
                }
                *have = Some(both);
            }
        }
        all.conds.extend(when.conds.iter().cloned());
    }
    Ok(all)
}
