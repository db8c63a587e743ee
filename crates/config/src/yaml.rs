//! The YAML file: read to a tree, then matched with the known keys, so that one reading finds
//! every unknown key and every misplaced value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::layer::{Found, Layer, Layers};
use crate::nearest::{did_you_mean, nearest};
use crate::problem::Problem;
use crate::schema::{Key, SectionSpec};
use crate::value::Raw;

/// Puts the values of the file `name` with the content `text` into `layers`.
pub(crate) fn read(
    name: &str,
    text: &str,
    root: &'static SectionSpec,
    layers: &mut Layers,
) -> Vec<Problem> {
    // A snippet of the file could show a secret.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let mut reading = Reading {
        name,
        text,
        root,
        layers,
        problems: Vec::new(),
    };
    match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(node) => reading.section(root, "", &node),
        Err(error) => {
            let message = error.to_string();
            let first_line = message.lines().next().unwrap_or_default();
            reading.problems.push(Problem::new(
                name,
                format!("is not valid YAML: {first_line}"),
            ));
        }
    }
    reading.problems
}

type Node = Spanned<Tree>;

/// A YAML value with its scalars unread.
enum Tree {
    Nothing,
    /// A quoted or plain text.
    Text(String),
    /// A plain scalar that looks like a number or a boolean. Its text is taken from the file, where
    /// no digit is lost; this is what YAML made of it.
    Plain(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section, a list or a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}

impl Tree {
    /// What this is, in a message about finding it in the wrong place.
    fn describe(&self) -> &'static str {
        match self {
            Tree::Nothing => "is empty",
            Tree::Text(_) | Tree::Plain(_) => "is a single value",
            Tree::List(_) => "is a list",
            Tree::Map(_) => "is a section",
        }
    }
}

struct Reading<'a> {
    name: &'a str,
    text: &'a str,
    root: &'static SectionSpec,
    layers: &'a mut Layers,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    /// Matches `node` with `spec`; `prefix` is the spec's prefix with positions in lists filled in.
    fn section(&mut self, spec: &'static SectionSpec, prefix: &str, node: &Node) {
        let entries = match &node.value {
            Tree::Nothing => return,
            Tree::Map(entries) => entries,
            other => {
                let path = match prefix.trim_end_matches('.') {
                    "" => self.name,
                    path => path,
                };
                let message = format!("{}, where a section belongs", other.describe());
                return self.complain(path.to_owned(), node, message);
            }
        };
        let local = |path: &'static str| path[spec.prefix.len()..].trim_end_matches("[]");
        for (name, child) in entries {
            let path = format!("{prefix}{name}");
            if let Some(key) = spec.keys.iter().find(|key| local(key.path) == name) {
                self.key(key, path, child);
            } else if let Some(section) = spec.sections.iter().find(|s| local(s.path()) == name) {
                self.section(section, &format!("{path}."), child);
            } else if let Some(section) = spec.lists.iter().find(|s| local(s.path()) == name) {
                self.list(section, &path, child);
            } else {
                let sections = spec.sections.iter().chain(spec.lists).map(|s| s.path());
                let siblings = spec.keys.iter().map(|key| key.path).chain(sections);
                let meant = nearest(name, siblings.map(local))
                    .map(|sibling| format!("{prefix}{sibling}"))
                    .or_else(|| self.elsewhere(name));
                let message = format!("is not a known key{}", did_you_mean(meant.as_deref()));
                self.complain(path, child, message);
            }
        }
    }

    fn list(&mut self, spec: &'static SectionSpec, path: &str, node: &Node) {
        match &node.value {
            Tree::Nothing => {}
            Tree::List(items) => {
                self.layers.set_length(path, items.len());
                for (index, item) in items.iter().enumerate() {
                    self.section(spec, &format!("{path}[{index}]."), item);
                }
            }
            other => {
                let message = format!("{}, where a list of sections belongs", other.describe());
                self.complain(path.to_owned(), node, message);
            }
        }
    }

    fn key(&mut self, key: &Key, path: String, node: &Node) {
        let raw = match &node.value {
            Tree::Nothing => return,
            Tree::List(items) => items
                .iter()
                .map(|item| self.scalar(item))
                .collect::<Option<_>>()
                .map(Raw::List),
            Tree::Map(_) => None,
            Tree::Text(_) | Tree::Plain(_) => self.scalar(node).map(Raw::Text),
        };
        match raw {
            Some(raw) => {
                let found = Found {
                    raw,
                    layer: Layer::File,
                    place: self.place(node),
                };
                self.layers.set(path, found);
            }
            None => {
                let what = match key.kind.list {
                    true => "a list of values",
                    false => "one value",
                };
                let message = format!("has sections in it, where {what} belongs");
                self.complain(path, node, format!("{message}; allowed: {}", key.allowed));
            }
        }
    }

    fn scalar(&self, node: &Node) -> Option<String> {
        match &node.value {
            Tree::Text(text) => Some(text.clone()),
            Tree::Plain(value) => {
                let span = node.defined.span();
                let written = || {
                    let start = usize::try_from(span.byte_offset()?).ok()?;
                    let length = usize::try_from(span.byte_len()?).ok()?;
                    self.text.get(start..start.checked_add(length)?)
                };
                Some(written().unwrap_or(value).to_owned())
            }
            Tree::Nothing | Tree::List(_) | Tree::Map(_) => None,
        }
    }

    /// The only key or section of that name in the whole configuration, if there is one only.
    fn elsewhere(&self, name: &str) -> Option<String> {
        let sections = self.root.walk();
        let keys = sections
            .iter()
            .flat_map(|section| section.keys)
            .map(|key| key.path);
        let mut same = keys
            .chain(sections.iter().map(|section| section.path()))
            .filter(|path| path.rsplit('.').next() == Some(name));
        same.next()
            .filter(|_| same.next().is_none())
            .map(str::to_owned)
    }

    fn place(&self, node: &Node) -> String {
        match node.referenced.line() {
            0 => self.name.to_owned(),
            line => format!("{} line {line}", self.name),
        }
    }

    fn complain(&mut self, path: String, node: &Node, message: String) {
        let place = self.place(node);
        self.problems.push(Problem::new(path, message).at(place));
    }
}
