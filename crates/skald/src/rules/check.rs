//! `skald rules check`: says what is wrong in rule files, and where, without a server.

use super::files::files_of;
use super::{advice, place};
use crate::offline;
use clap::{Arg, ArgMatches, Command};
use skald_logql::syntax::duration::parse_prometheus;
use skald_ruler::rules::{Fault, read_documents};
use skald_ruler::templates::{TemplateInput, Templates};
use skald_template::AlertTemplate;
use std::path::Path;
use std::process::ExitCode;

/// The command.
pub(super) fn command() -> Command {
    Command::new("check")
        .about("Says what is wrong in rule files, and where")
        .long_about(
            "Reads rule files as strictly as the server does and prints every fault with its place, and advice where rules \
             can be evaluated but hardly do what is meant. Files may have several documents with `namespace:`. Of a \
             directory all files are read, its folders included. Ends with status 1 when there is a fault; advice is none.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .num_args(1..)
                .required(true)
                .help("Rule files, or directories of such"),
        )
        .arg(
            Arg::new("interval")
                .long("interval")
                .value_name("DURATION")
                .default_value("1m")
                .value_parser(parse_prometheus)
                .help("Interval of groups that have none: ruler.evaluation_interval"),
        )
}

/// Runs it.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, String> {
    let interval = matches.get_one::<i64>("interval").copied().unwrap_or(0);
    let given = matches.get_many::<String>("file").into_iter().flatten();
    let mut files = Vec::new();
    for path in given {
        files.extend(files_of(Path::new(path))?);
    }
    if files.is_empty() {
        return Err("there is no file".to_owned());
    }
    let (mut said, mut is_sound) = (String::new(), true);
    for path in files {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let checked = check(&name, &text, interval);
        is_sound &= checked.is_ok();
        said += &checked.unwrap_or_else(|faults| faults);
    }
    offline::say(&said)?;
    Ok(match is_sound {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What is said of a file: a line of counts with advice, or its faults.
fn check(name: &str, text: &str, interval: i64) -> Result<String, String> {
    let documents = read_documents(text, &Syntax).map_err(|faults| {
        let shown = faults.iter().map(|fault| shown(name, text, fault));
        shown.collect::<String>()
    })?;
    let groups = || documents.iter().flat_map(|document| &document.groups);
    let rules = groups().map(|group| group.rules.len()).sum::<usize>();
    let mut said = format!(
        "{name}: {}, {}\n",
        offline::count(groups().count() as u64, "group"),
        offline::count(rules as u64, "rule")
    );
    for group in groups() {
        for (number, advice) in advice::of_group(group, interval) {
            let place = place_of(name, text, &group.name, number);
            said += &format!("{place}: advice: {advice}\n");
        }
    }
    Ok(said)
}

fn shown(name: &str, text: &str, fault: &Fault) -> String {
    let place = match (&fault.place.group, fault.place.rule) {
        (Some(group), Some(rule)) => place_of(name, text, group, rule),
        (Some(group), None) => match place::of_group(text, group) {
            Some(line) => format!("{name}:{line}: group \"{group}\""),
            None => format!("{name}: group \"{group}\""),
        },
        // Its words begin with the line, as Loki's do.
        (None, _) => name.to_owned(),
    };
    format!("{place}: {}\n", fault.text)
}

fn place_of(name: &str, text: &str, group: &str, rule: usize) -> String {
    let number = rule + 1;
    match place::of_rule(text, group, rule) {
        Some(line) => format!("{name}:{line}: group \"{group}\", rule {number}"),
        None => format!("{name}: group \"{group}\", rule {number}"),
    }
}

/// Checks templates; there is nothing to expand.
pub(super) struct Syntax;

impl Templates for Syntax {
    fn check(&self, text: &str) -> Result<(), String> {
        let template = AlertTemplate::parse(text).map_err(|error| error.to_string())?;
        template.check().map_err(|error| error.to_string())
    }

    fn expand(&self, text: &str, _: &TemplateInput<'_>) -> String {
        text.to_owned()
    }
}
