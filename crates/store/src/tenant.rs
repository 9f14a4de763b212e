//! Tenant: holds one tenant's growing head, its sealed heads being flushed, and its parts.
//!
//! `state` is held for moments only. `changes` is held while parts and the manifest are written, so
//! that flushes and compactions of a tenant follow one another. Invariant: at any moment `state`
//! shows every entry once: a sealed head and the parts made of it are swapped in one step.

use crate::StoreError;
use crate::deletes::visibility::Visibility;
use crate::deletes::{DeleteRecord, Deletion};
use crate::flush_health::FlushHealth;
use crate::head::{Head, HeadView, Origin, SealedHead};
use crate::manifest::{Manifest, Uploaded};
use crate::part::{Part, PartMeta};
use crate::retention::Expiry;
use crate::retention::periods::Periods;
use crate::sequence::Sequence;
use crate::stream_index::IndexedStreams;
use parking_lot::{Mutex, RwLock};
use skald_model::TenantId;
use std::sync::Arc;

/// A tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    /// How many were known before it since start.
    pub(crate) number: usize,
    /// The name as the WAL wants it.
    pub(crate) name: Arc<str>,
    pub(crate) state: Mutex<TenantState>,
    pub(crate) changes: Mutex<Changes>,
    pub(crate) periods: Mutex<Periods>,
    /// How its flushes fare.
    pub(crate) flushing: FlushHealth,
    /// Why its folder could not be read at start: until it can be, nothing of it is answered or
    /// taken, and its records stay in the WAL.
    unreadable: RwLock<Option<Arc<str>>>,
    /// Held while the tenant is synchronised with the bucket.
    pub(crate) syncing: Mutex<()>,
}

/// What queries see.
#[derive(Debug, Default)]
pub(crate) struct TenantState {
    pub(crate) head: Head,
    pub(crate) sealed: Vec<Arc<SealedHead>>,
    pub(crate) parts: Arc<Vec<Arc<Part>>>,
    /// The tenant's WAL records up to this one are in parts.
    pub(crate) covered: u64,
    /// The stream index, once there is one.
    pub(crate) stream_index: Option<Arc<IndexedStreams>>,
    /// Parts that could not be opened.
    pub(crate) unreadable: Arc<Vec<UnreadablePart>>,
    /// Delete requests that hide entries.
    pub(crate) deletions: Arc<Vec<Arc<Deletion>>>,
    /// Why delete requests do not.
    pub(crate) not_compiled: Arc<Vec<String>>,
}

/// A part that could not be opened.
#[derive(Clone, Debug)]
pub(crate) struct UnreadablePart {
    pub(crate) meta: PartMeta,
    /// Why.
    pub(crate) error: String,
}

/// What only writers of the manifest need.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) next_part: u64,
    /// Parts that the manifest names and that could not be opened: kept named, so that nothing
    /// sweeps what a person may still repair.
    pub(crate) unreadable: Vec<PartMeta>,
    /// Parts that a merge could not read: left as they are, so that what can be read of them stays.
    pub(crate) unmergeable: Vec<u64>,
    /// All delete requests, as the manifest has them.
    pub(crate) deletes: Vec<DeleteRecord>,
    /// What the bucket has.
    pub(crate) uploaded: Uploaded,
    /// Parts of the oldest sealed head that are durable and wait for the others of it.
    pub(crate) finished: Vec<PartMeta>,
    /// Why nothing may be changed any more.
    pub(crate) in_doubt: Option<String>,
    /// What a manifest left whose new name could not be made durable.
    pub(crate) unsettled: Option<Unsettled>,
}

/// A manifest was renamed, and its name could not be made durable: after a crash it or the one
/// before is in force. Both are true, and the next one that is written settles it.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    /// Parts that it names and the one before does not: their files stay until it is settled.
    pub(crate) parts: Vec<Arc<Part>>,
}

/// A consistent look at a tenant.
pub(crate) struct View {
    pub(crate) heads: Vec<Arc<HeadView>>,
    pub(crate) parts: Arc<Vec<Arc<Part>>>,
    pub(crate) unreadable: Arc<Vec<UnreadablePart>>,
    pub(crate) stream_index: Option<Arc<IndexedStreams>>,
    pub(crate) not_compiled: Arc<Vec<String>>,
    /// Which of their entries may be seen.
    pub(crate) visibility: Visibility,
}

impl TenantState {
    /// Makes the head immutable; gives the highest record that is in what there is now.
    pub(crate) fn seal(&mut self) -> u64 {
        let sealed = self.head.seal();
        self.sealed.extend(sealed.map(Arc::new));
        self.sealed
            .last()
            .map_or(self.covered, |sealed| sealed.covered)
    }

    /// Makes the head, which replay filled, immutable; gives its bytes of memory.
    pub(crate) fn seal_replayed(&mut self) -> usize {
        let Some(sealed) = self.head.seal() else {
            return 0;
        };
        let bytes = sealed.memory_bytes;
        self.sealed.push(Arc::new(SealedHead {
            origin: Origin::Replay,
            ..sealed
        }));
        bytes
    }

