//! Groups on threads of their own: one that is slow holds up no other tenant.

use crate::support::{MINUTE, World, loaded};
use skald_model::TenantId;
use skald_ruler::engine::EngineError;
use skald_ruler::settings::Settings;
use std::sync::{Arc, mpsc};

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("the name is sound")
}

/// A group whose slots lie at whole minutes.
fn aligned(name: &str) -> String {
    format!(
        "name: {name}\ninterval: 1m\nalign_evaluation_time_on_interval: true\nrules:\n\
         - {{alert: A, expr: 'count_over_time({{a=\"{name}\"}}[1m])'}}\n"
    )
}

#[test]
fn a_tenant_whose_queries_hang_does_not_delay_others() {
    let world = World::new(10 * MINUTE - 1);
    let (asked, heard) = mpsc::channel::<String>();
    let (release, released) = mpsc::channel::<()>();
    let released = parking_lot::Mutex::new(released);
    let asked = parking_lot::Mutex::new(asked);
    world.answer(move |question| {
        let _ = asked.lock().send(question.tenant.to_string());
        if question.tenant.as_str() == "slow" {
            // Ends when the test does.
            let _ = released.lock().recv();
            return Err(EngineError::Stopping);
        }
        Ok(Vec::new())
    });
    let settings = Settings {
        groups_at_once: 4,
        groups_of_tenant_at_once: 2,
        ..Settings::default()
    };
    let ruler = Arc::new(world.ruler(settings));
    let many: Vec<_> = (0..50)
        .map(|n| loaded("n", &aligned(&format!("g{n}"))))
        .collect();
    ruler.load(&tenant("slow"), many);
    ruler.load(&tenant("quick"), vec![loaded("n", &aligned("g"))]);
    let mut workers = ruler.start().expect("threads can be made");
    world.set(10 * MINUTE);
    ruler.load(&tenant("other"), Vec::new());
    let mut names: Vec<String> = (0..3)
        .map(|_| heard.recv().expect("they are asked"))
        .collect();
    names.sort();
    assert_eq!(names, ["quick", "slow", "slow"], "two of a tenant at once");
    drop(release);
    workers.stop();
    assert_eq!(ruler.view(&tenant("quick"))[0].iterations, 1);
    let slow = ruler.view(&tenant("slow"));
    assert!(
        slow.iter().all(|group| group.iterations == 0),
        "stopping is no evaluation"
    );
    assert_eq!(slow.len(), 50);
}

#[test]
fn what_was_removed_or_changed_while_it_was_asked_has_no_effect() {
    let world = World::new(10 * MINUTE);
    let ruler = Arc::new(world.ruler(Settings::default()));
    let own = tenant("own");
    let (other, of) = (ruler.clone(), own.clone());
    world.answer(move |_| {
        other.load(&of, Vec::new());
        Ok(vec![("x".to_owned(), 1.0)])
    });
    ruler.load(&own, vec![loaded("n", &aligned("g"))]);
    world.set(11 * MINUTE);
    assert_eq!(ruler.run_due(), None);
    assert!(world.take_sent().is_empty() && world.take_samples().is_empty());

    let (other, of) = (ruler.clone(), own.clone());
    world.answer(move |_| {
        let changed = aligned("g").replace("alert: A", "alert: B");
        other.load(&of, vec![loaded("n", &changed)]);
        Ok(vec![("x".to_owned(), 1.0)])
    });
    ruler.load(&own, vec![loaded("n", &aligned("g"))]);
    world.set(12 * MINUTE);
    assert_eq!(ruler.run_due(), Some(13 * MINUTE));
    assert!(world.take_sent().is_empty());
    world.set(13 * MINUTE);
    ruler.run_due();
    assert_eq!(world.take_sent()[0].labels.get("alertname"), Some("B"));
}
