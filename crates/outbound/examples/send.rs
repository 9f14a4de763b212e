//! Sends alerts and samples that lines of standard input name: to try a target, and for tests with real ones.
//!
//!     cargo run -p skald-outbound --example send -- FOLDER [alertmanager URL] [webhook URL] [remote-write URL]
//!
//! Each line is one of these; the answer `ok` says that it is queued on disk:
//!
//!     firing NAME              an alert that fires for an hour
//!     resolved NAME            the same, resolved now
//!     sample NAME VALUE MS     a value of a series, or `stale`, at a time

use skald_outbound::{
    Alert, AlertmanagerConfig, Environment, LabelSet, Notifier, NotifierConfig, RemoteWrite,
    RemoteWriteBlock, RemoteWriteConfig, Sample, TenantNotifications, WebhookConfig,
};
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

type Failed = Box<dyn Error>;

const TENANT: &str = "example";

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("a folder for the queues is needed")?;
    let mut to = TenantNotifications::default();
    let mut write = RemoteWriteConfig::default();
    while let (Some(kind), Some(url)) = (arguments.next(), arguments.next()) {
        match kind.as_str() {
            "alertmanager" => to.alertmanagers = Some(AlertmanagerConfig::at(vec![url.parse()?])),
            "webhook" => {
                let mut webhook = WebhookConfig::to("example", url.parse()?);
                webhook.group_wait = Duration::ZERO;
                webhook.group_interval = Duration::from_millis(200);
                to.webhooks.push(webhook);
            }
            "remote-write" => {
                let mut block = RemoteWriteBlock::to(url.parse()?);
                block.queue.batch_send_deadline = Duration::from_millis(100);
                block.queue.max_backoff = Duration::from_millis(500);
                block.queue.retry_on_http_429 = true;
                write.clients.insert("example".to_owned(), block);
            }
            other => return Err(format!("{other} is no kind of target").into()),
        }
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let environment = Environment::new(folder, runtime.handle().clone());
    let notifier = Notifier::start(NotifierConfig::for_all(to), &environment)?;
    let remote_write = RemoteWrite::start(write, &environment)?;
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        obey(&line, &notifier, &remote_write)?;
        writeln!(out, "ok")?;
    }
    Ok(())
}

fn obey(line: &str, notifier: &Notifier, remote_write: &RemoteWrite) -> Result<(), Failed> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["firing", name] => notifier.send(TENANT, vec![alert(name, now)]),
        ["resolved", name] => notifier.send(TENANT, vec![alert(name, now).resolved(now)]),
        ["sample", name, value, at] => {
            let mut sample =
                Sample::new([("__name__", *name), ("job", "example")], 0.0, at.parse()?);
            match *value {
                "stale" => sample = Sample::stale(sample.labels, sample.timestamp),
                value => sample.value = value.parse()?,
            }
            remote_write.send(TENANT, &[sample])?;
        }
        _ => return Err(format!("{line:?} says nothing").into()),
    }
    Ok(())
}

fn alert(name: &str, now: i64) -> Alert {
    let mut alert = Alert::firing(
        [("alertname", name), ("severity", "critical")],
        now - 60_000,
        now + 3_600_000,
    );
    alert.annotations = LabelSet::from([("summary".to_owned(), format!("{name} of an example"))]);
    alert.generator_url = "http://127.0.0.1/explore".to_owned();
    alert
}
