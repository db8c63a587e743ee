//! The environment: the variables of the keys, and the one resource that variables can describe.

use std::collections::BTreeMap;

use crate::layer::{Found, Layer, Layers};
use crate::nearest::{did_you_mean, nearest};
use crate::problem::Problem;
use crate::schema::SectionSpec;
use crate::section::{RESOURCE_SCOPES, RESOURCE_URI};
use crate::value::Raw;

/// What every variable of this server begins with.
const PREFIX: &str = "AUTHPLANE_";

/// Puts the values of `variables` into `layers`. Returns what is wrong and what deserves a warning.
/// An empty variable counts as one that is not set.
pub(crate) fn read(
    variables: impl IntoIterator<Item = (String, String)>,
    root: &'static SectionSpec,
    layers: &mut Layers,
) -> (Vec<Problem>, Vec<String>) {
    let variables: BTreeMap<String, String> = variables
        .into_iter()
        .filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty())
        .collect();
    let sections = root.walk();
    let keys: BTreeMap<&str, _> = sections
        .iter()
        .flat_map(|section| section.keys)
        .filter_map(|key| Some((key.variable?, key)))
        .collect();
    let mut warnings = Vec::new();
    for (name, value) in &variables {
        if let Some(key) = keys.get(name.as_str()) {
            let raw = match key.kind.list {
                true => Raw::List(split(value)),
                false => Raw::Text(value.clone()),
            };
            layers.set(key.path, found(raw, name));
        } else if name != RESOURCE_URI && name != RESOURCE_SCOPES {
            let known = keys.keys().copied().chain([RESOURCE_URI, RESOURCE_SCOPES]);
            let meant = nearest(
                &name[PREFIX.len()..],
                known.map(|name| &name[PREFIX.len()..]),
            )
            .map(|name| format!("{PREFIX}{name}"));
            warnings.push(format!(
                "{} is not a known variable and has no effect{}",
                name.escape_debug(),
                did_you_mean(meant.as_deref())
            ));
        }
    }
    (resource(&variables, layers), warnings)
}

/// Adds the resource that `AUTHPLANE_RESOURCE_URI` and `AUTHPLANE_RESOURCE_SCOPES` describe.
fn resource(variables: &BTreeMap<String, String>, layers: &mut Layers) -> Vec<Problem> {
    let scopes = variables.get(RESOURCE_SCOPES);
    let Some(uri) = variables.get(RESOURCE_URI) else {
        return scopes
            .map(|_| {
                let message = format!("describes a resource, which needs {RESOURCE_URI} too");
                Problem::new(RESOURCE_SCOPES, message)
            })
            .into_iter()
            .collect();
    };
    let index = layers.length("resources");
    layers.set_length("resources", index + 1);
    let mut set = |path: &str, value: String, variable: &str| {
        let path = format!("resources[{index}].{path}");
        layers.set(path, found(Raw::Text(value), variable));
    };
    set("slug", slug(uri), RESOURCE_URI);
    set("uri", uri.clone(), RESOURCE_URI);
    let scopes = scopes.map(|scopes| split(scopes)).unwrap_or_default();
    let count = scopes.len();
    for (position, scope) in scopes.into_iter().enumerate() {
        set(&format!("scopes[{position}].name"), scope, RESOURCE_SCOPES);
    }
    layers.set_length(format!("resources[{index}].scopes"), count);
    Vec::new()
}

/// A slug for the resource: host, port and path of its URI with `-` for all else.
fn slug(uri: &str) -> String {
    let (_, rest) = uri.split_once("://").unwrap_or(("", uri));
    let words: Vec<_> = rest
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let slug: String = words.join("-").chars().take(64).collect();
    match slug.trim_end_matches('-') {
        "" => "resource".into(),
        slug => slug.into(),
    }
}

fn split(value: &str) -> Vec<String> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn found(raw: Raw, variable: &str) -> Found {
    Found {
        raw,
        layer: Layer::Environment,
        place: variable.to_owned(),
    }
}
