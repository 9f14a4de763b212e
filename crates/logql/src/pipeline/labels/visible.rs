//! The visible labels of a line are those that output shows, from the stream, metadata or parsers.

use super::{Category, LabelSet};
use crate::pipeline::names::NameId;
use crate::pipeline::ranks::Ranks;
use crate::pipeline::span::{Input, Span, column_span};
use skald_model::steps;

/// One visible label.
#[derive(Clone, Copy, Debug)]
pub(in crate::pipeline) struct Item {
    rank: u32,
    /// Its name.
    pub(in crate::pipeline) name: NameId,
    /// Its value.
    pub(in crate::pipeline) value: Span,
    /// Its origin.
    pub(in crate::pipeline) category: Category,
}

impl LabelSet {
    /// Removes the labels `keep` does not want.
    pub(in crate::pipeline) fn retain(
        &mut self,
        input: Input<'_>,
        keep: impl Fn(&LabelSet, NameId) -> bool,
    ) {
        let mut items = self.items.take();
        self.collect(input, &mut items);
        for item in &items {
            if !keep(self, item.name) {
                self.delete(item.name);
            }
        }
        self.items.replace(items);
    }

    /// Collects every visible label but the error ones, in no order.
    pub(in crate::pipeline) fn collect(&self, input: Input<'_>, items: &mut Vec<Item>) {
        items.clear();
        let mut push = |name, value, category| {
            items.push(Item {
                rank: 0,
                name,
                value,
                category,
            })
        };
        steps::count(self.stream.len() + self.columns.len() + self.touched.len());
        for name in &self.stream {
            let slot = &self.slots[*name as usize];
            // Renamed metadata may take the name of a label.
            let covered =
                slot.renamed_run == self.run && self.metadata_value(input, slot).is_some();
            if slot.line != self.line && !covered {
                push(*name, slot.stream_value, Category::Stream);
            }
        }
        for (at, name) in &self.columns {
            let slot = &self.slots[*name as usize];
            if slot.line != self.line
                && let Some(span) = column_span(input.metadata, *at, self.row)
                && self
                    .metadata_value(input, slot)
                    .is_some_and(|shown| shown.source == span.source)
            {
                push(*name, span, Category::Metadata);
            }
        }
        for name in &self.touched {
            if let Some((value, category)) = self.slots[*name as usize].value {
                push(*name, value, category);
            }
        }
    }

    /// Calls `f` with the visible labels sorted by name; error labels are not among them.
    pub(in crate::pipeline) fn with_sorted<R>(
        &self,
        input: Input<'_>,
        f: impl FnOnce(&[Item]) -> R,
    ) -> R {
        let mut items = self.items.take();
        self.collect(input, &mut items);
        self.sort(&mut items);
        let result = f(&items);
        self.items.replace(items);
        result
    }

    /// Sorts labels by name: by their ranks, or by text where a name has none yet.
    fn sort(&self, items: &mut [Item]) {
        let mut ranks = self.ranks.borrow_mut();
        let mut missing = false;
        for item in items.iter_mut() {
            item.rank = ranks.get(item.name);
            missing |= Ranks::is_missing(item.rank);
        }
        if missing {
            if !ranks.renew_if_due(&self.names, items.len()) {
                items.sort_unstable_by(|a, b| ranks.compare(&self.names, a.name, b.name));
                return;
            }
            items
                .iter_mut()
                .for_each(|item| item.rank = ranks.get(item.name));
        }
        steps::count(items.len());
        items.sort_unstable_by_key(|item| item.rank);
    }
}
