//! Replaying the WAL: records that no part covers go into the heads, and full heads into parts meanwhile.
//!
//! Memory is bounded as while pushes come in: heads wait at twice the size that starts a flush. With
//! background work switched on another thread flushes while this one reads, as each takes about a core.

use crate::recovery::push_record;
use crate::shared::Inner;
use crate::{StoreError, WalSync};
use parking_lot::{Condvar, Mutex};
use skald_model::TenantId;
use skald_wal::{ReplayReport, Replayed, Wal};

/// Segments that the WAL's bound has room for at least: cutting goes by segments, so a bound of one or two
/// would never be reached from above by flushing.
const SEGMENTS_LEAST: u64 = 8;
/// Heads of more than so many times the size that starts a flush let reading wait for the flush.
const WAITING_HEADS: usize = 2;

/// Puts WAL records that no part covers into the heads and opens the WAL for writing.
pub(crate) fn replay(inner: &Inner) -> Result<(), StoreError> {
    let (wal, report) = match inner.options.background {
        true => replay_and_flush(inner)?,
        false => open_wal(inner, |record| {
            insert(inner, record)?;
            if is_full(inner) {
                flush_largest(inner)
            } else {
                Ok(())
            }
        })?,
    };
    for damage in &report.damage {
        tracing::error!(damage, "damage in the WAL, entries may be missing");
    }
    if report.torn_bytes > 0 {
        tracing::info!(
            bytes = report.torn_bytes,
            "cut unfinished writes from the WAL"
        );
    }
    for tenant in inner.all_tenants() {
        let mut state = tenant.state.lock();
        if !state.deletions.is_empty() || !state.not_compiled.is_empty() {
            // What comes from now on arrives after the requests.
            state.seal();
        }
    }
    if inner.wal.set(wal).is_err() {
        return Err(StoreError::Unusable(
            "the WAL was replayed before".to_owned(),
        ));
    }
    inner.cut_wal()
}

fn open_wal(
    inner: &Inner,
    on_record: impl FnMut(Replayed<'_>) -> Result<(), StoreError>,
) -> Result<(Wal, ReplayReport), StoreError> {
    let first_sequence = inner
        .all_tenants()
        .iter()
        .map(|t| t.last_known_record())
        .max()
        .unwrap_or(0)
        + 1;
    let sync = match inner.options.wal_sync {
        WalSync::Group => skald_wal::Sync::Group,
        WalSync::Always => skald_wal::Sync::Always,
        WalSync::Interval => skald_wal::Sync::Interval,
        WalSync::None => skald_wal::Sync::None,
    };
    let options = skald_wal::Options {
        sync,
        first_sequence,
        segment_bytes: inner
            .options
            .wal_segment_bytes
            .min(inner.options.wal_bytes / SEGMENTS_LEAST),
        full_retry: inner.options.full_retry,
        ..skald_wal::Options::default()
    };
    Wal::open(inner.files.clone(), &inner.layout.wal(), options, on_record)
}

fn insert(inner: &Inner, record: Replayed<'_>) -> Result<(), StoreError> {
    if inner.is_closing() {
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
    let tenant = inner.tenant_or_new(&id);
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
    inner.head_grew(grown);
    Ok(())
}

fn is_full(inner: &Inner) -> bool {
    inner.head_bytes() > inner.flush_at()
}

fn flush_largest(inner: &Inner) -> Result<(), StoreError> {
    let largest = inner
        .all_tenants()
        .into_iter()
        .max_by_key(|t| t.head_bytes());
    largest.map_or(Ok(()), |tenant| inner.flush(&tenant))
}

/// How far the two threads of a replay are.
#[derive(Default)]
struct Progress {
    read: bool,
    failed: Option<StoreError>,
}

/// Reads on this thread and flushes on another.
fn replay_and_flush(inner: &Inner) -> Result<(Wal, ReplayReport), StoreError> {
    let (progress, changed) = (Mutex::new(Progress::default()), Condvar::new());
    let opened = std::thread::scope(|scope| {
        scope.spawn(|| flush_while_reading(inner, &progress, &changed));
        let opened = open_wal(inner, |record| {
            insert(inner, record)?;
            if is_full(inner) {
                wait_for_room(inner, &progress, &changed)
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
    inner: &Inner,
    progress: &Mutex<Progress>,
    changed: &Condvar,
) -> Result<(), StoreError> {
    let mut progress = progress.lock();
    changed.notify_all();
    while inner.head_bytes() > inner.flush_at().saturating_mul(WAITING_HEADS)
        && progress.failed.is_none()
    {
        changed.wait(&mut progress);
    }
    progress.failed.clone().map_or(Ok(()), Err)
}

fn flush_while_reading(inner: &Inner, progress: &Mutex<Progress>, changed: &Condvar) {
    let mut now = progress.lock();
    while !now.read && now.failed.is_none() {
        if !is_full(inner) {
            changed.wait(&mut now);
            continue;
        }
        drop(now);
        let flushed = flush_largest(inner);
        now = progress.lock();
        now.failed = flushed.err();
        changed.notify_all();
    }
}
