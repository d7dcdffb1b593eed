// SPDX-License-Identifier: BSD-2-Clause
//! Colours by name. The page's style sheet is the one table of them; stills use its light half.

use bblog_analysis::Limit;

/// The style sheet of the page.
pub(super) const STYLES: &str = include_str!("page/viewer.css");

/// A colour of the palette as red, green and blue; grey for a name that has none.
pub fn colour(name: &str) -> (u8, u8, u8) {
    let light = STYLES.split('}').next().unwrap_or_default();
    let hex = light.split(';').find_map(|part| {
        let (key, value) = part.rsplit_once("--")?.1.split_once(':')?;
        (key.trim() == name).then(|| value.trim().trim_start_matches('#'))
    });
    let channel = |at: usize| u8::from_str_radix(hex?.get(at..at + 2)?, 16).ok();
    match (channel(0), channel(2), channel(4)) {
        (Some(red), Some(green), Some(blue)) => (red, green, blue),
        _ => (0x88, 0x88, 0x88),
    }
}

/// The name in the palette of a state of a row of bands.
pub fn of_state(row: &str, state: &str) -> &'static str {
    let states: &[(&str, &str, &'static str)] = &[
        ("phase", "slow start", "slow-start"),
        ("phase", "congestion avoidance", "avoidance"),
        ("phase", "fast recovery", "in-recovery"),
        ("bbr", "STARTUP", "slow-start"),
        ("bbr", "DRAIN", "drain"),
        ("bbr", "PROBE_BW", "avoidance"),
        ("bbr", "PROBE_RTT", "probe-rtt"),
        ("recovery", "recovery", "in-recovery"),
        ("timer", "armed", "armed"),
        ("missing", "missing", "unknown"),
        ("step", "gain 5/4", "gain-up"),
        ("step", "drain 3/4", "gain-down"),
    ];
    if row == "limit" {
        return Limit::ALL.into_iter().map(Limit::name).find(|name| *name == state).unwrap_or("unknown");
    }
    states.iter().find(|known| (known.0, known.1) == (row, state)).map_or("level", |known| known.2)
}

#[cfg(test)]
mod tests {
    use super::colour;

    #[test]
    fn colours_are_those_of_the_style_sheet() {
        assert_eq!(colour("paper"), (0xff, 0xff, 0xff));
        assert_eq!(colour("rto"), (0xdc, 0x26, 0x26));
        assert_eq!(colour("no such name"), (0x88, 0x88, 0x88));
    }
}
