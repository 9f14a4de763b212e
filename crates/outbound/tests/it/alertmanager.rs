//! Alertmanagers that take alerts, refuse them, hang, close and come back.

use super::receiver::{Receiver, Reply, status};
use super::support::{NOW, Place, alertmanagers, counts, firing, to, to_alertmanagers, until, url};
use skald_outbound::{Authorization, BasicAuth, HttpConfig, NotifierConfig};
use std::collections::BTreeSet;
use std::time::Duration;

fn names(request: &super::receiver::Request) -> Vec<String> {
    let alerts = request.json();
    let alerts = alerts.as_array().expect("a list").iter();
    alerts
        .map(|alert| {
            alert["labels"]["alertname"]
                .as_str()
                .expect("a name")
                .to_owned()
        })
        .collect()
}

#[test]
fn alerts_arrive_in_requests_of_256_for_their_tenant() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, Vec::new());
    let notifier = place.notifier(to_alertmanagers(&[receiver.url("/am/")]));
    notifier.send(
        "team-a",
        (0..600)
            .map(|number| firing(&format!("a{number}")))
            .collect(),
    );
    let mut came = BTreeSet::new();
    while came.len() < 600 {
        let request = receiver.next();
        assert_eq!(request.path, "/am/api/v2/alerts");
        assert_eq!(request.header("x-scope-orgid"), "team-a");
        assert_eq!(request.header("content-type"), "application/json");
        assert!(request.header("user-agent").starts_with("Skald/"));
        let names = names(&request);
        assert!(names.len() <= 256);
        came.extend(names);
    }
    until(|| (counts(&notifier).sent, counts(&notifier).queue_length) == (600, 0));
    let counts = counts(&notifier);
    assert_eq!((counts.errors, counts.dropped), (0, 0));
    assert_eq!(counts.tenant, "team-a");
}

#[test]
fn what_fails_is_tried_again_until_it_is_taken() {
    let place = Place::new();
    let later = Reply::Status(429, "retry-after: 0\r\n".to_owned(), String::new());
    let script = vec![
        status(503),
        later,
        Reply::Close,
        Reply::Hang,
        status(401),
        status(200),
    ];
    let receiver = Receiver::start(&place.runtime, script);
    let mut config = alertmanagers(&[receiver.url("")]);
    config.timeout = Duration::from_millis(500);
    let notifier = place.notifier(to(config));
    notifier.send("t", vec![firing("a")]);
    for _ in 0..6 {
        assert_eq!(names(&receiver.next()), ["a"]);
    }
    until(|| (counts(&notifier).sent, counts(&notifier).queue_length) == (1, 0));
    let counts = counts(&notifier);
    assert_eq!((counts.errors, counts.retries), (5, 5));
    assert_eq!(counts.latency.count, 6);
    assert!(receiver.is_quiet());
}

#[test]
fn what_is_wrong_is_dropped_and_holds_nothing_up() {
    let place = Place::new();
    let bad = Reply::Status(
        400,
        String::new(),
        "start time must be before end time\nmore".to_owned(),
    );
    let receiver = Receiver::start(&place.runtime, vec![bad]);
    let notifier = place.notifier(to_alertmanagers(&[receiver.url("")]));
    notifier.send("t", vec![firing("bad")]);
    assert_eq!(names(&receiver.next()), ["bad"]);
    notifier.send("t", vec![firing("good")]);
    assert_eq!(names(&receiver.next()), ["good"]);
    until(|| counts(&notifier).sent == 1);
    let counts = counts(&notifier);
    assert_eq!((counts.errors, counts.dropped), (1, 1));
}

#[test]
fn a_retry_says_what_is_true_by_then() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, vec![Reply::Hang]);
    let mut config = alertmanagers(&[receiver.url("")]);
    config.timeout = Duration::from_millis(500);
    let notifier = place.notifier(to(config));
    notifier.send("t", vec![firing("a")]);
    assert_eq!(receiver.next().reply, Reply::Hang);
    notifier.send("t", vec![firing("a").resolved(NOW + 60_000)]);
    let alerts = receiver.next_taken().json();
    assert_eq!(alerts.as_array().map(Vec::len), Some(1));
    assert_eq!(alerts[0]["endsAt"], "2023-11-14T22:14:20.000Z");
    until(|| counts(&notifier).queue_length == 0);
    assert_eq!(counts(&notifier).merged, 1);
}

#[test]
fn all_get_all_and_one_that_is_down_holds_up_no_other() {
    let place = Place::new();
    let up = Receiver::start(&place.runtime, Vec::new());
    let down = Receiver::start(&place.runtime, Vec::new()).stop(&place.runtime);
    let notifier = place.notifier(to_alertmanagers(&[up.url(""), format!("http://{down}")]));
    for name in ["a", "b"] {
        notifier.send("t", vec![firing(name)]);
        assert_eq!(names(&up.next()), [name]);
    }
    let back = Receiver::at(&place.runtime, down, Vec::new(), None);
    // Together, unless a try of the first was under way as it came back.
    let mut taken = names(&back.next());
    if taken.len() == 1 {
        taken.extend(names(&back.next()));
    }
    assert_eq!(taken, ["a", "b"]);
    assert!(up.is_quiet());
}

