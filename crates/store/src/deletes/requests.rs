//! Delete requests: makes, lists, cancels and ends them.
//!
//! The list in [`Changes`] is what the manifest says; queries see what was compiled of it. A
//! request becomes durable before it takes effect, so that once it was answered its entries stay
//! hidden for ever.

use super::{CancelError, DeleteError, DeleteRecord, DeleteRequest, Deletion, Progress};
use crate::StoreError;
use crate::manifest::edit::ManifestEdit;
use crate::part::PartMeta;
use crate::shared::Shared;
use crate::tenant::{Changes, Tenant};
use skald_model::TenantId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Requests of a tenant that are not processed: each is looked at for every part that is read.
const PENDING_MAX: usize = 1000;
/// Processed requests that are still listed.
const PROCESSED_MAX: usize = 1000;
/// How long a processed request is listed.
const PROCESSED_LISTED: Duration = Duration::from_secs(30 * 86_400);

/// Makes a request for entries that are there now.
pub(crate) fn request_delete(
    shared: &Shared,
    tenant: &TenantId,
    query: &str,
    (start, end): (i64, i64),
) -> Result<String, DeleteError> {
    shared
        .options
        .delete_compiler
        .compile(query)
        .map_err(DeleteError::Query)?;
    let tenant = shared.tenants.get_or_admit(tenant);
    let tenant = tenant.map_err(|refused| StoreError::Unusable(refused.to_string()))?;
    tenant.check_readable()?;
    let replay = shared.is_recovering().then(|| shared.replay_end.lock());
    let mut changes = tenant.changes.lock();
    if changes
        .deletes
        .iter()
        .filter(|r| r.processed.is_none())
        .count()
        >= PENDING_MAX
    {
        return Err(DeleteError::TooMany(PENDING_MAX));
    }
    shared.dir(&tenant.id).create()?;
    let arrived = match replay.is_some() && shared.is_recovering() {
        // What was not replayed yet has arrived too. No push comes in before replay ends, which
        // waits for this request.
        true => last_in_log(shared)?.max(tenant.last_known(&changes)),
        false => tenant.state.lock().seal(),
    };
    let created = shared.options.clock.now();
    let id = new_id(&changes.deletes, (query, start, end, created));
    let record = DeleteRecord {
        id,
        query: query.to_owned(),
        start,
        end,
        created,
        arrived,
        clean: Vec::new(),
        processed: None,
    };
    let next = changes.deletes.iter().cloned().chain([record]).collect();
    change_deletes(shared, &tenant, &mut changes, next)?;
    drop(changes);
    drop(replay);
    shared.room_wanted.store(true, Ordering::Release);
    shared.wake_workers();
    Ok(print_id(id))
}

/// The number of the last record in the WAL.
fn last_in_log(shared: &Shared) -> Result<u64, StoreError> {
    let report = skald_wal::read(shared.files(), &shared.layout.wal(), &mut |_| {})?;
    Ok(report.last_sequence)
}

/// A tenant's requests by the time they were made.
pub(crate) fn delete_requests(shared: &Shared, tenant: &Tenant) -> Vec<DeleteRequest> {
    let changes = tenant.changes.lock();
    let state = tenant.state.lock();
    let metas: Vec<&PartMeta> = state
        .parts
        .iter()
        .map(|p| &p.meta)
        .chain(&changes.unreadable)
        .collect();
    let mut requests: Vec<DeleteRequest> = changes
        .deletes
        .iter()
        .map(|record| DeleteRequest {
            id: print_id(record.id),
            query: record.query.clone(),
            start: record.start,
            end: record.end,
            created: record.created,
            progress: progress(record, &metas, shared.is_due(tenant, record)),
        })
        .collect();
    requests.sort_by_key(|request| request.created);
    requests
}

/// Takes a request back; what was rewritten already is gone, which is why that takes `force`.
pub(crate) fn cancel_delete(
    shared: &Shared,
    tenant: &TenantId,
    id: &str,
    force: bool,
) -> Result<(), CancelError> {
    let tenant = shared.tenant(tenant).ok_or(CancelError::NotFound)?;
    tenant.check_readable()?;
    let mut changes = tenant.changes.lock();
    let record = changes
        .deletes
        .iter()
        .find(|record| print_id(record.id) == id)
        .ok_or(CancelError::NotFound)?;
    if record.processed.is_some() {
        return Err(CancelError::Processed);
    }
    if !force && shared.is_due(&tenant, record) {
        return Err(CancelError::TooLate(shared.options.delete_cancel_period));
    }
    let next = changes
        .deletes
        .iter()
        .filter(|record| print_id(record.id) != id)
        .cloned()
        .collect();
    change_deletes(shared, &tenant, &mut changes, next)?;
    Ok(())
}

