//! The `stats` block is written in Loki's shape; what Skald does not count is zero.

use super::json::Json;
use super::notes::Notes;
use skald_query::Stats;

/// Writes the block.
pub(crate) fn write(json: &mut Json, stats: &Stats, notes: &Notes) {
    let exec = stats.exec_seconds.max(0.0);
    let per_second = |count: u64| {
        if exec > 0.0 {
            (count as f64 / exec) as u64
        } else {
            0
        }
    };
    json.raw("{\"summary\":{");
    let summary: [(&str, u64); 4] = [
        ("bytesProcessedPerSecond", per_second(stats.bytes_processed)),
        ("linesProcessedPerSecond", per_second(stats.lines_processed)),
        ("totalBytesProcessed", stats.bytes_processed),
        ("totalLinesProcessed", stats.lines_processed),
    ];
    counts(json, &summary);
    json.raw(",\"execTime\":");
    json.float(exec);
    json.raw(",\"queueTime\":");
    json.float(stats.queue_seconds.max(0.0));
    json.raw(",\"subqueries\":0,");
    let rest: [(&str, u64); 5] = [
        ("totalEntriesReturned", stats.entries_returned),
        ("splits", 0),
        ("shards", 0),
        ("totalPostFilterLines", stats.lines_matched),
        (
            "totalStructuredMetadataBytesProcessed",
            stats.metadata_bytes_processed,
        ),
    ];
    counts(json, &rest);
    json.raw("},\"querier\":{\"store\":");
    store(json, stats, Place::Parts);
    json.raw("},\"ingester\":{");
    counts(
        json,
        &[
            ("totalReached", 1),
            ("totalChunksMatched", 0),
            ("totalBatches", 0),
            ("totalLinesSent", stats.head_lines),
        ],
    );
    json.raw(",\"store\":");
    store(json, stats, Place::Head);
    json.raw("},\"cache\":{");
    caches(json, stats);
    json.raw("},\"index\":{");
    counts(
        json,
        &[
            ("totalChunks", stats.blocks_read + stats.blocks_pruned),
            ("postFilterChunks", stats.blocks_read),
            ("shardsDuration", 0),
        ],
    );
    json.raw(if stats.blocks_pruned > 0 {
        ",\"usedBloomFilters\":true"
    } else {
        ",\"usedBloomFilters\":false"
    });
    json.raw(",");
    counts(json, &[("totalStreams", stats.streams)]);
    json.raw("}");
    notes.write(json);
    json.raw("}");
}

/// Which half of the store a block of figures is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Parts,
    Head,
}

fn store(json: &mut Json, stats: &Stats, place: Place) {
    let parts = place == Place::Parts;
    let of_parts = |count: u64| if parts { count } else { 0 };
    let of_head = |count: u64| if parts { 0 } else { count };
    json.raw("{");
    counts(
        json,
        &[
            (
                "totalChunksRef",
                of_parts(stats.blocks_read + stats.blocks_pruned),
            ),
            ("totalChunksDownloaded", of_parts(stats.blocks_read)),
            ("chunksDownloadTime", 0),
        ],
    );
    json.raw(
        ",\"queryReferencedStructuredMetadata\":false,\"queryUsedV2Engine\":false,\"chunk\":{",
    );
    counts(
        json,
        &[
            ("headChunkBytes", of_head(stats.head_bytes)),
            ("headChunkLines", of_head(stats.head_lines)),
            (
                "decompressedBytes",
                of_parts(stats.bytes_processed.saturating_sub(stats.head_bytes)),
            ),
            (
                "decompressedLines",
                of_parts(stats.lines_processed.saturating_sub(stats.head_lines)),
            ),
            ("compressedBytes", 0),
            ("totalDuplicates", 0),
            ("postFilterLines", of_parts(stats.lines_matched)),
            ("headChunkStructuredMetadataBytes", 0),
            (
                "decompressedStructuredMetadataBytes",
                of_parts(stats.metadata_bytes_processed),
            ),
        ],
    );
    json.raw("},");
    counts(
        json,
        &[
            ("chunkRefsFetchTime", 0),
            ("congestionControlLatency", 0),
            ("pipelineWrapperFilteredLines", 0),
        ],
    );
    json.raw("}");
}

const CACHES: [&str; 8] = [
    "chunk",
    "index",
    "result",
    "statsResult",
    "volumeResult",
    "seriesResult",
    "labelResult",
    "instantMetricResult",
];
const CACHE_FIELDS: [&str; 8] = [
    "entriesFound",
    "entriesRequested",
    "entriesStored",
    "bytesReceived",
    "bytesSent",
    "requests",
    "downloadTime",
    "queryLengthServed",
];

/// Of these there is the cache of results, by the block.
fn caches(json: &mut Json, stats: &Stats) {
    let results = [
        stats.results_found,
        stats.results_asked,
        stats.results_cached,
        stats.results_bytes,
        stats.results_bytes_cached,
        stats.results_asked,
        0,
        0,
    ];
    let mut first = true;
    for cache in CACHES {
        json.comma(&mut first);
        json.text(cache);
        json.raw(":{");
        let values = if cache == "result" {
            results
        } else {
            [0; CACHE_FIELDS.len()]
        };
        counts(
            json,
            &std::array::from_fn::<_, { CACHE_FIELDS.len() }, _>(|i| (CACHE_FIELDS[i], values[i])),
        );
        json.raw("}");
    }
}

fn counts(json: &mut Json, fields: &[(&str, u64)]) {
    let mut first = true;
    for (name, count) in fields {
        json.comma(&mut first);
        json.text(name);
        json.raw(":");
        json.integer(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_json_with_lokis_sections() {
        let stats = Stats {
            bytes_processed: 100,
            lines_processed: 10,
            exec_seconds: 0.5,
            results_asked: 3,
            results_found: 2,
            ..Stats::default()
        };
        let mut json = Json::default();
        write(&mut json, &stats, &Notes::default());
        let value: serde_json::Value = serde_json::from_slice(&json.finish()).expect("valid JSON");
        assert_eq!(value["summary"]["bytesProcessedPerSecond"], 200);
        assert_eq!(value["summary"]["execTime"], 0.5);
        assert_eq!(value["querier"]["store"]["chunk"]["decompressedBytes"], 100);
        assert_eq!(
            (
                &value["cache"]["result"]["entriesFound"],
                &value["cache"]["result"]["entriesRequested"]
            ),
            (&2.into(), &3.into())
        );
        assert_eq!(value["cache"]["chunk"]["entriesFound"], 0);
        assert_eq!(
            value["cache"]["instantMetricResult"]["queryLengthServed"],
            0
        );
        assert_eq!(value["index"]["usedBloomFilters"], false);
    }
}
