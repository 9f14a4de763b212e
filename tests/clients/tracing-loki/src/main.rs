//! Logs through tracing's Loki layer.

use std::env;
use std::error::Error;
use tracing_subscriber::layer::SubscriberExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (url, run) = (env::var("SKALD_URL")?, env::var("SKALD_RUN")?);
    let lines: u32 = env::var("SKALD_LINES")?.parse()?;
    let (layer, controller, task) = tracing_loki::builder()
        .label("client", "tracing-loki")?
        .extra_field("pid", format!("{}", std::process::id()))?
        .build_controller_url(url::Url::parse(&url)?)?;
    let sender = tokio::spawn(task);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        for n in 0..lines {
            tracing::info!(number = n, "{run} line {n}.");
        }
    });
    controller.shutdown().await;
    sender.await?;
    Ok(())
}
