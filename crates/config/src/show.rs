//! `config show`: the effective configuration, secrets masked, with the layer of each value.

use serde_json::{Map, Value, json};

use crate::layer::Layer;
use crate::load::Loaded;
use crate::schema::Section;

/// How the effective configuration is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line a key, in columns: key, value, layer.
    Text,
    /// One object: `{"server.address": {"value": ":9000", "layer": "default"}, …}`.
    Json,
}

impl Loaded {
    /// Every key with its effective value, masked where secret, and the layer it came from.
    pub fn show(&self, format: Format) -> String {
        let mut rows: Vec<(String, Value, Layer)> = Vec::new();
        self.config.visit("", &mut |path, value| {
            let layer = self.origins.get(&path).copied().unwrap_or(Layer::Default);
            rows.push((path, value, layer));
        });
        match format {
            Format::Text => text(rows),
            Format::Json => json(rows),
        }
    }
}

fn json(rows: Vec<(String, Value, Layer)>) -> String {
    let object: Map<_, _> = rows
        .into_iter()
        .map(|(path, value, layer)| (path, json!({ "value": value, "layer": layer.as_str() })))
        .collect();
    format!("{:#}\n", Value::Object(object))
}

fn text(rows: Vec<(String, Value, Layer)>) -> String {
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(path, value, layer)| (path, plain(&value), layer))
        .collect();
    let width = |cells: &mut dyn Iterator<Item = &String>| {
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let keys = width(&mut rows.iter().map(|(path, _, _)| path));
    let values = width(
        &mut rows
            .iter()
            .map(|(_, value, _)| value)
            .filter(|v| v.len() <= 60),
    );
    rows.iter()
        .map(|(path, value, layer)| format!("{path:keys$}  {value:values$}  {layer}\n"))
        .collect()
}

/// A value as a person would write it; `-` for none.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.chars().any(char::is_control) => format!("{text:?}"),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
