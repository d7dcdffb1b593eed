// SPDX-License-Identifier: BSD-2-Clause
//! Column chunks of Parquet, made of Arrow's arrays.
//!
//! The crate `parquet` writes any column, value by value: it hashes each word again for its dictionary, and the levels of a map
//! once for its keys and once for its values. The columns here know more: words have their place in a dictionary
//! already, members of a connection are mostly those of the record before, and keys and values of a map have the same levels.
//! That takes a fifth of the time. What a file is beyond its columns is the crate's.

mod encoding;
mod page;

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, Int64Array, MapArray, StringArray};
use arrow_buffer::NullBuffer;
use foldhash::fast::RandomState;
use parquet::basic::Encoding;
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use self::encoding::{Hybrid, bits_of, differences};
pub(super) use self::page::{Chunk, Compressor};
use self::page::{Page, Pages};

/// Rows of a page of a map; columns with one value a row have one page.
const MAP_ROWS: usize = 32_768;
/// Values of a dictionary of numbers at most: 1 MiB.
const MAX_DICTIONARY: usize = 131_072;
/// Numbers that go into a dictionary if so many follow one another unchanged, on average.
const LEAST_RUN: usize = 8;

/// The rows of a batch that are written, and their order.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a>(pub(super) &'a [Range<usize>]);

impl Rows<'_> {
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }
}

/// Whether a row has a value, of all rows, and what is there of them.
struct Present<T> {
    levels: Vec<u8>,
    values: Vec<T>,
    nulls: usize,
}

impl<T: Copy> Present<T> {
    /// Of the rows of an array with these values and nulls.
    fn of(values: &[T], nulls: Option<&NullBuffer>, rows: Rows<'_>, column: &ColumnDescPtr) -> Present<T> {
        let count = rows.count();
        let mut present = Vec::with_capacity(count);
        let mut levels = Hybrid::new(1);
        for run in rows.0 {
            let values = &values[run.clone()];
            let Some(nulls) = nulls else {
                levels.push(1, values.len());
                present.extend_from_slice(values);
                continue;
            };
            let mut at = 0;
            for (start, end) in nulls.slice(run.start, run.len()).valid_slices() {
                levels.push(0, start - at);
                levels.push(1, end - start);
                present.extend_from_slice(&values[start..end]);
                at = end;
            }
            levels.push(0, values.len() - at);
        }
        let levels = if column.max_def_level() > 0 { sized(&levels.finish()) } else { Vec::new() };
        Present { levels, nulls: count - present.len(), values: present }
    }
}

/// Levels with their length, as a page has them.
fn sized(levels: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + levels.len());
    out.extend_from_slice(&(levels.len() as u32).to_le_bytes());
    out.extend_from_slice(levels);
    out
}

/// A column of numbers.
pub(super) fn integers(
    array: &Int64Array,
    rows: Rows<'_>,
    column: &ColumnDescPtr,
    has_statistics: bool,
    compressor: &mut Compressor,
) -> Result<Chunk> {
    let present = Present::of(array.values(), array.nulls(), rows, column);
    let numbers = &present.values[..];
    let mut pages = Pages::default();
    let mut body = present.levels;
    let encoding = match repeated(numbers) {
        Some((dictionary, places)) => {
            pages.dictionary = Some((plain(&dictionary), dictionary.len()));
            body.extend_from_slice(&places);
            Encoding::RLE_DICTIONARY
        }
        None if numbers.is_empty() => Encoding::PLAIN,
        None => {
            body.extend_from_slice(&differences(numbers));
            Encoding::DELTA_BINARY_PACKED
        }
    };
    pages.data.push(Page { body, values: rows.count(), encoding });
    pages.statistics = has_statistics.then(|| {
        let (least, greatest) = (numbers.iter().min().copied(), numbers.iter().max().copied());
        Statistics::int64(least, greatest, None, Some(present.nulls as u64), false)
    });
    pages.chunk(column, rows.count(), compressor)
}

