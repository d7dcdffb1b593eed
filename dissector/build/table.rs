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
    pub category: String,
    pub label: String,
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
    /// Which stack takes the connection over, of events that both may write.
    pub takeovers: Vec<(When, String)>,
}

#[derive(Default)]
pub struct Event {
    pub id: u32,
    pub name: String,
    pub c_name: String,
    pub former_names: Vec<(u8, String, String)>,
    pub logged_by: Vec<String>,
    pub label: String,
    pub notes: Vec<String>,
    pub rows: Vec<Row>,
    pub titles: Vec<(When, String)>,
    pub categories: Vec<(When, String)>,
    pub says: Vec<(When, String)>,
    pub beside: Vec<(When, String)>,
    pub alerts: Vec<(When, String)>,
    pub timers: Vec<(When, TimerStep)>,
    pub evidence: Vec<(When, Evidence)>,
    /// Which stack wrote it, where it stands under the id of a stack that does not.
    pub takeovers: Vec<(When, String)>,
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
    pub label: String,
    pub source: String,
    pub when: When,
    pub common: bool,
    /// Values that mean "not set".
    pub unset: Vec<u64>,
    /// Values from this one on are lower bounds.
    pub at_least: Option<u64>,
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
    let mut parser = Parser { tables, target: Target::None, blocks: Vec::new() };
    for (at, full) in text.lines().enumerate() {
        parser.line(full).map_err(|what| format!("{file}:{}: {what}", at + 1))?;
    }
    Ok(())
}

/// Reads the lines of one file.
struct Parser<'t> {
    tables: &'t mut Tables,
    target: Target,
    /// The open `when` blocks, outermost first; the first one stands for the directive itself.
    blocks: Vec<Block>,
}

/// The words after a directive's own.
struct Words<'a> {
    directive: &'a str,
    rest: std::str::SplitWhitespace<'a>,
}

impl<'a> Words<'a> {
    fn of(directive: &'a str, rest: &'a str) -> Words<'a> {
        Words { directive, rest: rest.split_whitespace() }
    }

    /// The next word, which is a `what`.
    fn next(&mut self, what: &str) -> Result<String, Fault> {
        let word = self.rest.next().map(str::to_owned);
        word.ok_or_else(|| format!("{}: no {what}", self.directive))
    }

    /// The next word, which is a number.
    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, Fault> {
        self.next(what)?.parse().map_err(|_| format!("{what} is no number"))
    }

    /// All words that are left.
    fn text(self) -> String {
        self.rest.collect::<Vec<_>>().join(" ")
    }
}

