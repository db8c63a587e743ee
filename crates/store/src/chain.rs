//! The hash chain of audit rows: each writer numbers its rows and ties each to the one before,
//! so that a changed, removed or reordered row shows.

use crate::sql::AuditRow;
use aws_lc_rs::digest::{Context, SHA256};
use domain::{AuditEvent, Clock, Rng, UnixMillis, new_uuid};
use std::sync::Arc;

/// An audit row with its place in its writer's chain.
pub(crate) struct Link<'e> {
    pub id: String,
    pub event: &'e AuditEvent,
    pub created_at: UnixMillis,
    pub writer: Arc<str>,
    pub seq: i64,
    pub hash: String,
}

/// The head of one writer's chain. A writer is one lane of one process run.
#[derive(Clone)]
pub(crate) struct Chain {
    writer: Arc<str>,
    seq: i64,
    hash: String,
}

impl Chain {
    /// A new writer's chain.
    pub fn start(clock: &dyn Clock, rng: &dyn Rng) -> Self {
        Self {
            writer: new_uuid(clock, rng).into(),
            seq: 0,
            hash: String::new(),
        }
    }

    /// The next link.
    pub fn append<'e>(
        &mut self,
        event: &'e AuditEvent,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> Link<'e> {
        self.seq += 1;
        let mut link = Link {
            id: new_uuid(clock, rng),
            event,
            created_at: clock.now(),
            writer: Arc::clone(&self.writer),
            seq: self.seq,
            hash: String::new(),
        };
        self.hash = link_hash(&self.hash, &self.writer, self.seq, &Content::from(&link));
        link.hash.clone_from(&self.hash);
        link
    }
}

/// What of a row is hashed, as it stands in the table.
pub(crate) struct Content<'a> {
    texts: [Option<&'a str>; 10],
    created_at: i64,
}

impl<'a> From<&'a Link<'_>> for Content<'a> {
    fn from(link: &'a Link<'_>) -> Self {
        let event = link.event;
        Self {
            texts: [
                Some(&link.id),
                Some(event.action.as_str()),
                Some(&event.actor_id),
                event.user_id.as_deref(),
                event.client_id.as_deref(),
                event.resource.as_deref(),
                event.ip.as_deref(),
                Some(&event.detail),
                event.trace_id.as_deref(),
                event.request_id.as_deref(),
            ],
            created_at: link.created_at.0,
        }
    }
}

impl<'a> From<&'a AuditRow> for Content<'a> {
    fn from(row: &'a AuditRow) -> Self {
        Self {
            texts: [
                Some(&row.id),
                Some(&row.action),
                Some(&row.actor_id),
                row.user_id.as_deref(),
                row.client_id.as_deref(),
                row.resource.as_deref(),
                row.ip.as_deref(),
                Some(&row.detail),
                row.trace_id.as_deref(),
                row.request_id.as_deref(),
            ],
            created_at: row.created_at,
        }
    }
}

/// SHA-256 over the predecessor's hash, the row's place and its content; each part preceded by
/// its length, so that no two different rows hash the same bytes.
pub(crate) fn link_hash(previous: &str, writer: &str, seq: i64, content: &Content) -> String {
    let mut context = Context::new(&SHA256);
    let seq = seq.to_string();
    let created_at = content.created_at.to_string();
    let place = [Some(previous), Some(writer), Some(seq.as_str())];
    let end = [Some(created_at.as_str())];
    for part in place.into_iter().chain(content.texts).chain(end) {
        match part {
            Some(text) => {
                context.update(&(text.len() as u64).to_be_bytes());
                context.update(text.as_bytes());
            }
            None => context.update(&u64::MAX.to_be_bytes()),
        }
    }
    hex::encode(context.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{AuditAction, SystemClock, SystemRng};

    #[test]
    fn every_part_of_a_row_and_its_place_are_hashed() {
        let mut chain = Chain::start(&SystemClock, &SystemRng);
        let event = AuditEvent::new(AuditAction::UserLogin, "u1")
            .user("u1")
            .with("method", "password");
        let first = chain.append(&event, &SystemClock, &SystemRng).hash;
        let second = chain.append(&event, &SystemClock, &SystemRng);
        assert_eq!(second.seq, 2);
        let again =
            |link: &Link<'_>, seq| link_hash(&first, &second.writer, seq, &Content::from(link));
        assert_eq!(again(&second, 2), second.hash);
        assert_ne!(again(&second, 3), second.hash);
        let with = |event| Link {
            id: second.id.clone(),
            event,
            created_at: second.created_at,
            writer: Arc::clone(&second.writer),
            seq: 2,
            hash: String::new(),
        };
        let mut changed = event.clone();
        changed.user_id = None;
        assert_ne!(again(&with(&changed), 2), second.hash);
        let mut moved = event.clone();
        moved.client_id = moved.user_id.take();
        assert_ne!(again(&with(&moved), 2), second.hash);
    }
}
