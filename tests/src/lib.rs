//! What the tests of the whole share: a running server, an HTTP client, recorded answers and how they
//! are compared.

pub mod conformance;
pub mod http;
pub mod local;
pub mod process;
pub mod scenario;
pub mod schema;
pub mod script;
pub mod soak;
