//! What `skald config check` says of a file: what is taken, what is not needed, what is missing.

use super::expand::{are_not_set, expand};
use super::file::Line;
use super::{Config, file};
use crate::config::loki::unsupported::Fate;
use std::collections::BTreeMap;

/// The report on a file, and whether the file can be used.
pub fn report(text: &str, lookup: impl Fn(&str) -> Option<String>) -> (String, bool) {
    let lines = match read(text, &lookup) {
        Ok(lines) => lines,
        Err(error) => match read_with_stand_ins(text, &lookup) {
            Some(lines) => lines,
            None => return (format!("refused: {}\n", error.trim_end()), false),
        },
    };
    let count = |is: fn(&Line) -> bool| lines.iter().filter(|line| is(line)).count();
    let taken = count(|line| matches!(line, Line::Taken(_) | Line::Noted(..)));
    let not_needed = count(|line| matches!(line, Line::Loki(_, Fate::NotNeeded(_))));
    let missing = count(|line| matches!(line, Line::Loki(_, Fate::Missing(_))));
    let unknown = count(|line| matches!(line, Line::Unknown(..)));
    let known = check_known(&lines);
    let mut out = String::new();
    for line in join_sections(lines) {
        out.push_str(&describe(&line));
        out.push('\n');
    }
    if let Err(error) = &known {
        out.push_str(&format!("refused: {error}\n"));
    }
    out.push_str(&format!(
        "{taken} taken, {not_needed} not needed, {missing} not supported, {unknown} unknown\n"
    ));
    (out, known.is_ok())
}

/// Refuses a file of settings that neither Skald nor Loki has: it is no file for a log server.
pub fn check_known(lines: &[Line]) -> Result<(), String> {
    let is_known = |line: &Line| matches!(line, Line::Taken(_) | Line::Noted(..) | Line::Loki(..));
    let is_unknown = |line: &Line| matches!(line, Line::Unknown(..));
    if lines.iter().any(is_unknown) && !lines.iter().any(is_known) {
        return Err("it has no setting of Skald or Loki".to_owned());
    }
    Ok(())
}

