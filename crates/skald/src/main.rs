//! The program: `skald serve` (the default), `skald query`, `skald verify`, `skald inspect`, `skald doctor`, `skald ready`, `skald
//! provision grafana`, `skald rules`, `skald token` and `skald config check FILE`.
//!
//! Settings come from defaults, one YAML file, environment variables and flags, the later ones
//! winning.

mod allocator;
mod command_line;
mod doctor;
mod inspect;
mod memory_guard;
mod offline;
mod provision;
mod query;
mod ready;
mod rules;
mod serve;
mod settings;
mod signals;
mod verify;

use clap::{Arg, ArgMatches, Command};
use command_line::{Arguments, LokiFlags};
use skald_server::config::keys;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = Arguments::read(std::env::args_os()).and_then(|arguments| run(&arguments));
    match result {
        Ok(code) => code,
        Err(error) => {
            // When stderr is closed there is nowhere to say it.
            let _ = writeln!(std::io::stderr(), "skald: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let matches = command().get_matches_from(&arguments.own);
    match matches.subcommand() {
        Some(("config", config)) => match config.subcommand() {
            Some(("check", check)) => check_config(check)?,
            _ => return Err("config has one command: check FILE".to_owned()),
        },
        // What is wrong was said already.
        Some(("verify", flags)) if !verify::run(flags)? => return Ok(ExitCode::FAILURE),
        Some(("verify", _)) => {}
        Some(("inspect", flags)) => inspect::run(flags)?,
        Some(("token", token)) => make_token(token)?,
        Some(("query", flags)) => query::run(flags)?,
        Some(("doctor", flags)) => return doctor::run(flags),
        Some(("ready", flags)) => return ready::run(flags),
        Some(("provision", flags)) => provision::run(flags)?,
        Some(("rules", flags)) => return rules::run(flags),
        Some(("serve", flags)) => serve(flags, &arguments.loki)?,
        _ => serve(&matches, &arguments.loki)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the server, or what Loki's switches ask for in its place.
fn serve(flags: &ArgMatches, loki: &LokiFlags) -> Result<(), String> {
    let say = |mut to: Box<dyn Write>, text: &str| {
        writeln!(to, "{text}").map_err(|error| format!("writing: {error}"))
    };
    if loki.list_targets {
        return say(Box::new(std::io::stdout()), "all");
    }
    let mut loaded = settings::load(flags, loki)?;
    let shown = keys::to_yaml(&loaded.config, None);
    if loki.print {
        say(Box::new(std::io::stderr()), &shown)?;
    }
    if loki.verify {
        loaded.config.check()?;
        loaded.config.listen()?;
        for warning in &loaded.warnings {
            say(Box::new(std::io::stderr()), &format!("skald: {warning}"))?;
        }
        return say(Box::new(std::io::stdout()), "config is valid");
    }
    if loki.log_reversed {
        loaded.logged = shown.lines().rev().map(str::to_owned).collect();
    }
    serve::serve(loaded, &|| settings::load(flags, loki))
}

fn command() -> Command {
    let check = Command::new("check")
        .about("Says what becomes of each setting in a file, also one written for Loki")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .help("A YAML file, Skald's or Loki's"),
        );
    let config = Command::new("config")
        .about("Checks configuration files")
        .subcommand_required(true)
        .subcommand(check);
    let serve = settings::flags(Command::new("serve").about("Runs the server (the default)"));
    let list = |name: &'static str| {
        Arg::new(name)
            .long(name)
            .value_delimiter(',')
            .required(true)
    };
    let token = Command::new("token")
        .about("Makes a token, and the entry for auth.tokens_file that admits it")
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .required(true)
                .help("Names it in messages; the user of basic authentication"),
        )
        .arg(
            list("tenants")
                .value_name("TENANT,…")
                .help("Tenants it is for; * is all"),
        )
        .arg(
            list("rights")
                .value_name("RIGHT,…")
                .help("What it allows: read, write, delete; for all tenants also metrics, admin"),
        );
    settings::flags(Command::new("skald"))
        .about("A log server that any Loki client can use")
        .version(env!("CARGO_PKG_VERSION"))
        .args_conflicts_with_subcommands(true)
        .subcommand(serve)
        .subcommand(config)
        .subcommand(verify::command())
        .subcommand(inspect::command())
        .subcommand(token)
        .subcommand(query::command())
        .subcommand(doctor::command())
        .subcommand(ready::command())
        .subcommand(provision::command())
        .subcommand(rules::command())
}

fn check_config(matches: &ArgMatches) -> Result<(), String> {
    let file = matches
        .get_one::<String>("file")
        .expect("clap requires FILE");
    let text = settings::read_file(Path::new(file))?;
    let (report, usable) =
        skald_server::config::check::report(&text, |name| std::env::var(name).ok());
    std::io::stdout()
        .write_all(report.as_bytes())
        .map_err(|error| format!("writing the report: {error}"))?;
    if usable {
        Ok(())
    } else {
        Err(format!("{file} can't be used"))
    }
}

/// The token goes to stdout, alone on its line; what belongs into the file goes there too, as a
/// comment on it.
fn make_token(matches: &ArgMatches) -> Result<(), String> {
    let list = |name: &str| {
        matches
            .get_many::<String>(name)
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
    };
    let name = matches
        .get_one::<String>("name")
        .expect("clap requires --name");
    let (token, entry) =
        skald_server::auth::tokens::new_token(name, &list("tenants"), &list("rights"))?;
    let text = format!(
        "{token}\n\n# The token is not stored anywhere: keep it. Add to auth.tokens_file:\ntokens:\n{entry}"
    );
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("writing the token: {error}"))
}
