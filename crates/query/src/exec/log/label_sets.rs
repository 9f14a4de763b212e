//! Label sets are remembered by a thread, so that entries with the same labels share them.

use crate::error::QueryError;
use crate::exec::log::entry::OutputLabels;
use hashbrown::HashMap;
use skald_logql::pipeline::Row;
use skald_model::Charge;
use std::sync::Arc;

/// Distinct label sets a thread remembers before it forgets them all: bounds what random metadata
/// costs.
const LABEL_SETS_MAX: usize = 16 * 1024;

/// Bytes of label sets a thread remembers.
const LABEL_SETS_BYTES: usize = 1 << 20;

/// Longest key by which a label set is remembered: larger sets are made anew for each entry.
const LABEL_KEY_BYTES: usize = 16 << 10;

/// Label sets that a thread met lately, by their bytes.
#[derive(Default)]
pub(crate) struct LabelSets {
    sets: HashMap<Box<[u8]>, Arc<OutputLabels>, foldhash::fast::FixedState>,
    /// Of keys and sets.
    bytes: usize,
    key: Vec<u8>,
}

impl LabelSets {
    /// Bytes of all that are remembered.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The row's labels, shared with earlier rows that have the same. `held` is charged with
    /// new ones.
    pub(crate) fn of(
        &mut self,
        row: &Row<'_>,
        held: &mut Charge,
    ) -> Result<Arc<OutputLabels>, QueryError> {
        self.key.clear();
        let key = &mut self.key;
        row.labels.for_each(&mut |name, value, category| {
            // A key that is too long is not looked up.
            if key.len() > LABEL_KEY_BYTES {
                return;
            }
            key.push(category as u8);
            key.extend_from_slice(&(name.len() as u32).to_le_bytes());
            key.extend_from_slice(name.as_bytes());
            key.extend_from_slice(&(value.len() as u32).to_le_bytes());
            key.extend_from_slice(&value.as_bytes()[..value.len().min(LABEL_KEY_BYTES + 1)]);
        });
        let is_short = self.key.len() <= LABEL_KEY_BYTES;
        if is_short && let Some(labels) = self.sets.get(self.key.as_slice()) {
            return Ok(Arc::clone(labels));
        }
        let bytes = OutputLabels::bytes_of(row);
        if !is_short {
            held.add(bytes)?;
            return Ok(Arc::new(OutputLabels::of(row)));
        }
        let both = bytes + self.key.len();
        if self.sets.len() >= LABEL_SETS_MAX || self.bytes + both > LABEL_SETS_BYTES {
            self.sets.clear();
            self.bytes = 0;
        }
        held.add(both)?;
        self.bytes += both;
        let labels = Arc::new(OutputLabels::of(row));
        self.sets
            .insert(self.key.as_slice().into(), Arc::clone(&labels));
        Ok(labels)
    }
}
