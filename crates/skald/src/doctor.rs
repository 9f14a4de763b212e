//! `skald doctor`: asks a running server where logs come from, and says what is amiss.
//!
//! Ends with 0 when all is well, 1 when something is amiss, 2 when nothing arrives at all, and 3
//! when the server can't be asked.

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

/// Newest entries that are further behind or ahead than this are said to be, in seconds.
const LAG_SECONDS_MAX: f64 = 600.0;

/// A source that sent nothing for so long is said to be silent, in seconds.
const SILENT_SECONDS_MAX: f64 = 3600.0;

/// Bytes of the answer that are read.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// The command line.
pub(crate) fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("doctor")
        .about("Says where a running server's logs come from, and why others do not arrive")
        .arg(
            flag("addr", "URL", "The server")
                .env("SKALD_ADDR")
                .default_value("http://127.0.0.1:3100"),
        )
        .arg(flag("tenant", "ID", "Sent as X-Scope-OrgID").env("SKALD_TENANT"))
        .arg(flag("token", "TOKEN", "Sent as a bearer token").env("SKALD_TOKEN"))
}

/// Runs the command.
pub(crate) fn run(flags: &ArgMatches) -> Result<ExitCode, String> {
    let (text, code) = match ask(flags) {
        Ok(answer) => report(&answer["data"]),
        Err(why) => (format!("{why}\n"), 3),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("writing: {error}"))?;
    Ok(ExitCode::from(code))
}

