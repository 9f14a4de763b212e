//! One YAML file: its settings by their dotted names, and what became of each.

use super::expand::{self, Expanded};
use super::{Config, keys, yaml};
use crate::config::loki::translate::Translation;
use crate::config::loki::{buckets, unsupported, wrapped};
use serde_yaml_ng::Value;
use std::collections::BTreeSet;

/// A file that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Not YAML.
    #[error("the file is not valid YAML: {0}")]
    Yaml(String),
    /// YAML, but not a mapping of settings.
    #[error("the file must hold settings by name, as in auth_enabled: false")]
    Shape,
    /// `${VAR}` without a closing brace.
    #[error("the file has a ${{ without its closing brace")]
    Brace,
    /// `${…}` that is no form of a variable.
    #[error("the file has ${{{0}}}, which names no variable")]
    Variable(String),
    /// Something that holds or makes a file of settings; what to do instead.
    #[error("{0}")]
    Wrapped(String),
    /// A setting with a value it can't take.
    #[error("{0}")]
    Value(String),
}

/// What became of one name in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// It is a setting of Skald and was taken.
    Taken(String),
    /// It was taken, and there is something to say of how.
    Noted(String, String),
    /// Loki has it, Skald does not.
    Loki(String, unsupported::Fate),
    /// Nobody has it; the nearest name there is.
    Unknown(String, Option<&'static str>),
    /// Something that a name which is not in the file leads to.
    Note(String),
    /// Something that is probably a mistake.
    Warning(String),
}

/// Whose words a file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Loki's when a name stands in it that only Loki has, ours otherwise.
    ByNames,
    /// Loki's: it was given by Loki's own flag.
    Loki,
}

