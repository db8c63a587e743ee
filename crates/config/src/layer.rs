//! The values found in file and environment, and how a section reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::problem::Problem;
use crate::schema::{Key, Section};
use crate::value::{Raw, Refusal, Value};

/// Which layer a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Built in.
    Default,
    /// The YAML file.
    File,
    /// An environment variable.
    Environment,
}

impl Layer {
    /// The layer's name, as `config show` prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Layer::Default => "default",
            Layer::File => "file",
            Layer::Environment => "env",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value with its layer and the place to name in messages: file and line, or variable.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub raw: Raw,
    pub layer: Layer,
    pub place: String,
}

/// All values found, the later layer after the earlier one, and how long each list is.
#[derive(Default)]
pub(crate) struct Layers {
    values: BTreeMap<String, Vec<Found>>,
    lengths: BTreeMap<String, usize>,
}

impl Layers {
    pub fn set(&mut self, path: impl Into<String>, found: Found) {
        self.values.entry(path.into()).or_default().push(found);
    }

    /// Notes that the list at `path` has `length` elements.
    pub fn set_length(&mut self, path: impl Into<String>, length: usize) {
        self.lengths.insert(path.into(), length);
    }

    pub fn length(&self, path: &str) -> usize {
        self.lengths.get(path).copied().unwrap_or(0)
    }
}

/// Where sections read their keys from. Problems are noted and reading goes on with the default, so
/// that all of them come to light at once.
pub(crate) struct Source<'a> {
    layers: &'a Layers,
    /// Positions in the lists that lead to the section being read.
    indices: Vec<usize>,
    pub problems: Vec<Problem>,
    /// Keys that had a problem: what depends on them is not worth a complaint of its own.
    pub refused: BTreeSet<String>,
    pub origins: BTreeMap<String, Layer>,
}

impl Source<'static> {
    /// A source in which nothing is set.
    pub fn defaults() -> Self {
        static NOTHING: Layers = Layers {
            values: BTreeMap::new(),
            lengths: BTreeMap::new(),
        };
        Source::new(&NOTHING)
    }
}

impl<'a> Source<'a> {
    pub fn new(layers: &'a Layers) -> Self {
        Source {
            layers,
            indices: Vec::new(),
            problems: Vec::new(),
            refused: BTreeSet::new(),
            origins: BTreeMap::new(),
        }
    }

    /// The effective value of `key`; `None` when it is required and not there.
    pub fn key<T: Value>(&mut self, key: &Key, rules: &[fn(&T) -> bool]) -> Option<T> {
        let path = self.concrete(key.path);
        let layers = self.layers;
        let mut effective = None;
        for found in layers.values.get(&path).into_iter().flatten() {
            match read_checked(&found.raw, rules) {
                Ok(value) => effective = Some((value, found.layer)),
                Err(refusal) => {
                    let problem = Problem::refused(&path, refusal, key.allowed).at(&found.place);
                    self.refuse(&path, problem);
                }
            }
        }
        if let Some((value, layer)) = effective {
            self.origins.insert(path, layer);
            return Some(value);
        }
        let fallback = match key.default {
            Some(text) => T::parse(text).ok(),
            None => T::absent(),
        };
        if fallback.is_some() {
            self.origins.insert(path, Layer::Default);
        } else if !self.refused.contains(&path) {
            let missing = format!("is missing; allowed: {}", key.allowed);
            self.refuse(&path, Problem::new(&path, missing));
        }
        fallback
    }

    /// The elements of a list of sections, without those that lack a required key.
    pub fn list<T: Section>(&mut self) -> Vec<T> {
        let list = T::SPEC.path().trim_end_matches("[]");
        let length = self.layers.length(&self.concrete(list));
        (0..length)
            .filter_map(|index| {
                self.indices.push(index);
                let element = T::read(self);
                self.indices.pop();
                element
            })
            .collect()
    }

    fn refuse(&mut self, path: &str, problem: Problem) {
        self.problems.push(problem);
        self.refused.insert(path.to_owned());
    }

    /// `path` with each `[]` replaced by the position in that list.
    fn concrete(&self, path: &str) -> String {
        let mut parts = path.split("[]");
        let mut concrete = parts.next().unwrap_or_default().to_owned();
        for (part, index) in parts.zip(&self.indices) {
            concrete.push_str(&format!("[{index}]{part}"));
        }
        concrete
    }
}

/// Reads a value and checks its key's rules; a refused value comes back masked.
fn read_checked<T: Value>(raw: &Raw, rules: &[fn(&T) -> bool]) -> Result<T, Refusal> {
    let refusal = match T::read(raw) {
        Ok(value) if rules.iter().all(|holds| holds(&value)) => return Ok(value),
        Ok(_) => Refusal {
            value: match raw {
                Raw::Text(text) => text.clone(),
                Raw::List(items) => items.join(","),
            },
            why: "is not allowed".into(),
        },
        Err(refusal) => refusal,
    };
    Err(Refusal {
        value: T::mask(&refusal.value),
        ..refusal
    })
}
