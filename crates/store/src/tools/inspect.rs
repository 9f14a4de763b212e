//! Inspect: describes parts by their directories alone, with blocks, columns, encodings and sizes.
//!
//! Nothing is changed, no lock is taken, no line is read.

use crate::StoreError;
use crate::files::Files;
use crate::layout::{day_of_date, part_id};
use crate::manifest::rebuild;
use crate::part::{Part, PartEnv, PartMeta};
use serde::Serialize;
use skald_model::StreamId;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folders between a data directory and a part: `tenants`, the tenant, the day.
const FOLDERS_DEEP: usize = 3;

/// A part.
#[derive(Clone, Debug, Serialize)]
pub struct PartInfo {
    /// The file.
    pub path: PathBuf,
    /// The tenant by the name of the folder.
    pub tenant: String,
    /// The partition, `YYYY-MM-DD`.
    pub day: String,
    /// Why it can't be opened; then nothing below is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Version of its layout.
    pub version: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the content index.
    pub index_bytes: u64,
    /// Bytes of the templates of its lines.
    pub patterns_bytes: u64,
    /// Bytes of the directory as stored.
    pub directory_bytes: u64,
    /// Streams.
    pub streams: u32,
    /// Which they are: two parts may have the same.
    #[serde(skip)]
    pub stream_ids: Vec<StreamId>,
    /// Rows.
    pub rows: u64,
    /// Bytes of its lines.
    pub line_bytes: u64,
    /// First time, nanoseconds.
    pub min_time: i64,
    /// Last time, nanoseconds.
    pub max_time: i64,
    /// Its place in the order of arrival.
    pub sequence: u64,
    /// Numbers of the parts it stands for.
    pub replaces: Vec<u64>,
    /// Its blocks.
    pub blocks: Vec<BlockInfo>,
}

/// A block.
#[derive(Clone, Debug, Serialize)]
pub struct BlockInfo {
    /// Where it begins in the part.
    pub offset: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Runs.
    pub runs: u64,
    /// Rows.
    pub rows: u32,
    /// Bytes of its lines.
    pub line_bytes: u64,
    /// Bytes of its metadata, names and values.
    pub metadata_bytes: u64,
    /// First time, nanoseconds.
    pub min_time: i64,
    /// Last time, nanoseconds.
    pub max_time: i64,
    /// Rows by `detected_level`.
    pub levels: Vec<(String, u32)>,
    /// Its columns.
    pub columns: Vec<ColumnInfo>,
}

/// A column.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnInfo {
    /// What it holds.
    pub column: String,
    /// How it is written.
    pub encoding: &'static str,
    /// Bytes stored.
    pub bytes: u64,
    /// Bytes of what it holds, where the directory tells: times 8 a row, lengths 4, lines theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_bytes: Option<u64>,
    /// Integers that enclose its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<(i64, i64)>,
}

/// Looks at a part file, or at every part below a folder: a data directory, a tenant's, a day's.
pub fn inspect(files: &Arc<dyn Files>, path: &Path) -> Result<Vec<PartInfo>, StoreError> {
    let env = PartEnv::offline(files.clone());
    let mut paths = Vec::new();
    if path
        .extension()
        .is_some_and(|extension| extension == "part")
    {
        paths.push(path.to_owned());
    } else {
        find_parts(&**files, path, FOLDERS_DEEP, &mut paths)?;
    }
    Ok(paths
        .into_iter()
        .filter_map(|path| inspect_part(&env, path))
        .collect())
}

fn find_parts(
    files: &dyn Files,
    folder: &Path,
    deep: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), StoreError> {
    let listed = files
        .list(folder)
        .map_err(|e| StoreError::io(format!("listing {}", folder.display()), e))?;
    for item in listed {
        let path = folder.join(&item.name);
        if item.is_folder && deep > 0 {
            find_parts(files, &path, deep - 1, found)?;
        } else if !item.is_folder && part_id(&item.name).is_some() {
            found.push(path);
        }
    }
    Ok(())
}

/// Describes a part; `None` when a running server removed it meanwhile.
fn inspect_part(env: &PartEnv, path: PathBuf) -> Option<PartInfo> {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name)
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let (file, day, tenant) = (
        name(Some(&path)),
        name(path.parent()),
        name(path.parent().and_then(Path::parent)),
    );
    let unknown = rebuild::placeholder(day_of_date(&day).unwrap_or(0), part_id(&file).unwrap_or(0));
    let opened = match Part::open(env, path.clone(), unknown.clone()) {
        Err(StoreError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            return None;
        }
        opened => opened,
    };
    let part = opened.as_ref().ok();
    let meta: PartMeta = part.map_or(unknown, Part::describe);
    let footer = part.map(|part| part.footer).unwrap_or_default();
    Some(PartInfo {
        damage: opened.as_ref().err().map(ToString::to_string),
        version: footer.version,
        bytes: meta.bytes,
        index_bytes: footer.index_bytes,
        patterns_bytes: part.map_or(0, |part| part.lineage.patterns.bytes),
        directory_bytes: footer.directory_bytes,
        streams: meta.streams,
        stream_ids: part.map(stream_ids).unwrap_or_default(),
        rows: meta.rows,
        line_bytes: meta.line_bytes,
        min_time: meta.min_time,
        max_time: meta.max_time,
        sequence: meta.sequence.to_u64(),
        replaces: part
            .map(|part| part.lineage.replaces.iter().copied().collect())
            .unwrap_or_default(),
        blocks: part.map(blocks).unwrap_or_default(),
        path,
        tenant,
        day,
    })
}

fn stream_ids(part: &Part) -> Vec<StreamId> {
    let streams = 0..part.table.len() as u32;
    streams
        .map(|stream| StreamId::of(&part.table.labels(stream)))
        .collect()
}

fn blocks(part: &Part) -> Vec<BlockInfo> {
    let describe = |at: &crate::part::BlockAt| {
        let meta = &at.meta;
        let column = |column: &skald_block::ColumnMeta| ColumnInfo {
            column: column.kind.to_string(),
            encoding: column.encoding_name(),
            bytes: column.len,
            plain_bytes: meta.plain_bytes(&column.kind),
            range: column.range,
        };
        BlockInfo {
            offset: at.at,
            bytes: at.bytes,
            runs: meta.runs.len() as u64,
            rows: meta.rows,
            line_bytes: meta.line_bytes,
            metadata_bytes: meta.runs.iter().map(|run| run.metadata_bytes).sum(),
            min_time: meta.min_time,
            max_time: meta.max_time,
            levels: meta.levels.clone(),
            columns: meta.columns.iter().map(column).collect(),
        }
    };
    part.blocks.iter().map(describe).collect()
}
