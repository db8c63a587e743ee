//! From an event to a line.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use domain::UnixMillis;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::gate::is_ours;
use super::line::{Line, Shape};
use super::queue::Queue;
use super::{Level, LoggingOptions};
use crate::context::RequestContext;

/// Turns events into lines and queues them.
pub(super) struct LogLayer {
    options: LoggingOptions,
    queue: Arc<Queue>,
}

thread_local! {
    static BUFFER: RefCell<String> = const { RefCell::new(String::new()) };
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

impl LogLayer {
    pub(super) fn new(options: LoggingOptions, queue: Arc<Queue>) -> Self {
        Self { options, queue }
    }

    fn write(&self, event: &Event<'_>, buffer: &mut String) {
        let metadata = event.metadata();
        let shape = if self.options.json {
            Shape::Json
        } else {
            Shape::Text
        };
        let mut line = Line::begin(buffer, shape);
        let now = self.options.clock.now();
        let level: Level = Level::of(*metadata.level());
        with_second(now, |second| {
            line.head(second, now.0.rem_euclid(1000), level.as_str());
        });
        let mut message = Message {
            line: &mut line,
            found: false,
        };
        event.record(&mut message);
        if !message.found {
            line.text("msg", metadata.name());
        }
        let mut fields = Fields {
            line: &mut line,
            own_ids: [false; 3],
        };
        event.record(&mut fields);
        let own_ids = fields.own_ids;
        if !is_ours(metadata.target()) {
            line.text("target", metadata.target());
        }
        if self.options.add_source
            && let (Some(file), Some(number)) = (metadata.file(), metadata.line())
        {
            line.display("source", &format_args!("{file}:{number}"));
        }
        RequestContext::with_current(|context| {
            let ids: [&dyn fmt::Display; 3] =
                [&context.request_id, &context.trace_id, &context.span_id];
            for ((name, id), own) in IDS.into_iter().zip(ids).zip(own_ids) {
                if !own {
                    line.display(name, id);
                }
            }
        });
        line.end();
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        BUFFER.with(|buffer| {
            // Busy only when formatting a value logs something itself.
            if let Ok(mut buffer) = buffer.try_borrow_mut() {
                buffer.clear();
                self.write(event, &mut buffer);
                self.queue.push(buffer.as_bytes());
                buffer.shrink_to(64 * 1024);
            } else {
                let mut buffer = String::new();
                self.write(event, &mut buffer);
                self.queue.push(buffer.as_bytes());
            }
        });
    }
}

/// Gives `write` the time down to the second, `2026-07-01T00:14:20`, made once a second.
fn with_second(now: UnixMillis, write: impl FnOnce(&str)) {
    let second = now.seconds();
    SECOND.with_borrow_mut(|(cached, text)| {
        if *cached != second {
            *cached = second;
            *text = UnixMillis(second.saturating_mul(1000)).rfc3339();
            text.truncate("2026-07-01T00:14:20".len());
        }
        write(text);
    });
}

/// The name `tracing` gives to the message of an event.
const MESSAGE: &str = "message";

/// The ids that the request's context gives to each of its lines.
const IDS: [&str; 3] = ["request_id", "trace_id", "span_id"];

/// Writes the message, which stands before all other fields.
struct Message<'a, 'b> {
    line: &'a mut Line<'b>,
    found: bool,
}

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE && !self.found {
            self.found = true;
            self.line.debug("msg", value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE && !self.found {
            self.found = true;
            self.line.text("msg", value);
        }
    }
}

/// Writes all fields but the message.
struct Fields<'a, 'b> {
    line: &'a mut Line<'b>,
    /// Which of the [`IDS`] the event names itself, for instance to log about another request.
    own_ids: [bool; 3],
}

impl Fields<'_, '_> {
    /// The name under which a field is written, if it is: those that every line has are taken.
    fn name(&mut self, field: &Field) -> Option<&'static str> {
        match field.name() {
            MESSAGE => None,
            "time" => Some("time_"),
            "level" => Some("level_"),
            "msg" => Some("msg_"),
            name => {
                if let Some(position) = IDS.iter().position(|id| *id == name) {
                    self.own_ids[position] = true;
                }
                Some(name)
            }
        }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(name) = self.name(field) {
            self.line.debug(name, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(name) = self.name(field) {
            self.line.text(name, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if let Some(name) = self.name(field) {
            self.line.bare(name, &value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if let Some(name) = self.name(field) {
            self.line.bare(name, &value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if let Some(name) = self.name(field) {
            self.line.bare(name, &value);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let Some(name) = self.name(field) else { return };
        if value.is_finite() {
            self.line.bare(name, &value);
        } else {
            self.line.display(name, &value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Some(name) = self.name(field) {
            self.line.display(name, &Causes(value));
        }
    }
}

/// An error followed by what caused it.
struct Causes<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
