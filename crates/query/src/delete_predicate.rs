//! The delete predicate tells which entries the query of a delete request matches.

use crate::error::QueryError;
use crate::parsed::{OnError, Parsed};
use skald_logql::pipeline::{
    ERROR, ERROR_DETAILS, Pipeline, Row, RowSink, Scratch, Selection, StreamRows,
};
use skald_logql::syntax::EMPTY_SELECTOR_REFUSAL;
use skald_logql::typed::{LogQuery, Query};
use skald_model::{
    Batch, Budget, Charge, Columns, ContentQuery, Direction, Labels, Matcher, MemoryUser,
    MetadataWanted, QueryMemory, Stop,
};
use skald_store::{DeleteCompiler, DeletePredicate};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// Compiles the queries of delete requests for a store.
pub fn delete_compiler() -> DeleteCompiler {
    DeleteCompiler::new(|text| match predicate(text) {
        Ok(predicate) => Ok(Arc::new(predicate)),
        Err(error) => Err(format!("invalid query expression: {error}")),
    })
}

fn predicate(text: &str) -> Result<LogDelete, QueryError> {
    let Query::Log(query) = Parsed::parse(text)?.compile(OnError::Fail)? else {
        return Err(QueryError::Bad(
            "a delete request takes a selector with filters".to_owned(),
        ));
    };
    if !query.subqueries.is_empty()
        || query.distinct.is_some()
        || !query.sort.is_empty()
        || query.limit.is_some()
    {
        return Err(QueryError::Bad(
            "a delete request decides for each entry alone".to_owned(),
        ));
    }
    let LogQuery {
        matchers, pipeline, ..
    } = query;
    if matchers.iter().all(Matcher::matches_empty) {
        return Err(QueryError::Bad(EMPTY_SELECTOR_REFUSAL.to_owned()));
    }
    if !pipeline.is_passthrough() && !pipeline.drops_rows() {
        return Err(QueryError::Bad(
            "a delete request with stages needs a filter among them; a selector alone means all of its entries"
                .to_owned(),
        ));
    }
    let columns = pipeline.drops_rows().then(|| filter_columns(&pipeline));
    // A name may be that of a label as well as of metadata, so that only lines rule blocks out.
    let content = pipeline.content_query_for(|_| true);
    Ok(LogDelete {
        matchers,
        pipeline,
        columns,
        content,
    })
}

/// What the filters read, and errors that entries came with.
fn filter_columns(pipeline: &Pipeline) -> Columns {
    let mut columns = pipeline.columns(false);
    let errors = [ERROR, ERROR_DETAILS].map(str::to_owned);
    match &mut columns.metadata {
        MetadataWanted::All => {}
        MetadataWanted::Names(names) => names.extend(errors),
        MetadataWanted::None => columns.metadata = MetadataWanted::Names(errors.to_vec()),
    }
    columns
}

/// Entries that come through a pipeline.
#[derive(Debug)]
struct LogDelete {
    matchers: Vec<Matcher>,
    pipeline: Arc<Pipeline>,
    columns: Option<Columns>,
    content: ContentQuery,
}

impl DeletePredicate for LogDelete {
    fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    fn content(&self) -> &ContentQuery {
        &self.content
    }

    fn matching(&self, labels: &Labels, batch: &Batch, rows: Range<u32>) -> Vec<u32> {
        if let Ok(matched) = self.matching_at_once(labels, batch, rows.clone()) {
            return matched;
        }
        // What the filters can't decide about within the limit stays. Each row is asked alone, so
        // that it does not matter which others lie beside it.
        let alone = |row: u32| self.matching_at_once(labels, batch, row..row + 1);
        rows.filter_map(|row| alone(row).ok()).flatten().collect()
    }
}

/// Bytes that the stages of a delete request may make of a line.
const LINE_BYTES_MAX: usize = 16 << 20;