impl Parser<'_> {
    fn line(&mut self, full: &str) -> Result<(), Fault> {
        let line = full.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match full.len() - full.trim_start().len() {
            0 => self.directive(word, rest),
            indent => self.indented(indent, word, rest),
        }
    }

    /// A line that begins something: what it is is where the lines after it go.
    fn directive(&mut self, word: &str, rest: &str) -> Result<(), Fault> {
        self.blocks = vec![Block { indent: 0, when: When::default(), source: String::new(), rows_at: 0 }];
        let words = Words::of(word, rest);
        self.target = match word {
            "member" => self.member(words)?,
            "enum" | "flags" => self.names(words, word == "flags")?,
            "set" => self.set(words)?,
            "group" => self.group(words)?,
            "alert" => self.alert(words)?,
            "event" => self.event(words)?,
            _ => return Err(format!("unknown directive {word}")),
        };
        Ok(())
    }

    fn member(&mut self, mut words: Words<'_>) -> Result<Target, Fault> {
        let (name, offset) = (words.next("name")?, words.number("offset")?);
        let ty = parse_type(&words.next("type")?).ok_or("unknown type")?;
        if self.tables.members.insert(name, Member { offset, ty }).is_some() {
            return Err("member defined twice".into());
        }
        Ok(Target::None)
    }

    fn names(&mut self, mut words: Words<'_>, flags: bool) -> Result<Target, Fault> {
        let name = words.next("name")?;
        if self.tables.names.iter().any(|have| have.name == name) {
            return Err(format!("names {name} defined twice"));
        }
        self.tables.names.push(NameTable { name, flags, values: Vec::new() });
        Ok(Target::Names)
    }

    fn set(&mut self, mut words: Words<'_>) -> Result<Target, Fault> {
        let name = words.next("name")?;
        self.tables.sets.insert(name.clone(), Vec::new());
        Ok(Target::Set(name))
    }

    fn group(&mut self, mut words: Words<'_>) -> Result<Target, Fault> {
        let (name, prefix) = (words.next("name")?, words.next("prefix")?);
        self.tables.groups.push(Group { name, prefix, ..Group::default() });
        Ok(Target::Group)
    }

    fn alert(&mut self, mut words: Words<'_>) -> Result<Target, Fault> {
        let (name, severity, group) = (words.next("name")?, words.next("severity")?, words.next("group")?);
        let category = words.next("category")?;
        let label = words.text();
        if self.tables.alerts.iter().any(|have| have.name == name) {
            return Err(format!("alert {name} defined twice"));
        }
        self.tables.alerts.push(AlertKind { name, severity, group, category, label });
        Ok(Target::None)
    }

    fn event(&mut self, mut words: Words<'_>) -> Result<Target, Fault> {
        let (id, name) = (words.number("id")?, words.next("name")?);
        if self.tables.events.iter().any(|have| have.id == id || have.name == name) {
            return Err(format!("event {id} {name} defined twice"));
        }
        self.tables.events.push(Event { id, name, ..Event::default() });
        Ok(Target::Event)
    }

    /// A line of what the last directive began.
    fn indented(&mut self, indent: usize, word: &str, rest: &str) -> Result<(), Fault> {
        if matches!(self.target, Target::Names) {
            return self.value_name(word, rest);
        }
        while self.blocks.len() > 1 && self.blocks.last().is_some_and(|block| block.indent >= indent) {
            self.blocks.pop();
        }
        if let (Target::Event, Some(event)) = (&self.target, self.tables.events.last_mut())
            && event_line(event, word, rest, &self.blocks)?
        {
            return Ok(());
        }
        if let (Target::Group, Some(group)) = (&self.target, self.tables.groups.last_mut())
            && group_line(group, word, rest, &self.blocks)?
        {
            return Ok(());
        }
        let source = self.blocks.last().map(|block| block.source.clone()).unwrap_or_default();
        match word {
            "when" => {
                let (when, rows_at) = (parse_when(rest)?, self.rows()?.len());
                self.blocks.push(Block { indent, when, source, rows_at });
            }
            "from" => {
                if let Some(block) = self.blocks.last_mut() {
                    block.source = rest.to_owned();
                }
            }
            "unset" => self.last_row()?.unset = parse_values(rest)?,
            "at_least" => self.last_row()?.at_least = parse_values(rest)?.first().copied(),
            "use" => self.set_rows(Words::of(word, rest), source)?,
            _ => self.row(word, Words::of(word, rest), source)?,
        }
        Ok(())
    }

    /// `VALUE words`: a value's name.
    fn value_name(&mut self, word: &str, rest: &str) -> Result<(), Fault> {
        let value = parse_int(word).ok_or_else(|| format!("{word} is no number"))?;
        let table = self.tables.names.last_mut().ok_or("no table")?;
        if table.values.iter().any(|have| have.0 == value) {
            return Err(format!("{word} named twice"));
        }
        table.values.push((value, rest.to_owned()));
        Ok(())
    }

    /// Where rows go.
    fn rows(&mut self) -> Result<&mut Vec<Row>, Fault> {
        let rows = match &self.target {
            Target::Set(name) => self.tables.sets.get_mut(name),
            Target::Group => self.tables.groups.last_mut().map(|group| &mut group.rows),
            Target::Event => self.tables.events.last_mut().map(|event| &mut event.rows),
            Target::None | Target::Names => None,
        };
        rows.ok_or_else(|| "row outside a set, group or event".into())
    }

    /// The row that the lines about a row are about.
    fn last_row(&mut self) -> Result<&mut Row, Fault> {
        self.rows()?.last_mut().ok_or_else(|| "no row before this line".into())
    }

    /// `use SET [-MEMBER...]`: the rows of a set.
    fn set_rows(&mut self, mut words: Words<'_>, source: String) -> Result<(), Fault> {
        let name = words.next("set")?;
        let except: Vec<&str> = words.rest.map(|word| word.trim_start_matches('-')).collect();
        let set = self.tables.sets.get(&name).ok_or_else(|| format!("no set {name}"))?;
        let used = set.iter().filter(|row| !except.contains(&row.member.name.as_str()));
        let of_set = used.map(|row| {
            let when = merged(&self.blocks, &row.when)?;
            Ok(Row { when, source: source.clone(), common: true, ..row.clone() })
        });
        let of_set = of_set.collect::<Result<Vec<Row>, Fault>>()?;
        self.rows()?.extend(of_set);
        Ok(())
    }

    /// `MEMBER NAME UNIT words`: a row.
    fn row(&mut self, member: &str, mut words: Words<'_>, source: String) -> Result<(), Fault> {
        let member = parse_member(member).ok_or_else(|| format!("{member} is no member"))?;
        let (name, unit) = (words.next("name")?, words.next("unit")?);
        let label = words.text();
        let (unit, signed) = unit.strip_prefix("+-").map_or((unit.as_str(), false), |unit| (unit, true));
        let (unit, network) = unit.strip_prefix("be:").map_or((unit, false), |unit| (unit, true));
        let when = merged(&self.blocks, &When::default())?;
        let from = self.blocks.last().map_or(0, |block| block.rows_at);
        let common = matches!(self.target, Target::Set(_));
        let rows = self.rows()?;
        // A row of the block's own takes the place of the same member's row of a set.
        let mut index = 0;
        rows.retain(|row| {
            index += 1;
            common || index <= from || !row.common || row.member.name != member.name
        });
        let (unset, at_least) = (Vec::new(), None);
        let unit = unit.to_owned();
        rows.push(Row { member, name, unit, signed, network, label, source, when, common, unset, at_least });
        Ok(())
    }
}