/// A dictionary of numbers and the places in it, if most numbers are those before them and there are few.
fn repeated(numbers: &[i64]) -> Option<(Vec<i64>, Vec<u8>)> {
    let changes = numbers.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if numbers.len() < 64 || changes * LEAST_RUN > numbers.len() {
        return None;
    }
    let mut dictionary = NumberDictionary::default();
    let mut runs = Vec::with_capacity(changes + 1);
    for run in numbers.chunk_by(|a, b| a == b) {
        runs.push((dictionary.place(run[0])?, run.len()));
    }
    let width = places_width(dictionary.numbers.len() as u32);
    let mut places = Hybrid::new(width);
    runs.into_iter().for_each(|(place, count)| places.push(place, count));
    Some((dictionary.numbers, [&[width as u8][..], &places.finish()].concat()))
}

/// Numbers, each once.
#[derive(Default)]
struct NumberDictionary {
    numbers: Vec<i64>,
    places: HashMap<i64, u32, RandomState>,
}

impl NumberDictionary {
    /// The place of a number; `None` if there is no room for it.
    #[inline]
    fn place(&mut self, number: i64) -> Option<u32> {
        match self.places.get(&number) {
            Some(&known) => Some(known),
            None => self.begin(number),
        }
    }

    #[cold]
    fn begin(&mut self, number: i64) -> Option<u32> {
        let place = self.numbers.len();
        if place >= MAX_DICTIONARY {
            return None;
        }
        self.numbers.push(number);
        self.places.insert(number, place as u32);
        Some(place as u32)
    }
}

fn plain(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A column of words that have a dictionary.
pub(super) fn words(
    array: &DictionaryArray<Int32Type>,
    rows: Rows<'_>,
    column: &ColumnDescPtr,
    compressor: &mut Compressor,
) -> Result<Chunk> {
    let present = Present::of(array.keys().values(), array.keys().nulls(), rows, column);
    let mut pages = Pages::default();
    let mut body = present.levels;
    let mut encoding = Encoding::PLAIN;
    if !present.values.is_empty() {
        let mut used = UsedWords::of(array)?;
        let mut places = Vec::with_capacity(present.values.len());
        used.place_all(&present.values, &mut places)?;
        pages.dictionary = Some((used.page, used.count as usize));
        let mut hybrid = Hybrid::new(places_width(used.count));
        places.iter().for_each(|&place| hybrid.push(place, 1));
        body.push(places_width(used.count) as u8);
        body.extend_from_slice(&hybrid.finish());
        encoding = Encoding::RLE_DICTIONARY;
    }
    pages.data.push(Page { body, values: rows.count(), encoding });
    pages.chunk(column, rows.count(), compressor)
}

/// The bits of a place in a dictionary of `count` values.
fn places_width(count: u32) -> u32 {
    bits_of(u64::from(count.saturating_sub(1)))
}

/// Appends places of entries in a dictionary of `count` values.
fn entry_places(places: &[u32], count: u32, out: &mut Vec<u8>) {
    let mut hybrid = Hybrid::new(places_width(count));
    hybrid.extend(places);
    out.push(places_width(count) as u8);
    out.extend_from_slice(&hybrid.finish());
}

/// The words of a dictionary that rows have, in the order of their first use.
struct UsedWords<'a> {
    words: &'a StringArray,
    places: Vec<u32>,
    count: u32,
    page: Vec<u8>,
}

impl UsedWords<'_> {
    fn of(array: &DictionaryArray<Int32Type>) -> Result<UsedWords<'_>> {
        let words = array.values().as_any().downcast_ref::<StringArray>();
        let words = words.ok_or_else(|| ParquetError::General("words are no texts".into()))?;
        Ok(UsedWords { words, places: vec![u32::MAX; words.len()], count: 0, page: Vec::new() })
    }

    fn place_all(&mut self, keys: &[i32], out: &mut Vec<u32>) -> Result<()> {
        for &key in keys {
            let known = self.places.get(key as usize).copied();
            let place = match known {
                Some(u32::MAX) => self.begin(key as usize),
                Some(place) => place,
                None => return Err(ParquetError::General(format!("no word has the number {key}"))),
            };
            out.push(place);
        }
        Ok(())
    }

    #[cold]
    fn begin(&mut self, key: usize) -> u32 {
        let (word, place) = (self.words.value(key), self.count);
        self.page.extend_from_slice(&(word.len() as u32).to_le_bytes());
        self.page.extend_from_slice(word.as_bytes());
        self.places[key] = place;
        self.count += 1;
        place
    }
}

