//! `skald provision grafana`: gives a Grafana the data source and the dashboards of this server.
//!
//! They go where the caller says: into files in the layout of Grafana's provisioning, to stdout as
//! manifests that the sidecar of Grafana's Helm chart reads, or to a running Grafana over its API.

mod dashboard;
mod data_source;
mod files;
mod grafana_api;
mod manifest;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use dashboard::Dashboard;
use data_source::DataSources;
use std::io::Write;
use std::path::Path;

/// The command line.
pub(crate) fn command() -> Command {
    Command::new("provision")
        .about("Gives other programs what they need to show logs")
        .subcommand_required(true)
        .subcommand(grafana())
}

fn grafana() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let configmap = Arg::new("configmap")
        .long("configmap")
        .action(ArgAction::SetTrue)
        .help("Print Kubernetes manifests for the sidecar of Grafana's Helm chart");
    let only = flag("only", "NAME,…", "These dashboards alone")
        .value_delimiter(',')
        .value_parser(dashboard::ALL.map(|dashboard| dashboard.name));
    let where_to = ["out", "configmap", "url"];
    Command::new("grafana")
        .about("Writes data source and dashboards as files, as manifests, or to a Grafana")
        .arg(flag(
            "out",
            "DIR",
            "Write files in the layout of Grafana's provisioning",
        ))
        .arg(configmap)
        .arg(flag(
            "url",
            "URL",
            "Send them to the Grafana there, over http",
        ))
        .group(ArgGroup::new("where").args(where_to).required(true))
        .arg(
            flag(
                "token",
                "TOKEN",
                "Grafana's token of a service account, for --url",
            )
            .env("GRAFANA_TOKEN"),
        )
        .arg(
            flag("addr", "URL", "The server, as Grafana reaches it")
                .env("SKALD_ADDR")
                .default_value("http://127.0.0.1:3100"),
        )
        .arg(flag("tenant", "ID", "The tenant that Grafana asks for").env("SKALD_TENANT"))
        .arg(flag("read-token", "TOKEN", "Skald's token that Grafana sends").env("SKALD_TOKEN"))
        .arg(flag(
            "prometheus",
            "URL",
            "Add a Prometheus, which has Skald's metrics",
        ))
        .arg(flag(
            "traces",
            "UID",
            "Data source that trace ids lead to [default: their logs]",
        ))
        .arg(only)
        .arg(
            flag(
                "dashboards",
                "PATH",
                "Where Grafana finds the files of --out",
            )
            .default_value("/var/lib/grafana/dashboards"),
        )
        .arg(flag("namespace", "NAME", "Namespace of the manifests"))
}

/// Runs the command.
pub(crate) fn run(flags: &ArgMatches) -> Result<(), String> {
    let Some(("grafana", flags)) = flags.subcommand() else {
        return Err("provision has one command: grafana".to_owned());
    };
    let given = |name: &str| flags.get_one::<String>(name).map(String::as_str);
    let sources = DataSources {
        addr: given("addr").unwrap_or_default(),
        tenant: given("tenant"),
        read_token: given("read-token"),
        prometheus: given("prometheus"),
        traces: given("traces"),
    };
    let wanted: Option<Vec<&String>> = flags.get_many("only").map(Iterator::collect);
    let is_wanted = |dashboard: &&Dashboard| {
        let names = wanted.as_ref();
        names.is_none_or(|names| names.iter().any(|name| *name == dashboard.name))
    };
    let dashboards: Vec<&Dashboard> = dashboard::ALL.iter().filter(is_wanted).collect();
    let said = if let Some(folder) = given("out") {
        let shown = given("dashboards").unwrap_or_default();
        files::write(Path::new(folder), shown, &sources, &dashboards)?
    } else if let Some(url) = given("url") {
        grafana_api::send(url, given("token"), &sources, &dashboards)?
    } else {
        warn_of_loopback(sources.addr);
        manifest::manifests(given("namespace"), &sources, &dashboards)?
    };
    std::io::stdout()
        .write_all(said.as_bytes())
        .map_err(|error| format!("writing: {error}"))
}

/// Says that a Grafana in a cluster reaches itself at such an address.
fn warn_of_loopback(addr: &str) {
    let is_loopback = ["//127.", "//localhost", "//[::1]"]
        .iter()
        .any(|host| addr.contains(host));
    if is_loopback {
        // When stderr is closed there is nowhere to say it.
        let _ = writeln!(
            std::io::stderr(),
            "skald: a Grafana in a cluster does not reach {addr}: give --addr, such as http://skald.logging.svc:3100"
        );
    }
}
