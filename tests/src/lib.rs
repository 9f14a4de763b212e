//! What the tests of the whole share: a running server, an HTTP client, recorded answers and how
//! they are compared.

pub mod conformance;
pub mod http;
pub mod local;
pub mod process;
pub mod push;
pub mod query;
pub mod scenario;
pub mod schema;
pub mod script;
pub mod soak;

/// Where Loki's endpoints lie.
pub const API: &str = "/loki/api/v1";

/// Second zero of the tests: 2026-03-01T00:00:00Z.
pub const BASE_S: i64 = 1_772_323_200;
