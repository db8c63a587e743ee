//! What the catalog says about an instrument, and the macro that says it.

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A total that only grows.
    Counter,
    /// A distribution.
    Histogram,
    /// A value that goes up and down.
    Gauge,
}

impl Kind {
    /// The type as the exposition formats write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Gauge => "gauge",
        }
    }
}

/// The values a label can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelValues {
    /// Exactly these.
    Closed(Vec<&'static str>),
    /// A set that the program fixes when it starts, in words.
    Described(&'static str),
}

/// One metric of the catalog.
#[derive(Debug)]
pub struct Definition {
    /// Name of the metric, in Prometheus and over OTLP.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Unit in UCUM notation, as OpenTelemetry wants it.
    pub unit: &'static str,
    /// What it counts or measures.
    pub help: &'static str,
    /// What an operator should watch out for.
    pub worry: &'static str,
    pub(super) label_values: fn() -> Vec<LabelValues>,
    pub(super) max_series: fn() -> usize,
    pub(super) present_from_start: fn() -> bool,
}

impl Definition {
    /// The values each label can have, in the order of [`labels`](Self::labels).
    #[must_use]
    pub fn label_values(&self) -> Vec<LabelValues> {
        (self.label_values)()
    }

    /// Whether every series of the metric exists from the start.
    #[must_use]
    pub fn present_from_start(&self) -> bool {
        (self.present_from_start)()
    }
}

/// Declares the catalog: the struct with one field per instrument, its constructor, and the
/// list of definitions.
macro_rules! catalog {
    ($(
        $field:ident: $kind:ty {
            name: $name:literal,
            labels: [$($label:literal),*],
            unit: $unit:literal,
            help: $help:literal,
            worry: $worry:literal,
        }
    )+) => {
        /// Every instrument of the server.
        pub struct Catalog {
            $(#[doc = concat!("`", $name, "`: ", $help)] pub $field: $kind,)+
        }

        /// What the catalog declares, in its order.
        pub static DEFINITIONS: &[Definition] = &[$(
            Definition {
                name: $name,
                kind: <$kind as Instrument>::KIND,
                labels: &[$($label),*],
                unit: $unit,
                help: $help,
                worry: $worry,
                label_values: <$kind as Instrument>::label_values,
                max_series: <$kind as Instrument>::max_series,
                present_from_start: <$kind as Instrument>::present_from_start,
            },
        )+];

        $(const _: () = {
            const LABELS: &[&str] = &[$($label),*];
            assert!(
                LABELS.len() == <$kind as Instrument>::LABELS,
                concat!("one name for each label of ", $name),
            );
        };)+

        impl Catalog {
            pub(super) fn build(builder: &Builder) -> Self {
                let mut definitions = DEFINITIONS.iter();
                let mut next = || definitions.next().expect("one definition for each field");
                Self { $($field: <$kind as Instrument>::build(builder, next()),)+ }
            }
        }
    };
}
pub(super) use catalog;
