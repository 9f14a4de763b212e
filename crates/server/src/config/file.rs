//! One YAML file: `${VAR}` expansion, then settings by their dotted names.

use super::{Config, keys, yaml};
use crate::config::loki::{buckets, unsupported};
use serde_yaml_ng::Value;

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
    /// A setting with a value it can't take.
    #[error("{0}")]
    Value(String),
}

/// What became of one name in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// It is a setting of Skald and was taken.
    Taken(String),
    /// Loki has it and it was taken as this setting of `storage_config.object_store`.
    Mapped(String, &'static str),
    /// Loki has it, Skald does not.
    Loki(String, unsupported::Fate),
    /// Nobody has it; the nearest name there is.
    Unknown(String, Option<&'static str>),
}

/// Reads `text` into `config`; tells what became of each name.
pub fn apply(
    config: &mut Config,
    text: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Line>, FileError> {
    let expanded = expand(text, lookup)?;
    let root = yaml::parse(&expanded).map_err(|error| FileError::Yaml(error.to_string()))?;
    let mut leaves = Vec::new();
    match &root {
        Value::Null => {}
        Value::Mapping(_) => flatten("", &root, &mut leaves),
        _ => return Err(FileError::Shape),
    }
    // A file written for Loki that leaves this out means Loki's default.
    let is_lokis = |name: &str| {
        keys::find(name).is_none()
            && unsupported::SECTIONS
                .iter()
                .any(|(s, _)| name.split('.').next() == Some(*s))
    };
    if leaves.iter().any(|(name, _)| is_lokis(name)) {
        config.auth_enabled = true;
        config.compactor.retention_enabled = false;
    }
    // What describes a bucket does so together; our own settings stand above it.
    let mut lines_of_bucket =
        buckets::take(&mut config.object_store, &leaves).map_err(FileError::Value)?;
    let line = |(name, value): (String, &Value)| match lines_of_bucket.remove(&name) {
        Some(line) => Ok(line),
        None => take(config, name, value),
    };
    leaves.into_iter().map(line).collect()
}

/// What there is to say of a name that is no setting here.
pub fn explain(name: &str) -> String {
    let nearest = nearest(name);
    let line = match unsupported::fate(name) {
        Some(fate) if nearest.is_none() => Line::Loki(name.to_owned(), fate),
        _ => Line::Unknown(name.to_owned(), nearest),
    };
    super::check::describe(&line)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn take(config: &mut Config, name: String, value: &Value) -> Result<Line, FileError> {
    if let Some(key) = keys::find(&name) {
        key.set(config, value).map_err(FileError::Value)?;
        return Ok(Line::Taken(name));
    }
    keys::check_no_section(&name).map_err(FileError::Value)?;
    let nearest = nearest(&name);
    // A near miss of a name of ours is a slip of the pen even where Loki's section is known.
    Ok(match unsupported::fate(&name) {
        Some(fate) if nearest.is_none() => Line::Loki(name, fate),
        _ => Line::Unknown(name, nearest),
    })
}

/// Settings with sections joined by dots. A mapping is a section unless a setting has its name; a name without a
/// value is as if it were not there.
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

/// Replaces `${VAR}`, `${VAR:-default}` and `${VAR:default}`; `$$` stays a dollar sign.
pub fn expand(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String, FileError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let (inside, tail) = after.split_once('}').ok_or(FileError::Brace)?;
            let (name, default) = inside.split_once(':').unwrap_or((inside, ""));
            let default = default.strip_prefix('-').unwrap_or(default);
            out.push_str(
                &lookup(name)
                    .filter(|v| !v.is_empty())
                    .unwrap_or_else(|| default.to_owned()),
            );
            rest = tail;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Result<Vec<Line>, FileError>) {
        let mut config = Config::default();
        let lines = apply(&mut config, text, |name| {
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
        assert_eq!(lines.map(|l| l.len()), Ok(2));
        assert_eq!(expand("${X:y} ${X:-z:1}", |_| None), Ok("y z:1".to_owned()));
        assert_eq!(expand("a $1 $$ ${X", |_| None), Err(FileError::Brace));
        assert_eq!(expand("a $1 $$ ${X}.", |_| None), Ok("a $1 $ .".to_owned()));
    }

    #[test]
    fn an_unknown_name_is_told_with_the_nearest_one() {
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
        assert!(
            lines
                .expect("loads")
                .iter()
                .all(|line| matches!(line, Line::Loki(..)))
        );
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