fn ask(flags: &ArgMatches) -> Result<Value, String> {
    let given = |name: &str| flags.get_one::<String>(name).map(String::as_str);
    let base = given("addr").unwrap_or_default().trim_end_matches('/');
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.get(format!("{base}/skald/api/v1/sources"));
    if let Some(tenant) = given("tenant") {
        request = request.header("X-Scope-OrgID", tenant);
    }
    if let Some(token) = given("token") {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().map_err(|error| {
        format!("{base} does not answer ({error}): is skald running, and is this its address? Give it with --addr")
    })?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let body = body
        .read_to_string()
        .map_err(|error| format!("reading the answer: {error}"))?;
    match status.as_u16() {
        200 => serde_json::from_str(&body).map_err(|error| format!("{base} is no skald: {error}")),
        401 | 403 => Err(format!(
            "{base} refuses: {}. Give --tenant ID, or --token TOKEN with the right `read`",
            body.trim_end()
        )),
        404 => Err(format!(
            "{base} has no /skald/api/v1/sources: it is no skald, or an older one"
        )),
        _ => Err(format!("{base}: {status}: {}", body.trim_end())),
    }
}

/// What the answer says, and the code to end with.
fn report(data: &Value) -> (String, u8) {
    let mut out = String::new();
    let mut findings = Vec::new();
    for listener in list(&data["listeners"]) {
        let what = format!(
            "{} on {}",
            text(&listener["protocol"]),
            text(&listener["address"])
        );
        out.push_str(&format!("listening  {what}\n"));
        let dropped = listener["dropped"].as_u64().unwrap_or(0);
        if dropped > 0 {
            findings.push(format!(
                "{what}: the system dropped {dropped} datagrams: raise receive_buffer and net.core.rmem_max, or send over TCP"
            ));
        }
        if listener["refused_connections"].as_u64().unwrap_or(0) > 0 {
            findings.push(format!(
                "{what}: connections were refused: see max_connections, and the certificate of TLS"
            ));
        }
    }
    let sources = list(&data["sources"]);
    let is_empty = !sources
        .iter()
        .any(|source| source["entries"].as_u64().unwrap_or(0) > 0);
    for source in sources {
        source_lines(source, &mut out, &mut findings);
    }
    if is_empty {
        out.push_str("nothing has arrived\n");
        findings.push(
            "no sender has delivered an entry: does it send to one of the addresses above? The server listens on this \
             machine alone unless server.http_listen_address says otherwise; syslog needs syslog.listeners"
                .to_owned(),
        );
    }
    for finding in &findings {
        out.push_str(&format!("! {finding}\n"));
    }
    let code = match (is_empty, findings.is_empty()) {
        (true, _) => 2,
        (false, false) => 1,
        (false, true) => {
            out.push_str("all is well\n");
            0
        }
    };
    (out, code)
}

fn source_lines(source: &Value, out: &mut String, findings: &mut Vec<String>) {
    let mut name = text(&source["receiver"]).to_owned();
    for (word, key) in [
        ("from", "client"),
        ("as", "user_agent"),
        ("tenant", "tenant"),
    ] {
        let value = text(&source[key]);
        if !value.is_empty() {
            write!(name, " {word} {value}").expect("writing to a string succeeds");
        }
    }
    let silent = source["silent_seconds"].as_f64().unwrap_or(0.0);
    let number = |key: &str| source[key].as_u64().unwrap_or(0);
    out.push_str(&format!(
        "source     {name}: {} entries, {} bytes in {} pushes, {:.0} s ago\n",
        number("entries"),
        number("bytes"),
        number("pushes"),
        silent
    ));
    // A source that delivered nothing has no newest entry.
    let behind = source["lag_seconds"]
        .as_f64()
        .map_or(0.0, |lag| lag - silent);
    if behind > LAG_SECONDS_MAX {
        findings.push(format!(
            "{name}: its newest entry was {behind:.0} s old when it came: old logs, a sender that is behind, or its clock or zone"
        ));
    } else if behind < -1.0 {
        findings.push(format!(
            "{name}: its newest entry is {:.0} s ahead: its clock or zone is wrong",
            -behind
        ));
    }
    if silent > SILENT_SECONDS_MAX {
        findings.push(format!("{name}: has been silent for {silent:.0} s"));
    }
    for refusal in list(&source["refused"]) {
        let setting = text(&refusal["setting"]);
        let setting = match setting {
            "" => String::new(),
            setting => format!(" [{setting}]"),
        };
        let said = format!(
            "{name}: {} refused for {}{setting}: {} (as {:?})",
            refusal["count"],
            text(&refusal["reason"]),
            text(&refusal["advice"]),
            text(&refusal["sample"])
        );
        match refusal["over"].as_bool() {
            Some(true) => out.push_str(&format!("over       {said}\n")),
            _ => findings.push(said),
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(entries: u64, lag: impl Into<Value>, refused: Value) -> Value {
        let lag: Value = lag.into();
        json!({
            "receiver": "loki", "client": "10.0.0.7", "user_agent": "promtail", "tenant": "a", "entries": entries,
            "bytes": 5, "pushes": 2, "silent_seconds": 10.0, "lag_seconds": lag, "refused": refused,
        })
    }

    fn check(sources: Value, code: u8, expected: &str) {
        let (text, found) = report(
            &json!({"sources": sources, "listeners": [{"protocol": "http", "address": "A"}]}),
        );
        assert_eq!(found, code, "{text}");
        assert!(
            text.starts_with("listening  http on A\n") && text.contains(expected),
            "{text}"
        );
    }

    #[test]
    fn a_source_without_entries_is_not_said_to_have_a_wrong_clock() {
        let refused = source(0, Value::Null, json!([]));
        let (text, code) = report(&json!({"sources": [refused, source(3, 12.0, json!([]))]}));
        assert!(!text.contains("ahead") && code == 0, "{text}");
    }

    #[test]
    fn each_finding_has_its_words_and_its_code() {
        check(json!([]), 2, "nothing has arrived");
        check(
            json!([source(3, 12.0, json!([]))]),
            0,
            "source     loki from 10.0.0.7 as promtail tenant a: 3 entries",
        );
        check(
            json!([source(3, 4000.0, json!([]))]),
            1,
            "its newest entry was 3990 s old",
        );
        check(
            json!([source(3, -7000.0, json!([]))]),
            1,
            "7010 s ahead: its clock or zone is wrong",
        );
        let over = json!([{"reason": "starting", "count": 1, "advice": "try again", "over": true}]);
        check(
            json!([source(3, 12.0, over)]),
            0,
            "over       loki from 10.0.0.7 as promtail tenant a: 1 refused for starting: try again",
        );
        let refused = json!([{"reason": "line_too_long", "count": 4, "setting": "limits_config.max_line_size", "advice": "raise it", "sample": "x"}]);
        check(
            json!([source(0, 0.0, refused)]),
            2,
            "4 refused for line_too_long [limits_config.max_line_size]: raise it",
        );
    }
}
