//! The hash chain of audit rows: each writer numbers its rows and ties each to the one before,
//! so that a changed, removed or reordered row shows.

use crate::rows::AuditRow;
use aws_lc_rs::digest::{Context, SHA256};
use domain::{AuditEvent, AuditRecord, Clock, Rng, new_uuid};

/// An audit row with its place in its writer's chain.
pub(crate) struct Link {
    pub record: AuditRecord,
    pub writer: String,
    pub seq: i64,
    pub hash: String,
}

/// The head of one writer's chain. A writer is one lane of one process run.
#[derive(Clone)]
pub(crate) struct Chain {
    writer: String,
    seq: i64,
    hash: String,
}

impl Chain {
    /// A new writer's chain.
    pub fn start(clock: &dyn Clock, rng: &dyn Rng) -> Self {
        Self {
            writer: new_uuid(clock, rng),
            seq: 0,
            hash: String::new(),
        }
    }

    /// The next link.
    pub fn append(&mut self, event: AuditEvent, clock: &dyn Clock, rng: &dyn Rng) -> Link {
        let record = AuditRecord {
            id: new_uuid(clock, rng),
            event,
            created_at: clock.now(),
        };
        self.seq += 1;
        self.hash = link_hash(&self.hash, &self.writer, self.seq, &Content::from(&record));
        Link {
            record,
            writer: self.writer.clone(),
            seq: self.seq,
            hash: self.hash.clone(),
        }
    }
}

/// What of a row is hashed, as it stands in the table.
pub(crate) struct Content<'a> {
    texts: [Option<&'a str>; 10],
    created_at: i64,
}

impl<'a> From<&'a AuditRecord> for Content<'a> {
    fn from(record: &'a AuditRecord) -> Self {
        let event = &record.event;
        Self {
            texts: [
                Some(&record.id),
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
            created_at: record.created_at.0,
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
        let first = chain.append(event.clone(), &SystemClock, &SystemRng);
        let second = chain.append(event, &SystemClock, &SystemRng);
        assert_eq!(second.seq, 2);
        let again = |record: &AuditRecord, seq| {
            link_hash(&first.hash, &second.writer, seq, &Content::from(record))
        };
        assert_eq!(again(&second.record, 2), second.hash);
        assert_ne!(again(&second.record, 3), second.hash);
        let mut changed = second.record.clone();
        changed.event.user_id = None;
        assert_ne!(again(&changed, 2), second.hash);
        let mut moved = second.record.clone();
        moved.event.client_id = moved.event.user_id.take();
        assert_ne!(again(&moved, 2), second.hash);
    }
}
