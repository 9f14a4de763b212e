//! Authentication decides who asks and for which tenants.
//!
//! [`tokens`] grants `rights`, `tenant` reads the tenants of a request, [`read_scope`] adds the
//! limits that hold for its reads, `session` lets a browser use a token it gave once. `origin` refuses what pages of other sites make a browser send.

pub(crate) mod origin;
pub mod read_scope;
pub(crate) mod rights;
pub(crate) mod session;
pub(crate) mod tenant;
pub mod tokens;
