//! Offline readers inspect and verify a data directory.

pub(crate) mod inspect;
pub(crate) mod verify;
