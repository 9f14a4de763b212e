//! A signal that is raised once, for tasks that shall end.

use tokio::sync::watch;

/// Ends when the signal is raised; never when it can't be any more.
pub(crate) async fn raised(signal: &mut watch::Receiver<bool>) {
    let is_gone = signal.wait_for(|raised| *raised).await.is_err();
    if is_gone {
        std::future::pending::<()>().await;
    }
}
