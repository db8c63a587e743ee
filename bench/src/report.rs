//! What was measured: a table for people, JSON for comparison.

use crate::Result;
use crate::load::Measured;
use serde::Serialize;
use std::path::Path;

/// The figures of one measure, one per round.
#[derive(Debug, Default, Serialize)]
pub struct Series {
    name: String,
    unit: &'static str,
    rounds: Vec<f64>,
}

impl Series {
    /// The middle one.
    pub fn median(&self) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    series: Vec<Series>,
}

impl Report {
    /// Adds a figure.
    pub fn add(&mut self, name: &str, unit: &'static str, figure: f64) {
        eprintln!("  {name}: {figure:.2} {unit}");
        if let Some(series) = self
            .series
            .iter_mut()
            .find(|series| series.name == name && series.unit == unit)
        {
            series.rounds.push(figure);
        } else {
            self.series.push(Series {
                name: name.into(),
                unit,
                rounds: vec![figure],
            });
        }
    }

    /// Adds rate and 99th percentile.
    pub fn add_load(&mut self, name: &str, measured: &Measured) {
        self.add(name, "requests/s", measured.rate);
        self.add(name, "ms at p99", measured.percentile(0.99));
    }

    /// Adds processor time per request.
    pub fn add_cost(&mut self, name: &str, seconds: f64, requests: f64) {
        self.add(
            name,
            "µs of processor per request",
            seconds * 1e6 / requests,
        );
    }

    /// Adds, for each round, the share that `part` is of `whole`.
    pub fn compare(&mut self, name: &str, part: &str, whole: &str) {
        let rates = |name: &str| {
            let series = self
                .series
                .iter()
                .find(|series| series.name == name && series.unit == "requests/s");
            series
                .map(|series| series.rounds.clone())
                .unwrap_or_default()
        };
        for (part, whole) in rates(part).into_iter().zip(rates(whole)) {
            self.add(name, "%", 100.0 * part / whole);
        }
    }

    /// Prints medians, and the range they come from.
    pub fn print(&self) {
        println!("| measure | median | | lowest – highest |\n|---|---:|---|---|");
        for series in &self.series {
            let low = series.rounds.iter().copied().fold(f64::INFINITY, f64::min);
            let high = series
                .rounds
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max);
            let digits = usize::from(high < 1000.0);
            println!(
                "| {} | {:.digits$} | {} | {low:.digits$} – {high:.digits$} |",
                series.name,
                series.median(),
                series.unit
            );
        }
    }

    /// Writes all rounds to `file`.
    pub fn write(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(file, serde_json::to_vec_pretty(self)?)?)
    }
}
