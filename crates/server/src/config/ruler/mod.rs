//! `ruler`: where rules are kept, how they are evaluated, and where alerts and samples go.
//!
//! Names are Loki's. [`section`] has the settings of the server, [`alertmanager`] those of
//! notifying, which a tenant may have of its own.

pub mod alertmanager;
pub mod block;
pub mod section;
pub mod texts;

pub use alertmanager::AlertmanagerConfig;
pub use section::{RemoteWriteConfig, RuleStorage, RulerConfig};
pub use texts::Texts;
