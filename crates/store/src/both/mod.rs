//! The store's code for one database. This folder is compiled twice, as a child of
//! `sqlite` and of `postgres`; the parent's `dialect` says where the two differ.

pub(crate) use super::dialect::{self, Conn};

pub(crate) mod accounts;
pub(crate) mod assertions;
pub(crate) mod audit;
pub(crate) mod authorizations;
pub(crate) mod backend;
pub(crate) mod clients;
pub(crate) mod consents;
pub(crate) mod exchanges;
pub(crate) mod expiry;
pub(crate) mod families;
pub(crate) mod fronting;
pub(crate) mod holdings;
pub(crate) mod issue;
pub(crate) mod lane;
pub(crate) mod ledger;
pub(crate) mod proofs;
pub(crate) mod records;
pub(crate) mod resources;
pub(crate) mod revocations;
pub(crate) mod statement;
pub(crate) mod versions;
pub(crate) mod walk;
pub(crate) mod worker;
