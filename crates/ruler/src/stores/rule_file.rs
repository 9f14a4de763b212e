//! A file of the API's store: one group with its namespace, as YAML below a line with its checksum.

use super::bucket::Kind;
use crate::rules::{RuleGroup, joined, read_stored, write_stored};
use crate::templates::Templates;
use xxhash_rust::xxh3::xxh3_128;

/// Begins every file: the name of the format and its version.
const FORMAT: &str = "# skald rules 1";

/// Ends the names of files with groups.
const SUFFIX: &str = ".yaml";
/// Ends the names of marks of removed groups.
const GONE_SUFFIX: &str = ".gone";

/// A group as a file has it.
#[derive(Debug)]
pub(super) struct RuleFile {
    pub(super) namespace: String,
    /// Counts changes of all groups of the store.
    pub(super) revision: u64,
    pub(super) group: RuleGroup,
}

/// Names of namespaces and groups are any texts, so their hash names the file, and the texts stand
/// in it.
pub(super) fn hash(namespace: &str, group: &str) -> String {
    let mut key = Vec::with_capacity(namespace.len() + group.len() + 8);
    key.extend((namespace.len() as u64).to_le_bytes());
    key.extend(namespace.as_bytes());
    key.extend(group.as_bytes());
    format!("{:032x}", xxh3_128(&key))
}

/// The name of the file of a group, or of the mark that it is gone.
pub(super) fn name(hash: &str, kind: Kind) -> String {
    match kind {
        Kind::There => format!("{hash}{SUFFIX}"),
        Kind::Gone => format!("{hash}{GONE_SUFFIX}"),
    }
}

/// The hash that [`name`] put into a name.
pub(super) fn hash_of(name: &str) -> Option<(&str, Kind)> {
    let there = name.strip_suffix(SUFFIX).map(|hash| (hash, Kind::There));
    let (hash, kind) = there.or_else(|| Some((name.strip_suffix(GONE_SUFFIX)?, Kind::Gone)))?;
    let is_hash = hash.len() == 32 && hash.bytes().all(|c| c.is_ascii_hexdigit());
    is_hash.then_some((hash, kind))
}

/// The mark of a group that a revision removed.
pub(super) fn encode_gone(revision: u64) -> String {
    format!("{FORMAT}, revision {revision}, gone\n")
}

pub(super) fn decode_gone(bytes: &[u8]) -> Result<u64, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())?;
    text.strip_prefix(FORMAT)
        .and_then(|rest| rest.strip_prefix(", revision "))
        .and_then(|rest| rest.strip_suffix(", gone\n"))
        .and_then(|revision| revision.parse().ok())
        .ok_or_else(|| "the file is no mark of a removed group".to_owned())
}

pub(super) fn encode(namespace: &str, revision: u64, group: &RuleGroup) -> String {
    let body = write_stored(namespace, group);
    let crc = crc32fast::hash(body.as_bytes());
    format!("{FORMAT}, revision {revision}, crc32 {crc:08x}\n{body}")
}

/// What is wrong is said in a sentence.
pub(super) fn decode(bytes: &[u8], templates: &dyn Templates) -> Result<RuleFile, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())?;
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let stated = head
        .strip_prefix(FORMAT)
        .and_then(|rest| rest.strip_prefix(", revision "))
        .and_then(|rest| rest.split_once(", crc32 "));
    let Some((revision, crc)) = stated else {
        return Err(format!("the file does not begin with \"{FORMAT}\""));
    };
    let revision: u64 = revision
        .parse()
        .map_err(|_| format!("\"{revision}\" is no revision"))?;
    let found = format!("{:08x}", crc32fast::hash(body.as_bytes()));
    if found != crc {
        return Err(format!("the checksum is {found}, the file says {crc}"));
    }
    let (namespace, group) = read_stored(body, templates).map_err(|faults| joined(&faults))?;
    Ok(RuleFile {
        namespace,
        revision,
        group,
    })
}
