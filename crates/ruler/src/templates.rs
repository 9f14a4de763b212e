//! Templates as a trait: fills in the labels and annotations of an alert.

use crate::engine::Asker;
use skald_model::{Labels, TenantId};
use std::fmt;

/// What a template may read.
#[derive(Clone, Copy)]
pub struct TemplateInput<'a> {
    /// Whose rule it is.
    pub tenant: &'a TenantId,
    /// The rule, for queries of the template.
    pub asker: Asker<'a>,
    /// The query of the rule.
    pub query: &'a str,
    /// Labels of the result, before those of the rule.
    pub labels: &'a Labels,
    /// The value of the result.
    pub value: f64,
    /// The instant of the evaluation.
    pub at: i64,
}

impl fmt::Debug for TemplateInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateInput")
            .field("tenant", self.tenant)
            .field("asker", &self.asker)
            .finish_non_exhaustive()
    }
}

/// Knows the templates of labels and annotations.
pub trait Templates: Send + Sync {
    /// Refuses a template that can't be compiled, in Go's words.
    fn check(&self, text: &str) -> Result<(), String>;
    /// Its output; a failure becomes the text, as in Prometheus: `<error expanding template: …>`.
    fn expand(&self, text: &str, input: &TemplateInput<'_>) -> String;
}

/// Gives every text back as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTemplates;

impl Templates for NoTemplates {
    fn check(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn expand(&self, text: &str, _: &TemplateInput<'_>) -> String {
        text.to_owned()
    }
}
