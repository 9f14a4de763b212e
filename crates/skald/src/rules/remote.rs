//! `skald rules list|get|load|delete|diff|sync`: lokitool's verbs against a running server.

use super::check::Syntax;
use super::client::{self, Client, Groups};
use super::files::files_of;
use crate::offline::{count, say, text};
use clap::{Arg, ArgAction, ArgMatches, Command};
use skald_ruler::rules::{RuleGroup, joined, read_documents};
use std::collections::BTreeMap;
use std::path::Path;

/// The commands.
pub(super) fn commands() -> [Command; 6] {
    let command = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).args(client::flags())
    };
    let names = |group: Arg| {
        let namespace = Arg::new("namespace").value_name("NAMESPACE").required(true);
        [namespace, group]
    };
    let group = || Arg::new("group").value_name("GROUP");
    [
        command("list", "Lists namespaces and groups of a server"),
        command("get", "Prints a group of a server").args(names(group().required(true))),
        command("load", "Sets the groups of files on a server; others stay").arg(files()),
        command("delete", "Removes a group, or a namespace, from a server").args(names(group())),
        command("diff", "Says what sync would change")
            .arg(files())
            .args(chosen()),
        command(
            "sync",
            "Makes a server's groups those of files: sets, changes and removes",
        )
        .arg(files())
        .args(chosen()),
    ]
}

pub(super) fn files() -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .num_args(1..)
        .required(true)
        .help("Rule files, or directories of such; a namespace is `namespace:` in them, or the file's name without its extension")
}

fn chosen() -> [Arg; 2] {
    let list = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("NAMES")
            .value_delimiter(',')
            .action(ArgAction::Append)
            .help(help)
    };
    [
        list("namespaces", "Namespaces to look at, and no others"),
        list("ignored-namespaces", "Namespaces to leave alone").conflicts_with("namespaces"),
    ]
}

/// Runs one.
pub(super) fn run(verb: &str, flags: &ArgMatches) -> Result<(), String> {
    let client = Client::new(flags);
    match verb {
        "list" => list(&client),
        "get" => get(&client, text(flags, "namespace"), text(flags, "group")),
        "delete" => delete(&client, text(flags, "namespace"), text(flags, "group")),
        "load" => load(&client, flags),
        "diff" => change(&client, flags, Doing::Nothing),
        _ => change(&client, flags, Doing::All),
    }
}

/// Whether changes are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    All,
}

fn list(client: &Client) -> Result<(), String> {
    let groups = client.groups()?;
    let names = groups.keys().map(|(n, _)| n.chars().count());
    let width = names.max().unwrap_or(0).max("NAMESPACE".len());
    let mut said = format!("{:width$}  GROUP\n", "NAMESPACE");
    for (namespace, name) in groups.keys() {
        said += &format!("{namespace:width$}  {name}\n");
    }
    say(&said)
}

fn get(client: &Client, namespace: &str, name: &str) -> Result<(), String> {
    match client.group(namespace, name)? {
        Some(group) => say(&group),
        None => Err(format!(
            "there is no group {name:?} in namespace {namespace:?}"
        )),
    }
}

fn delete(client: &Client, namespace: &str, name: &str) -> Result<(), String> {
    let name = Some(name).filter(|name| !name.is_empty());
    match (client.delete(namespace, name)?, name) {
        (true, _) => Ok(()),
        (false, Some(name)) => Err(format!(
            "there is no group {name:?} in namespace {namespace:?}"
        )),
        (false, None) => Err(format!("there is no namespace {namespace:?}")),
    }
}

fn load(client: &Client, flags: &ArgMatches) -> Result<(), String> {
    let groups = local(flags)?;
    let on_server = client.groups()?;
    let mut changed = 0;
    for ((namespace, name), group) in &groups {
        let key = (namespace.clone(), name.clone());
        if on_server.get(&key) != Some(group) {
            client.set(namespace, group)?;
            changed += 1;
        }
    }
    let all = count(groups.len() as u64, "group");
    say(&format!("{all}, {changed} set\n"))
}

fn change(client: &Client, flags: &ArgMatches, doing: Doing) -> Result<(), String> {
    let list = |name: &str| -> Vec<String> {
        flags
            .get_many(name)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    };
    let (only, ignored) = (list("namespaces"), list("ignored-namespaces"));
    let is_chosen = |namespace: &String| match only.is_empty() {
        true => !ignored.contains(namespace),
        false => only.contains(namespace),
    };
    let (wanted, found) = (local(flags)?, client.groups()?);
    let mut marks: BTreeMap<&(String, String), char> = BTreeMap::new();
    for (key, group) in wanted.iter().filter(|(key, _)| is_chosen(&key.0)) {
        match found.get(key) {
            None => marks.insert(key, '+'),
            Some(other) if other != group => marks.insert(key, '~'),
            Some(_) => None,
        };
    }
    for key in found.keys().filter(|key| is_chosen(&key.0)) {
        if !wanted.contains_key(key) {
            marks.insert(key, '-');
        }
    }
    let mut numbers = BTreeMap::from([('+', 0), ('~', 0), ('-', 0)]);
    for (key, mark) in &marks {
        let (namespace, name) = key;
        if doing == Doing::All {
            match wanted.get(*key) {
                Some(group) => client.set(namespace, group)?,
                None => drop(client.delete(namespace, Some(name))?),
            }
        }
        *numbers.entry(*mark).or_default() += 1;
        say(&format!("{mark} {namespace}/{name}\n"))?;
    }
    let (new, other, gone) = (numbers[&'+'], numbers[&'~'], numbers[&'-']);
    say(&format!(
        "{new} created, {other} updated, {gone} deleted{}\n",
        match doing {
            Doing::All => "",
            Doing::Nothing => " by a sync",
        }
    ))
}

/// The groups of files, as a server would show them.
pub(super) fn local(flags: &ArgMatches) -> Result<Groups, String> {
    let mut groups = Groups::new();
    for given in flags.get_many::<String>("file").into_iter().flatten() {
        for path in files_of(Path::new(given))? {
            add_file(&path, &mut groups)?;
        }
    }
    Ok(groups)
}

fn add_file(path: &Path, groups: &mut Groups) -> Result<(), String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let documents = read_documents(&text, &Syntax);
    let documents = documents.map_err(|faults| format!("{shown}: {}", joined(&faults)))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    for document in documents {
        let namespace = document
            .namespace
            .unwrap_or_else(|| stem.clone().into_owned());
        for group in document.groups {
            let key = (namespace.clone(), group.name.clone());
            if groups.insert(key, folded(group)).is_some() {
                return Err(format!(
                    "{shown}: a group of namespace {namespace:?} is there twice"
                ));
            }
        }
    }
    Ok(())
}

/// A server shows the labels of a group in its rules.
fn folded(mut group: RuleGroup) -> RuleGroup {
    let labels: Vec<_> = group
        .rules
        .iter()
        .map(|rule| group.labels_of(rule))
        .collect();
    for (rule, labels) in group.rules.iter_mut().zip(labels) {
        rule.labels = labels;
    }
    group.labels.clear();
    group
}