fn read(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Vec<Line>, String> {
    let mut config = Config::default();
    let lines = file::apply(&mut config, text, &[], lookup).map_err(|error| error.to_string())?;
    config.check().map(|()| lines)
}

/// Values that stand for a variable which is set only where the server runs: a word, number or
/// switch, or a duration.
const STAND_INS: [&str; 2] = ["1", "1h"];

/// Reads a file that is refused without variables that are not set here, as if they were.
fn read_with_stand_ins(text: &str, lookup: &impl Fn(&str) -> Option<String>) -> Option<Vec<Line>> {
    let unset = expand(text, lookup).ok()?.unset;
    if unset.is_empty() {
        return None;
    }
    let mut lines = STAND_INS.iter().find_map(|stand_in| {
        let stands_in = |name: &str| unset.contains(name).then(|| (*stand_in).to_owned());
        read(text, |name| stands_in(name).or_else(|| lookup(name))).ok()
    })?;
    let warning = format!(
        "{} here, and without it a server refuses the file",
        are_not_set(&unset)
    );
    lines.push(Line::Warning(warning));
    Some(lines)
}

/// Beginnings of names that are missing as a whole and are reported as one.
const REPORTED_AS_ONE: &[&str] = &["ruler.storage.", "ruler_storage."];

/// Puts one line for each such section in the place of its first.
fn join_sections(lines: Vec<Line>) -> Vec<Line> {
    let section_of = |line: &Line| match line {
        Line::Loki(name, Fate::Missing(_)) => {
            let is_of = |one: &&&str| name.starts_with(**one);
            REPORTED_AS_ONE.iter().find(is_of).copied()
        }
        _ => None,
    };
    let mut settings: BTreeMap<&str, usize> = BTreeMap::new();
    for section in lines.iter().filter_map(section_of) {
        *settings.entry(section).or_default() += 1;
    }
    let joined = lines.into_iter().filter_map(|line| {
        let Some(section) = section_of(&line) else {
            return Some(line);
        };
        let count = settings.remove(section)?;
        Some(match line {
            Line::Loki(_, fate) if count > 1 => {
                Line::Loki(format!("{section}* ({count} settings)"), fate)
            }
            line => line,
        })
    });
    joined.collect()
}

/// Lines that a server logs as warnings when it starts.
pub fn warnings(lines: Vec<Line>) -> Vec<String> {
    let warned = join_sections(lines).into_iter().filter(|line| {
        matches!(
            line,
            Line::Unknown(..) | Line::Loki(_, Fate::Missing(_)) | Line::Warning(_)
        )
    });
    warned.map(|line| in_one_line(&line)).collect()
}

/// One line of the report without the columns it is set in.
pub fn in_one_line(line: &Line) -> String {
    let words: Vec<String> = describe(line)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    words.join(" ")
}

/// One line of the report.
pub fn describe(line: &Line) -> String {
    match line {
        Line::Taken(name) => format!("taken          {name}"),
        Line::Noted(name, note) => format!("taken          {name}: {note}"),
        Line::Loki(name, Fate::NotNeeded(why)) => format!("not needed     {name}: {why}"),
        Line::Loki(name, Fate::Missing(why)) => format!("not supported  {name}: {why}"),
        Line::Unknown(name, Some(nearest)) => {
            format!("unknown        {name}: did you mean {nearest}?")
        }
        Line::Unknown(name, None) => format!("unknown        {name}"),
        Line::Note(note) => format!("note           {note}"),
        Line::Warning(warning) => format!("warning        {warning}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_can_not_hold_refuse_the_file() {
        let check = |settings: &str, expected: &str| {
            let (report, usable) = report(
                &format!("limits_config: {{otlp_config: {settings}}}"),
                |_| None,
            );
            assert_eq!((report.trim_end(), usable), (expected, false), "{settings}");
        };
        check(
            "{log_attributes: [{action: drop, regex: '['}]}",
            "refused: limits_config.otlp_config.log_attributes: regex \"[\": error parsing regexp: missing closing ]: `[`",
        );
        check(
            "{scope_attributes: [{action: index_label, attributes: [a]}]}",
            "refused: limits_config.otlp_config.scope_attributes: index_label action is only supported for resource_attributes and log_attributes",
        );
        check(
            "5",
            "refused: limits_config.otlp_config: expected settings by name",
        );
    }

    #[test]
    fn each_name_of_a_loki_file_is_accounted_for() {
        let text = "auth_enabled: false\nserver: {http_listen_prot: 1}\nruler: {alertmanager_url: 'http://x'}\nmemberlist: {a: 1}\n";
        let (report, usable) = report(text, |_| None);
        assert!(usable);
        assert_eq!(
            report,
            "taken          auth_enabled\n\
             unknown        server.http_listen_prot: did you mean server.http_listen_port?\n\
             taken          ruler.alertmanager_url\n\
             not needed     memberlist.a: one process\n\
             note           server.http_listen_address is every address, as in Loki, and everybody who reaches it may push and ask: set auth.tokens_file, or the address 127.0.0.1\n\
             2 taken, 1 not needed, 0 not supported, 1 unknown\n"
        );
    }

    #[test]
    fn a_bucket_of_rules_is_reported_in_one_line() {
        let text = "auth_enabled: no\nserver: {http_listen_address: '::1'}\nruler: {rule_path: /x, storage: {type: s3, s3: {bucketnames: b, region: r}}}\n";
        let (report, usable) = report(text, |_| None);
        assert!(usable);
        assert_eq!(
            report,
            "taken          auth_enabled\n\
             taken          server.http_listen_address\n\
             not needed     ruler.rule_path: rules need no scratch directory\n\
             not supported  ruler.storage.* (3 settings): rules are kept in the data directory; those in a bucket of Loki's are not \
             read: move them with lokitool or cortextool (rules print, rules load)\n\
             2 taken, 1 not needed, 3 not supported, 0 unknown\n"
        );
    }

    #[test]
    fn a_variable_that_is_set_only_where_the_server_runs_is_a_warning() {
        let check = |text: &str, expected: Option<&str>| {
            let (report, usable) = report(text, |name| (name == "KEY").then(|| "k".to_owned()));
            assert_eq!(usable, expected.is_some(), "{report}");
            assert!(report.contains(expected.unwrap_or("refused: ")), "{report}");
        };
        let bucket = |secret: &str| {
            format!(
                "storage_config: {{aws: {{bucketnames: b, access_key_id: '${{KEY}}', secret_access_key: '{secret}'}}}}\n"
            )
        };
        let warned =
            "warning        ${SECRET} is not set here, and without it a server refuses the file\n";
        check(&bucket("${SECRET}"), Some(warned));
        check(
            "limits_config: {query_timeout: '${T}'}\n",
            Some("${T} is not set here"),
        );
        check(
            "server: {http_listen_port: '${P}'}\nruntime_config: {period: '${T:-5s}'}\n",
            Some("${P} is not set here"),
        );
        check(
            "no_auth_tenant: a${X}\n",
            Some("warning        ${X} is not set, which counts as nothing\n"),
        );
        check("server: {http_listen_port: 'x${P}'}\n", None);
        check(&bucket(""), None);
    }

    #[test]
    fn a_file_of_which_nothing_is_known_is_refused() {
        let (text, usable) = report("services: {loki: {image: x}}\nvolumes: {a: b}\n", |_| None);
        assert!(!usable);
        assert!(
            text.contains("refused: it has no setting of Skald or Loki\n"),
            "{text}"
        );
        assert!(report("auth_enabled: false\nfoo: 1\n", |_| None).1);
        assert!(report("", |_| None).1);
        let (text, usable) = report(
            "apiVersion: v1\nkind: ConfigMap\ndata: {loki.yaml: x}\n",
            |_| None,
        );
        assert_eq!((text.lines().count(), usable), (1, false), "{text}");
        assert!(
            text.ends_with("data.loki.yaml as a file of its own\n"),
            "{text}"
        );
    }
}
