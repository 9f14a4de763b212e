//! WAL replay: puts records that no part covers into the heads, and flushes full heads meanwhile.
//!
//! Memory is bounded as while pushes come in: heads wait at twice the size that starts a flush.
//! With background work switched on another thread flushes while this one reads, as each takes
//! about a core.

use crate::flush::job::flush;
use crate::recovery::push_record;
use crate::shared::Shared;
use crate::{StoreError, WalSync};
use parking_lot::{Condvar, Mutex};
use skald_model::TenantId;
use skald_wal::{ReplayReport, Replayed, Tail, TailKind, Wal};

/// Fewest segments that the WAL's bound has room for: truncation goes by segments, so a bound of
/// one or two would never be reached from above by flushing.
const SEGMENTS_LEAST: u64 = 8;
/// Reading waits for the flush while heads have more than this many times the size that starts one.
const WAITING_HEADS: usize = 2;

/// Puts WAL records that no part covers into the heads and opens the WAL for writing.
pub(crate) fn replay(shared: &Shared) -> Result<(), StoreError> {
    let (wal, report) = match shared.options.background {
        true => replay_and_flush(shared)?,
        false => open_wal(shared, |record| {
            insert(shared, record)?;
            if is_full(shared) {
                flush_largest(shared)
            } else {
                Ok(())
            }
        })?,
    };
    for damage in &report.damage {
        tracing::error!(damage, "damage in the WAL, entries may be missing");
    }
    report.tails.iter().for_each(warn_of_tail);
    for tenant in shared.all_tenants().iter() {
        let mut state = tenant.state.lock();
        if !state.deletions.is_empty() || !state.not_compiled.is_empty() {
            // What comes from now on arrives after the requests.
            state.seal();
        }
    }
    if shared.wal.set(wal).is_err() {
        return Err(StoreError::Unusable(
            "the WAL was replayed before".to_owned(),
        ));
    }
    shared.truncate_wal()
}

/// Says what is left out at the end of a segment.
fn warn_of_tail(tail: &Tail) {
    let (segment, at, bytes) = (&tail.segment, tail.at, tail.bytes);
    match tail.kind {
        TailKind::Unfinished => {
            tracing::warn!(
                segment,
                at,
                bytes,
                "left out an unfinished write at the end of the WAL"
            );
        }
        TailKind::Damaged => tracing::warn!(
            segment,
            at,
            bytes,
            "left out a damaged end of the WAL, acknowledged entries may be missing"
        ),
    }
}

fn open_wal(
    shared: &Shared,
    on_record: impl FnMut(Replayed<'_>) -> Result<(), StoreError>,
) -> Result<(Wal, ReplayReport), StoreError> {
    let first_sequence = shared
        .all_tenants()
        .iter()
        .map(|t| t.last_known_record())
        .max()
        .unwrap_or(0)
        + 1;
    let sync = match shared.options.wal_sync {
        WalSync::Group => skald_wal::Sync::Group,
        WalSync::Always => skald_wal::Sync::Always,
        WalSync::Interval => skald_wal::Sync::Interval,
        WalSync::None => skald_wal::Sync::None,
    };
    let options = skald_wal::Options {
        sync,
        first_sequence,
        segment_bytes: shared
            .options
            .wal_segment_bytes
            .min(shared.options.wal_bytes / SEGMENTS_LEAST),
        full_retry: shared.options.full_retry,
        ..skald_wal::Options::default()
    };
    Wal::open(
        shared.env.files.clone(),
        &shared.layout.wal(),
        options,
        on_record,
    )
}

fn insert(shared: &Shared, record: Replayed<'_>) -> Result<(), StoreError> {
    if shared.is_closing() {
        return Err(StoreError::Unusable(
            "the store was closed before its WAL was replayed".to_owned(),
        ));
    }
    let (Ok(id), Some(batch)) = (
        TenantId::parse(record.tenant),
        push_record::decode(record.payload),
    ) else {
        tracing::error!(
            sequence = record.sequence,
            tenant = record.tenant,
            "a WAL record can't be understood, skipped"
        );
        return Ok(());
    };
    let tenant = shared.tenant_or_new(&id);
    let mut state = tenant.state.lock();
    if record.sequence <= state.covered {
        return Ok(());
    }
    let begins = state.head.first_sequence();
    if begins.is_some_and(|first| {
        state
            .deletions
            .iter()
            .any(|d| d.record.is_between(first, record.sequence))
    }) {
        state.seal();
    }
    let grown = state.head.insert(record.sequence, &batch);
    drop(state);
    shared.head_grew(grown);
    Ok(())
}

fn is_full(shared: &Shared) -> bool {
    shared.head_bytes() > shared.flush_at()
}

fn flush_largest(shared: &Shared) -> Result<(), StoreError> {
    let largest = shared
        .all_tenants()
        .iter()
        .max_by_key(|t| t.head_bytes())
        .cloned();
    largest.map_or(Ok(()), |tenant| flush(shared, &tenant))
}

/// Progress of the two threads of a replay.
#[derive(Default)]
struct Progress {
    read: bool,
    failed: Option<StoreError>,
}

/// Reads on this thread and flushes on another.
fn replay_and_flush(shared: &Shared) -> Result<(Wal, ReplayReport), StoreError> {
    let (progress, changed) = (Mutex::new(Progress::default()), Condvar::new());
    let opened = std::thread::scope(|scope| {
        scope.spawn(|| flush_while_reading(shared, &progress, &changed));
        let opened = open_wal(shared, |record| {
            insert(shared, record)?;
            if is_full(shared) {
                wait_for_room(shared, &progress, &changed)
            } else {
                Ok(())
            }
        });
        progress.lock().read = true;
        changed.notify_all();
        opened
    });
    progress.into_inner().failed.map_or(opened, Err)
}

/// Wakes the flushing thread, and waits for it while heads are much too large.
fn wait_for_room(
    shared: &Shared,
    progress: &Mutex<Progress>,
    changed: &Condvar,
) -> Result<(), StoreError> {
    let mut progress = progress.lock();
    changed.notify_all();
    while shared.head_bytes() > shared.flush_at().saturating_mul(WAITING_HEADS)
        && progress.failed.is_none()
    {
        changed.wait(&mut progress);
    }
    progress.failed.clone().map_or(Ok(()), Err)
}

fn flush_while_reading(shared: &Shared, progress: &Mutex<Progress>, changed: &Condvar) {
    let mut now = progress.lock();
    while !now.read && now.failed.is_none() {
        if !is_full(shared) {
            changed.wait(&mut now);
            continue;
        }
        drop(now);
        let flushed = flush_largest(shared);
        now = progress.lock();
        now.failed = flushed.err();
        changed.notify_all();
    }
}
