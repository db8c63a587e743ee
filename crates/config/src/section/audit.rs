//! `audit`: the record of what matters to security.

use crate::schema::section;

section! {
    /// The audit record.
    pub struct Audit at "audit." {
        /// Refusals from one address (for IPv6, a /64) that are recorded one by one each minute.
        /// Further ones are counted, and recorded as one event when the minute is over; 0 means no
        /// limit.
        denials_per_minute: u32 = "60", "AUTHPLANE_AUDIT_DENIALS_PER_MINUTE";
    }
}
