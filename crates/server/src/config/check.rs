//! What `skald config check` says of a file: what is taken, what is not needed, what is missing.

use super::file::Line;
use super::{Config, file};
use crate::config::loki::unsupported::Fate;

/// The report on a file, and whether the file can be used.
pub fn report(text: &str, lookup: impl Fn(&str) -> Option<String>) -> (String, bool) {
    let mut config = Config::default();
    let read = file::apply(&mut config, text, lookup).map_err(|error| error.to_string());
    let lines = match read.and_then(|lines| config.limits.check().map(|()| lines)) {
        Ok(lines) => lines,
        Err(error) => return (format!("refused: {error}\n"), false),
    };
    let mut out = String::new();
    for line in &lines {
        out.push_str(&describe(line));
        out.push('\n');
    }
    let unknown = lines
        .iter()
        .filter(|l| matches!(l, Line::Unknown(..)))
        .count();
    let missing = lines
        .iter()
        .filter(|l| matches!(l, Line::Loki(_, Fate::Missing(_))))
        .count();
    let taken = lines
        .iter()
        .filter(|l| matches!(l, Line::Taken(_) | Line::Mapped(..)))
        .count();
    let rest = lines.len() - unknown - missing - taken;
    out.push_str(&format!(
        "{taken} taken, {rest} not needed, {missing} not supported, {unknown} unknown\n"
    ));
    (out, true)
}

/// One line of the report; also what a server warns of at start.
pub fn describe(line: &Line) -> String {
    match line {
        Line::Taken(name) => format!("taken          {name}"),
        Line::Mapped(name, target) => {
            format!("taken          {name}: as storage_config.object_store.{target}")
        }
        Line::Loki(name, Fate::NotNeeded(why)) => format!("not needed     {name}: {why}"),
        Line::Loki(name, Fate::Missing(why)) => format!("not supported  {name}: {why}"),
        Line::Unknown(name, Some(nearest)) => {
            format!("unknown        {name}: did you mean {nearest}?")
        }
        Line::Unknown(name, None) => format!("unknown        {name}"),
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
        let text = "auth_enabled: false\nserver: {http_listen_prot: 1}\nruler: {alertmanager_url: x}\nmemberlist: {a: 1}\n";
        let (report, usable) = report(text, |_| None);
        assert!(usable);
        assert_eq!(
            report,
            "taken          auth_enabled\n\
             unknown        server.http_listen_prot: did you mean server.http_listen_port?\n\
             not supported  ruler.alertmanager_url: rules are not evaluated yet\n\
             not needed     memberlist.a: one process\n\
             1 taken, 1 not needed, 1 not supported, 1 unknown\n"
        );
    }
}