/// Reads `text` into `config` with its variables expanded; reports what became of each name.
/// `given` are keys from the command line, which count before those in the text.
pub fn apply(
    config: &mut Config,
    text: &str,
    given: &[(String, String)],
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Line>, FileError> {
    let Expanded { text, unset } = expand::expand(text, lookup)?;
    with_unset(apply_plain(config, &text, Dialect::ByNames, given), &unset)
}

/// What became of a file, with a word on variables that are not set.
pub fn with_unset(
    read: Result<Vec<Line>, FileError>,
    unset: &BTreeSet<String>,
) -> Result<Vec<Line>, FileError> {
    if unset.is_empty() {
        return read;
    }
    let are_not_set = expand::are_not_set(unset);
    match read {
        Err(FileError::Value(error)) => Err(FileError::Value(format!("{error} ({are_not_set})"))),
        Err(error) => Err(error),
        Ok(mut lines) => {
            let warning = format!("{are_not_set}, which counts as nothing");
            lines.push(Line::Warning(warning));
            Ok(lines)
        }
    }
}

/// Reads `text` as [`apply`] does, but as it stands.
pub fn apply_plain(
    config: &mut Config,
    text: &str,
    dialect: Dialect,
    given: &[(String, String)],
) -> Result<Vec<Line>, FileError> {
    let root = yaml::parse(text).map_err(|error| FileError::Yaml(error.to_string()))?;
    if let Some(advice) = wrapped::advice(&root) {
        return Err(FileError::Wrapped(advice));
    }
    let mut leaves = Vec::new();
    match &root {
        Value::Null => {}
        Value::Mapping(_) => flatten("", &root, &mut leaves),
        _ => return Err(FileError::Shape),
    }
    let given: Vec<(&String, Value)> = given
        .iter()
        .map(|(name, text)| (name, Value::from(text.as_str())))
        .collect();
    leaves.retain(|(name, _)| given.iter().all(|(other, _)| *other != name));
    leaves.extend(given.iter().map(|(name, value)| ((*name).clone(), value)));
    let is_lokis = dialect == Dialect::Loki
        || leaves
            .iter()
            .any(|(name, _)| keys::find(name).is_none() && unsupported::is_only_lokis(name));
    if is_lokis {
        take_lokis_defaults(config);
    }
    let mut lines = take_all(config, &leaves)?;
    lines.extend(notes(config, &leaves, is_lokis));
    Ok(lines)
}

/// What a file written for Loki means where it says nothing.
fn take_lokis_defaults(config: &mut Config) {
    config.auth_enabled = true;
    config.compactor.retention_enabled = false;
    config.server.http_listen_address = String::new();
}

fn take_all(config: &mut Config, leaves: &[(String, &Value)]) -> Result<Vec<Line>, FileError> {
    // What describes a bucket does so together; our own settings stand above it.
    let mut lines_of_bucket =
        buckets::take(&mut config.object_store, leaves).map_err(FileError::Value)?;
    let mut lines = Vec::with_capacity(leaves.len());
    for (name, value) in leaves {
        lines.push(match lines_of_bucket.remove(name) {
            Some(line) => line,
            None => take(config, name.clone(), value)?,
        });
    }
    let translated = Translation::new(leaves)
        .take(config)
        .map_err(FileError::Value)?;
    for (name, line) in translated {
        let at = leaves.iter().position(|(leaf, _)| *leaf == name);
        if let Some(old) = at.and_then(|at| lines.get_mut(at)) {
            *old = line;
        }
    }
    for line in &mut lines {
        if let Line::Taken(name) = line
            && let Some(note) = config.note_on(name)
        {
            *line = Line::Noted(std::mem::take(name), note);
        }
    }
    Ok(lines)
}

/// What follows from names that are not there.
fn notes(config: &Config, leaves: &[(String, &Value)], is_lokis: bool) -> Vec<Line> {
    let has = |wanted: &str| leaves.iter().any(|(name, _)| name == wanted);
    let mut notes = Vec::new();
    if is_lokis && !has("auth_enabled") {
        let note = "auth_enabled is true, as in Loki: requests need the header X-Scope-OrgID";
        notes.push(Line::Note(note.to_owned()));
    }
    let is_open = config.tokens_file.is_empty() && !config.server.tls.requires_client_certificate();
    let is_local = config
        .listen()
        .is_ok_and(|address| address.ip().is_loopback());
    let open = match is_open && !is_local {
        true => {
            ", and everybody who reaches it may push and ask: set auth.tokens_file, or the address 127.0.0.1"
        }
        false => "",
    };
    if is_lokis && !has("server.http_listen_address") {
        let note = format!("server.http_listen_address is every address, as in Loki{open}");
        notes.push(Line::Note(note));
    } else if !open.is_empty() {
        let note = format!("server.http_listen_address is beyond this machine{open}");
        notes.push(Line::Note(note));
    }
    if config.limits.expires() && !config.compactor.retention_enabled {
        let note = "compactor.retention_enabled is not on: everything is kept";
        notes.push(Line::Note(note.to_owned()));
    }
    notes
}

/// What to warn of at a name that is no setting here; `None` when it is not needed.
pub fn explain(name: &str) -> Option<String> {
    let line = describe_unset(name.to_owned());
    let is_needless = matches!(line, Line::Loki(_, unsupported::Fate::NotNeeded(_)));
    (!is_needless).then(|| super::check::in_one_line(&line))
}

/// What becomes of a name that is no setting here.
fn describe_unset(name: String) -> Line {
    let nearest = nearest(&name);
    // A near miss of a name of ours is a slip of the pen even where Loki's section is known.
    match unsupported::fate(&name) {
        Some(fate) if nearest.is_none() => Line::Loki(name, fate),
        _ => Line::Unknown(name, nearest),
    }
}

fn take(config: &mut Config, name: String, value: &Value) -> Result<Line, FileError> {
    if let Some(key) = keys::find(&name) {
        key.set(config, value).map_err(FileError::Value)?;
        return Ok(Line::Taken(name));
    }
    keys::check_no_section(&name).map_err(FileError::Value)?;
    Ok(describe_unset(name))
}

/// Settings with sections joined by dots. A mapping is a section unless a setting has its name; a
/// name without a value is as if it were not there.
pub fn flatten<'a>(prefix: &str, value: &'a Value, out: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Mapping(mapping) if keys::find(prefix).is_none() => {
            for (key, inner) in mapping {
                let key = keys::text(key);
                let name = if prefix.is_empty() {
                    key
                } else {
                    format!("{prefix}.{key}")
                };
                flatten(&name, inner, out);
            }
        }
        Value::Null => {}
        _ => out.push((prefix.to_owned(), value)),
    }
}

