//! Tools: inspect and verify a data directory without opening it as a store.

pub(crate) mod inspect;
pub(crate) mod verify;
