//! Settings from the command line down: flags over environment over file over defaults.

use clap::{Arg, ArgMatches, Command};
use skald_server::Config;
use skald_server::config::check;
use skald_server::config::file::{self, Line};
use skald_server::config::keys;
use skald_server::config::loki::unsupported::Fate;
use std::path::{Path, PathBuf};

/// Settings with what to warn of once logging runs.
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    /// Lines of the file that have no effect.
    pub(crate) warnings: Vec<String>,
}

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
    command.args(common).args(own)
}

/// Reads all sources.
pub(crate) fn load(flags: &ArgMatches) -> Result<Loaded, String> {
    let mut config = Config::default();
    let mut warnings = Vec::new();
    if let Some(path) = flags.get_one::<String>("config") {
        let text = read_file(Path::new(path))?;
        let lines = file::apply(&mut config, &text, |name| std::env::var(name).ok())
            .map_err(|error| format!("{path}: {error}"))?;
        let telling = lines
            .iter()
            .filter(|line| matches!(line, Line::Unknown(..) | Line::Loki(_, Fate::Missing(_))));
        warnings.extend(telling.map(|line| {
            check::describe(line)
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        }));
    }
    keys::apply_environment(&mut config, |name| std::env::var(name).ok())?;
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
    Ok(Loaded { config, warnings })
}

/// A file's text; the error names the file.
pub(crate) fn read_file(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))
}
