//! `skald ready`: asks a running server whether it is ready, for the health check of a container.
//!
//! Ends with 0 when it is, and 1 when it is not or does not answer.

use clap::{Arg, ArgMatches, Command};
use std::process::ExitCode;
use std::time::Duration;

/// A server that is well answers at once; the health check of a container has its own limit.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of the answer that are said.
const ANSWER_BYTES_MAX: u64 = 4096;

/// The command line.
pub(crate) fn command() -> Command {
    Command::new("ready")
        .about("Asks a running server whether it is ready, for health checks")
        .arg(
            Arg::new("addr")
                .long("addr")
                .value_name("URL")
                .help("The server")
                .env("SKALD_ADDR")
                .default_value("http://127.0.0.1:3100"),
        )
}

/// Runs the command.
pub(crate) fn run(flags: &ArgMatches) -> Result<ExitCode, String> {
    let given = flags.get_one::<String>("addr").map(String::as_str);
    let base = given.unwrap_or_default().trim_end_matches('/');
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .build()
        .into();
    let mut response = agent
        .get(format!("{base}/ready"))
        .call()
        .map_err(|error| format!("{base} does not answer: {error}"))?;
    if response.status().as_u16() == 200 {
        return Ok(ExitCode::SUCCESS);
    }
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let why = body.read_to_string().unwrap_or_default();
    Err(format!(
        "{base} is not ready: {} {}",
        response.status(),
        why.trim_end()
    ))
}
