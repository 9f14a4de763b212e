//! A compiled template is a syntax tree with what was found in it.

use crate::error::TemplateError;
use crate::inspect::{Findings, inspect};
use crate::parse::{self, Names, Templates};
use crate::regexes::{self, Regexes};

/// A template of lines or of alerts, ready to run.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Its name in messages.
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) templates: Templates,
    pub(crate) regexes: Regexes,
    pub(crate) findings: Findings,
}

impl Compiled {
    /// Parses a template and compiles the regexes in it.
    pub(crate) fn new(name: &str, text: &str, names: Names) -> Result<Compiled, TemplateError> {
        let templates = parse::parse(name, text, names)?;
        let mut findings = inspect(&templates, name);
        let regexes = regexes::compiled(std::mem::take(&mut findings.regexes));
        Ok(Compiled {
            name: name.to_owned(),
            source: text.to_owned(),
            templates,
            regexes,
            findings,
        })
    }
}
