//! Templates of alerts ask the rules' engine: `query` for numbers, `samples` for lines.

use super::behind::lines_behind;
use skald_model::Labels;
use skald_ruler::engine::{Engine, LinesQuestion, Question};
use skald_ruler::templates::{TemplateInput, Templates};
use skald_template::{AlertContext, AlertSource, AlertTemplate, Sample, SampleLine};
use std::sync::Arc;

/// Most samples of a query that a template gets.
const SAMPLES_MAX: usize = 5_000;

/// The templates of a server.
pub(crate) struct AlertTemplates {
    engine: Arc<dyn Engine>,
    external_url: String,
    external_labels: Labels,
}

impl AlertTemplates {
    /// With what all alerts have.
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        external_url: String,
        external_labels: Labels,
    ) -> AlertTemplates {
        AlertTemplates {
            engine,
            external_url,
            external_labels,
        }
    }
}

impl Templates for AlertTemplates {
    fn check(&self, text: &str) -> Result<(), String> {
        let template = AlertTemplate::parse(text).map_err(|error| error.to_string())?;
        template.check().map_err(|error| error.to_string())
    }

    fn expand(&self, text: &str, input: &TemplateInput<'_>) -> String {
        // Most labels and many annotations are plain texts.
        if !text.contains("{{") {
            return text.to_owned();
        }
        let template = match AlertTemplate::parse(text) {
            Ok(template) => template,
            Err(error) => return format!("<error expanding template: {error}>"),
        };
        let source = Source {
            engine: &*self.engine,
            input,
        };
        template.expand(&AlertContext {
            labels: input.labels,
            external_labels: &self.external_labels,
            external_url: &self.external_url,
            value: input.value,
            timestamp: input.at,
            source: &source,
        })
    }
}

/// What a template may ask.
struct Source<'a> {
    engine: &'a dyn Engine,
    input: &'a TemplateInput<'a>,
}

impl AlertSource for Source<'_> {
    fn query(&self, text: &str) -> Result<Vec<Sample>, String> {
        let question = Question {
            tenant: self.input.tenant,
            query: text,
            at: self.input.at,
            asker: self.input.asker,
        };
        let answer = self.engine.instant(&question);
        let samples = answer.map_err(|error| error.to_string())?.samples;
        if samples.len() > SAMPLES_MAX {
            return Err(format!("the query gives more than {SAMPLES_MAX} series"));
        }
        let sample = |sample: skald_ruler::engine::Sample| Sample {
            labels: sample.labels,
            value: sample.value,
        };
        Ok(samples.into_iter().map(sample).collect())
    }

    fn samples(&self, count: usize) -> Result<Vec<SampleLine>, String> {
        let TemplateInput {
            tenant,
            asker,
            query,
            labels,
            at,
            ..
        } = *self.input;
        let Some((query, range)) = lines_behind(query, labels, at) else {
            return Ok(Vec::new());
        };
        let lines = self.engine.lines(&LinesQuestion {
            tenant,
            query: &query,
            range,
            limit: count,
            asker,
        });
        let sample = |line: skald_ruler::engine::Line| SampleLine {
            timestamp: line.time,
            labels: line.labels,
            line: line.text,
        };
        let lines = lines.map_err(|error| error.to_string())?;
        Ok(lines.into_iter().map(sample).collect())
    }
}
