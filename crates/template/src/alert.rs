//! Templates of alerts: labels and annotations with Prometheus' functions and variables.
//!
//! Besides these, `{{ range samples 5 }}{{ .Line }}{{ end }}` gives lines behind the alert, the
//! newest first, each with `.Line`, `.Labels` and `.Timestamp`; `{{ . }}` prints the line.

use crate::compiled::Compiled;
use crate::error::TemplateError;
use crate::exec::Executor;
use crate::function::ALERT;
use crate::parse::Names;
use crate::subject::{ALERT_FIELDS, ALERT_VARIABLES, AlertContext, Subject};

/// The name of these templates in messages.
const NAME: &str = "alert";

/// What such a template may name.
const NAMES: Names = Names {
    functions: ALERT,
    variables: ALERT_VARIABLES,
};

/// The template of a label's or an annotation's value.
#[derive(Debug)]
pub struct AlertTemplate(Compiled);

impl AlertTemplate {
    /// Parses a template; fails on bad syntax, and on functions and variables that there are not.
    pub fn parse(text: &str) -> Result<AlertTemplate, TemplateError> {
        Compiled::new(NAME, text, NAMES).map(AlertTemplate)
    }

    /// Fails on what would fail at every expansion although it can be parsed: fields that the dot does
    /// not have, regexes that are none.
    pub fn check(&self) -> Result<(), TemplateError> {
        let fail = |message: String| Err(TemplateError(format!("template: {NAME}: {message}")));
        let fields = &self.0.findings.root_fields;
        if let Some(unknown) = fields.iter().find(|f| !ALERT_FIELDS.contains(&f.as_str())) {
            let there = ALERT_FIELDS.join(", .");
            return fail(format!("there is no .{unknown}, only .{there}"));
        }
        match self
            .0
            .regexes
            .values()
            .find_map(|regex| regex.as_ref().err())
        {
            Some(error) => fail(error.clone()),
            None => Ok(()),
        }
    }

    /// The queries that stand in it as constants.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        self.0.findings.queries.iter().map(String::as_str)
    }

    /// The value for an alert. What goes wrong becomes the value, as in Prometheus.
    pub fn expand(&self, context: &AlertContext<'_>) -> String {
        self.try_expand(context)
            .unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }

    /// The value for an alert.
    pub fn try_expand(&self, context: &AlertContext<'_>) -> Result<String, TemplateError> {
        let mut out = Vec::new();
        Executor::run(&self.0, Subject::Alert(context), &mut out)?;
        Ok(String::from_utf8(out)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}