/// Edits at most this far from a known name are taken for a slip of the pen.
const SLIP_EDITS_MAX: usize = 2;

fn nearest(name: &str) -> Option<&'static str> {
    let distances = keys::KEYS
        .iter()
        .map(|key| (strsim::damerau_levenshtein(key.name, name), key.name));
    distances
        .min()
        .filter(|(distance, _)| *distance <= SLIP_EDITS_MAX)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Result<Vec<Line>, FileError>) {
        let mut config = Config::default();
        let lines = apply(&mut config, text, &[], |name| {
            (name == "PORT").then(|| "4000".to_owned())
        });
        (config, lines)
    }

    #[test]
    fn variables_are_expanded_with_their_defaults() {
        let (config, lines) =
            read("server:\n  http_listen_port: ${PORT}\n  http_listen_address: ${HOST:-0.0.0.0}\n");
        assert_eq!(
            config.listen().map(|a| a.to_string()),
            Ok("0.0.0.0:4000".to_owned())
        );
        let lines = lines.expect("loads");
        assert_eq!(
            lines[..2]
                .iter()
                .filter(|l| matches!(l, Line::Taken(_)))
                .count(),
            2
        );
        assert!(matches!(&lines[2], Line::Note(note) if note.contains("everybody who reaches it")));
        let refused = read(
            "storage_config: {aws: {bucketnames: b, access_key_id: k, secret_access_key: '${S}'}}",
        )
        .1;
        assert_eq!(
            refused.map_err(|error| error.to_string()),
            Err("storage_config.aws.access_key_id: it goes together with secret_access_key (${S} is not set)".to_owned())
        );
        let warned = read("no_auth_tenant: a${X}b\n").1.expect("loads");
        assert_eq!(
            warned[1],
            Line::Warning("${X} is not set, which counts as nothing".to_owned())
        );
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_nearest_one() {
        let (_, lines) = read("limits_config: {max_line_sise: 1MB, zzz: 1}\nwhatever: 1\n");
        let unknown = |name: &str, nearest| Line::Unknown(name.to_owned(), nearest);
        let expected = vec![
            unknown(
                "limits_config.max_line_sise",
                Some("limits_config.max_line_size"),
            ),
            unknown("limits_config.zzz", None),
            unknown("whatever", None),
        ];
        assert_eq!(lines, Ok(expected));
    }

    #[test]
    fn a_loki_file_loads_and_means_authentication_unless_it_says_otherwise() {
        let loki = "schema_config: {configs: [{from: 2024-04-01}]}\ncommon: {path_prefix: /loki}\n";
        let (config, lines) = read(loki);
        assert!(config.auth_enabled);
        let lines = lines.expect("loads");
        assert!(matches!(lines[0], Line::Loki(..)));
        assert!(matches!(lines[1], Line::Noted(..)));
        assert!(!read(&format!("auth_enabled: false\n{loki}")).0.auth_enabled);
        assert!(!read("limits_config: {max_line_size: 1KB}").0.auth_enabled);
    }

    #[test]
    fn a_bad_value_or_shape_is_refused_with_words() {
        assert_eq!(read("- 1").1, Err(FileError::Shape));
        assert_eq!(
            read("server: {http_listen_port: x}")
                .1
                .map_err(|e| e.to_string()),
            Err(
                "server.http_listen_port: expected a whole number from 0 to 65535, found \"x\""
                    .to_owned()
            )
        );
        assert_eq!(
            read("limits_config: {otlp_config: {resource_attributes: [1]}}")
                .1
                .map_err(|e| e.to_string()),
            Err(
                "limits_config.otlp_config.resource_attributes: expected settings by name"
                    .to_owned()
            )
        );
        assert!(matches!(read("a: [").1, Err(FileError::Yaml(_))));
        assert_eq!(read("").1, Ok(vec![]));
    }
}
