//! A ruler whose engine, clock and outboxes belong to the test.

use parking_lot::Mutex;
use skald_model::{Labels, TenantId};
use skald_ruler::clock::Clock;
use skald_ruler::engine::{
    Answer, Cost, Engine, EngineError, Line, LinesQuestion, Question, Sample,
};
use skald_ruler::observer::{NoObserver, Observer};
use skald_ruler::outbox::{Notification, Notifications, Recorded, Refused, Samples};
use skald_ruler::ruler::{Loaded, Parts, Ruler};
use skald_ruler::rules::{RuleGroup, joined, read_group};
use skald_ruler::settings::Settings;
use skald_ruler::states::{Restored, StateStore};
use skald_ruler::templates::NoTemplates;
use skald_wal::files::Files;
use skald_wal::sim::SimFiles;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;

/// Series of an answer, by a label `of` and their value.
pub(crate) type Series = Vec<(String, f64)>;
type Answers = dyn Fn(&Question<'_>) -> Result<Series, EngineError> + Send + Sync;

/// Everything a ruler works with.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) answers: Arc<Mutex<Arc<Answers>>>,
    /// Every question, with its instant.
    pub(crate) asked: Arc<Mutex<Vec<(String, i64)>>>,
    pub(crate) sent: Arc<Mutex<Vec<Notification>>>,
    pub(crate) samples: Arc<Mutex<Vec<Recorded>>>,
    /// Why outboxes take nothing.
    pub(crate) refuse: Arc<Mutex<Option<String>>>,
    pub(crate) observer: Arc<dyn Observer>,
}

impl World {
    pub(crate) fn new(now: i64) -> World {
        World {
            now: Arc::new(AtomicI64::new(now)),
            answers: Arc::new(Mutex::new(Arc::new(|_: &Question<'_>| Ok(Vec::new())))),
            asked: Arc::default(),
            sent: Arc::default(),
            samples: Arc::default(),
            refuse: Arc::default(),
            observer: Arc::new(NoObserver),
        }
    }

    pub(crate) fn answer(
        &self,
        answers: impl Fn(&Question<'_>) -> Result<Series, EngineError> + Send + Sync + 'static,
    ) {
        *self.answers.lock() = Arc::new(answers);
    }

    /// Answers every question with these series.
    pub(crate) fn find(&self, series: &[&str]) {
        let series: Series = series.iter().map(|s| ((*s).to_owned(), 1.0)).collect();
        self.answer(move |_| Ok(series.clone()));
    }

    pub(crate) fn fail(&self, why: &str) {
        let why = why.to_owned();
        self.answer(move |_| Err(EngineError::Failed(why.clone())));
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, now: i64) {
        self.now.store(now, Ordering::Relaxed);
    }

    pub(crate) fn ruler(&self, settings: Settings) -> Ruler {
        self.ruler_with(settings, None, Restored::new())
    }

    pub(crate) fn ruler_with(
        &self,
        settings: Settings,
        states: Option<StateStore>,
        restored: Restored,
    ) -> Ruler {
        let parts = Parts {
            engine: Arc::new(self.clone()),
            templates: Arc::new(NoTemplates),
            notifications: Arc::new(self.clone()),
            samples: Arc::new(self.clone()),
            observer: self.observer.clone(),
            clock: Arc::new(self.clone()),
            states,
        };
        Ruler::new(settings, parts, restored)
    }

    /// Lives on to the next slot of any group and evaluates it.
    pub(crate) fn step(&self, ruler: &Ruler) -> i64 {
        let due = ruler.run_due().expect("a group waits");
        self.set(due);
        ruler.run_due();
        due
    }

    pub(crate) fn take_sent(&self) -> Vec<Notification> {
        std::mem::take(&mut self.sent.lock())
    }

    pub(crate) fn take_samples(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.samples.lock())
    }

    pub(crate) fn take_asked(&self) -> Vec<(String, i64)> {
        std::mem::take(&mut self.asked.lock())
    }

    fn take<T>(&self, into: &Mutex<Vec<T>>, more: Vec<T>) -> Result<(), Refused> {
        if let Some(why) = self.refuse.lock().clone() {
            return Err(Refused(why));
        }
        into.lock().extend(more);
        Ok(())
    }
}

impl Clock for World {
    fn now(&self) -> i64 {
        World::now(self)
    }
}

impl Engine for World {
    fn instant(&self, question: &Question<'_>) -> Result<Answer, EngineError> {
        let asked = (question.query.to_owned(), question.at);
        self.asked.lock().push(asked);
        let answers = self.answers.lock().clone();
        let series = answers(question)?;
        Ok(Answer {
            cost: Cost {
                bytes: 100,
                lines: 10,
                streams: series.len() as u64,
            },
            samples: series
                .into_iter()
                .map(|(of, value)| Sample {
                    labels: Labels::from_pairs([("of", of)]),
                    value,
                })
                .collect(),
        })
    }

    fn lines(&self, _: &LinesQuestion<'_>) -> Result<Vec<Line>, EngineError> {
        Ok(Vec::new())
    }
}

impl Notifications for World {
    fn notify(&self, _: &TenantId, alerts: Vec<Notification>) -> Result<(), Refused> {
        self.take(&self.sent, alerts)
    }
}

impl Samples for World {
    fn append(&self, _: &TenantId, samples: Vec<Recorded>) -> Result<(), Refused> {
        self.take(&self.samples, samples)
    }
}

pub(crate) fn group(yaml: &str) -> RuleGroup {
    read_group(yaml, &NoTemplates).unwrap_or_else(|faults| panic!("{yaml}: {}", joined(&faults)))
}

pub(crate) fn loaded(namespace: &str, yaml: &str) -> Loaded {
    Loaded {
        namespace: Arc::from(namespace),
        group: Arc::new(group(yaml)),
    }
}

/// A disk with a data directory.
pub(crate) fn empty_disk() -> SimFiles {
    let files = SimFiles::default();
    let made = files.create_folder(Path::new("/data"));
    made.expect("the disk is sound");
    files
        .sync_folder(Path::new("/"))
        .expect("the disk is sound");
    files
}
