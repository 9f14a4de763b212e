//! Remote write sends samples to Prometheus, Mimir, VictoriaMetrics or Thanos, in order and until they are taken.

mod config;
mod courier;
mod folder;
mod handle;
mod series;
mod wire;

pub use config::{Protocol, QueueConfig, RemoteWriteBlock, RemoteWriteConfig, TenantRemoteWrite};
pub use handle::RemoteWrite;
