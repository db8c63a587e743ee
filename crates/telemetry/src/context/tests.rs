use std::sync::atomic::{AtomicU8, Ordering};

use domain::{Rng, SystemRng};
use proptest::prelude::{any, prop_assert_eq, prop_assume, proptest};

use super::*;

/// Counts instead of rolling dice.
struct Counting(AtomicU8);

impl Rng for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Zero;

impl Rng for Zero {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn begin(request_id: Option<&str>, traceparent: Option<&str>) -> RequestContext {
    let incoming = Incoming {
        request_id,
        traceparent,
        client_ip: None,
    };
    RequestContext::begin(incoming, |_| false, &SystemRng)
}

#[test]
fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let long = "a".repeat(128);
    for sane in ["r_1", "A.b-C_9", "x", &long] {
        assert_eq!(&*begin(Some(sane), None).request_id, sane);
    }
    let too_long = "a".repeat(129);
    for other in ["", "a b", "a\nb", "ä", "a/b", "\"", &too_long] {
        let id = begin(Some(other), None).request_id;
        assert!(
            id.starts_with("r_") && is_sane_request_id(&id),
            "{other:?} became {id}"
        );
    }
    assert_ne!(begin(None, None).request_id, begin(None, None).request_id);
}

#[test]
fn a_valid_traceparent_is_continued() {
    for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
        let context = begin(None, Some(&format!("00-{TRACE}-{SPAN}-{flags}")));
        assert_eq!(context.trace_id.to_string(), TRACE);
        assert_eq!(
            context.parent.map(|it| it.to_string()).as_deref(),
            Some(SPAN)
        );
        assert_ne!(context.span_id.to_string(), SPAN);
        assert_eq!(context.sampled, sampled);
        let own = context.span_id;
        let flag = u8::from(sampled);
        assert_eq!(
            context.traceparent().to_string(),
            format!("00-{TRACE}-{own}-0{flag}")
        );
    }
}

#[test]
fn a_later_version_may_say_more() {
    for header in [
        format!("cc-{TRACE}-{SPAN}-01"),
        format!("cc-{TRACE}-{SPAN}-01-what-the-future-brings"),
        format!(" 00-{TRACE}-{SPAN}-01\t"),
    ] {
        assert!(TraceParent::parse(&header).is_some(), "{header}");
    }
}

#[test]
fn an_invalid_traceparent_starts_a_new_trace() {
    for header in [
        String::new(),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("00-{TRACE}-{SPAN}-01-"),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-0g"),
        format!("0-{TRACE}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{}-{SPAN}-01", &TRACE[1..]),
        format!("00_{TRACE}_{SPAN}_01"),
        format!("00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01"),
    ] {
        let context = begin(None, Some(&header));
        assert_ne!(context.trace_id.to_string(), TRACE, "{header}");
        assert_eq!(context.parent, None, "{header}");
    }
}

#[test]
fn a_new_trace_asks_whether_it_is_sampled_and_a_continued_one_does_not() {
    let sample = |traceparent| {
        let incoming = Incoming {
            traceparent,
            ..Incoming::default()
        };
        RequestContext::begin(incoming, |_| true, &SystemRng).sampled
    };
    assert!(sample(None));
    assert!(!sample(Some(&format!("00-{TRACE}-{SPAN}-00"))));
}

#[test]
fn ids_come_from_the_randomness_handed_in_and_are_never_zero() {
    let context = RequestContext::begin(Incoming::default(), |_| false, &Counting(0.into()));
    assert_eq!(&*context.request_id, "r_000102030405060708090a0b");
    assert_eq!(
        context.trace_id.to_string(),
        "0c0d0e0f101112131415161718191a1b"
    );
    assert_eq!(context.span_id.to_string(), "1c1d1e1f20212223");
    let zero = RequestContext::begin(Incoming::default(), |_| false, &Zero);
    assert_ne!(zero.trace_id, TraceId([0; 16]));
    assert_ne!(SpanId::random(&Zero), SpanId([0; 8]));
}

#[tokio::test]
async fn a_request_is_known_within_its_scope_only() {
    assert_eq!(RequestContext::current(), None);
    let request = begin(Some("r_1"), None);
    request
        .clone()
        .scope(async {
            assert_eq!(RequestContext::current(), Some(request.clone()));
            let lost = tokio::spawn(async { RequestContext::current() }).await;
            assert_eq!(lost.expect("it ran"), None);
            let carried = RequestContext::carry(async { RequestContext::current() });
            let carried = tokio::spawn(carried).await;
            assert_eq!(carried.expect("it ran"), Some(request.clone()));
            let inner = request.in_span(SpanId([9; 8]));
            assert_eq!(inner.parent, Some(request.span_id));
            assert_eq!(inner.trace_id, request.trace_id);
        })
        .await;
    assert_eq!(RequestContext::current(), None);
    let outside = RequestContext::carry(async { RequestContext::current() });
    assert_eq!(outside.await, None);
}

proptest! {
    #[test]
    fn any_header_is_read_without_panic(header in any::<String>()) {
        let _ = TraceParent::parse(&header);
    }

    #[test]
    fn what_is_written_is_read_again(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), sampled: bool) {
        prop_assume!(trace != [0; 16] && span != [0; 8]);
        let written = TraceParent { trace_id: TraceId(trace), span_id: SpanId(span), sampled };
        prop_assert_eq!(TraceParent::parse(&written.to_string()), Some(written));
    }
}
