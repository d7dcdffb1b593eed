// SPDX-License-Identifier: BSD-2-Clause
//! Schemas from anywhere: how large one may be, and that the time to read it grows with its size alone.

use std::fmt::Write;
use std::num::NonZeroU32;

use bblog_dissector::elog::RawEvent;
use bblog_dissector::event::Event;
use bblog_dissector::schema::{self, MAX_TEXT};
use bblog_dissector::spec::Unit;
use bblog_dissector::{Catalog, SchemaError, elog_text};

fn fault(text: &str) -> SchemaError {
    schema::parse(text).expect_err("the schema is faulty")
}

/// A schema of so many events.
fn events(count: usize) -> String {
    let mut text = "PROVIDER tcp\nSTRUCT s\n\tn:uint32_t\n".to_owned();
    for at in 0..count {
        writeln!(text, "EVENT E{at} {} INFO X s\n\t\"n %1\"", at + 100).unwrap();
    }
    text
}

#[test]
fn the_text_is_bounded() {
    let comment = "#".repeat(MAX_TEXT - events(1).len());
    assert!(schema::parse(&(events(1) + &comment)).is_ok());
    let found = fault(&(events(1) + &comment + "#"));
    assert_eq!(found.to_string(), "line 1, column 1: 1048577 bytes, expected at most 1048576");
}

#[test]
fn events_are_bounded() {
    assert_eq!(schema::parse(&events(4096)).unwrap().events.len(), 4096 + 2);
    assert_eq!(fault(&events(4097)).what, "EVENT number 4096 and one more");
}

#[test]
fn fields_of_all_events_are_bounded() {
    // One structure of 1000 fields, which each of 66 events has.
    let mut text = "PROVIDER p\nSTRUCT s\n".to_owned();
    (0..1000).for_each(|at| writeln!(text, "\tf{at}:uint8_t").unwrap());
    for at in 0..66 {
        writeln!(text, "EVENT E{at} {at} INFO X s\n\t\"\"").unwrap();
    }
    let found = fault(&text);
    assert_eq!(found.what, "EVENT E65 and those before it have more than 65536 fields");
    assert_eq!(found.line, 1133);
}

#[test]
fn names_of_a_table_are_bounded() {
    let mut text = "PROVIDER p\nENUM e\n".to_owned();
    (0..4097).for_each(|at| writeln!(text, "\t{at}:N{at}").unwrap());
    assert_eq!(fault(&text).what, "ENUM of more than 4096 values");
}

#[test]
fn lines_of_other_directives_are_bounded() {
    for line in ["KEYWORD K 1\n", "REMOVE EVENT E\n", "ALERT E rto\n", "TIMER E starts f\n"] {
        let text = "PROVIDER p\n".to_owned() + &line.repeat(4097);
        let word = line.split(' ').next().unwrap();
        assert_eq!(fault(&text).what, format!("{word} number 4096 and one more"));
    }
}

#[test]
fn what_a_line_can_expand_to_is_bounded() {
    // 40 kB of text that would show 1.2 GB.
    let text = format!(
        "PROVIDER tcp\nSTRUCT s\n\tt:char[60000]\nEVENT E 2 INFO X s\n\t\"{}\"\n",
        "%1".repeat(20_000)
    );
    assert_eq!(
        fault(&text).what,
        "EVENT E format makes texts of up to 1200000000 bytes, expected at most 262144"
    );
    let once = text.replace(&"%1".repeat(20_000), "%1%1%1%1");
    assert!(schema::parse(&once).is_ok());
    let flags =
        "PROVIDER p\nFLAG f\n\t1:AAAAAAAAAAAAAAAA\nSTRUCT s\n\tn:uint8_t:flag_f\nEVENT E 1 INFO X s\n\t";
    assert!(schema::parse(&format!("{flags}\"{}\"", "%1".repeat(3000))).is_ok());
    assert!(fault(&format!("{flags}\"{}\"", "%1".repeat(4000))).what.contains("324000 bytes"));
}

