//! Periods: the distinct retention periods of a part's streams, remembered by part.

use super::Retention;
use crate::part::Part;
use std::collections::HashMap;
use std::sync::Arc;

/// The distinct periods in parts, under the settings they were made from; by the parts' numbers.
#[derive(Debug, Default)]
pub(crate) struct Periods {
    retention: Arc<Retention>,
    parts: HashMap<u64, Vec<Option<i64>>>,
}

impl Periods {
    /// The distinct periods of a part, in nanoseconds; `None` is for ever.
    pub(crate) fn of(&mut self, retention: &Arc<Retention>, part: &Part) -> Vec<Option<i64>> {
        if retention.streams.is_empty() {
            return retention.periods().collect();
        }
        if !Arc::ptr_eq(&self.retention, retention) {
            *self = Periods {
                retention: retention.clone(),
                parts: HashMap::new(),
            };
        }
        let found = self.parts.entry(part.meta.id).or_insert_with(|| {
            let mut periods: Vec<Option<i64>> = Vec::new();
            for stream in 0..part.table.len() as u32 {
                let period = retention.period_of(&part.table.labels(stream));
                if !periods.contains(&period) {
                    periods.push(period);
                }
            }
            periods
        });
        found.clone()
    }

    /// Forgets parts that are gone.
    pub(crate) fn retain(&mut self, parts: &[Arc<Part>]) {
        self.parts
            .retain(|id, _| parts.iter().any(|p| p.meta.id == *id));
    }
}
