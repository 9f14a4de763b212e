//! Doing what [`decide`](crate::retention::policy) says: removing parts, rewriting others.

use super::{Expiry, Retention};
use crate::StoreError;
use crate::compaction::merge::Pace;
use crate::compaction::rewrite::Rewritten;
use crate::compaction::{merge, rewrite};
use crate::deletes::drop_filter::Dropping;
use crate::deletes::visibility::Left;
use crate::deletes::{DeleteRecord, Deletion};
use crate::part::{Part, PartMeta};
use crate::retention::policy;
use crate::retention::policy::{Actions, PartFacts};
use crate::shared::Inner;
use crate::tenant::Tenant;
use skald_model::{Held, MemoryUser};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The distinct periods in parts, under the settings they were made from; by the parts' numbers.
#[derive(Debug, Default)]
pub(crate) struct Periods {
    retention: Arc<Retention>,
    parts: HashMap<u64, Vec<Option<i64>>>,
}

impl Periods {
    fn of(&mut self, retention: &Arc<Retention>, part: &Part) -> Vec<Option<i64>> {
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
}

impl Inner {
    /// Removes and rewrites what is due in every tenant, until `pace` says stop.
    pub(crate) fn sweep_all(&self, pace: Pace<'_>) -> Result<(), StoreError> {
        if self.is_recovering() {
            // What is still in the WAL alone may be what a request is for.
            return Ok(());
        }
        let _one_at_a_time = self.compacting.lock();
        for tenant in self.all_tenants() {
            self.sweep(&tenant, pace)?;
        }
        Ok(())
    }

    fn sweep(&self, tenant: &Tenant, pace: Pace<'_>) -> Result<(), StoreError> {
        let retention = self.options.retention.tenant(&tenant.id);
        let due = self.due_deletes(tenant);
        let actions = self.decide(tenant, &retention, &due)?;
        self.remove_parts(tenant, &actions.remove)?;
        for id in actions.rewrite {
            let dropping = Dropping::new(self.due_deletes(tenant), self.expiry(tenant));
            if !self.rewrite(tenant, id, &dropping, pace)? {
                return Ok(());
            }
        }
        self.end_deletes(tenant)
    }

    /// Requests whose time to be taken back is over.
    pub(crate) fn due_deletes(&self, tenant: &Tenant) -> Vec<Arc<Deletion>> {
        let deletions = tenant.state.lock().deletions.clone();
        deletions
            .iter()
            .filter(|d| self.is_due(tenant, &d.record))
            .cloned()
            .collect()
    }

    /// Whether parts may be rewritten for a request.
    pub(crate) fn is_due(&self, tenant: &Tenant, request: &DeleteRecord) -> bool {
        let is_over = request.is_due(self.options.clock.now(), self.options.delete_cancel_period);
        is_over && !self.options.retention.tenant(&tenant.id).keep_deleted
    }

    /// What of the tenant has expired by now.
    pub(crate) fn expiry(&self, tenant: &Tenant) -> Expiry {
        Expiry::new(
            self.options.retention.tenant(&tenant.id),
            self.options.clock.now(),
        )
    }

    fn decide(
        &self,
        tenant: &Tenant,
        retention: &Arc<Retention>,
        due: &[Arc<Deletion>],
    ) -> Result<Actions, StoreError> {
        if retention.keeps_all() && retention.size.is_none() && due.is_empty() {
            return Ok(Actions::default());
        }
        let parts = tenant.state.lock().parts.clone();
        let (unreadable, unmergeable) = {
            let changes = tenant.changes.lock();
            (changes.unreadable.clone(), changes.unmergeable.clone())
        };
        let mut clean = Vec::new();
        let mut facts = Vec::new();
        let mut periods = tenant.periods.lock();
        periods
            .parts
            .retain(|id, _| parts.iter().any(|p| p.meta.id == *id));
        for part in parts.iter() {
            let touching = due.iter().filter(|d| d.record.may_touch(&part.meta));
            let (matching, other): (Vec<_>, Vec<_>) =
                touching.partition(|d| d.may_match(part, &self.content_cache));
            clean.extend(other.iter().map(|d| (d.record.id, part.meta.id)));
            let readable = !unmergeable.contains(&part.meta.id);
            let periods = periods.of(retention, part);
            facts.push(PartFacts {
                periods,
                deletes: !matching.is_empty(),
                readable,
                ..facts_of(&part.meta)
            });
        }
        drop(periods);
        for meta in &unreadable {
            facts.push(PartFacts {
                periods: retention.periods().collect(),
                ..facts_of(meta)
            });
        }
        self.mark_clean(tenant, &clean)?;
        Ok(policy::choose(
            &facts,
            retention.size,
            self.options.clock.now(),
        ))
    }