/// The two columns of a map from words to numbers: keys and values.
pub(super) fn map(
    array: &MapArray,
    rows: Rows<'_>,
    [key_column, value_column]: [&ColumnDescPtr; 2],
    compressor: &mut Compressor,
) -> Result<[Chunk; 2]> {
    let no_map = || ParquetError::General("a map that is not one from words to numbers".into());
    let keys = array.keys().as_any().downcast_ref::<DictionaryArray<Int32Type>>().ok_or_else(no_map)?;
    let numbers = array.values().as_any().downcast_ref::<Int64Array>().ok_or_else(no_map)?;
    let is_plain =
        [key_column, value_column].iter().all(|c| (c.max_def_level(), c.max_rep_level()) == (1, 1));
    if !is_plain || array.nulls().is_some() || keys.nulls().is_some() || numbers.nulls().is_some() {
        return Err(no_map());
    }
    let (mut used, mut dictionary) = (UsedWords::of(keys)?, NumberDictionary::default());
    let (mut places, mut of_keys, mut of_values) = (Vec::new(), Pages::default(), Pages::default());
    let mut key_places: Vec<(Vec<u8>, usize, Vec<u32>)> = Vec::new();
    let mut has_room = true;
    for page in in_pages(rows) {
        let rows = Rows(&page);
        let entries = Entries::of(array, rows);
        let mut key_page = Vec::with_capacity(entries.count);
        let mut body = entries.levels.clone();
        places.clear();
        for range in &entries.ranges {
            used.place_all(&keys.keys().values()[range.clone()], &mut key_page)?;
            let numbers = &numbers.values()[range.clone()];
            has_room = has_room
                && numbers
                    .iter()
                    .all(|&number| dictionary.place(number).map(|place| places.push(place)).is_some());
        }
        let encoding = if has_room {
            entry_places(&places, dictionary.numbers.len() as u32, &mut body);
            Encoding::RLE_DICTIONARY
        } else {
            entries.ranges.iter().for_each(|range| body.extend(plain(&numbers.values()[range.clone()])));
            Encoding::PLAIN
        };
        of_values.data.push(Page { body, values: entries.slots, encoding });
        key_places.push((entries.levels, entries.slots, key_page));
    }
    for (mut body, values, places) in key_places {
        entry_places(&places, used.count, &mut body);
        of_keys.data.push(Page { body, values, encoding: Encoding::RLE_DICTIONARY });
    }
    of_keys.dictionary = Some((used.page, used.count as usize));
    of_values.dictionary = Some((plain(&dictionary.numbers), dictionary.numbers.len()));
    let count = rows.count();
    Ok([of_keys.chunk(key_column, count, compressor)?, of_values.chunk(value_column, count, compressor)?])
}

/// Rows in parts, each for a page.
fn in_pages(rows: Rows<'_>) -> Vec<Vec<Range<usize>>> {
    let (mut pages, mut room) = (vec![Vec::new()], MAP_ROWS);
    for run in rows.0 {
        let mut run = run.clone();
        while !run.is_empty() {
            if room == 0 {
                pages.push(Vec::new());
                room = MAP_ROWS;
            }
            let part = run.start..run.end.min(run.start + room);
            room -= part.len();
            run.start = part.end;
            pages.last_mut().into_iter().for_each(|page: &mut Vec<_>| page.push(part.clone()));
        }
    }
    pages
}

/// The entries of some rows of a map.
struct Entries {
    /// Where they are.
    ranges: Vec<Range<usize>>,
    count: usize,
    /// Entries, and rows without one.
    slots: usize,
    levels: Vec<u8>,
}

impl Entries {
    fn of(array: &MapArray, rows: Rows<'_>) -> Entries {
        let offsets = array.value_offsets();
        let (mut repeats, mut present) = (Hybrid::new(1), Hybrid::new(1));
        let mut entries = Entries { ranges: Vec::new(), count: 0, slots: 0, levels: Vec::new() };
        for run in rows.0 {
            let ends = &offsets[run.start..=run.end];
            for pair in ends.windows(2) {
                let count = (pair[1] - pair[0]) as usize;
                repeats.push(0, 1);
                repeats.push(1, count.saturating_sub(1));
                present.push(u32::from(count > 0), count.max(1));
                entries.slots += count.max(1);
            }
            let range = ends[0] as usize..ends[ends.len() - 1] as usize;
            entries.count += range.len();
            entries.ranges.push(range);
        }
        entries.levels = [sized(&repeats.finish()), sized(&present.finish())].concat();
        entries
    }
}