    /// The highest record that is in a head or part.
    pub(crate) fn last_inserted(&self) -> u64 {
        let sealed = self.sealed.last().map_or(self.covered, |s| s.covered);
        sealed.max(self.head.last_record())
    }

    /// Shows `added` in place of the parts numbered `removed`; gives those that went.
    pub(crate) fn swap_parts(&mut self, removed: &[u64], added: Vec<Arc<Part>>) -> Vec<Arc<Part>> {
        let (gone, mut shown): (Vec<_>, Vec<_>) = self
            .parts
            .iter()
            .cloned()
            .partition(|part| removed.contains(&part.meta.id));
        shown.extend(added);
        self.parts = Arc::new(shown);
        gone
    }

    /// Forgets unreadable parts of these numbers.
    pub(crate) fn forget_unreadable(&mut self, gone: impl Fn(u64) -> bool) {
        let rest = self.unreadable.iter().filter(|u| !gone(u.meta.id));
        self.unreadable = Arc::new(rest.cloned().collect());
    }

    /// The sequences at which heads begin.
    pub(crate) fn first_sequences(&self) -> impl Iterator<Item = Sequence> {
        let sealed = self
            .sealed
            .iter()
            .filter_map(|s| s.view.chunks.first().map(|c| c.sequence));
        sealed.chain(self.head.first_sequence())
    }
}

impl Changes {
    /// The number of a new part, given once.
    pub(crate) fn next_part_number(&mut self) -> u64 {
        self.next_part += 1;
        self.next_part - 1
    }
}

impl Tenant {
    /// A tenant without data.
    pub(crate) fn new(id: TenantId, number: usize) -> Tenant {
        let name = Arc::from(id.as_str());
        Tenant {
            id,
            number,
            name,
            state: Mutex::default(),
            changes: Mutex::default(),
            periods: Mutex::default(),
            flushing: FlushHealth::default(),
            unreadable: RwLock::default(),
            syncing: Mutex::default(),
        }
    }

    /// Fails while its data can't be read.
    pub(crate) fn check_readable(&self) -> Result<(), StoreError> {
        match &*self.unreadable.read() {
            None => Ok(()),
            Some(why) => Err(StoreError::TenantUnreadable {
                tenant: self.id.clone(),
                why: why.to_string(),
            }),
        }
    }

    /// Whether its data can't be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.unreadable.read().is_some()
    }

    /// Notes that its data can't be read, and why, or that it can.
    pub(crate) fn set_unreadable(&self, why: Option<String>) {
        *self.unreadable.write() = why.map(Arc::from);
    }

    /// What the manifest says now, to be edited.
    pub(crate) fn manifest(&self, changes: &Changes) -> Manifest {
        let state = self.state.lock();
        let open = state.parts.iter().map(|p| &p.meta);
        Manifest {
            covered: state.covered,
            next_part: changes.next_part,
            parts: open.chain(&changes.unreadable).cloned().collect(),
            deletes: changes.deletes.clone(),
            uploaded: changes.uploaded.clone(),
            ..Manifest::default()
        }
    }

    /// All there is now, and which of it may be seen.
    pub(crate) fn view(&self, expiry: Expiry) -> View {
        let mut state = self.state.lock();
        let mut heads: Vec<Arc<HeadView>> = state.sealed.iter().map(|s| s.view.clone()).collect();
        heads.push(state.head.view());
        View {
            heads,
            parts: state.parts.clone(),
            unreadable: state.unreadable.clone(),
            stream_index: state.stream_index.clone(),
            not_compiled: state.not_compiled.clone(),
            visibility: Visibility {
                deletions: state.deletions.to_vec(),
                expiry,
            },
        }
    }

    /// Whether there is any entry of it: a push that was refused leaves a tenant without.
    pub(crate) fn has_data(&self) -> bool {
        let state = self.state.lock();
        !(state.head.is_empty()
            && state.sealed.is_empty()
            && state.parts.is_empty()
            && state.unreadable.is_empty())
    }

    /// Memory of heads, sealed ones included.
    pub(crate) fn head_bytes(&self) -> usize {
        let state = self.state.lock();
        state.head.charged_bytes() + state.sealed.iter().map(|s| s.memory_bytes).sum::<usize>()
    }

    /// The highest WAL record that parts know of: `covered`, unless the manifest was rebuilt
    /// without it.
    pub(crate) fn last_known_record(&self) -> u64 {
        self.last_known(&self.changes.lock())
    }

    /// Likewise, for who edits its manifest.
    pub(crate) fn last_known(&self, changes: &Changes) -> u64 {
        // Records that a delete request counted among those before it may be lost: later ones must
        // not have their numbers.
        let arrived = changes.deletes.iter().map(|request| request.arrived).max();
        let state = self.state.lock();
        let began = state.parts.iter().map(|p| p.meta.sequence.record()).max();
        state
            .covered
            .max(began.unwrap_or(0))
            .max(arrived.unwrap_or(0))
    }

    /// The tenant's WAL records up to this one are in parts.
    pub(crate) fn covered(&self) -> u64 {
        self.state.lock().covered
    }
}
