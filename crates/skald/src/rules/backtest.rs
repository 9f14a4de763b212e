//! `skald rules backtest`: what the groups of files would have done over the lines of a server.

use super::client::{self, Client, escaped};
use super::remote;
use crate::offline::{json, say, size, text, to_json};
use clap::{Arg, ArgMatches, Command};
use serde_json::Value;

const TEST: &str = "/skald/api/v1/rules/test";

/// The command.
pub(super) fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("backtest")
        .about("Says what rules would have done over the lines of a server")
        .args(client::flags())
        .arg(remote::files())
        .arg(flag("since", "DURATION", "Length of the range that ends at --to").default_value("1h"))
        .arg(
            flag("from", "TIME", "Start: seconds, nanoseconds or RFC 3339").conflicts_with("since"),
        )
        .arg(flag("to", "TIME", "End [default: now]"))
        .arg(json("Print the server's answers"))
}

/// Runs it.
pub(super) fn run(flags: &ArgMatches) -> Result<(), String> {
    let client = Client::new(flags);
    let mut path = match text(flags, "from") {
        "" => format!("{TEST}?since={}", escaped(text(flags, "since"))),
        from => format!("{TEST}?start={}", escaped(from)),
    };
    if !text(flags, "to").is_empty() {
        path += &format!("&end={}", escaped(text(flags, "to")));
    }
    for ((namespace, _), group) in remote::local(flags)? {
        let body = skald_ruler::rules::write_group(&group);
        let answer = client.send("POST", &path, &body)?;
        let answer = answer.ok_or("the server knows no backtest (404)")?;
        let answer: Value =
            serde_json::from_str(&answer).map_err(|e| format!("the answer: {e}"))?;
        match flags.get_flag("json") {
            true => say(&to_json(&answer["data"])?)?,
            false => say(&shown(&namespace, &answer["data"]))?,
        }
    }
    Ok(())
}

fn shown(namespace: &str, report: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut said = format!(
        "{namespace}/{}: {} slots, {} read\n",
        word(&report["group"]),
        report["slots"],
        size(report["bytes"].as_u64().unwrap_or(0))
    );
    for rule in list(&report["rules"]) {
        let evaluations = list(&rule["evaluations"]);
        let errors = evaluations.iter().filter_map(|e| e["error"].as_str());
        let errors: Vec<&str> = errors.collect();
        said += &format!("  {} ({})", word(&rule["name"]), word(&rule["type"]));
        if rule["neverMatched"] == true {
            said += ": no stream matches";
        }
        if let Some(error) = errors.first() {
            said += &format!(": {} evaluations fail: {error}", errors.len());
        }
        said.push('\n');
        for moved in list(&rule["transitions"]) {
            said += &format!(
                "    {} {} -> {} {} {}\n",
                word(&moved["at"]),
                word(&moved["from"]),
                word(&moved["to"]),
                moved["labels"],
                word(&moved["value"])
            );
            for line in list(&moved["lines"]) {
                said += &format!("      {} {}\n", word(&line["at"]), word(&line["line"]));
            }
        }
    }
    if report["truncated"] == true {
        said += "  there were more transitions than are shown\n";
    }
    said
}
