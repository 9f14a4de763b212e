//! A query's source reads one tenant, or several together with the label `__tenant_id__`.
//!
//! A matcher on that label chooses among the tenants and goes no further; a label a stream has
//! under that name is shown as `original___tenant_id__`. One tenant is read as if none of this were
//! here.

use crate::request::Tenants;
use skald_model::{Charge, Charged, Direction, Labels, Matcher, StreamId, TenantId, TimeRange};
use skald_store::{MinedStreams, Select, Selected, Selector, Store, StoreError};
use std::collections::BTreeSet;

/// The label that names the tenant; Loki's.
const TENANT_LABEL: &str = "__tenant_id__";

/// A label of a stream that was in its way.
const ORIGINAL_LABEL: &str = "original___tenant_id__";

/// Who is read and by what: those the tenant matchers let through, and the other matchers.
fn chosen<'a>(tenants: &'a [TenantId], matchers: &[Matcher]) -> (Vec<&'a TenantId>, Vec<Matcher>) {
    let (own, rest): (Vec<Matcher>, Vec<Matcher>) = matchers
        .iter()
        .cloned()
        .partition(|m| m.name == TENANT_LABEL);
    (
        tenants
            .iter()
            .filter(|tenant| own.iter().all(|m| m.matches(tenant.as_str())))
            .collect(),
        rest,
    )
}

fn marked(tenant: &TenantId, labels: &Labels) -> Labels {
    let renamed = labels.iter().map(|(name, value)| {
        (
            if name == TENANT_LABEL {
                ORIGINAL_LABEL
            } else {
                name
            },
            value,
        )
    });
    Labels::from_pairs(renamed.chain([(TENANT_LABEL, tenant.as_str())]))
}

/// The store, as the tenants of one query see it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) store: &'a Store,
    tenants: &'a Tenants,
}

/// What a query that may stop early reads, round by round.
pub(crate) enum Rounds<'a> {
    /// All in one round.
    Single(Charged<Selected>),
    /// Newest or oldest first.
    Several(Box<Selector<'a>>),
}

impl Rounds<'_> {
    /// The next round, of about `pieces` pieces; `charge` holds what is found.
    pub(crate) fn next(
        &mut self,
        pieces: usize,
        mut charge: Charge,
    ) -> Result<Charged<Selected>, StoreError> {
        match self {
            Rounds::Single(selected) => Ok(std::mem::take(selected)),
            Rounds::Several(selector) => {
                let value = selector.next(pieces, &mut charge)?;
                Ok(Charged { value, charge })
            }
        }
    }

    /// The nearest time that later rounds may have; `None` when there are none.
    pub(crate) fn nearest(&self) -> Option<i64> {
        match self {
            Rounds::Single(_) => None,
            Rounds::Several(selector) => selector.nearest(),
        }
    }
}

