//! Recovery reads all segments when a log is opened, truncates their tails, and removes or puts
//! aside those without any record.
//!
//! A segment that was there before is never appended to, so that a disk which refuses to have it
//! tidied costs nothing: what follows its last whole record is passed over the next time too.

use crate::WalError;
use crate::files::Files;
use crate::replay::{ReplayReport, Replayed, TailKind, replay_segment};
use crate::segment::{self, Segment};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// The segments that were found.
#[derive(Default)]
pub(crate) struct Recovered {
    /// Those with records, oldest first.
    pub(crate) segments: VecDeque<Segment>,
    /// The highest number that any was named by: one whose records were all lost keeps its name.
    pub(crate) last_named: u64,
}

/// Replays all segments, truncates their tails and removes those without any record.
pub(crate) fn replay_all<E: From<WalError>>(
    files: &dyn Files,
    folder: &Path,
    report: &mut ReplayReport,
    on_record: &mut dyn FnMut(Replayed<'_>) -> Result<(), E>,
) -> Result<Recovered, E> {
    let mut recovered = Recovered::default();
    for found in segment::list(files, folder)? {
        let mut names: HashMap<String, Arc<str>> = HashMap::new();
        let mut segment = Segment {
            path: found.path.clone(),
            bytes: 0,
            last: HashMap::new(),
        };
        let path = &found.path;
        recovered.last_named = recovered.last_named.max(found.named());
        let damage_before = report.damage.len();
        let end = replay_segment(files, &found, report, &mut |record: Replayed<'_>| {
            let tenant = names
                .entry(record.tenant.to_owned())
                .or_insert_with(|| Arc::from(record.tenant));
            segment.note(tenant, record.sequence);
            on_record(record)
        })?;
        segment.bytes = end.good_bytes;
        let damaged = report.damage.len() > damage_before;
        // Records that can't be read any more, and nothing else: nothing is truncated, the file is
        // put aside.
        let is_all_damaged = damaged || end.tail == Some(TailKind::Damaged);
        let is_aside = segment.last.is_empty() && is_all_damaged;
        if end.good_bytes < end.file_bytes && !damaged && end.good_bytes > 0 && !is_aside {
            tidied("truncating", path, files.truncate(path, end.good_bytes));
        }
        if is_aside {
            // Out of the log's way, which would remove it as one whose records are all covered; a
            // person may still find something in it.
            let mut kept = path.clone().into_os_string();
            kept.push(segment::DAMAGED);
            tidied("setting aside", path, files.rename(path, Path::new(&kept)));
        } else if !segment.last.is_empty() || !tidied("removing", path, files.remove(path)) {
            recovered.segments.push_back(segment);
        }
    }
    Ok(recovered)
}

/// Whether the disk did it; if not, says so.
fn tidied(doing: &str, segment: &Path, result: std::io::Result<()>) -> bool {
    if let Err(error) = &result {
        tracing::warn!(segment = %segment.display(), %error, "{doing} a segment of the WAL failed, it stays as it is");
    }
    result.is_ok()
}
