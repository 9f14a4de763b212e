//! The content query asks indexes only for what a pipeline requires of lines and metadata.

use crate::exec::context::Context;
use skald_logql::pipeline::Pipeline;
use skald_model::{ContentQuery, Matcher, TimeRange};
use std::cell::OnceCell;

/// Literals that lines must have and values that metadata must have. A filter `name="x"` asks for
/// metadata only when no stream that is read has a label of that name: there the label would answer
/// it.
pub(crate) fn content(
    context: &Context<'_>,
    matchers: &[Matcher],
    range: TimeRange,
    pipeline: &Pipeline,
) -> ContentQuery {
    let names: OnceCell<Option<Vec<String>>> = OnceCell::new();
    pipeline.content_query_for(|name| {
        let names = names.get_or_init(|| {
            let mut charge = context.charge();
            context.source.names(matchers, range, &mut charge).ok()
        });
        // Names that can't be had rule nothing out.
        names
            .as_ref()
            .is_none_or(|names| names.binary_search_by(|n| n.as_str().cmp(name)).is_ok())
    })
}
