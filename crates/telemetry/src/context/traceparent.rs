//! The `traceparent` header of W3C Trace Context.

use std::fmt;

use domain::Rng;

use super::Hex;

/// Id of a trace: sixteen bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// Id of a span: eight bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

macro_rules! random_and_hex {
    ($($name:ident),+) => {
        $(
            impl $name {
                /// A new id.
                #[must_use]
                pub fn random(rng: &dyn Rng) -> Self {
                    let mut id = Self(Default::default());
                    rng.fill(&mut id.0);
                    // Zero means "none"; a generator that gives it is broken or a test's.
                    if id.0.iter().all(|byte| *byte == 0) {
                        id.0[0] = 1;
                    }
                    id
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    Hex(&self.0).fmt(f)
                }
            }
        )+
    };
}

random_and_hex!(TraceId, SpanId);

/// The value of a `traceparent` header.
///
/// ```
/// use telemetry::context::TraceParent;
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parsed = TraceParent::parse(header).unwrap();
/// assert!(parsed.sampled);
/// assert_eq!(parsed.to_string(), header);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub span_id: SpanId,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads a header (W3C Trace Context §3.2.2). Versions after 00 may append fields, which
    /// are not looked at; version ff, zero ids and upper-case digits are invalid.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let header = header.trim_matches([' ', '\t']);
        let mut fields = header.split('-');
        let [version] = unhex(fields.next()?)?;
        let trace_id: [u8; 16] = unhex(fields.next()?)?;
        let span_id: [u8; 8] = unhex(fields.next()?)?;
        let [flags] = unhex(fields.next()?)?;
        let more = fields.next().is_some();
        let valid =
            version != 0xff && !(version == 0 && more) && trace_id != [0; 16] && span_id != [0; 8];
        valid.then_some(Self {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            sampled: flags & 1 == 1,
        })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            sampled,
        } = self;
        write!(f, "00-{trace_id}-{span_id}-0{}", u8::from(*sampled))
    }
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
