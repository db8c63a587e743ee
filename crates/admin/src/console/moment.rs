//! Times as operators read them.

use askama::filters::HtmlSafe;
use domain::UnixMillis;
use std::fmt;

/// A time in UTC, to the second; how long ago it was is told beside it by the page's script, and
/// by its title without one.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    at: UnixMillis,
    now: UnixMillis,
}

impl Moment {
    pub fn new(at: UnixMillis, now: UnixMillis) -> Self {
        Self { at, now }
    }
}

/// Digits and fixed words alone.
impl HtmlSafe for Moment {}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iso = self.at.rfc3339();
        let (date, time) = iso.split_once('T').unwrap_or((&iso, ""));
        let time = time.get(..8).unwrap_or(time);
        let distance = Distance(self.at, self.now);
        write!(
            f,
            "<time datetime=\"{iso}\" title=\"{distance}\">{date} {time}</time>"
        )
    }
}

/// `3 minutes ago`, `in 2 hours`.
struct Distance(UnixMillis, UnixMillis);

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(at, now) = self;
        let seconds = (now.seconds() - at.seconds()).unsigned_abs();
        let (count, unit) = match seconds {
            0..60 => (seconds, "second"),
            60..3600 => (seconds / 60, "minute"),
            3600..86_400 => (seconds / 3600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        if at <= now {
            write!(f, "{count} {unit}{plural} ago")
        } else {
            write!(f, "in {count} {unit}{plural}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_the_second_and_by_its_distance() {
        let now = UnixMillis(1_700_000_000_000);
        let shown = |at: i64| Moment::new(UnixMillis(now.0 + at), now).to_string();
        assert_eq!(
            shown(-61_500),
            "<time datetime=\"2023-11-14T22:12:18.500Z\" title=\"1 minute ago\">2023-11-14 22:12:18</time>"
        );
        assert!(shown(7_200_000).contains("title=\"in 2 hours\""));
        assert!(shown(0).contains("title=\"0 seconds ago\""));
    }
}