/// Ends the requests that have nothing left to do, and forgets those that ended long ago.
pub(crate) fn end_deletes(shared: &Shared, tenant: &Tenant) -> Result<(), StoreError> {
    let now = shared.options.clock.now();
    let mut changes = tenant.changes.lock();
    let mut next = changes.deletes.clone();
    for record in next.iter_mut().filter(|r| shared.is_due(tenant, r)) {
        let state = tenant.state.lock();
        let waits = state
            .first_sequences()
            .any(|sequence| record.is_after(sequence));
        let mut metas = state
            .parts
            .iter()
            .map(|p| &p.meta)
            .chain(&changes.unreadable);
        if !waits && !metas.any(|meta| record.may_touch(meta)) {
            record.processed = Some(now);
            record.clean = Vec::new();
        }
    }
    let listed = i64::try_from(PROCESSED_LISTED.as_nanos()).unwrap_or(i64::MAX);
    next.retain(|record| {
        record
            .processed
            .is_none_or(|at| now < at.saturating_add(listed))
    });
    let processed = next.iter().filter(|r| r.processed.is_some()).count();
    let mut surplus = processed.saturating_sub(PROCESSED_MAX);
    next.retain(|record| {
        let goes = record.processed.is_some() && surplus > 0;
        surplus -= usize::from(goes);
        !goes
    });
    if next == changes.deletes {
        Ok(())
    } else {
        change_deletes(shared, tenant, &mut changes, next)
    }
}

/// Notes that parts hold nothing that a request matches.
pub(crate) fn mark_clean(
    shared: &Shared,
    tenant: &Tenant,
    clean: &[(u32, u64)],
) -> Result<(), StoreError> {
    if clean.is_empty() {
        return Ok(());
    }
    let mut changes = tenant.changes.lock();
    let mut next = changes.deletes.clone();
    for (id, part) in clean {
        let record = next
            .iter_mut()
            .find(|r| r.id == *id && r.processed.is_none() && !r.clean.contains(part));
        record
            .into_iter()
            .for_each(|record| record.clean.push(*part));
    }
    change_deletes(shared, tenant, &mut changes, next)
}

/// Makes `next` the tenant's requests, first durably and then for queries.
fn change_deletes(
    shared: &Shared,
    tenant: &Tenant,
    changes: &mut Changes,
    next: Vec<DeleteRecord>,
) -> Result<(), StoreError> {
    let edit = ManifestEdit {
        deletes: Some(next),
        ..ManifestEdit::default()
    };
    shared.commit(tenant, changes, edit)?;
    enforce_deletes(shared, tenant, changes);
    Ok(())
}

/// Puts the requests of the manifest in force.
pub(crate) fn enforce_deletes(shared: &Shared, tenant: &Tenant, changes: &Changes) {
    let compiled = tenant.state.lock().deletions.clone();
    let mut deletions = Vec::new();
    let mut not_compiled = Vec::new();
    for record in changes.deletes.iter().filter(|r| r.processed.is_none()) {
        let known = compiled
            .iter()
            .find(|d| d.record.id == record.id)
            .map(|d| Ok(d.predicate.clone()));
        match known.unwrap_or_else(|| shared.options.delete_compiler.compile(&record.query)) {
            Ok(predicate) => deletions.push(Arc::new(Deletion {
                record: record.clone(),
                predicate,
            })),
            Err(error) => {
                let id = print_id(record.id);
                tracing::error!(tenant = %tenant.id, id, query = record.query, error, "a delete request is not in force");
                not_compiled.push(format!("delete request {id} is not in force: {error}"));
            }
        }
    }
    let mut state = tenant.state.lock();
    state.deletions = Arc::new(deletions);
    state.not_compiled = Arc::new(not_compiled);
}

