//! Reading: from YAML to groups that can be evaluated, or every fault there is.

use super::check::check_groups;
use super::fault::Fault;
use super::group::RuleGroup;
use super::raw::{Fields, FieldsSeed, RawFile, RawGroup, UnknownKeys};
use crate::templates::Templates;
use serde::de::DeserializeSeed;

/// Reads the one group that a client posts. Unknown keys are left out, as Loki does.
pub fn read_group(text: &str, templates: &dyn Templates) -> Result<RuleGroup, Vec<Fault>> {
    let group: RawGroup = first_document(text, UnknownKeys::Ignored)
        .map_err(|fault| refused_body(&fault))?
        .unwrap_or_default();
    one(check_groups(vec![group], templates)?)
}

/// Reads a file of a rule directory: `groups:` with nothing unknown in them.
pub fn read_file(text: &str, templates: &dyn Templates) -> Result<Vec<RuleGroup>, Vec<Fault>> {
    let file: RawFile = first_document(text, UnknownKeys::Refused)
        .map_err(|fault| vec![fault])?
        .ok_or_else(|| vec![Fault::of_text(None, "EOF")])?;
    if file.namespace.is_some() {
        let text = "field namespace not found in type rulefmt.RuleGroups";
        return Err(vec![Fault::of_text(None, text)]);
    }
    check_groups(file.groups, templates)
}

/// A document of a file that a person gives to `skald rules` or lokitool.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleDocument {
    /// `namespace:`, where there is one.
    pub namespace: Option<String>,
    /// Its groups.
    pub groups: Vec<RuleGroup>,
}

/// Reads all documents of such a file, as strictly as a file of a rule directory.
pub fn read_documents(
    text: &str,
    templates: &dyn Templates,
) -> Result<Vec<RuleDocument>, Vec<Fault>> {
    let mut documents = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let file: RawFile = FieldsSeed::new(UnknownKeys::Refused)
            .deserialize(document)
            .map_err(|error| vec![fault_of(&error)])?;
        documents.push(RuleDocument {
            namespace: file.namespace,
            groups: check_groups(file.groups, templates)?,
        });
    }
    Ok(documents)
}

/// Reads what [`super::write_stored`] wrote: a group with its namespace.
pub fn read_stored(
    text: &str,
    templates: &dyn Templates,
) -> Result<(String, RuleGroup), Vec<Fault>> {
    let group: RawGroup = first_document(text, UnknownKeys::Ignored)
        .map_err(|fault| vec![fault])?
        .ok_or_else(|| vec![Fault::of_text(None, "the text is empty")])?;
    let namespace = group
        .namespace
        .clone()
        .ok_or_else(|| vec![Fault::of_text(None, "the group has no namespace")])?;
    Ok((namespace, one(check_groups(vec![group], templates)?)?))
}

fn one(groups: Vec<RuleGroup>) -> Result<RuleGroup, Vec<Fault>> {
    groups
        .into_iter()
        .next()
        .ok_or_else(|| vec![Fault::of_text(None, "there is no group")])
}

/// The first document of a text; `None` when the text has none.
fn first_document<T: Fields>(text: &str, unknown: UnknownKeys) -> Result<Option<T>, Fault> {
    let mut documents = serde_yaml_ng::Deserializer::from_str(text);
    let Some(document) = documents.next() else {
        return Ok(None);
    };
    if text.lines().all(is_blank) {
        return Ok(None);
    }
    let read = FieldsSeed::new(unknown)
        .deserialize(document)
        .map_err(|error| fault_of(&error))?;
    if documents.next().is_some() {
        return Err(Fault::of_text(None, "there is more than one document"));
    }
    Ok(Some(read))
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The reader's words without its own account of the place.
fn fault_of(error: &serde_yaml_ng::Error) -> Fault {
    let line = error.location().map(|place| place.line());
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(head, _)| head);
    // An unknown key is named by Loki without the way to it.
    let text = match text.split_once("]: field ") {
        Some((_, tail)) => format!("field {tail}"),
        None => text.to_owned(),
    };
    match line {
        Some(number) => Fault::of_text(line, format!("line {number}: {text}")),
        None => Fault::of_text(None, text),
    }
}

fn refused_body(fault: &Fault) -> Vec<Fault> {
    let text = format!("unable to decoded rule group: {}", fault.text);
    vec![Fault::of_text(fault.place.line, text)]
}
