//! A file of the API's store: one group with its namespace, as YAML below a line with its checksum.

use crate::rules::{RuleGroup, joined, read_stored, write_stored};
use crate::templates::Templates;
use skald_model::TenantId;
use std::path::PathBuf;
use xxhash_rust::xxh3::xxh3_128;

/// Begins every file: the name of the format and its version.
const FORMAT: &str = "# skald rules 1";

/// Ends the names of files.
const SUFFIX: &str = ".yaml";

/// A group as a file has it.
#[derive(Debug)]
pub(super) struct RuleFile {
    pub(super) namespace: String,
    /// Counts changes of all groups of the store.
    pub(super) revision: u64,
    pub(super) group: RuleGroup,
}

/// Below the store's folder: names of namespaces and groups are any texts, so their hash names the
/// file, and the texts stand in it.
pub(super) fn path_of(tenant: &TenantId, namespace: &str, group: &str) -> PathBuf {
    let mut key = Vec::with_capacity(namespace.len() + group.len() + 8);
    key.extend((namespace.len() as u64).to_le_bytes());
    key.extend(namespace.as_bytes());
    key.extend(group.as_bytes());
    PathBuf::from(tenant.as_str()).join(format!("{:032x}{SUFFIX}", xxh3_128(&key)))
}

/// Whether a name is one that [`path_of`] gives.
pub(super) fn is_rule_file(name: &str) -> bool {
    name.strip_suffix(SUFFIX)
        .is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|c| c.is_ascii_hexdigit()))
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
