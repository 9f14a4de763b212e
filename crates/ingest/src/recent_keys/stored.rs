//! Stored keys are those of audit events that the store has: read when a tenant's first come after
//! a start.

use crate::decode::event_key::EventKey;
use crate::receivers::audit_event;
use skald_model::{
    Charge, Columns, ContentQuery, Direction, Matcher, MetadataWanted, TenantId, TimeRange,
};
use skald_store::{ReadSpec, Select, Store, StoreError};

/// Pieces that are looked for at once.
const PIECES: usize = 16;

/// The keys of a tenant's events since a time, the newest of them when there are more than `most`.
pub(crate) fn keys(
    store: &Store,
    tenant: &TenantId,
    since: i64,
    most: usize,
) -> Result<Vec<EventKey>, StoreError> {
    let select = Select {
        matchers: &[Matcher::equal("service_name", audit_event::SERVICE)],
        range: TimeRange {
            start: since,
            end: i64::MAX,
        },
        content: &ContentQuery::default(),
    };
    let columns = Columns {
        lines: false,
        line_lengths: false,
        metadata: MetadataWanted::Names(vec![audit_event::AUDIT_ID.to_owned()]),
    };
    let mut found = Vec::new();
    let mut selector = store.selector(tenant, &select, Direction::Backward)?;
    loop {
        let selected = selector.next(PIECES, &mut Charge::default())?;
        if selected.pieces.is_empty() {
            return Ok(found);
        }
        for piece in &selected.pieces {
            let read = piece.read(&ReadSpec::all(&columns), None)?;
            let mut metadata = read.batch.metadata.iter();
            let Some(ids) = metadata.find(|column| &*column.name == audit_event::AUDIT_ID) else {
                continue;
            };
            for run in &read.runs {
                let labels = &selected.streams[run.stream as usize].labels;
                let label = |name: &str| labels.get(name).unwrap_or_default().as_bytes();
                let (cluster, stage) = (label("cluster"), label("stage"));
                let keys = run.rows.clone().filter_map(|row| {
                    let id = ids.get(row)?.as_bytes();
                    let time = read.batch.timestamps[row as usize];
                    audit_event::key(cluster, id, stage, time)
                });
                found.extend(keys);
            }
            if found.len() >= most {
                return Ok(found);
            }
        }
    }
}
