//! Authentication decides who asks and for which tenants.

pub mod read_scope;
pub mod tenant;
pub mod tokens;
