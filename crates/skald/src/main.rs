//! The program: `skald serve` (the default), `skald query`, `skald verify`, `skald inspect`, `skald token` and
//! `skald config check FILE`.
//!
//! Settings come from defaults, one YAML file, environment variables and flags, the later ones winning.

mod allocator;
mod inspect;
mod offline;
mod query;
mod serve;
mod settings;
mod verify;

use clap::{Arg, ArgMatches, Command};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let matches = command().get_matches();
    let result = match matches.subcommand() {
        Some(("config", config)) => match config.subcommand() {
            Some(("check", check)) => check_config(check),
            _ => Err("config has one command: check FILE".to_owned()),
        },
        Some(("verify", flags)) => match verify::run(flags) {
            Ok(true) => Ok(()),
            // What is wrong was said already.
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Some(("inspect", flags)) => inspect::run(flags),
        Some(("token", token)) => make_token(token),
        Some(("query", flags)) => query::run(flags),
        Some(("serve", flags)) => settings::load(flags).and_then(serve::serve),
        _ => settings::load(&matches).and_then(serve::serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody can be told when stderr is closed.
            let _ = writeln!(std::io::stderr(), "skald: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    let check = Command::new("check")
        .about("Says what becomes of each setting in a file, also one written for Loki")
        .arg(Arg::new("file").value_name("FILE").required(true));
    let config = Command::new("config")
        .about("Looks at configuration files")
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
                .help("What it allows: read, write, admin"),
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

/// The token goes to stdout, alone on its line; what belongs into the file goes there too, as a comment on it.
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
