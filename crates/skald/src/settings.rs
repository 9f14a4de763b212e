//! Settings are merged here: flags over environment over file over defaults.

use crate::command_line::LokiFlags;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use skald_server::Config;
use skald_server::config::expand::{expand, has_variables};
use skald_server::config::file::{Dialect, FileError, Line};
use skald_server::config::{check, environment, file, keys};
use std::path::{Path, PathBuf};

/// Settings with what to warn of once logging runs.
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    /// Names of the file and flags that have no effect, and what is probably a mistake.
    pub(crate) warnings: Vec<String>,
    /// Lines to log once logging runs.
    pub(crate) logged: Vec<String>,
}

/// What `--help` says of Loki's command line.
const LOKIS_FLAGS: &str = "Loki's command line works too: -config.file=FILE, -config.expand-env, -verify-config, \
-print-config-stderr, -log.level=LEVEL, -server.http-listen-port=PORT, and its other flags.";

/// Adds the flags: the three common ones, and one for every setting.
pub(crate) fn flags(command: Command) -> Command {
    let common = [
        Arg::new("listen")
            .long("listen")
            .value_name("ADDR:PORT")
            .env("SKALD_LISTEN")
            .help("Where to listen [default: 127.0.0.1:3100]"),
        Arg::new("data")
            .long("data")
            .value_name("DIR")
            .env("SKALD_DATA")
            .help("Data directory [default: ./skald-data]"),
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .env("SKALD_CONFIG")
            .help("Settings as YAML, by Loki's names"),
    ];
    let own = keys::KEYS
        .iter()
        .filter(|key| key.name != "data")
        .map(|key| {
            Arg::new(key.name)
                .long(key.name)
                .value_name("VALUE")
                .help(key.help)
                .hide_short_help(true)
                .help_heading("Settings")
        });
    command
        .args(common)
        .args(own)
        .args_override_self(true)
        .after_help(LOKIS_FLAGS)
}

/// Reads all sources.
pub(crate) fn load(flags: &ArgMatches, loki: &LokiFlags) -> Result<Loaded, String> {
    let mut config = Config::default();
    let mut warnings = Vec::new();
    let lines = match (flags.get_one::<String>("config"), &loki.file) {
        (Some(_), Some(_)) if flags.value_source("config") == Some(ValueSource::CommandLine) => {
            return Err("--config and -config.file both name a file: give one".to_owned());
        }
        (_, Some(files)) => read_lokis(&mut config, files, loki, &mut warnings)?,
        (Some(path), None) => {
            let text = read_file(Path::new(path))?;
            file::apply(&mut config, &text, &loki.keys, |name| {
                std::env::var(name).ok()
            })
            .map_err(|error| format!("{path}: {error}"))?
        }
        (None, None) => file::apply_plain(&mut config, "", Dialect::ByNames, &loki.keys)
            .map_err(|error| error.to_string())?,
    };
    let known = check::check_known(&lines);
    warnings.extend(check::warnings(lines));
    if let Err(error) = known {
        return Err(format!(
            "{error} in the file given: {}",
            warnings.join("; ")
        ));
    }
    let ignored = loki
        .not_needed
        .iter()
        .map(|flag| format!("the flag -{flag} changes nothing here"));
    warnings.extend(ignored);
    let data_of_file = config.data.clone();
    environment::apply_environment(&mut config, |name| std::env::var(name).ok())?;
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    warnings.extend(environment::unknown_variables(variables));
    for key in keys::KEYS.iter().filter(|key| key.name != "data") {
        if let Some(text) = flags.get_one::<String>(key.name) {
            key.set(&mut config, &text.as_str().into())
                .map_err(|error| format!("--{error}"))?;
        }
    }
    if let Some(listen) = flags.get_one::<String>("listen") {
        config
            .set_listen(listen)
            .map_err(|error| format!("--listen: {error}"))?;
    }
    if let Some(data) = flags.get_one::<String>("data") {
        config.data = PathBuf::from(data);
    }
    if config.data == data_of_file {
        warnings.extend(moved_data(&config.data));
    }
    Ok(Loaded {
        config,
        warnings,
        logged: Vec::new(),
    })
}

/// A file given by `-config.file`, read as Loki reads it: variables are expanded when that is asked
/// for.
fn read_lokis(
    config: &mut Config,
    files: &str,
    loki: &LokiFlags,
    warnings: &mut Vec<String>,
) -> Result<Vec<Line>, String> {
    let paths = files.split(',').map(|path| Path::new(path.trim()));
    let path = paths
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| format!("{files} does not exist, set -config.file for another path"))?;
    let text = read_file(path)?;
    let named = |error: FileError| format!("{}: {error}", path.display());
    if loki.expand_env {
        let expanded = expand(&text, |name| std::env::var(name).ok()).map_err(named)?;
        let read = file::apply_plain(config, &expanded.text, Dialect::Loki, &loki.keys);
        return file::with_unset(read, &expanded.unset).map_err(named);
    }
    let has_variables = has_variables(&text);
    let hint = "variables are not expanded: -config.expand-env=true does that";
    match file::apply_plain(config, &text, Dialect::Loki, &loki.keys) {
        Err(error) if has_variables => Err(format!("{} ({hint})", named(error))),
        Err(error) => Err(named(error)),
        Ok(lines) => {
            warnings.extend(has_variables.then(|| hint.to_owned()));
            Ok(lines)
        }
    }
}

/// A word on data of earlier starts, when a file names another directory for the first time.
fn moved_data(data: &Path) -> Option<String> {
    let before = Config::default().data;
    let is_moved = data != before && before.exists() && !data.exists();
    is_moved.then(|| {
        let (data, before) = (data.display(), before.display());
        format!("data lies in {data}, as the file says, and not in {before}: --data {before} keeps to that")
    })
}

/// A file's text; the error names the file.
pub(crate) fn read_file(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))
}
