//! `skald query`: asks a running server over HTTP and prints lines or numbers.
//!
//! It speaks Loki's API, so it can ask a Loki too; what is more than one answer holds is fetched
//! page by page through Skald's cursor. TLS is not spoken here: put the client beside the server,
//! or a proxy between.

mod print;

use crate::offline::text;
use clap::{Arg, ArgAction, ArgMatches, Command};
use print::{Output, Printer};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};

/// Lines of one request; servers give 5,000 at most.
const PAGE_LINES: u64 = 5_000;

/// Bytes of one answer that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

const API: &str = "/loki/api/v1";

/// The command line.
pub(crate) fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    Command::new("query")
        .about("Queries a running server: prints lines, numbers, or new lines as they come")
        .arg(
            Arg::new("query")
                .value_name("LOGQL")
                .required(true)
                .help("The query, such as '{app=\"web\"} |= \"error\"'"),
        )
        .arg(
            flag("addr", "URL", "The server")
                .env("SKALD_ADDR")
                .default_value("http://127.0.0.1:3100"),
        )
        .arg(flag("tenant", "ID", "Sent as X-Scope-OrgID").env("SKALD_TENANT"))
        .arg(flag("since", "DURATION", "Length of the range that ends at --to").default_value("1h"))
        .arg(
            flag("from", "TIME", "Start: seconds, nanoseconds or RFC 3339").conflicts_with("since"),
        )
        .arg(flag("to", "TIME", "End [default: now]"))
        .arg(
            flag("limit", "LINES", "Most lines to print; 0 prints all")
                .default_value("30")
                .value_parser(clap::value_parser!(u64)),
        )
        .arg(flag("step", "DURATION", "Distance between points"))
        .arg(
            flag("output", "FORM", "How lines are shown")
                .value_parser(["default", "raw", "jsonl"])
                .default_value("default"),
        )
        .arg(switch("forward", "Oldest lines first"))
        .arg(switch("instant", "Evaluate at --to alone"))
        .arg(switch("tail", "Follow new lines").conflicts_with("instant"))
}

/// Runs the command.
pub(crate) fn run(flags: &ArgMatches) -> Result<(), String> {
    let client = Client::new(flags);
    let output = Output::named(text(flags, "output"));
    let mut printer = Printer::new(std::io::stdout().lock(), output, flags.get_flag("forward"));
    let asked = if flags.get_flag("tail") {
        tail(&client, flags, &mut printer)
    } else if flags.get_flag("instant") {
        instant(&client, flags, &mut printer)
    } else {
        range(&client, flags, &mut printer)
    };
    match asked {
        // A reader that has seen enough (`| head`) is no failure.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(Failure::Output(error)) => Err(format!("writing: {error}")),
        Err(Failure::Asked(why)) => Err(why),
        Ok(()) => Ok(()),
    }
}

/// Why it ended early.
enum Failure {
    Asked(String),
    Output(std::io::Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// The range as parameters; what is not given is left to the server.
fn times(flags: &ArgMatches) -> Vec<(&'static str, String)> {
    let start = match text(flags, "from") {
        "" => ("since", text(flags, "since").to_owned()),
        from => ("start", from.to_owned()),
    };
    [start, ("end", text(flags, "to").to_owned())]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn range(
    client: &Client,
    flags: &ArgMatches,
    printer: &mut Printer<impl Write>,
) -> Result<(), Failure> {
    let mut left = match flags.get_one::<u64>("limit") {
        Some(0) | None => u64::MAX,
        Some(limit) => *limit,
    };
    let mut cursor = None;
    while left > 0 {
        let limit = left.min(PAGE_LINES);
        let mut params = times(flags);
        params.push(("query", text(flags, "query").to_owned()));
        params.push(("limit", limit.to_string()));
        params.push((
            "direction",
            if flags.get_flag("forward") {
                "forward"
            } else {
                "backward"
            }
            .to_owned(),
        ));
        params.extend(
            flags
                .get_one::<String>("step")
                .map(|step| ("step", step.clone())),
        );
        params.extend(cursor.map(|cursor| ("cursor", cursor)));
        let (answer, next) = client.ask("query_range", &params)?;
        left = left.saturating_sub(printer.answer(&answer)?);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

fn instant(
    client: &Client,
    flags: &ArgMatches,
    printer: &mut Printer<impl Write>,
) -> Result<(), Failure> {
    let mut params = vec![("query", text(flags, "query").to_owned())];
    params.extend(flags.get_one::<String>("to").map(|to| ("time", to.clone())));
    let (answer, _) = client.ask("query", &params)?;
    printer.answer(&answer)?;
    Ok(())
}

fn tail(
    client: &Client,
    flags: &ArgMatches,
    printer: &mut Printer<impl Write>,
) -> Result<(), Failure> {
    let limit = flags
        .get_one::<u64>("limit")
        .copied()
        .unwrap_or(0)
        .clamp(1, PAGE_LINES);
    let params = [
        ("query", text(flags, "query").to_owned()),
        ("limit", limit.to_string()),
    ];
    let mut response = client.get("tail", &params, "application/x-ndjson")?;
    for line in BufReader::new(response.body_mut().as_reader()).lines() {
        let line = line.map_err(|error| Failure::Asked(format!("the tail broke off: {error}")))?;
        if line.is_empty() {
            continue;
        }
        let frame: Value = serde_json::from_str(&line)
            .map_err(|error| Failure::Asked(format!("no frame: {error}")))?;
        if let Some(why) = frame["error"].as_str() {
            return Err(Failure::Asked(why.to_owned()));
        }
        printer.frame(&frame)?;
    }
    Ok(())
}

/// Requests to the server.
struct Client {
    base: String,
    tenant: Option<String>,
    agent: ureq::Agent,
}

impl Client {
    fn new(flags: &ArgMatches) -> Client {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let base = text(flags, "addr").trim_end_matches('/').to_owned();
        Client {
            base,
            tenant: flags.get_one("tenant").cloned(),
            agent,
        }
    }

    fn get(
        &self,
        endpoint: &str,
        params: &[(&str, String)],
        accept: &str,
    ) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let mut request = self
            .agent
            .get(format!("{}{API}/{endpoint}", self.base))
            .header("Accept", accept);
        for (name, value) in params {
            request = request.query(name, value);
        }
        if let Some(tenant) = &self.tenant {
            request = request.header("X-Scope-OrgID", tenant);
        }
        let mut response = request
            .call()
            .map_err(|error| Failure::Asked(format!("{}: {error}", self.base)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let why = response.body_mut().read_to_string().unwrap_or_default();
        Err(Failure::Asked(format!(
            "{}: {}",
            response.status(),
            why.trim_end()
        )))
    }

    /// An answer and the cursor of the next page.
    fn ask(
        &self,
        endpoint: &str,
        params: &[(&str, String)],
    ) -> Result<(Value, Option<String>), Failure> {
        let mut response = self.get(endpoint, params, "*/*")?;
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let (cursor, hint) = (header("x-skald-cursor"), header("x-skald-hint"));
        if let Some(hint) = hint {
            // When stderr is closed there is nowhere to say it.
            let _ = writeln!(std::io::stderr(), "skald: {hint}");
        }
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec();
        let body = body.map_err(|error| Failure::Asked(format!("reading the answer: {error}")))?;
        let answer = serde_json::from_slice(&body)
            .map_err(|error| Failure::Asked(format!("no answer of Loki's: {error}")))?;
        Ok((answer, cursor))
    }
}
