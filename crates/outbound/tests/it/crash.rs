//! The disk ends in the middle: what was acknowledged is sent by the next run.

use super::receiver::Receiver;
use super::remote_write::{block, config, points, sample};
use super::support::{Place, firing, to_alertmanagers};
use skald_outbound::{Environment, Notifier, NotifierConfig, RemoteWrite};
use skald_wal::sim::{Dice, SimFiles};
use std::collections::BTreeSet;
use std::sync::Arc;

fn environment(place: &Place, files: &SimFiles) -> Environment {
    Environment {
        files: Arc::new(files.clone()),
        ..Environment::new("/outbound", place.runtime.handle().clone())
    }
}

/// Samples that were acknowledged arrive after a power failure at any moment, each series in order.
#[test]
fn acknowledged_samples_survive_a_power_failure() {
    let place = Place::new();
    let address = Receiver::start(&place.runtime, Vec::new()).stop(&place.runtime);
    let settings = config(block(&format!("http://{address}/")));
    for crash_in in 1..40 {
        let files = SimFiles::default();
        files.crash_in(crash_in);
        let mut acknowledged = BTreeSet::new();
        if let Ok(remote_write) = RemoteWrite::start(settings.clone(), &environment(&place, &files))
        {
            for after in 1..=12 {
                if remote_write.send("t", &[sample("x", after)]).is_ok() {
                    acknowledged.insert(super::support::NOW + after);
                }
            }
            remote_write.close();
        }
        let receiver = Receiver::at(&place.runtime, address, Vec::new(), None);
        let files = files.after_crash(&mut Dice::new(crash_in));
        let remote_write = RemoteWrite::start(settings.clone(), &environment(&place, &files))
            .expect("it is whole");
        remote_write
            .send("t", &[sample("x", 100)])
            .expect("it is queued");
        let mut came = Vec::new();
        while came.last() != Some(&(super::support::NOW + 100)) {
            came.extend(
                points(&receiver.next())
                    .into_iter()
                    .map(|(_, time, _)| time),
            );
        }
        assert!(came.is_sorted(), "crash {crash_in}: {came:?}");
        let came: BTreeSet<i64> = came.into_iter().collect();
        assert!(
            acknowledged.is_subset(&came),
            "crash {crash_in}: {acknowledged:?} of {came:?}"
        );
        remote_write.close();
        receiver.stop(&place.runtime);
    }
}

/// Alerts of a `send` that could be saved arrive after a power failure at any moment, in their newest state.
#[test]
fn saved_alerts_survive_a_power_failure() {
    let place = Place::new();
    let address = Receiver::start(&place.runtime, Vec::new()).stop(&place.runtime);
    let settings = NotifierConfig::for_all(to_alertmanagers(&[format!("http://{address}")]));
    for crash_in in 1..40 {
        let files = SimFiles::default();
        files.crash_in(crash_in);
        let mut saved = BTreeSet::new();
        if let Ok(notifier) = Notifier::start(settings.clone(), &environment(&place, &files)) {
            for number in 0..8 {
                notifier.send("t", vec![firing(&format!("a{number}"))]);
                if notifier.unsaved() == 0 {
                    saved.insert(format!("a{number}"));
                }
            }
            notifier.close();
        }
        let receiver = Receiver::at(&place.runtime, address, Vec::new(), None);
        let files = files.after_crash(&mut Dice::new(crash_in));
        let notifier =
            Notifier::start(settings.clone(), &environment(&place, &files)).expect("it is whole");
        notifier.send("t", vec![firing("last")]);
        let mut came = BTreeSet::new();
        while !came.contains("last") {
            let alerts = receiver.next().json();
            let names = alerts.as_array().expect("a list").iter().map(|alert| {
                alert["labels"]["alertname"]
                    .as_str()
                    .expect("a name")
                    .to_owned()
            });
            came.extend(names);
        }
        assert!(
            saved.is_subset(&came),
            "crash {crash_in}: {saved:?} of {came:?}"
        );
        notifier.close();
        receiver.stop(&place.runtime);
    }
}
