//! The environment's settings: `SKALD_` and a setting's name, and what is probably meant to be one.

use super::Config;
use super::keys::KEYS;
use serde_yaml_ng::Value;
use std::collections::BTreeSet;

/// Begins the names of all variables that are settings.
const PREFIX: &str = "SKALD_";

/// Variables that are no settings: short forms, what names the file, and what `skald query` takes.
const OTHERS: [&str; 5] = [
    "SKALD_LISTEN",
    "SKALD_DATA",
    "SKALD_CONFIG",
    "SKALD_ADDR",
    "SKALD_TENANT",
];

/// Takes the settings that the environment holds, as `lookup` tells it.
pub fn apply_environment(
    config: &mut Config,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<(), String> {
    for key in KEYS {
        let variable = key.variable();
        if let Some(text) = lookup(&variable) {
            key.set(config, &Value::from(text))
                .map_err(|error| format!("{variable}: {error}"))?;
        }
    }
    match lookup("SKALD_LISTEN") {
        Some(text) => config
            .set_listen(&text)
            .map_err(|error| format!("SKALD_LISTEN: {error}")),
        None => Ok(()),
    }
}

/// A warning for each variable that looks like a setting and is none. Values are never told: one of
/// a misspelt name may be a secret.
pub fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: BTreeSet<String> = names.filter(|name| name.starts_with(PREFIX)).collect();
    let known: Vec<String> = KEYS
        .iter()
        .map(super::keys::Key::variable)
        .chain(OTHERS.map(str::to_owned))
        .collect();
    let unknown = names
        .iter()
        .filter(|name| !known.contains(name) && !is_of_a_service(name, &names));
    let warned = unknown.map(|name| {
        let near = known
            .iter()
            .map(|known| (strsim::damerau_levenshtein(known, name), known))
            .min()
            .filter(|(distance, _)| *distance <= (name.len() - PREFIX.len()) / 3);
        match near {
            Some((_, near)) => format!("the variable {name} is no setting: did you mean {near}?"),
            None => format!("the variable {name} is no setting"),
        }
    });
    warned.collect()
}

/// Whether Kubernetes sets it for a service whose name begins with `skald`.
fn is_of_a_service(name: &str, all: &BTreeSet<String>) -> bool {
    let services = all
        .iter()
        .filter_map(|name| name.strip_suffix("_SERVICE_HOST"));
    services
        .filter_map(|service| name.strip_prefix(service))
        .any(|rest| rest.starts_with("_SERVICE_") || rest == "_PORT" || rest.starts_with("_PORT_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::to_yaml;

    #[test]
    fn the_environment_overrides_and_the_diff_shows_it() {
        let mut config = Config::default();
        let lookup = |name: &str| match name {
            "SKALD_LIMITS_CONFIG_MAX_LINE_SIZE" => Some("1MB".to_owned()),
            "SKALD_LISTEN" => Some(":80".to_owned()),
            _ => None,
        };
        apply_environment(&mut config, lookup).expect("values are valid");
        let expected = "server:\n  http_listen_address: ''\n  http_listen_port: 80\nlimits_config:\n  max_line_size: 1MB\n";
        assert_eq!(to_yaml(&config, Some(&Config::default())), expected);
    }

    #[test]
    fn a_bad_value_names_its_setting() {
        let bad = apply_environment(&mut Config::default(), |name| {
            (name == "SKALD_AUTH_ENABLED").then(|| "maybe".to_owned())
        });
        assert_eq!(
            bad,
            Err(
                "SKALD_AUTH_ENABLED: auth_enabled: expected true or false, found \"maybe\""
                    .to_owned()
            )
        );
    }

    #[test]
    fn misspelt_variables_are_warned_of_and_those_of_kubernetes_are_not() {
        let check = |names: &[&str], expected: &[&str]| {
            let found = unknown_variables(names.iter().map(|name| (*name).to_owned()));
            assert_eq!(found, expected);
        };
        check(&["SKALD_MEMORY", "SKALD_DATA", "SKALDX", "HOME"], &[]);
        check(
            &["SKALD_AUTH_TOKEN_FILE", "SKALD_XYZ"],
            &[
                "the variable SKALD_AUTH_TOKEN_FILE is no setting: did you mean SKALD_AUTH_TOKENS_FILE?",
                "the variable SKALD_XYZ is no setting",
            ],
        );
        check(
            &[
                "SKALD_SERVICE_HOST",
                "SKALD_SERVICE_PORT_HTTP",
                "SKALD_PORT",
                "SKALD_PORT_3100_TCP_ADDR",
                "SKALD_GRPC_SERVICE_HOST",
                "SKALD_GRPC_PORT",
            ],
            &[],
        );
        check(&["SKALD_PORT"], &["the variable SKALD_PORT is no setting"]);
    }
}
