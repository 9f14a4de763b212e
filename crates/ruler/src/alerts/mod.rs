//! Alerts of a rule, from pending over firing to resolved, as a function of what each slot finds.
//!
//! [`Alert`] is one of them, [`AlertSet`] all of a rule. Nothing here reads a clock or sends: a slot
//! comes in, and what is due comes out.

mod alert;
mod set;

pub use alert::{Alert, Phase, RESOLVED_RETENTION};
pub use set::{AlertSet, Found, Holds, Moved, RepeatedLabels};
