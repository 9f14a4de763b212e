//! WAL replay: puts records that no part covers into the heads, while the flushing thread turns full
//! heads into parts.
//!
//! Replay needs no disk. Reading runs ahead of the flushes as far as the memory budget bears: most
//! logs are in memory, and the server ready, long before they are in parts. When flushes fail, as on
//! a full disk, reading goes on up to a higher bound; there it waits, with the rest of the log left
//! where it is, and goes on by itself once there is room. Meanwhile parts that have expired are
//! removed, and those are rewritten that delete requests are for: that makes room.

use crate::flush::job::flush;
use crate::head::backpressure::Flushes;
use crate::recovery::push_record;
use crate::retention::sweep::make_room;
use crate::shared::Shared;
use crate::tenant::Tenant;
use crate::{StoreError, WalSync};
use skald_model::TenantId;
use skald_wal::{ReplayReport, Replayed, Tail, TailKind, Wal};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Fewest segments that the WAL's bound has room for: truncation goes by segments, so a bound of
/// one or two would never be reached from above by flushing.
const SEGMENTS_LEAST: u64 = 8;
/// Buffers of records are kept up to this part of the memory budget, as a divisor.
const SPARE_SHARE: usize = 64;
/// How often replay, while it waits for flushes, looks for room in memory.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it removes what has expired or was deleted meanwhile.
const MAKE_ROOM_EVERY: Duration = Duration::from_secs(5);

/// Puts WAL records that no part covers into the heads and opens the WAL for writing.
pub(crate) fn replay(shared: &Shared) -> Result<(), StoreError> {
    let bytes = skald_wal::bytes_in(shared.files(), &shared.layout.wal())?;
    shared.replay_bytes.store(bytes, Ordering::Relaxed);
    let mut flusher = Flusher::of(shared);
    let (wal, report) = open_wal(shared, |record| {
        insert(shared, record)?;
        flusher.make_room()
    })?;
    for damage in &report.damage {
        tracing::error!(damage, "damage in the WAL, entries may be missing");
    }
    report.tails.iter().for_each(warn_of_tail);
    // A delete request that is made now knows whether replay has ended.
    let _ends = shared.replay_end.lock();
    let much = shared.pushed_bytes() > shared.flush_at();
    for tenant in shared.all_tenants().iter() {
        let mut state = tenant.state.lock();
        if much {
            shared.seal_replayed(&mut state);
        }
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
    if let Err(error) = shared.truncate_wal() {
        tracing::warn!(%error, "segments of the WAL that are covered can't be removed yet");
    }
    Ok(())
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
        spare_bytes: shared.budget().bytes() / SPARE_SHARE,
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
    shared
        .replay_read
        .fetch_add(record.bytes, Ordering::Relaxed);
    if shared.is_closing() {
        return Err(closed());
    }
    let Ok(id) = TenantId::parse(record.tenant) else {
        skip(record);
        return Ok(());
    };
    let tenant = shared.tenant_or_new(&id);
    // Which of its records are in parts is not known: they stay in the log.
    if !tenant.is_unreadable() && insert_of(shared, &tenant, record) {
        shared.wake_workers();
    }
    Ok(())
}

fn skip(record: Replayed<'_>) {
    let (sequence, tenant) = (record.sequence, record.tenant);
    tracing::error!(
        sequence,
        tenant,
        "a WAL record can't be understood, skipped"
    );
}

/// Puts a record of the tenant into its head, unless a part covers it; gives whether that filled it.
pub(super) fn insert_of(shared: &Shared, tenant: &Tenant, record: Replayed<'_>) -> bool {
    let Some(batch) = push_record::decode(record.payload) else {
        skip(record);
        return false;
    };
    let mut state = tenant.state.lock();
    if record.sequence <= state.last_inserted() {
        return false;
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
    let is_full = state.head.charged_bytes() >= shared.flush_at();
    if is_full {
        // As large as while serving, so that parts are not larger.
        shared.seal_replayed(&mut state);
    }
    drop(state);
    shared.head_grew(grown);
    is_full
}

/// Keeps heads within their bound while the WAL is read.
struct Flusher<'a> {
    shared: &'a Shared,
    /// Without a flushing thread: bytes of heads at which this one flushes.
    flush_at: usize,
}

impl Flusher<'_> {
    fn of(shared: &Shared) -> Flusher<'_> {
        Flusher {
            shared,
            flush_at: 0,
        }
    }

    fn make_room(&mut self) -> Result<(), StoreError> {
        match self.shared.options.background {
            true => self.wait_for_room(),
            false => self.flush_largest(),
        }
    }

    /// Flushes on this thread. A flush that fails is tried again when heads have doubled; only
    /// beyond the bound it ends the replay, as nobody else makes room.
    fn flush_largest(&mut self) -> Result<(), StoreError> {
        let shared = self.shared;
        let bytes = shared.head_bytes();
        if bytes <= shared.flush_at().max(self.flush_at) {
            return Ok(());
        }
        let tenants = shared.all_tenants();
        let largest = tenants.iter().max_by_key(|tenant| tenant.head_bytes());
        match largest.map_or(Ok(()), |tenant| flush(shared, tenant)) {
            Ok(()) => self.flush_at = 0,
            Err(error) if bytes > shared.replay_until(Flushes::Fail) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "flush failed, replay of the WAL goes on in memory");
                self.flush_at = bytes.saturating_mul(2);
            }
        }
        Ok(())
    }

    /// Waits for the flushing thread while heads have all the memory they may.
    fn wait_for_room(&self) -> Result<(), StoreError> {
        let shared = self.shared;
        if shared.head_bytes() <= shared.replay_until(Flushes::GoOn) {
            return Ok(());
        }
        shared.wake_workers();
        let mut next_sweep = Instant::now() + MAKE_ROOM_EVERY;
        let mut said = false;
        while shared.head_bytes() > shared.replay_until(shared.flushes()) {
            if shared.is_closing() {
                return Err(closed());
            }
            if shared.flushes() == Flushes::Fail && !said {
                said = true;
                let left = shared.replay_left();
                tracing::warn!(
                    left,
                    "replay of the WAL waits: entries can't be flushed and more of them do not fit into memory"
                );
            }
            let is_wanted = shared.room_wanted.swap(false, Ordering::AcqRel);
            if said && (is_wanted || Instant::now() >= next_sweep) {
                next_sweep = Instant::now() + MAKE_ROOM_EVERY;
                if let Err(error) = make_room(shared) {
                    tracing::warn!(%error, "removing what has expired or was deleted failed");
                }
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

/// The store is closed while its WAL is replayed.
fn closed() -> StoreError {
    StoreError::Unusable("the store was closed before its WAL was replayed".to_owned())
}