    /// Takes parts out of the manifest and removes them.
    fn remove_parts(&self, tenant: &Tenant, ids: &[u64]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut changes = tenant.changes.lock();
        let covered = tenant.covered();
        let old = changes.deletes.clone();
        changes
            .deletes
            .iter_mut()
            .for_each(|record| record.clean.retain(|id| !ids.contains(id)));
        if let Err(error) = self.replace_manifest(tenant, &mut changes, covered, &[], ids) {
            changes.deletes = old;
            return Err(error);
        }
        let (gone, unreadable): (Vec<PartMeta>, _) = changes
            .unreadable
            .drain(..)
            .partition(|m| ids.contains(&m.id));
        changes.unreadable = unreadable;
        self.enforce_deletes(tenant, &changes);
        let mut state = tenant.state.lock();
        let (removed, kept) = state
            .parts
            .iter()
            .cloned()
            .partition::<Vec<_>, _>(|p| ids.contains(&p.meta.id));
        state.parts = Arc::new(kept);
        let unreadable = state
            .unreadable
            .iter()
            .filter(|(m, _)| !ids.contains(&m.id))
            .cloned()
            .collect();
        state.unreadable = Arc::new(unreadable);
        drop(state);
        for meta in removed.iter().map(|p| &p.meta).chain(&gone) {
            self.left_out.add(Left {
                expired: meta.rows,
                expired_bytes: meta.line_bytes,
                deleted: 0,
            });
            self.expired_parts.fetch_add(1, Ordering::Relaxed);
            tracing::info!(tenant = %tenant.id, part = meta.id, day = crate::layout::date(meta.day), "a part expired");
        }
        removed.iter().for_each(|part| part.replace());
        for meta in gone {
            let path = self.layout.part(&tenant.id, meta.day, meta.id);
            if let Err(error) = self.files.remove(&path) {
                tracing::warn!(part = %path.display(), %error, "could not remove an expired part");
            }
        }
        Ok(())
    }

    /// Rewrites one part; gives whether to go on.
    fn rewrite(
        &self,
        tenant: &Tenant,
        id: u64,
        dropping: &Dropping,
        pace: Pace<'_>,
    ) -> Result<bool, StoreError> {
        let part = tenant
            .state
            .lock()
            .parts
            .iter()
            .find(|p| p.meta.id == id)
            .cloned();
        let Some(part) = part else { return Ok(true) };
        let number = tenant.changes.lock().take_number();
        let _writing = Held::charged(
            &self.budget,
            MemoryUser::Writers,
            merge::memory_bytes(std::slice::from_ref(&part)),
        );
        let rewritten = rewrite::rewrite(
            &*self.files,
            &self.layout,
            &tenant.id,
            (&part, number),
            dropping,
            pace,
        );
        if let Err(StoreError::Damaged(why)) = &rewritten {
            tracing::error!(tenant = %tenant.id, why, "a part with deleted or expired entries is damaged, it stays as it is");
            tenant.changes.lock().unmergeable.push(id);
            return Ok(true);
        }
        let metas = match rewritten? {
            Rewritten::Part(meta) => vec![meta],
            Rewritten::Nothing => Vec::new(),
            Rewritten::Abandoned => return Ok(false),
        };
        self.replace_parts(tenant, &[part], &metas, &dropping.ids())?;
        self.left_out.add(dropping.left_out());
        self.rewrites.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }
}

fn facts_of(meta: &PartMeta) -> PartFacts {
    PartFacts {
        id: meta.id,
        day: meta.day,
        max_time: meta.max_time,
        bytes: meta.bytes,
        ..PartFacts::default()
    }
}