impl LogDelete {
    /// The rows that come through; fails where stages make too much of one.
    fn matching_at_once(
        &self,
        labels: &Labels,
        batch: &Batch,
        rows: Range<u32>,
    ) -> Result<Vec<u32>, Stop> {
        // Deletes are applied by writers, which are charged for the batch; this bounds what stages
        // add to it.
        let budget = Arc::new(Budget::new(usize::MAX));
        let memory = QueryMemory::new(&budget, MemoryUser::Queries, LINE_BYTES_MAX, || Ok(()));
        // Templates that tell the time would tell another one each time; for a delete it stands
        // still.
        let mut scratch = Scratch::charged(0, Charge::new(&memory));
        let mut selection = Selection::none(batch.len());
        rows.clone().for_each(|row| selection.insert(row));
        self.pipeline
            .filter_lines(batch, &mut selection, &mut scratch);
        let mut matched = Matched(Vec::new());
        let run = StreamRows {
            batch,
            rows,
            stream: labels,
            selection: &selection,
        };
        let _ = self
            .pipeline
            .run(&run, Direction::Forward, &mut scratch, &mut matched)?;
        Ok(matched.0)
    }
}

struct Matched(Vec<u32>);

impl RowSink for Matched {
    /// Filters let some entries through because of an error, such as a number that is none. An
    /// answer shows them with their error; a delete must not take away what its filters could not
    /// decide about.
    fn row(&mut self, row: &Row<'_>) -> ControlFlow<()> {
        if !row.labels.has_error() {
            self.0.push(row.row);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skald_model::BatchBuilder;

    fn check(query: &str, expected: &[u32]) {
        let mut builder = BatchBuilder::default();
        for (row, (line, trace)) in [("a=1 bad", "x"), ("a=2 good", "y"), ("a=3 bad", "y")]
            .into_iter()
            .enumerate()
        {
            builder.push(
                0,
                row as i64,
                line.as_bytes(),
                [("trace", trace)].into_iter(),
            );
        }
        let delete = predicate(query).expect("the query is good");
        let labels = Labels::from_pairs([("app", "api")]);
        assert_eq!(
            delete.matching(&labels, &builder.finish(), 0..3),
            expected,
            "{query}"
        );
    }

    #[test]
    fn filters_decide_which_entries_are_meant() {
        check(r#"{app="api"}"#, &[0, 1, 2]);
        check(r#"{app="api"} |= "bad""#, &[0, 2]);
        check(r#"{app="api"} | trace="y" != "good""#, &[2]);
        check(r#"{app="api"} | logfmt | a>=2"#, &[1, 2]);
        assert!(predicate(r#"{app="api"}"#).is_ok_and(|d| d.columns.is_none()));
        assert!(predicate(r#"{app="api"} |= "x""#).is_ok_and(|d| d.columns.is_some()));
    }

    #[test]
    fn entries_with_an_error_are_never_meant() {
        check(r#"{app="api"} | json | a="x" or a!="x""#, &[]);
        check(r#"{app="api"} |= "a" | json | drop __error__"#, &[0, 1, 2]);
        check(r#"{app="api"} | logfmt | trace > 1"#, &[]);
        check(r#"{app="api"} | logfmt | trace > 1 or a >= 2"#, &[]);
        check(r#"{app="api"} | logfmt | a >= 2 or trace > 1"#, &[1, 2]);
        check(r#"{app="api"} | json | a = ip("10.0.0.1")"#, &[]);
        check(r#"{app="api"} | line_format "{{ div 1 0 }}" |= "a""#, &[]);
    }

    #[test]
    fn other_queries_are_refused() {
        for query in [
            "",
            "{}",
            "{",
            r#"count_over_time({a="b"}[1m])"#,
            r#"{a="b"} | limit 3"#,
            r#"{a="b"} | line_format "x""#,
            r#"{a="b"} | json"#,
            r#"{a="b"} | json | drop __error__"#,
            r#"{a="b"} | logfmt | label_format x=y | keep x"#,
            r#"{a="b"} | decolorize |= """#,
        ] {
            assert!(predicate(query).is_err(), "{query}");
        }
    }
}
