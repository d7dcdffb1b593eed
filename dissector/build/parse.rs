// SPDX-License-Identifier: BSD-2-Clause
//! The table language: `tables/*.tbl` as [`Tables`]. One directive or row a line; indentation
//! nests `when`. tables/README.md describes it.

use crate::condition;
use crate::model::{
    AlertKind, Event, Member, NameTable, Row, SharedRows, TableError, Tables, TimerStep, Type, When,
};
use crate::when::{WhenBlock, kernels, merged, parse_member, parse_proof, parse_when};

/// Where rows are added at the moment.
enum Target {
    None,
    Names,
    Set(String),
    Group,
    Event,
}

/// Adds one file to `tables`.
pub fn parse(tables: &mut Tables, file: &str, text: &str) -> Result<(), TableError> {
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
    blocks: Vec<WhenBlock>,
}

/// The words after a directive's own.
struct Arguments<'a> {
    directive: &'a str,
    rest: std::str::SplitWhitespace<'a>,
}

impl<'a> Arguments<'a> {
    fn of(directive: &'a str, rest: &'a str) -> Arguments<'a> {
        Arguments { directive, rest: rest.split_whitespace() }
    }

    /// The next word, which is a `what`.
    fn next(&mut self, what: &str) -> Result<String, TableError> {
        let word = self.rest.next().map(str::to_owned);
        word.ok_or_else(|| format!("{}: no {what}", self.directive))
    }

    /// The next word, which is a number.
    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, TableError> {
        self.next(what)?.parse().map_err(|_| format!("{what} is no number"))
    }

    /// All words that are left.
    fn text(self) -> String {
        self.rest.collect::<Vec<_>>().join(" ")
    }
}