#[test]
fn what_waits_is_sent_by_the_next_run() {
    let place = Place::new();
    let address = Receiver::start(&place.runtime, Vec::new()).stop(&place.runtime);
    let settings = to_alertmanagers(&[format!("http://{address}")]);
    let notifier = place.notifier(settings.clone());
    notifier.send("t", vec![firing("a"), firing("b")]);
    notifier.send("t", vec![firing("a").resolved(NOW + 60_000)]);
    assert_eq!(notifier.unsaved(), 0);
    notifier.close();
    let receiver = Receiver::at(&place.runtime, address, Vec::new(), None);
    let notifier = place.notifier(settings.clone());
    let request = receiver.next();
    assert_eq!(names(&request), ["a", "b"]);
    assert_eq!(request.json()[0]["endsAt"], "2023-11-14T22:14:20.000Z");
    // They are counted once it is in the journal that they are gone.
    until(|| counts(&notifier).sent == 2);
    // Nothing is sent twice by the run after that.
    notifier.close();
    let notifier = place.notifier(settings);
    notifier.send("t", vec![firing("c")]);
    assert_eq!(names(&receiver.next()), ["c"]);
}

#[test]
fn the_oldest_alerts_make_room() {
    let place = Place::new();
    let address = Receiver::start(&place.runtime, Vec::new()).stop(&place.runtime);
    let mut config = alertmanagers(&[format!("http://{address}")]);
    config.queue_capacity = 2;
    let notifier = place.notifier(to(config));
    notifier.send("t", vec![firing("a"), firing("b"), firing("c")]);
    assert_eq!(
        (counts(&notifier).dropped, counts(&notifier).queue_length),
        (1, 2)
    );
    let receiver = Receiver::at(&place.runtime, address, Vec::new(), None);
    assert_eq!(names(&receiver.next()), ["b", "c"]);
}

#[test]
fn what_waits_goes_to_the_alertmanagers_that_there_are_now() {
    let place = Place::new();
    let gone = Receiver::start(&place.runtime, Vec::new()).stop(&place.runtime);
    let notifier = place.notifier(to_alertmanagers(&[format!("http://{gone}")]));
    notifier.send("t", vec![firing("a")]);
    let receiver = Receiver::start(&place.runtime, Vec::new());
    notifier.reconfigure(NotifierConfig::for_all(to_alertmanagers(&[
        receiver.url("")
    ])));
    assert_eq!(names(&receiver.next()), ["a"]);
    assert_eq!(notifier.alertmanagers(), [("t".to_owned(), 1)]);
}

#[test]
fn requests_say_who_asks_and_show_it_to_nobody() {
    let place = Place::new();
    let receiver = Receiver::start(&place.runtime, vec![status(401)]);
    let token = place.folder.path().join("token");
    std::fs::write(&token, "old\n").expect("the disk takes it");
    let in_url = format!("http://me:word@{}/", receiver.address);
    let with = |http: HttpConfig| {
        let mut config = alertmanagers(std::slice::from_ref(&in_url));
        config.http = http;
        to(config)
    };
    let notifier = place.notifier(with(HttpConfig::default()));
    notifier.send("t", vec![firing("a")]);
    // me:word, and tried again after 401: a password can be mended.
    assert_eq!(
        receiver.next().header("authorization"),
        "Basic bWU6d29yZA=="
    );
    assert!(receiver.next().is_taken());
    let is_empty = || until(|| counts(&notifier).queue_length == 0);
    is_empty();
    let basic = BasicAuth {
        username: "you".to_owned(),
        password: "secret".into(),
        ..BasicAuth::default()
    };
    let settings = with(HttpConfig {
        basic_auth: Some(basic),
        ..HttpConfig::default()
    });
    assert!(
        !format!("{settings:?}").contains("word\"")
            && !format!("{settings:?}").contains("secret\"")
    );
    notifier.reconfigure(NotifierConfig::for_all(settings));
    notifier.send("t", vec![firing("b")]);
    assert_eq!(
        receiver.next_taken().header("authorization"),
        "Basic eW91OnNlY3JldA=="
    );
    is_empty();
    let from_file = Authorization {
        credentials_file: Some(token.clone()),
        ..Authorization::default()
    };
    let settings = with(HttpConfig {
        authorization: Some(from_file),
        ..HttpConfig::default()
    });
    notifier.reconfigure(NotifierConfig::for_all(settings));
    notifier.send("t", vec![firing("c")]);
    assert_eq!(receiver.next_taken().header("authorization"), "Bearer old");
    std::fs::write(&token, "new\n").expect("the disk takes it");
    notifier.send("t", vec![firing("d")]);
    assert_eq!(receiver.next_taken().header("authorization"), "Bearer new");
}

#[test]
fn redirects_are_not_followed_unless_it_is_asked_for() {
    let place = Place::new();
    let other = Receiver::start(&place.runtime, Vec::new());
    let redirect = Reply::Status(
        307,
        format!("location: {}\r\n", other.url("/elsewhere")),
        String::new(),
    );
    let receiver = Receiver::start(&place.runtime, vec![redirect.clone()]);
    let notifier = place.notifier(to_alertmanagers(&[receiver.url("")]));
    notifier.send("t", vec![firing("a")]);
    assert_eq!(receiver.next().reply, redirect);
    assert!(receiver.next().is_taken());
    assert!(other.is_quiet());
    receiver.then(redirect);
    let mut config = alertmanagers(&[receiver.url("")]);
    config.http.follow_redirects = true;
    notifier.reconfigure(NotifierConfig::for_all(to(config)));
    notifier.send("t", vec![firing("b")]);
    assert_eq!(other.next().path, "/elsewhere");
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let place = Place::new();
    let long = Reply::Status(400, String::new(), "x".repeat(10 << 20));
    let receiver = Receiver::start(&place.runtime, vec![long]);
    let notifier = place.notifier(to_alertmanagers(&[receiver.url("")]));
    notifier.send("t", vec![firing("a")]);
    until(|| counts(&notifier).dropped == 1);
    notifier.send("t", vec![firing("b")]);
    assert_eq!(names(&receiver.next_taken()), ["b"]);
    assert_eq!(
        url(&receiver.url("")).to_string(),
        format!("http://{}", receiver.address)
    );
}