impl<'a> Source<'a> {
    pub(crate) fn new(store: &'a Store, tenants: &'a Tenants) -> Source<'a> {
        Source { store, tenants }
    }

    /// Whose data it is.
    pub(crate) fn tenants(&self) -> &'a Tenants {
        self.tenants
    }

    /// What there is to read; `charge` holds it.
    pub(crate) fn select(
        &self,
        select: &Select<'_>,
        charge: &mut Charge,
    ) -> Result<Selected, StoreError> {
        let mut select_of = |tenant, select: &Select<'_>| {
            let mut selector = self.store.selector(tenant, select, Direction::Backward)?;
            selector.next(usize::MAX, charge)
        };
        let tenants = match self.tenants.single() {
            Some(tenant) => return select_of(tenant, select),
            None => self.tenants.all(),
        };
        let (tenants, matchers) = chosen(tenants, select.matchers);
        let mut all = Selected::default();
        for tenant in tenants {
            let select = Select {
                matchers: &matchers,
                range: select.range,
                content: select.content,
            };
            let mut found = select_of(tenant, &select)?;
            let first = all.streams.len() as u32;
            for run in found.pieces.iter_mut().flat_map(|piece| &mut piece.runs) {
                run.stream += first;
            }
            for stream in &mut found.streams {
                stream.labels = marked(tenant, &stream.labels);
                // Equal streams of two tenants are two streams, also in the order of entries.
                stream.id = StreamId::of(&stream.labels);
            }
            all.streams.append(&mut found.streams);
            all.pieces.append(&mut found.pieces);
            all.warnings.append(&mut found.warnings);
            all.blocks_pruned += found.blocks_pruned;
        }
        Ok(all)
    }

    /// What there is to read, round by round where one tenant is read.
    pub(crate) fn rounds(
        &self,
        select: &Select<'a>,
        direction: Direction,
        mut charge: Charge,
    ) -> Result<Rounds<'a>, StoreError> {
        Ok(match self.tenants.single() {
            Some(tenant) => {
                Rounds::Several(Box::new(self.store.selector(tenant, select, direction)?))
            }
            None => Rounds::Single(Charged {
                value: self.select(select, &mut charge)?,
                charge,
            }),
        })
    }

    /// Templates of lines of matching streams, from parts; `charge` holds them.
    pub(crate) fn mined(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        charge: &mut Charge,
    ) -> Result<MinedStreams, StoreError> {
        let tenants = match self.tenants.single() {
            Some(tenant) => return self.store.patterns(tenant, matchers, range, charge),
            None => self.tenants.all(),
        };
        let (tenants, matchers) = chosen(tenants, matchers);
        let mut all = MinedStreams::default();
        for tenant in tenants {
            let found = self.store.patterns(tenant, &matchers, range, charge)?;
            all.streams.extend(
                found
                    .streams
                    .into_iter()
                    .map(|(labels, patterns)| (marked(tenant, &labels), patterns)),
            );
            all.warnings.extend(found.warnings);
        }
        Ok(all)
    }

    /// Names of labels of matching streams, sorted; `charge` holds them.
    pub(crate) fn names(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        charge: &mut Charge,
    ) -> Result<Vec<String>, StoreError> {
        let tenants = match self.tenants.single() {
            Some(tenant) => return self.store.label_names(tenant, matchers, range, charge),
            None => self.tenants.all(),
        };
        let (tenants, matchers) = chosen(tenants, matchers);
        let mut names = BTreeSet::new();
        for tenant in tenants {
            names.extend(self.store.label_names(tenant, &matchers, range, charge)?);
        }
        if names.contains(TENANT_LABEL) {
            names.insert(ORIGINAL_LABEL.to_owned());
        } else if !names.is_empty() {
            names.insert(TENANT_LABEL.to_owned());
        }
        Ok(names.into_iter().collect())
    }

    /// Values of a label of matching streams, sorted; `charge` holds them.
    pub(crate) fn values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
        charge: &mut Charge,
    ) -> Result<Vec<String>, StoreError> {
        let tenants = match self.tenants.single() {
            Some(tenant) => {
                return self
                    .store
                    .label_values(tenant, name, matchers, range, charge);
            }
            None => self.tenants.all(),
        };
        let (tenants, matchers) = chosen(tenants, matchers);
        let stored = if name == ORIGINAL_LABEL {
            TENANT_LABEL
        } else {
            name
        };
        let mut values = BTreeSet::new();
        for tenant in tenants {
            if name != TENANT_LABEL {
                values.extend(
                    self.store
                        .label_values(tenant, stored, &matchers, range, charge)?,
                );
            } else if !self
                .store
                .label_names(tenant, &matchers, range, charge)?
                .is_empty()
            {
                values.insert(tenant.to_string());
            }
        }
        Ok(values.into_iter().collect())
    }

    /// Labels of streams that match any of the groups; `charge` holds them.
    pub(crate) fn streams(
        &self,
        groups: &[Vec<Matcher>],
        range: TimeRange,
        charge: &mut Charge,
    ) -> Result<Vec<Labels>, StoreError> {
        let tenants = match self.tenants.single() {
            Some(tenant) => return self.store.streams(tenant, groups, range, charge),
            None => self.tenants.all(),
        };
        let mut all = Vec::new();
        for tenant in tenants {
            let own: Vec<Vec<Matcher>> = groups
                .iter()
                .map(|group| chosen(std::slice::from_ref(tenant), group))
                .filter_map(|(chosen, rest)| (!chosen.is_empty()).then_some(rest))
                .collect();
            if !own.is_empty() || groups.is_empty() {
                for labels in self.store.streams(tenant, &own, range, charge)? {
                    let marked = marked(tenant, &labels);
                    charge.add(size_of::<Labels>() + marked.as_bytes().len())?;
                    all.push(marked);
                }
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::MatchOp;

    #[test]
    fn a_matcher_on_the_tenant_chooses_and_the_others_go_on() {
        let tenants = ["a", "b", "c"].map(|name| TenantId::parse(name).expect("valid"));
        let matchers = [
            Matcher::new(TENANT_LABEL, MatchOp::Regex, "a|c").expect("good"),
            Matcher::equal("app", "x"),
        ];
        let (chosen, rest) = chosen(&tenants, &matchers);
        assert_eq!(
            chosen.iter().map(|t| t.as_str()).collect::<Vec<_>>(),
            ["a", "c"]
        );
        assert_eq!(
            rest.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(),
            ["app"]
        );
    }

    #[test]
    fn streams_carry_their_tenant_and_keep_what_was_in_its_place() {
        let labels = Labels::from_pairs([("__tenant_id__", "mine"), ("app", "x")]);
        let marked = marked(&TenantId::fake(), &labels);
        assert_eq!(
            marked.to_string(),
            r#"{__tenant_id__="fake", app="x", original___tenant_id__="mine"}"#
        );
    }
}
