// SPDX-License-Identifier: BSD-2-Clause
//! Log ids as a program might choose them that means harm, all on one connection, so that nothing
//! but the id tells files apart.

use std::collections::{HashMap, HashSet};

use crate::bblogd::{Place, run as run_to_its_end};
use crate::made::{connection, records};
use crate::random::Random;
use crate::reading::{self, Read};

const PIECES: [&[u8]; 20] = [
    b"/",
    b"..",
    b".",
    b"../../etc/passwd",
    b"\n",
    b"\r",
    b"\t",
    b"\x1b[2J",
    b"\xff",
    b"\xc3\xa9",
    b"\"",
    b"\\",
    b" ",
    b"~",
    b"_",
    b":",
    b"-rf",
    b"$(reboot)",
    b"%s%n",
    b".pcapng.part",
];

pub fn run(count: u64) -> String {
    let mut random = Random::new("ids");
    let mut ids: HashSet<Vec<u8>> = HashSet::from([Vec::new(), vec![0xff; 64], vec![b'/'; 64]]);
    while (ids.len() as u64) < count.max(3) {
        let mut id = Vec::new();
        for _ in 0..=random.below(6) {
            match random.below(3) {
                0 => id.push(1 + random.below(255) as u8),
                1 => id.push(b'a' + random.below(26) as u8),
                _ => id.extend(PIECES[random.below(PIECES.len() as u64) as usize]),
            }
        }
        id.truncate(64);
        ids.insert(id);
    }
    let place = Place::new();
    let stream: Vec<u8> = ids.iter().flat_map(|id| connection(id).entry(&records(0..1))).collect();
    let input = place.file("stream", &stream);
    let log = run_to_its_end(&place, place.bblogd(&["-f", input.to_str().unwrap()]));
    assert_eq!(log, "");

    let mut of_base: HashMap<String, Vec<u8>> = HashMap::new();
    for path in place.files() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.:~".contains(&b);
        assert!(name.bytes().all(safe) && !name.starts_with(['.', '-']) && name.len() < 150, "{name}");
        let blocks = reading::blocks(&path);
        let Read::Bblog { header, .. } = &blocks[0] else { panic!("{name}: {:?}", blocks[0]) };
        let id: Vec<u8> = header[72..136].iter().copied().take_while(|&b| b != 0).collect();
        assert!(ids.contains(&id), "{name}: {id:?}");
        let base = name.strip_suffix(".0.pcapng").unwrap_or_else(|| panic!("{name}: two ids met"));
        assert_eq!(of_base.insert(base.to_owned(), id), None);
    }
    assert_eq!(of_base.values().collect::<HashSet<_>>().len(), ids.len());
    let beside = Place::names(place.path());
    assert!(beside.iter().all(|name| ["out", "stream"].contains(&&**name) || name.starts_with("log-")));
    // Each line is JSON by itself, and names a file whose id it gives.
    let lines = place.records();
    assert_eq!(lines.len(), ids.len());
    for line in &lines {
        let base = line["filename"].as_str().unwrap().strip_suffix(".0.pcapng").unwrap();
        assert_eq!(line["pbcid"], String::from_utf8_lossy(&of_base[base]).into_owned());
    }
    let files = of_base.len();
    format!("{files} files with names of their own, all in the folder, {} lines of JSON", lines.len())
}