/// Parts in groups that may be merged: of one day, late or not, and on the same side of every request
/// that still has something to do there. A merge across it would lose which entries arrived before
/// it; one of late parts with others would keep these as long.
pub(crate) fn mergeable(parts: Vec<PartMeta>, requests: &[DeleteRecord]) -> Vec<Vec<PartMeta>> {
    let busy = |request: &&DeleteRecord, day: i32| {
        parts
            .iter()
            .any(|part| part.day == day && request.may_touch(part))
    };
    let side = |part: &PartMeta| {
        requests
            .iter()
            .filter(|r| !r.is_after(part.sequence) && busy(r, part.day))
            .count()
    };
    let mut groups: BTreeMap<(i32, bool, usize), Vec<PartMeta>> = BTreeMap::new();
    for part in &parts {
        groups
            .entry((part.day, part.arrived.is_some(), side(part)))
            .or_default()
            .push(part.clone());
    }
    groups.into_values().rev().collect()
}

fn progress(record: &DeleteRecord, parts: &[&PartMeta], is_due: bool) -> Progress {
    if record.processed.is_some() {
        return Progress::Processed;
    }
    if !is_due {
        return Progress::Received;
    }
    let concerned = |m: &&&PartMeta| {
        record.is_after(m.sequence) && record.range().overlaps(m.min_time, m.max_time)
    };
    let all = parts.iter().filter(concerned).count();
    let left = parts.iter().filter(|m| record.may_touch(m)).count();
    Progress::Working(((all - left) * 100).checked_div(all).unwrap_or(0) as u8)
}

/// A number that none of the requests has.
fn new_id(requests: &[DeleteRecord], (query, start, end, created): (&str, i64, i64, i64)) -> u32 {
    let seed =
        xxhash_rust::xxh3::xxh3_64(format!("{created} {start} {end} {query}").as_bytes()) as u32;
    let mut ids = (0..=u32::MAX).map(|n| seed.wrapping_add(n));
    ids.find(|id| requests.iter().all(|r| r.id != *id))
        .unwrap_or(seed)
}

fn print_id(id: u32) -> String {
    format!("{id:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Sequence;

    fn part(id: u64, day: i32, record: u64) -> PartMeta {
        let start = i64::from(day) * skald_model::time::DAY_NS;
        let sequence = Sequence::first_of(record);
        PartMeta {
            id,
            day,
            min_time: start,
            max_time: start,
            rows: 1,
            line_bytes: 1,
            bytes: 1,
            streams: 1,
            sequence,
            content: None,
            arrived: None,
        }
    }

    fn request(id: u32, arrived: u64, clean: &[u64]) -> DeleteRecord {
        let query = String::new();
        DeleteRecord {
            id,
            query,
            start: 0,
            end: i64::MAX,
            created: 0,
            arrived,
            clean: clean.to_vec(),
            processed: None,
        }
    }

    fn check(requests: &[DeleteRecord], expected: &[&[u64]]) {
        let parts = vec![
            part(1, 5, 10),
            part(2, 5, 20),
            part(3, 5, 30),
            part(4, 6, 35),
        ];
        let groups = mergeable(parts, requests);
        let ids: Vec<Vec<u64>> = groups
            .iter()
            .map(|g| g.iter().map(|p| p.id).collect())
            .collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn parts_are_not_merged_across_a_request_that_has_something_to_do() {
        check(&[], &[&[4], &[1, 2, 3]]);
        check(&[request(1, 25, &[])], &[&[4], &[3], &[1, 2]]);
        check(&[request(1, 25, &[1, 2])], &[&[4], &[1, 2, 3]]);
        check(
            &[request(1, 25, &[1]), request(2, 10, &[])],
            &[&[4], &[3], &[2], &[1]],
        );
        check(
            &[DeleteRecord {
                processed: Some(1),
                ..request(1, 25, &[])
            }],
            &[&[4], &[1, 2, 3]],
        );
        check(
            &[DeleteRecord {
                end: 0,
                ..request(1, 25, &[])
            }],
            &[&[4], &[1, 2, 3]],
        );
    }

    #[test]
    fn a_request_is_as_far_as_the_parts_it_concerns() {
        let parts = [part(1, 5, 10), part(2, 5, 20), part(3, 5, 30)];
        let parts: Vec<&PartMeta> = parts.iter().collect();
        assert_eq!(
            progress(&request(1, 25, &[]), &parts, false),
            Progress::Received
        );
        assert_eq!(
            progress(&request(1, 25, &[1]), &parts, true),
            Progress::Working(50)
        );
        assert_eq!(
            progress(&request(1, 5, &[]), &parts, true),
            Progress::Working(0)
        );
    }

    #[test]
    fn ids_do_not_repeat() {
        let first = new_id(&[], ("{}", 1, 2, 3));
        assert_ne!(new_id(&[request(first, 0, &[])], ("{}", 1, 2, 3)), first);
    }
}
