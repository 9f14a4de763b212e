//! The notifier takes alerts of tenants, writes them down, and hands them to every target.

mod change;
mod config;
mod handle;
mod tenant;

pub use config::{NotifierConfig, TenantNotifications};
pub use handle::Notifier;
