//! Rebuild: makes a lost manifest from the parts in a tenant's folder.
//!
//! Nothing is lost: every part there is named, one that can't be opened too. Nothing comes back: a
//! part names those it replaced, and a file of theirs that was not removed yet is left out. How
//! much of the WAL the parts cover is not known any more, so all of it is replayed; entries that a
//! part has too are equal ones, which count once. docs/decisions/0003-lost-manifest.md says what it
//! costs.

use crate::StoreError;
use crate::layout::{day_of_date, part_id};
use crate::manifest::Manifest;
use crate::part::{Part, PartEnv, PartMeta};
use crate::sequence::Sequence;
use crate::tenant_dir::TenantDir;
use skald_model::time::DAY_NS;
use std::collections::BTreeSet;

/// Ends the name under which a damaged manifest is kept, for a person to look at.
const DAMAGED: &str = ".damaged";

/// Part files of a tenant: day and number.
pub(crate) fn part_files(dir: &TenantDir<'_>) -> Result<Vec<(i32, u64)>, StoreError> {
    let folder = dir.folder();
    let mut found = Vec::new();
    for (name, day) in dir
        .list(&folder)?
        .iter()
        .filter(|d| d.is_folder)
        .filter_map(|d| Some((&d.name, day_of_date(&d.name)?)))
    {
        let named = dir.list(&folder.join(name))?;
        found.extend(
            named
                .iter()
                .filter(|f| !f.is_folder)
                .filter_map(|f| Some((day, part_id(&f.name)?))),
        );
    }
    Ok(found)
}

/// The manifest that the parts in the folder give.
pub(crate) fn rebuild(dir: &TenantDir<'_>, env: &PartEnv) -> Result<Manifest, StoreError> {
    let mut parts = Vec::new();
    let mut replaced = BTreeSet::new();
    for (day, id) in part_files(dir)? {
        let unknown = placeholder(day, id);
        match Part::open(env, dir.part(day, id), unknown.clone()) {
            Ok(part) => {
                replaced.extend(&part.lineage.replaces);
                parts.push(part.describe());
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tracing::error!(tenant = %dir.tenant, %error, "a part can't be opened and stays named");
                parts.push(unknown);
            }
        }
    }
    parts.retain(|part| !replaced.contains(&part.id));
    let used = parts.iter().map(|part| part.id).chain(replaced);
    let next_part = used.max().map_or(0, |id| id.saturating_add(1));
    Ok(Manifest {
        next_part,
        parts,
        ..Manifest::default()
    })
}

/// Whether the folder has a part that another tenant's manifest speaks of.
pub(crate) fn has_part_of(
    dir: &TenantDir<'_>,
    env: &PartEnv,
    foreign: &Manifest,
) -> Result<bool, StoreError> {
    let present = part_files(dir)?;
    for part in &foreign.parts {
        if !present.contains(&(part.day, part.id)) {
            continue;
        }
        match Part::open(env, dir.part(part.day, part.id), part.clone()) {
            Ok(_) => return Ok(true),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(false)
}

/// Moves the damaged file aside; without one there is nothing to keep.
pub(crate) fn set_damaged_aside(dir: &TenantDir<'_>) {
    let aside = dir.beside_manifest(DAMAGED);
    if let Err(error) = dir.files.rename(&dir.manifest(), &aside) {
        tracing::debug!(tenant = %dir.tenant, %error, "no damaged manifest to keep");
    }
}

/// What is said of a part that can't be opened: it may hold anything of its day.
pub(crate) fn placeholder(day: i32, id: u64) -> PartMeta {
    let min_time = i64::from(day).saturating_mul(DAY_NS);
    PartMeta {
        id,
        day,
        min_time,
        max_time: min_time.saturating_add(DAY_NS - 1),
        rows: 0,
        line_bytes: 0,
        bytes: 0,
        streams: 0,
        sequence: Sequence::first_of(id),
        content: None,
        arrived: None,
    }
}