impl Parser<'_> {
    fn line(&mut self, full: &str) -> Result<(), TableError> {
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

    /// A line that begins something. Its kind decides where the following lines are added.
    fn directive(&mut self, word: &str, rest: &str) -> Result<(), TableError> {
        self.blocks = vec![WhenBlock { indent: 0, when: When::default(), source: String::new(), rows_at: 0 }];
        let words = Arguments::of(word, rest);
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

    fn member(&mut self, mut words: Arguments<'_>) -> Result<Target, TableError> {
        let (name, offset) = (words.next("name")?, words.number("offset")?);
        let ty = parse_type(&words.next("type")?).ok_or("unknown type")?;
        if self.tables.members.insert(name, Member { offset, ty }).is_some() {
            return Err("member defined twice".into());
        }
        Ok(Target::None)
    }

    fn names(&mut self, mut words: Arguments<'_>, flags: bool) -> Result<Target, TableError> {
        let name = words.next("name")?;
        if self.tables.names.iter().any(|have| have.name == name) {
            return Err(format!("names {name} defined twice"));
        }
        self.tables.names.push(NameTable { name, flags, values: Vec::new() });
        Ok(Target::Names)
    }

    fn set(&mut self, mut words: Arguments<'_>) -> Result<Target, TableError> {
        let name = words.next("name")?;
        self.tables.sets.insert(name.clone(), Vec::new());
        Ok(Target::Set(name))
    }

    fn group(&mut self, mut words: Arguments<'_>) -> Result<Target, TableError> {
        let (name, prefix) = (words.next("name")?, words.next("prefix")?);
        self.tables.groups.push(SharedRows { name, prefix, ..SharedRows::default() });
        Ok(Target::Group)
    }

    fn alert(&mut self, mut words: Arguments<'_>) -> Result<Target, TableError> {
        let (name, severity, group) = (words.next("name")?, words.next("severity")?, words.next("group")?);
        let category = words.next("category")?;
        let label = words.text();
        if self.tables.alerts.iter().any(|have| have.name == name) {
            return Err(format!("alert {name} defined twice"));
        }
        self.tables.alerts.push(AlertKind { name, severity, group, category, label });
        Ok(Target::None)
    }

    fn event(&mut self, mut words: Arguments<'_>) -> Result<Target, TableError> {
        let (id, name) = (words.number("id")?, words.next("name")?);
        if self.tables.events.iter().any(|have| have.id == id || have.name == name) {
            return Err(format!("event {id} {name} defined twice"));
        }
        self.tables.events.push(Event { id, name, ..Event::default() });
        Ok(Target::Event)
    }

    /// A line of what the last directive began.
    fn indented(&mut self, indent: usize, word: &str, rest: &str) -> Result<(), TableError> {
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
                self.blocks.push(WhenBlock { indent, when, source, rows_at });
            }
            "from" => {
                if let Some(block) = self.blocks.last_mut() {
                    block.source = rest.to_owned();
                }
            }
            "unset" => self.last_row()?.unset = parse_ranges(rest)?,
            "implausible" => self.last_row()?.implausible = parse_ranges(rest)?,
            "at_least" => self.last_row()?.at_least = parse_values(rest)?.first().copied(),
            "use" => self.set_rows(Arguments::of(word, rest), source)?,
            _ => self.row(word, Arguments::of(word, rest), source)?,
        }
        Ok(())
    }

    /// `VALUE words`: a value's name.
    fn value_name(&mut self, word: &str, rest: &str) -> Result<(), TableError> {
        let value = parse_int(word).ok_or_else(|| format!("{word} is no number"))?;
        let table = self.tables.names.last_mut().ok_or("no table")?;
        if table.values.iter().any(|have| have.0 == value) {
            return Err(format!("{word} named twice"));
        }
        table.values.push((value, rest.to_owned()));
        Ok(())
    }

    /// Where rows are added.
    fn rows(&mut self) -> Result<&mut Vec<Row>, TableError> {
        let rows = match &self.target {
            Target::Set(name) => self.tables.sets.get_mut(name),
            Target::Group => self.tables.groups.last_mut().map(|group| &mut group.rows),
            Target::Event => self.tables.events.last_mut().map(|event| &mut event.rows),
            Target::None | Target::Names => None,
        };
        rows.ok_or_else(|| "row outside a set, group or event".into())
    }

    /// The row that the lines about a row are about.
    fn last_row(&mut self) -> Result<&mut Row, TableError> {
        self.rows()?.last_mut().ok_or_else(|| "no row before this line".into())
    }

    /// `use SET [-MEMBER...]`: the rows of a set.
    fn set_rows(&mut self, mut words: Arguments<'_>, source: String) -> Result<(), TableError> {
        let name = words.next("set")?;
        let except: Vec<&str> = words.rest.map(|word| word.trim_start_matches('-')).collect();
        let set = self.tables.sets.get(&name).ok_or_else(|| format!("no set {name}"))?;
        let used = set.iter().filter(|row| !except.contains(&row.member.name.as_str()));
        let of_set = used.map(|row| {
            let when = merged(&self.blocks, &row.when)?;
            Ok(Row { when, source: source.clone(), common: true, ..row.clone() })
        });
        let of_set = of_set.collect::<Result<Vec<Row>, TableError>>()?;
        self.rows()?.extend(of_set);
        Ok(())
    }

    /// `MEMBER NAME UNIT words`: a row.
    fn row(&mut self, member: &str, mut words: Arguments<'_>, source: String) -> Result<(), TableError> {
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
        let (unset, implausible, at_least) = (Vec::new(), Vec::new(), None);
        let unit = unit.to_owned();
        rows.push(Row {
            member,
            name,
            unit,
            signed,
            network,
            label,
            source,
            when,
            common,
            unset,
            implausible,
            at_least,
        });
        Ok(())
    }
}

/// Takes in a line about the event itself; false if it is none.
fn event_line(event: &mut Event, word: &str, rest: &str, blocks: &[WhenBlock]) -> Result<bool, TableError> {
    let mut words = Arguments::of(word, rest);
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
        "proves" => event.proofs.push((here()?, parse_proof(None, rest)?)),
        "takeover" => event.takeovers.push((here()?, next("stack")?)),
        "next" => {
            let (name, proof) = rest.split_once(" proves ").ok_or("next: no proves")?;
            event.proofs.push((here()?, parse_proof(Some(name.trim().to_owned()), proof)?));
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
fn group_line(
    group: &mut SharedRows,
    word: &str,
    rest: &str,
    blocks: &[WhenBlock],
) -> Result<bool, TableError> {
    let here = || merged(blocks, &When::default());
    match word {
        "proves" => group.proofs.push((here()?, parse_proof(None, rest)?)),
        "takeover" => group.takeovers.push((here()?, rest.to_owned())),
        _ => return Ok(false),
    }
    Ok(true)
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

/// `1|0x80000000..0xffffffff`: numbers, and ranges from the first to the last of them.
fn parse_ranges(text: &str) -> Result<Vec<(u64, u64)>, TableError> {
    let range = |text: &str| {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| condition::number(text).ok_or_else(|| format!("{text} is not a number"));
        Ok((number(from)?, number(to)?))
    };
    text.split('|').map(range).collect()
}

/// `1|0x10`: numbers.
fn parse_values(text: &str) -> Result<Vec<u64>, TableError> {
    let value = |text: &str| condition::number(text).ok_or_else(|| format!("{text} is not a number"));
    text.split('|').map(value).collect()
}
