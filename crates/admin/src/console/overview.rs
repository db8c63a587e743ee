//! The first page: how much there is, how it goes, and what happened of late.

use super::Console;
use super::audit::Row;
use super::history::{LENGTH, Line};
use super::page::{Frame, Section, Shown, show};
use super::session::Visit;
use askama::Template;
use axum::extract::State;
use domain::AuditAction;
use std::fmt::Write as _;
use store::{AuditFilter, Page};

/// Events that an operator would want to know of without looking for them.
const SECURITY: [AuditAction; 15] = [
    AuditAction::FamilyRevoked,
    AuditAction::FamilyRevocationFailed,
    AuditAction::AuthLockedOut,
    AuditAction::AdminAuthFailed,
    AuditAction::UserLoginFailed,
    AuditAction::TokenIntrospectDenied,
    AuditAction::TokenExchangeDenied,
    AuditAction::ClientCreatedAdmin,
    AuditAction::ClientRevoked,
    AuditAction::ClientSecretRotated,
    AuditAction::UserCreated,
    AuditAction::UserDisabled,
    AuditAction::UserForceLogout,
    AuditAction::KeyRotated,
    AuditAction::DcrModeUpdated,
];

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    counts: [(&'static str, u64, &'static str); 4],
    charts: Charts,
    events: Vec<Row>,
}

#[derive(Template)]
#[template(path = "charts.html")]
struct Charts {
    charts: [Chart; 3],
}

/// A line, ready to be drawn on 600 by 120 units.
struct Chart {
    title: &'static str,
    /// The last value.
    now: String,
    /// The largest.
    most: String,
    /// Points of the line; several lines where there are gaps.
    lines: Vec<String>,
    class: &'static str,
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

impl Chart {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a hundred points, for a drawing"
    )]
    fn new(title: &'static str, unit: &str, class: &'static str, line: &Line) -> Self {
        let most = line.iter().flatten().copied().fold(0.0, f64::max);
        // What has not happened yet is left free: the newest point is at the right.
        let step = WIDTH / (LENGTH - 2) as f64;
        let missing = (LENGTH - 1).saturating_sub(line.len());
        let scale = if most > 0.0 {
            (HEIGHT - 8.0) / most
        } else {
            0.0
        };
        let mut lines = vec![String::new()];
        for (index, value) in line.iter().enumerate() {
            match (value, lines.last_mut()) {
                (Some(value), Some(own)) => {
                    let x = (missing + index) as f64 * step;
                    let y = HEIGHT - 4.0 - value * scale;
                    // Writing to a String cannot fail.
                    let _ = write!(own, "{x:.1},{y:.1} ");
                }
                (None, Some(own)) if !own.is_empty() => lines.push(String::new()),
                _ => {}
            }
        }
        lines.retain(|line| !line.is_empty());
        let shown = |value: f64| match value {
            0.0 => format!("0 {unit}"),
            ..10.0 => format!("{value:.1} {unit}"),
            _ => format!("{value:.0} {unit}"),
        };
        Self {
            title,
            now: line.last().copied().flatten().map_or("–".into(), shown),
            most: shown(most),
            lines,
            class,
        }
    }
}

impl Charts {
    fn of(console: &Console) -> Self {
        let lines = console.history.lines();
        Self {
            charts: [
                Chart::new("Tokens issued", "/s", "line-good", &lines.issued),
                Chart::new("Refused and failed", "/s", "line-bad", &lines.errors),
                Chart::new("Issuance, p99", "ms", "line-time", &lines.slowest),
            ],
        }
    }
}

/// `GET /admin/ui/`
pub(super) async fn page(State(console): State<Console>, visit: Visit) -> Shown {
    let engine = &console.app.engine;
    let counts = engine.counts().await?;
    let filter = AuditFilter {
        actions: SECURITY.to_vec(),
        ..AuditFilter::default()
    };
    let found = engine
        .audit_page(
            &filter,
            &Page {
                limit: 12,
                offset: 0,
            },
        )
        .await?;
    show(&OverviewPage {
        frame: visit.frame(Section::Overview),
        counts: [
            ("Clients", counts.clients, "/admin/ui/clients"),
            ("Users", counts.users, "/admin/ui/users"),
            (
                "Access tokens alive",
                counts.alive_tokens,
                "/admin/ui/tokens",
            ),
            (
                "Access tokens revoked",
                counts.revoked_tokens,
                "/admin/ui/issuances",
            ),
        ],
        charts: Charts::of(&console),
        events: found.events.into_iter().map(Row::from).collect(),
    })
}

/// `GET /admin/ui/charts`: the charts alone, for the script that keeps them fresh.
pub(super) async fn charts(State(console): State<Console>) -> Shown {
    show(&Charts::of(&console))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_drawn_to_scale_with_its_gaps() {
        let line = vec![Some(0.0), Some(2.0), None, Some(4.0)];
        let chart = Chart::new("x", "/s", "line-good", &line);
        assert_eq!((&*chart.now, &*chart.most), ("4.0 /s", "4.0 /s"));
        assert_eq!(chart.lines, ["584.9,116.0 589.9,60.0 ", "600.0,4.0 "]);
        let empty = Chart::new("x", "ms", "line-time", &Vec::new());
        assert_eq!((&*empty.now, empty.lines.len()), ("–", 0));
    }
}
