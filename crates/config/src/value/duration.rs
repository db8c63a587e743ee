//! Durations as Go writes them: `300ms`, `1.5h`, `1h30m`; on the command line also `2d`, `1w`.

use std::time::Duration;

use super::{Value, kind};
use crate::schema::{Allowed, Kind};

/// Unit names with their length in nanoseconds, the longest first.
const UNITS: [(&str, u128); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    // The micro sign and the Greek letter.
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// Units that the command line knows as well.
const LONG_UNITS: [(&str, u128); 2] = [("w", 604_800_000_000_000), ("d", 86_400_000_000_000)];

/// The longest duration: what Go's `time.Duration` holds, about 292 years.
const LONGEST: u128 = i64::MAX as u128;

impl Value for Duration {
    const KIND: Kind = kind(Allowed::Words(
        "a duration such as 500ms, 10s, 1h30m or 168h",
    ));

    fn parse(text: &str) -> Result<Self, String> {
        let nanos = nanoseconds(text, &UNITS).ok_or("is not a duration")?;
        let nanos = u64::try_from(nanos).map_err(|_| "is too long")?;
        Ok(Duration::from_nanos(nanos))
    }

    fn render(&self) -> serde_json::Value {
        format(*self).into()
    }
}

/// Reads a duration as the command line takes it: as in the configuration, and with days and
/// weeks.
///
/// # Errors
/// What to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [&LONG_UNITS[..], &UNITS].concat();
    nanoseconds(text, &units)
        .and_then(|nanos| u64::try_from(nanos).ok())
        .map(Duration::from_nanos)
        .ok_or_else(|| "write a duration of at most 292 years, such as 90s, 1h30m or 2d".into())
}

fn nanoseconds(text: &str, units: &[(&str, u128)]) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: u128 = 0;
    loop {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (_, length) = units.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scale(number, *length)?)?;
        if total > LONGEST {
            return Some(u128::MAX);
        }
        if after.is_empty() {
            return Some(total);
        }
        rest = after;
    }
}

/// `number` times `length`, where number is decimal digits with at most one point among them.
fn scale(number: &str, length: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let mut total = match whole {
        "" => 0,
        digits => digits.parse::<u64>().map_or(LONGEST + 1, u128::from),
    }
    .checked_mul(length)?;
    let mut digit_length = length;
    for digit in fraction.chars().filter_map(|c| c.to_digit(10)) {
        digit_length /= 10;
        total += u128::from(digit) * digit_length;
    }
    Some(total)
}

/// The duration in hours, minutes, seconds and smaller, leaving out what is zero.
fn format(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    let mut text = String::new();
    for (name, length) in UNITS.into_iter().filter(|(name, _)| name.is_ascii()) {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Result<u128, String> {
        Duration::parse(text).map(|d| d.as_millis())
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("0", 0),
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("168h", 604_800_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.s", 1_000),
            ("500ms", 500),
            ("+2s", 2_000),
            ("1h1m1s1ms", 3_661_001),
            ("2000000ns", 2),
            ("3000us", 3),
            ("3000\u{b5}s", 3),
            ("3000\u{3bc}s", 3),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "", "10", "s", ".s", "1d", "1w", "-5s", "1 h", " 1h", "1h ", "1..5s", "1hh", "h1", "+",
        ] {
            assert_eq!(millis(text), Err("is not a duration".into()), "{text:?}");
        }
        for text in ["2562048h", "99999999999999999999999h", "1h9999999999999h"] {
            assert_eq!(millis(text), Err("is too long".into()), "{text:?}");
        }
    }

    #[test]
    fn the_command_line_knows_days_and_weeks_too() {
        for (text, seconds) in [
            ("90s", 90),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("1w2d3h4m5s", 788_645),
            ("0.5d", 43_200),
            ("0", 0),
        ] {
            let read = parse_duration(text).map(|read| read.as_secs());
            assert_eq!(read, Ok(seconds), "{text}");
        }
        for text in [
            "",
            "10",
            "m",
            "-1s",
            "1y",
            "5\u{b5}",
            "99999999999999999999w",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same_duration() {
        for text in [
            "0s", "10s", "1h30m", "168h", "1ms", "1h1ns", "1us", "2m0.5s",
        ] {
            let duration = Duration::parse(text).expect(text);
            assert_eq!(Duration::parse(&format(duration)), Ok(duration), "{text}");
        }
    }
}
