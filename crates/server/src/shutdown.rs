//! Shutdown is announced by a flag that turns true once.

use tokio::sync::watch;

/// Ends when the flag turns true, or when its sender is gone.
pub(crate) async fn raised(flag: &mut watch::Receiver<bool>) {
    // The guard that `wait_for` gives must not live on in the caller's future.
    drop(flag.wait_for(|raised| *raised).await);
}
