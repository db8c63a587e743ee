//! The kinds of instruments the catalog is made of.
//!
//! All of them are OpenTelemetry instruments underneath. Where labels are closed sets, each
//! series is bound once (its attributes resolved to the memory that counts) and found by index
//! afterwards: an increment is an array access and an atomic addition.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram, Meter};

use super::definition::{Definition, Kind, LabelValues};
use super::http::Routes;
use super::label::LabelSet;

/// Upper bounds in seconds of every histogram's buckets.
pub const BUCKETS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What instruments are built from.
pub struct Builder {
    pub(super) meter: Meter,
    pub(super) routes: Arc<Routes>,
}

/// A kind of instrument that the catalog can declare.
pub trait Instrument: Sized {
    /// Its type in the exposition.
    const KIND: Kind;
    /// How many labels it has.
    const LABELS: usize;
    /// The values each label can have.
    fn label_values() -> Vec<LabelValues>;
    /// The most series it can have.
    fn max_series() -> usize;
    /// Whether every series exists from the start.
    fn present_from_start() -> bool;
    /// Makes the instrument.
    fn build(builder: &Builder, definition: &'static Definition) -> Self;
}

pub(super) fn closed_values<L: LabelSet>() -> Vec<LabelValues> {
    L::domains().into_iter().map(LabelValues::Closed).collect()
}

fn attributes<L: LabelSet>(definition: &Definition, index: usize) -> Vec<KeyValue> {
    definition
        .labels
        .iter()
        .zip(L::values_at(index))
        .map(|(name, value)| KeyValue::new(*name, value))
        .collect()
}

/// A number of events. Every series exists with 0 from the start.
pub struct Counter<L: LabelSet> {
    series: Box<[BoundCounter<u64>]>,
    labels: PhantomData<L>,
}

impl<L: LabelSet> Counter<L> {
    /// Counts one event.
    #[inline]
    pub fn add(&self, labels: L) {
        self.add_many(labels, 1);
    }

    /// Counts `events` events.
    #[inline]
    pub fn add_many(&self, labels: L, events: u64) {
        self.series[labels.index()].add(events);
    }
}

impl Counter<()> {
    /// Counts one event.
    #[inline]
    pub fn inc(&self) {
        self.add(());
    }
}

impl<L: LabelSet> Instrument for Counter<L> {
    const KIND: Kind = Kind::Counter;
    const LABELS: usize = L::LABELS;

    fn label_values() -> Vec<LabelValues> {
        closed_values::<L>()
    }

    fn max_series() -> usize {
        L::SERIES
    }

    fn present_from_start() -> bool {
        true
    }

    fn build(builder: &Builder, definition: &'static Definition) -> Self {
        let counter = builder
            .meter
            .u64_counter(definition.name)
            .with_description(definition.help)
            .with_unit(definition.unit)
            .build();
        let series = (0..L::SERIES)
            .map(|index| {
                let bound = counter.bind(&attributes::<L>(definition, index));
                bound.add(0);
                bound
            })
            .collect();
        Self {
            series,
            labels: PhantomData,
        }
    }
}

/// A distribution of durations in seconds. Unless `SPARSE`, every series exists from the start.
pub struct Histogram<L: LabelSet, const SPARSE: bool = false> {
    definition: &'static Definition,
    instrument: opentelemetry::metrics::Histogram<f64>,
    series: Box<[OnceLock<BoundHistogram<f64>>]>,
    labels: PhantomData<L>,
}

/// A [`Histogram`] whose series appear when they are first used, for sets of labels of which
/// one installation uses only a part.
pub type SparseHistogram<L> = Histogram<L, true>;

impl<L: LabelSet, const SPARSE: bool> Histogram<L, SPARSE> {
    /// Records one duration in seconds.
    #[inline]
    pub fn record(&self, labels: L, seconds: f64) {
        self.bound(labels.index()).record(seconds);
    }

    fn bound(&self, index: usize) -> &BoundHistogram<f64> {
        self.series[index].get_or_init(|| {
            self.instrument
                .bind(&attributes::<L>(self.definition, index))
        })
    }
}

impl<const SPARSE: bool> Histogram<(), SPARSE> {
    /// Records one duration in seconds.
    #[inline]
    pub fn observe(&self, seconds: f64) {
        self.record((), seconds);
    }
}

impl<L: LabelSet, const SPARSE: bool> Instrument for Histogram<L, SPARSE> {
    const KIND: Kind = Kind::Histogram;
    const LABELS: usize = L::LABELS;

    fn label_values() -> Vec<LabelValues> {
        closed_values::<L>()
    }

    fn max_series() -> usize {
        L::SERIES
    }

    fn present_from_start() -> bool {
        !SPARSE
    }

