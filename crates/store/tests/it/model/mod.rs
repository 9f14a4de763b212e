//! What a correct store may and must show: entries, delete requests and ages of several tenants.

#![allow(
    unreachable_pub,
    reason = "a module of the test binary, whose items are public to it"
)]

use crate::support::Fact;
use skald_model::{Labels, TenantId, time::DAY_NS};
use skald_store::WriteError;
use skald_wal::sim::Dice;
use std::collections::{BTreeMap, BTreeSet};

/// Tenants of a run.
pub const TENANTS: usize = 3;
/// What the second tenant keeps of everything, the third of the stream `app-1`.
pub const RETENTION_DAYS: i64 = 3;
/// Apps of a tenant.
const APPS: u64 = 5;

/// A tenant by its number.
pub fn tenant(number: usize) -> TenantId {
    TenantId::parse(&format!("tenant-{number}")).expect("the name is good")
}

/// A delete request.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Distinct for each request.
    pub text: String,
    pub start: i64,
    pub end: i64,
    app: String,
    word: String,
    /// Entries up to this one were sent before it.
    sent: u64,
    id: Option<String>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What it matches must not be seen.
    InForce,
    /// Whether it is in force is unknown.
    Perhaps,
    /// It was taken back when nothing was rewritten for it yet.
    Gone,
    /// It was taken back and may have been obeyed in part.
    Partly,
}

/// How making a request ended.
pub enum Made {
    /// With this id.
    Made(String),
    /// With an error: a crash may still find it made.
    PerhapsMade,
}

/// How cancelling a request ended.
#[derive(Clone, Copy)]
pub enum Cancelled {
    /// Before anything was rewritten.
    Whole,
    /// Later.
    Rest,
    /// With an error.
    Perhaps,
}

#[derive(Default)]
struct Data {
    /// By line: entries are distinct. The number says the order of sending.
    sent: BTreeMap<Fact, u64>,
    acknowledged: BTreeSet<Fact>,
    deletes: Vec<Delete>,
}

/// All of it.
pub struct Model {
    pub now: i64,
    tenants: [Data; TENANTS],
    next: u64,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            now: 4 * DAY_NS,
            tenants: Default::default(),
            next: 0,
        }
    }
}

impl Model {
    /// A push of new entries; every entry is different, so that one stored twice is seen.
    pub fn new_push(&mut self, number: usize, dice: &mut Dice) -> Vec<Fact> {
        let facts: Vec<Fact> = (0..1 + dice.below(10))
            .map(|_| self.new_fact(dice))
            .collect();
        self.tenants[number]
            .sent
            .extend(facts.iter().cloned().map(|fact| (fact, self.next)));
        facts
    }

    fn new_fact(&mut self, dice: &mut Dice) -> Fact {
        self.next += 1;
        let word = ["good", "bad", "ugly"][dice.below(3) as usize];
        let filler = "filler ".repeat(dice.below(60) as usize);
        let has_metadata = dice.one_in(3);
        Fact {
            labels: Labels::from_pairs([("app", format!("app-{}", dice.below(APPS)))]),
            time: self.now - DAY_NS * dice.below(3) as i64 - dice.below(1_000) as i64,
            line: format!("entry {} {word} {filler}", self.next).into_bytes(),
            metadata: has_metadata
                .then(|| ("trace".to_owned(), format!("t{}", self.next)))
                .into_iter()
                .collect(),
        }
    }

    /// A push was answered.
    pub fn answered(&mut self, number: usize, facts: &[Fact], result: &Result<(), WriteError>) {
        if result.is_ok() {
            self.tenants[number]
                .acknowledged
                .extend(facts.iter().cloned());
        }
    }

    /// A request for some of a tenant's entries.
    pub fn new_delete(&mut self, number: usize, dice: &mut Dice) -> Delete {
        self.next += 1;
        let app = format!("app-{}", dice.below(APPS));
        let word = ["", "bad", "ugly"][dice.below(3) as usize].to_owned();
        let text = format!("{app} {word}#{number}-{}", self.next);
        let start = if dice.one_in(2) {
            0
        } else {
            self.now - DAY_NS * dice.below(3) as i64 - 500
        };
        let end = if dice.one_in(2) {
            self.now
        } else {
            start + DAY_NS
        };
        Delete {
            text,
            start,
            end,
            app,
            word,
            sent: self.next,
            id: None,
            state: State::Perhaps,
        }
    }

