//! The shape of a line, and the escaping that keeps values inside it.

use std::fmt::{self, Debug, Display, Write};

/// JSON or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One JSON object a line.
    Json,
    /// `2026-07-01T00:14:20Z INFO msg="token issued" key=value …`
    Text,
}

/// A line being written into a buffer.
pub(super) struct Line<'a> {
    out: &'a mut String,
    shape: Shape,
}

impl<'a> Line<'a> {
    pub(super) fn begin(out: &'a mut String, shape: Shape) -> Self {
        Self { out, shape }
    }

    /// Time and level. Text shows whole seconds.
    pub(super) fn head(&mut self, second: &str, millisecond: i64, level: &str) {
        // Writing to a String cannot fail.
        let _ = match self.shape {
            Shape::Json => write!(
                self.out,
                "{{\"time\":\"{second}.{millisecond:03}Z\",\"level\":\"{level}\""
            ),
            Shape::Text => write!(self.out, "{second}Z {level}"),
        };
    }

    pub(super) fn end(self) {
        self.out.push_str(match self.shape {
            Shape::Json => "}\n",
            Shape::Text => "\n",
        });
    }

    /// A text value.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.value(name, |out| out.write_str(value));
    }

    /// A value as its `Debug` form.
    pub(super) fn debug(&mut self, name: &str, value: &dyn Debug) {
        self.value(name, |out| write!(out, "{value:?}"));
    }

    /// A value as its `Display` form.
    pub(super) fn display(&mut self, name: &str, value: &dyn Display) {
        self.value(name, |out| write!(out, "{value}"));
    }

    /// A number or a boolean, which needs no quotes in either shape.
    pub(super) fn bare(&mut self, name: &str, value: &dyn Display) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    fn name(&mut self, name: &str) {
        match self.shape {
            Shape::Json => {
                self.out.push_str(",\"");
                let _ = JsonText(self.out).write_str(name);
                self.out.push_str("\":");
            }
            Shape::Text => {
                self.out.push(' ');
                self.out.push_str(name);
                self.out.push('=');
            }
        }
    }

    fn value(&mut self, name: &str, write: impl FnOnce(&mut dyn Write) -> fmt::Result) {
        self.name(name);
        match self.shape {
            Shape::Json => {
                self.out.push('"');
                // A value whose formatting fails keeps what it wrote before.
                let _ = write(&mut JsonText(self.out));
                self.out.push('"');
            }
            Shape::Text => {
                let start = self.out.len();
                let mut text = QuotableText {
                    out: self.out,
                    // Messages and scopes are sentences and lists even when of one word.
                    quote: matches!(name, "msg" | "scope"),
                };
                let _ = write(&mut text);
                if text.quote || self.out.len() == start {
                    self.out.insert(start, '"');
                    self.out.push('"');
                }
            }
        }
    }
}

/// Characters that must not reach an output as they are: controls, Unicode's line breaks, and
/// those that change the order in which a terminal shows text.
fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// Writes what stands between two quotes; calls `plain` for each stretch that needs no escape.
fn escape(out: &mut String, text: &str) -> bool {
    let mut escaped = false;
    let mut rest = text;
    while let Some(position) =
        rest.find(|character| matches!(character, '"' | '\\') || is_treacherous(character))
    {
        escaped = true;
        let (plain, special) = rest.split_at(position);
        out.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(other) => {
                let _ = write!(out, "\\u{:04x}", u32::from(other));
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    escaped
}

/// The inside of a JSON string (RFC 8259 §7). All treacherous characters have four digits.
struct JsonText<'a>(&'a mut String);

impl Write for JsonText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

/// A text value, which learns while it is written whether it needs quotes.
struct QuotableText<'a> {
    out: &'a mut String,
    quote: bool,
}

impl Write for QuotableText<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let escaped = escape(self.out, text);
        self.quote |= escaped || text.contains(|c: char| c == '=' || c.is_whitespace());
        Ok(())
    }
}
