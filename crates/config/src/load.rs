//! Loading: the layers, one over the other, then the rules that tie keys together.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::check;
use crate::environment;
use crate::layer::{Layer, Layers, Source};
use crate::problem::{Problem, Problems};
use crate::schema::Section;
use crate::section::Config;
use crate::yaml;

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The effective values.
    pub config: Config,
    /// Which layer each value came from, by dotted path (`resources[0].slug`).
    pub origins: BTreeMap<String, Layer>,
    /// What the operator should be told at start, one line each.
    pub warnings: Vec<String>,
}

/// Loads the configuration from defaults, `file` if given, and the environment.
///
/// # Errors
/// Everything that is wrong with file and environment at once, one problem each.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Problems> {
    let Some(path) = file else {
        return load_text(None, environment);
    };
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => load_text(Some((&name, &text)), environment),
        Err(error) => {
            let problem = Problem::new(name, format!("cannot be read: {error}"));
            Err(Problems(vec![problem]))
        }
    }
}

/// Like [`load`], with the name and the content of the file at hand.
///
/// # Errors
/// As for [`load`].
pub fn load_text(
    file: Option<(&str, &str)>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Problems> {
    let root = Config::spec();
    let mut layers = Layers::default();
    let mut problems = match file {
        Some((name, text)) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            yaml::read(name, text, root, &mut layers)
        }
        None => Vec::new(),
    };
    let (more, mut warnings) = environment::read(environment, root, &mut layers);
    problems.extend(more);

    let mut source = Source::new(&layers);
    let config = Config::read(&mut source);
    problems.append(&mut source.problems);
    if let Some(config) = &config {
        problems.extend(check::check(config, &source));
        warnings.extend(check::warnings(config));
    }
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded {
            config,
            origins: source.origins,
            warnings,
        }),
        _ => Err(Problems(problems)),
    }
}