    /// It was asked for.
    pub fn made_delete(&mut self, number: usize, delete: Delete, made: Made) {
        let (id, state) = match made {
            Made::Made(id) => (Some(id), State::InForce),
            Made::PerhapsMade => (None, State::Perhaps),
        };
        self.tenants[number].deletes.push(Delete {
            id,
            state,
            ..delete
        });
    }

    /// The id of some request in force.
    pub fn some_delete(&self, number: usize, dice: &mut Dice) -> Option<String> {
        let deletes = &self.tenants[number].deletes;
        let in_force: Vec<&Delete> = deletes
            .iter()
            .filter(|d| d.state == State::InForce && d.id.is_some())
            .collect();
        let index = dice.below(in_force.len() as u64) as usize;
        in_force.get(index).and_then(|delete| delete.id.clone())
    }

    /// A request was taken back, or was to be.
    pub fn cancelled_delete(&mut self, number: usize, id: &str, how: Cancelled) {
        let deletes = &mut self.tenants[number].deletes;
        for delete in deletes.iter_mut().filter(|d| d.id.as_deref() == Some(id)) {
            delete.state = match how {
                Cancelled::Whole => State::Gone,
                Cancelled::Rest => State::Partly,
                Cancelled::Perhaps => State::Perhaps,
            };
        }
    }

    /// After a start: which requests there are.
    pub fn learn_deletes(&mut self, number: usize, listed: &[String], seed: u64) {
        for delete in &mut self.tenants[number].deletes {
            let is_listed = listed.contains(&delete.text);
            match delete.state {
                State::InForce => assert!(is_listed, "seed {seed}: the request {delete:?} is lost"),
                State::Perhaps if is_listed => delete.state = State::InForce,
                // It may have been due before somebody tried to take it back.
                State::Perhaps => {
                    delete.state = if delete.id.is_some() {
                        State::Partly
                    } else {
                        State::Gone
                    }
                }
                State::Gone | State::Partly => {
                    assert!(!is_listed, "seed {seed}: the request {delete:?} is back")
                }
            }
        }
    }

    /// Whether a store may show this.
    pub fn compare(&self, number: usize, found: &[Fact], seed: u64) {
        let data = &self.tenants[number];
        let distinct: BTreeSet<&Fact> = found.iter().collect();
        assert_eq!(
            found.len(),
            distinct.len(),
            "seed {seed}: entries are there twice"
        );
        for fact in &distinct {
            let sent = data
                .sent
                .get(*fact)
                .unwrap_or_else(|| panic!("seed {seed}: {fact:?} was never sent"));
            assert!(
                !self.has_expired(number, fact),
                "seed {seed}: {fact:?} has expired and is seen"
            );
            let deleted = data
                .deletes
                .iter()
                .find(|d| d.state == State::InForce && d.matches(fact, *sent));
            assert!(
                deleted.is_none(),
                "seed {seed}: {fact:?} is deleted by {deleted:?} and is seen"
            );
        }
        for fact in data
            .acknowledged
            .iter()
            .filter(|fact| !distinct.contains(fact))
        {
            let sent = data.sent[fact];
            let may_go = self.has_expired(number, fact)
                || data
                    .deletes
                    .iter()
                    .any(|d| d.state != State::Gone && d.matches(fact, sent));
            assert!(may_go, "seed {seed}: {fact:?} of tenant {number} is lost");
        }
    }

    fn has_expired(&self, number: usize, fact: &Fact) -> bool {
        let is_bounded = number == 1 || (number == 2 && fact.labels.get("app") == Some("app-1"));
        is_bounded && fact.time < self.now - RETENTION_DAYS * DAY_NS
    }
}

impl Delete {
    /// Whether it is for an entry that was sent as number `sent`.
    fn matches(&self, fact: &Fact, sent: u64) -> bool {
        let has_word = self.word.is_empty()
            || fact
                .line
                .windows(self.word.len())
                .any(|w| w == self.word.as_bytes());
        let is_earlier = sent < self.sent;
        is_earlier
            && has_word
            && fact.labels.get("app") == Some(&self.app)
            && self.start <= fact.time
            && fact.time <= self.end
    }
}