    fn build(builder: &Builder, definition: &'static Definition) -> Self {
        let histogram = Self {
            definition,
            instrument: seconds_histogram(&builder.meter, definition),
            series: (0..L::SERIES).map(|_| OnceLock::new()).collect(),
            labels: PhantomData,
        };
        if !SPARSE {
            for index in 0..L::SERIES {
                histogram.bound(index);
            }
        }
        histogram
    }
}

pub(super) fn seconds_histogram(
    meter: &Meter,
    definition: &'static Definition,
) -> opentelemetry::metrics::Histogram<f64> {
    meter
        .f64_histogram(definition.name)
        .with_description(definition.help)
        .with_unit(definition.unit)
        .with_boundaries(BUCKETS.to_vec())
        .build()
}

/// A value that is set; absent until it is set for the first time.
pub struct Gauge {
    instrument: opentelemetry::metrics::Gauge<f64>,
}

impl Gauge {
    /// Sets the value.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts and times far below 2^53"
    )]
    pub fn set(&self, value: i64) {
        self.instrument.record(value as f64, &[]);
    }
}

impl Instrument for Gauge {
    const KIND: Kind = Kind::Gauge;
    const LABELS: usize = 0;

    fn label_values() -> Vec<LabelValues> {
        Vec::new()
    }

    fn max_series() -> usize {
        1
    }

    fn present_from_start() -> bool {
        false
    }

    fn build(builder: &Builder, definition: &'static Definition) -> Self {
        let instrument = builder
            .meter
            .f64_gauge(definition.name)
            .with_description(definition.help)
            .with_unit(definition.unit)
            .build();
        Self { instrument }
    }
}

/// Always 1; what it says is in its labels: the version and the revision of the program.
pub struct BuildInfo {
    instrument: opentelemetry::metrics::Gauge<u64>,
    labels: &'static [&'static str],
}

impl BuildInfo {
    pub(super) fn set(&self, version: &'static str, revision: &'static str) {
        let attributes: Vec<_> = self
            .labels
            .iter()
            .zip([version, revision])
            .map(|(name, value)| KeyValue::new(*name, value))
            .collect();
        self.instrument.record(1, &attributes);
    }
}

impl Instrument for BuildInfo {
    const KIND: Kind = Kind::Gauge;
    const LABELS: usize = 2;

    fn label_values() -> Vec<LabelValues> {
        vec![
            LabelValues::Described("the release"),
            LabelValues::Described("the commit it was built from"),
        ]
    }

    fn max_series() -> usize {
        1
    }

    fn present_from_start() -> bool {
        true
    }

    fn build(builder: &Builder, definition: &'static Definition) -> Self {
        let instrument = builder
            .meter
            .u64_gauge(definition.name)
            .with_description(definition.help)
            .with_unit(definition.unit)
            .build();
        Self {
            instrument,
            labels: definition.labels,
        }
    }
}

/// Reports the present value of each series it knows through the closure it is given.
pub type Source<L> = Box<dyn Fn(&mut dyn FnMut(L, f64)) + Send + Sync>;

type SharedSource<L> = Arc<RwLock<Option<Source<L>>>>;

fn read_source<L: LabelSet>(
    source: &SharedSource<L>,
    definition: &Definition,
    observe: &mut dyn FnMut(f64, &[KeyValue]),
) {
    let source = source.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(source) = source.as_ref() {
        source(&mut |labels, value| {
            observe(value, &attributes::<L>(definition, labels.index()));
        });
    }
}

macro_rules! observed {
    ($(#[$meta:meta])* $name:ident, $kind:expr, $constructor:ident) => {
        $(#[$meta])*
        pub struct $name<L: LabelSet> {
            source: SharedSource<L>,
        }

        impl<L: LabelSet> $name<L> {
            /// Asks `source` for the values from now on.
            pub fn read_from(&self, source: Source<L>) {
                *self.source.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
            }
        }

        impl<L: LabelSet> Instrument for $name<L> {
            const KIND: Kind = $kind;
            const LABELS: usize = L::LABELS;

            fn label_values() -> Vec<LabelValues> {
                closed_values::<L>()
            }

            fn max_series() -> usize {
                L::SERIES
            }

            fn present_from_start() -> bool {
                false
            }

            fn build(builder: &Builder, definition: &'static Definition) -> Self {
                let source = SharedSource::<L>::default();
                let read = Arc::clone(&source);
                builder
                    .meter
                    .$constructor(definition.name)
                    .with_description(definition.help)
                    .with_unit(definition.unit)
                    .with_callback(move |observer| {
                        read_source(&read, definition, &mut |value, attributes| {
                            observer.observe(value, attributes);
                        });
                    })
                    .build();
                Self { source }
            }
        }
    };
}

observed! {
    /// A value that is read when somebody asks; absent until it has a source.
    ObservedGauge, Kind::Gauge, f64_observable_gauge
}
observed! {
    /// A total that somebody else keeps and that is read when somebody asks; absent until it
    /// has a source.
    ObservedCounter, Kind::Counter, f64_observable_counter
}
