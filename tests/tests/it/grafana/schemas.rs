//! Shapes of the answers that Grafana reads.

use serde_json::{Value, json};

pub(super) fn stats() -> Value {
    let summary = json!({
        "bytesProcessedPerSecond": "count", "linesProcessedPerSecond": "count", "totalBytesProcessed": "count",
        "totalLinesProcessed": "count", "execTime": "number", "...": "",
    });
    json!({"summary": summary, "querier": {"...": ""}, "ingester": {"...": ""}, "...": ""})
}

/// Lines with the flag: three elements each.
pub(super) fn streams() -> Value {
    let categories = json!({"structuredMetadata?": {"*": "filled"}, "parsed?": {"*": "text"}});
    json!({"status": "=success", "warnings?": ["text"], "data": {
        "resultType": "=streams", "encodingFlags": ["=categorize-labels"], "stats": stats(),
        "result": [{"stream": {"*": "filled"}, "values": [["nanoseconds", "text", categories]]}],
    }})
}

pub(super) fn matrix() -> Value {
    json!({"status": "=success", "warnings?": ["text"], "data": {
        "resultType": "=matrix", "stats": stats(),
        "result": [{"metric": {"*": "text"}, "values": [["number", "sample"]]}],
    }})
}

pub(super) fn vector() -> Value {
    json!({"status": "=success", "warnings?": ["text"], "data": {
        "resultType": "=vector", "stats": stats(), "result": [{"metric": {"*": "text"}, "value": ["number", "sample"]}],
    }})
}

pub(super) fn names() -> Value {
    json!({"status": "=success", "data?": ["filled"]})
}

pub(super) fn fields() -> Value {
    let field = json!({"label": "filled", "type": "filled", "cardinality": "count", "parsers": "anything", "jsonPath?": ["text"]});
    json!({"fields": [field], "limit": "count"})
}
