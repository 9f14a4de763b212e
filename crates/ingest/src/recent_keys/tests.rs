//! Keys over pushes that end well, badly, at the same time, and too many of them.

use super::*;
use crate::limits::IngestLimits;
use crate::receivers::events::{EventLabels, Events};
use crate::rejection::Reason;
use crate::room::Room;
use std::thread::spawn;

const WINDOW: i64 = 600;

fn recent(budget: usize) -> Arc<RecentKeys> {
    Arc::new(RecentKeys::within(&Arc::new(Budget::new(budget))))
}

fn key(text: &str) -> EventKey {
    EventKey::of(&[text.as_bytes()])
}

/// A push with an entry for each letter, which is its key; none for a space.
fn push(letters: &str) -> Decoded<'static> {
    let mut events = Events::within(Room::default(), &IngestLimits::default());
    for (at, letter) in letters.chars().enumerate() {
        let mut labels = EventLabels::of_service("s");
        labels.add("parity", if at % 2 == 0 { b"even" } else { b"odd" });
        let line = letter.to_string().into_bytes();
        events.push(&labels, at as i64, line).expect("room");
        if letter != ' ' {
            events.key_of_last(key(&letter.to_string())).expect("room");
        }
    }
    events.finish().expect("room")
}

/// What is left of a push, by stream, and its claim.
fn claim(recent: &Arc<RecentKeys>, letters: &str, now: i64) -> (String, Claim) {
    let mut decoded = push(letters);
    let window = WINDOW;
    let claim = recent.claim(
        &TenantId::fake(),
        &mut decoded,
        Moment { now, window },
        Vec::new,
    );
    let streams = decoded.streams.iter().map(|stream| {
        let rows = decoded.entries[stream.rows.clone()].iter();
        rows.flat_map(|entry| entry.line.iter().map(|byte| char::from(*byte)))
            .collect::<String>()
    });
    (streams.collect::<Vec<_>>().join("|"), claim)
}

fn check(recent: &Arc<RecentKeys>, letters: &str, left: &str) -> Claim {
    let (found, claim) = claim(recent, letters, 1);
    assert_eq!(found, left, "{letters:?}");
    claim
}

#[test]
fn what_was_kept_is_left_out_and_the_rest_stays_in_its_stream() {
    let recent = recent(1 << 30);
    check(&recent, "ab c", "a |bc").keep();
    check(&recent, "xaby bc", "x |y").keep();
    check(&recent, "zz", "z|").keep();
    let mut out = String::new();
    recent.write(&mut out);
    assert!(out.contains("skald_ingest_recent_keys 6\n"), "{out}");
}

#[test]
fn what_was_not_stored_may_come_again() {
    let recent = recent(1 << 30);
    drop(check(&recent, "ab", "a|b"));
    let mut claim = check(&recent, "abcd", "ac|bd");
    // In order of streams: a, c, b, d.
    claim.give_up(&[RefusedRows {
        rows: 1..3,
        reason: Reason::LineTooLong,
        status: 400,
        message: None,
    }]);
    claim.keep();
    check(&recent, "abcd", "c|b").keep();
    check(&recent, "abcd", "|").keep();
}

#[test]
fn a_push_waits_for_another_with_the_same_key() {
    let recent = recent(1 << 30);
    let first = check(&recent, "a", "a");
    let (its, other) = (recent.clone(), recent.clone());
    let second = spawn(move || check(&its, "a", ""));
    let third = spawn(move || check(&other, "b", "b").keep());
    third.join().expect("another key waits for nobody");
    assert!(!second.is_finished());
    first.keep();
    second.join().expect("it is left out").keep();
}

#[test]
fn what_the_store_has_is_known_and_asked_for_once() {
    let recent = recent(1 << 30);
    let tenant = TenantId::fake();
    let moment = Moment {
        now: 1,
        window: WINDOW,
    };
    let mut decoded = push("ab");
    let stored = || vec![key("a")];
    recent.claim(&tenant, &mut decoded, moment, stored).keep();
    assert_eq!(decoded.entries.len(), 1);
    assert_eq!(decoded.dropped.get(REASON), Some(&(1, 1)));
    let again = || panic!("it is asked once");
    recent.claim(&tenant, &mut push("c"), moment, again).keep();
    let off = Moment {
        window: 0,
        ..moment
    };
    let mut decoded = push("ab");
    recent.claim(&tenant, &mut decoded, off, again).keep();
    assert_eq!(decoded.entries.len(), 2, "it is switched off");
}

#[test]
fn keys_are_forgotten_after_their_time_and_for_want_of_memory() {
    let recent = recent(2 * 3 * KEY_BYTES * BUDGET_SHARE);
    assert_eq!(recent.most(), 3);
    claim(&recent, "ab", 1).1.keep();
    assert_eq!(claim(&recent, "a", WINDOW).0, "");
    assert_eq!(claim(&recent, "a", 2 * WINDOW + 1).0, "a");
    let forgotten = || recent.known.lock().forgotten;
    assert_eq!(forgotten(), 0, "that was their time");
    for letters in ["cd", "ef", "gh", "ij"] {
        claim(&recent, letters, 3 * WINDOW).1.keep();
    }
    assert!(forgotten() > 0);
    let known = recent.known.lock();
    assert!(known.tenants.values().map(Generations::len).sum::<usize>() <= 6);
}