/// Takes in a line about the event itself; false if it is none.
fn event_line(event: &mut Event, word: &str, rest: &str, blocks: &[Block]) -> Result<bool, Fault> {
    let mut words = Words::of(word, rest);
    let mut next = |what: &str| words.next(what);
    let here = || merged(blocks, &When::default());
    match word {
        "c_name" => event.c_name = rest.to_owned(),
        "was" => event.former_names.push((kernels(&next("kernels")?)?, next("name")?, next("C name")?)),
        "by" => event.logged_by.extend(rest.split_whitespace().map(str::to_owned)),
        "about" => event.label = rest.to_owned(),
        "note" => event.notes.push(rest.to_owned()),
        "title" => event.titles.push((here()?, rest.to_owned())),
        "category" => event.categories.push((here()?, next("category")?)),
        "say" => event.says.push((here()?, rest.to_owned())),
        "beside" => event.beside.push((here()?, rest.to_owned())),
        "alert" => event.alerts.push((here()?, next("name")?)),
        "proves" => event.evidence.push((here()?, parse_proof(None, rest)?)),
        "takeover" => event.takeovers.push((here()?, next("stack")?)),
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

/// Takes in a line about what any record of a group says; false if it is none.
fn group_line(group: &mut Group, word: &str, rest: &str, blocks: &[Block]) -> Result<bool, Fault> {
    let here = || merged(blocks, &When::default());
    match word {
        "proves" => group.evidence.push((here()?, parse_proof(None, rest)?)),
        "takeover" => group.takeovers.push((here()?, rest.to_owned())),
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

/// `1|0x10`: numbers.
fn parse_values(text: &str) -> Result<Vec<u64>, Fault> {
    let value =
        |text: &str| parse_int(text).map(|value| value as u64).ok_or_else(|| format!("{text} is no number"));
    text.split('|').map(value).collect()
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