/// Nanoseconds that this thread has run, whatever else the machine does.
#[cfg(target_os = "linux")]
fn on_cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn time_grows_with_the_size_alone() {
    let mut made = 0;
    let mut time = |text: &str, times: u32| {
        let begun = on_cpu();
        for _ in 0..times {
            let mut schema = schema::parse(text).unwrap();
            // Tables are made anew for each new schema only.
            made += 1;
            schema.layout = made.to_string();
            Catalog::with_schemas(&[schema]);
        }
        on_cpu() - begun
    };
    // Structures of many fields, and many events with alerts and timers.
    let many = |count: usize| {
        let mut text = events(count);
        for at in 0..count {
            writeln!(text, "ALERT E{at} rto n=1\nTIMER E{at} starts n\nFIELD s{at}.n - words").unwrap();
        }
        text.push_str("STRUCT large\n");
        (0..count * 10).for_each(|at| writeln!(text, "\tfield{at}:uint8_t").unwrap());
        text
    };
    // The same work, in 32 small schemas and in 4 large ones.
    let (small, large) = (time(&many(250), 32), time(&many(2000), 4));
    // Were it quadratic, the large ones would take eight times as long.
    assert!(large < small * 3, "{small}, {large} ns");
}

/// Tables are never freed, so they are made once for equal schemas.
#[test]
fn equal_schemas_share_their_tables() {
    let provider = |text: &str| {
        let catalog = Catalog::with_schemas(&[schema::parse(text).unwrap()]);
        std::ptr::from_ref(catalog.provider(b"shared", None).unwrap())
    };
    let (one, other) = ("PROVIDER shared\n", "PROVIDER shared\nTITLE SESSION_END over\n");
    assert_eq!(provider(one), provider(one));
    assert_ne!(provider(one), provider(other));
}

/// What a schema defines is shown as it stands: a terminal must not obey it.
#[test]
fn what_is_defined_is_printable() {
    let good =
        "PROVIDER tcp\nENUM E 0:green\nSTRUCT s\n    n:uint32_t:enum_E\nEVENT IN 2 INFO X s\n    \"n %1\"\n";
    let good = format!("# \u{1b}[31m in a comment\nKEYWORD X 1\n{good}TITLE IN \u{e9}t\u{e9}\n");
    schema::parse(&good).expect("comments may hold anything");
    for (word, line, column) in
        [("green", 4, 10), ("n:uint", 6, 5), ("IN 2", 7, 7), ("n %1", 8, 6), ("\u{e9}t", 9, 10)]
    {
        for bad in ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{7f}'] {
            let found = fault(&good.replacen(word, &format!("{bad}{word}"), 1));
            let what = format!("character {}, expected printable text", bad.escape_unicode());
            assert_eq!((found.line, found.column, found.what), (line, column, what), "{word}");
        }
    }
}

/// A value may have another unit where another one says so; elog(1) prints the number.
#[test]
fn a_unit_depends_on_other_values() {
    let text = "PROVIDER p\nSTRUCT s\n\tkind:uint32_t\n\ttime:uint32_t\n\tlast:uint32_t\n\
                EVENT E 1 INFO X s\n\t\"took %2, kind %1, last %3\"\n\
                FIELD time us a time\nFIELD last bytes bytes\nSAY E \"took {time}\"\n\
                UNIT time ms kind=1\nUNIT s.time ticks/1000 kind>1 a time in ticks\nUNIT time s absent=1\n";
    let catalog = Catalog::with_schemas(&[schema::parse(text).unwrap()]);
    let provider = catalog.provider(b"p", None);
    for (kind, unit, label, said) in [
        (0_u32, Unit::Us, "a time", "took 7.0 ms"),
        (1, Unit::Ms, "a time", "took 7000 ms"),
        (2, Unit::TicksX1000, "a time in ticks", "took 70.0 ms"),
    ] {
        let mut bytes = vec![44, 0];
        bytes.resize(32, 0);
        bytes[24] = 1;
        bytes.extend([kind, 7000, 5].map(u32::to_le_bytes).concat());
        let raw = RawEvent::whole(&bytes).unwrap();
        let spec = Catalog::event(provider, 1);
        let event = Event::of_elog(&raw, spec).with_hz(NonZeroU32::new(100));
        let fields: Vec<_> = event.fields().map(|field| field.spec).collect();
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names, ["kind", "time", "last"]);
        assert_eq!((fields[1].unit, fields[1].label), (unit, label));
        assert_eq!(event.summary().to_string(), said);
        assert_eq!(elog_text::payload(&raw, spec).to_string(), format!("took 7000, kind {kind}, last 5"));
        assert!(event.trailing().is_empty());
    }
    let fault = |unit: &str| fault(&format!("PROVIDER p\n{unit}")).what;
    assert_eq!(fault("UNIT time ms\n"), "UNIT without a condition");
    assert_eq!(fault("UNIT time weeks kind=1\n"), "unknown unit \"weeks\"");
    assert_eq!(fault("UNIT time ms always\n"), "\"always\", expected a condition");
    assert_eq!(fault(&"UNIT time ms kind=1\n".repeat(17)), "UNIT number 16 and one more");
}
