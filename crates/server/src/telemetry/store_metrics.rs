//! Store metrics write the store's status to `/metrics`, by a table of names and getters.

use crate::telemetry::exposition::{header, line, metric};
use skald_model::TenantId;
use skald_store::{OTHER_TENANTS, ObjectStatus, StoreStatus};

/// A metric of one line, read from a status `S`.
struct Metric<S> {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&S) -> u64,
}

const fn counter<S>(name: &'static str, help: &'static str, value: fn(&S) -> u64) -> Metric<S> {
    Metric {
        name,
        kind: "counter",
        help,
        value,
    }
}

const fn gauge<S>(name: &'static str, help: &'static str, value: fn(&S) -> u64) -> Metric<S> {
    Metric {
        name,
        kind: "gauge",
        help,
        value,
    }
}

/// Of the data directory.
const STORE: [Metric<StoreStatus>; 31] = [
    gauge(
        "skald_memory_budget_bytes",
        "Bytes of memory that all users share.",
        |s| s.memory_budget,
    ),
    counter(
        "skald_results_cache_hits_total",
        "Blocks answered by earlier results.",
        |s| s.results.hits,
    ),
    counter(
        "skald_results_cache_misses_total",
        "Blocks without an earlier result.",
        |s| s.results.misses,
    ),
    counter(
        "skald_results_cache_evictions_total",
        "Results evicted to make room.",
        |s| s.results.evictions,
    ),
    gauge("skald_results_cache_entries", "Results cached.", |s| {
        s.results.values
    }),
    gauge(
        "skald_results_cache_bytes",
        "Bytes of cached results.",
        |s| s.results.bytes,
    ),
    gauge(
        "skald_head_bytes",
        "Bytes of entries that are not flushed yet.",
        |s| s.head_bytes,
    ),
    gauge(
        "skald_wal_bytes",
        "Bytes of write-ahead log on disk.",
        |s| s.wal_bytes,
    ),
    counter(
        "skald_wal_syncs_total",
        "Syncs of the write-ahead log.",
        |s| s.wal_syncs,
    ),
    gauge("skald_parts", "Parts on disk.", |s| s.parts),
    gauge("skald_part_bytes", "Bytes of parts on disk.", |s| {
        s.part_bytes
    }),
    counter("skald_flushes_total", "Flushes of the head.", |s| s.flushes),
    counter(
        "skald_flush_failures_total",
        "Flushes that failed and are tried again.",
        |s| s.flush_failures,
    ),
    gauge(
        "skald_flush_failing_tenants",
        "Tenants whose last flush failed.",
        |s| s.failing_tenants,
    ),
    gauge(
        "skald_unreadable_tenants",
        "Tenants whose data can't be read: their pushes and queries are refused.",
        |s| s.unreadable_tenants,
    ),
    gauge("skald_tenants", "Tenants that are known.", |s| s.tenants),
    gauge("skald_tenants_max", "Tenants there may be.", |s| {
        s.tenants_max
    }),
    gauge("skald_part_files_open", "Files of parts kept open.", |s| {
        s.open_files
    }),
    gauge(
        "skald_part_files_open_max",
        "Files of parts kept open at most.",
        |s| s.open_files_max,
    ),
    counter(
        "skald_part_files_opened_total",
        "Files of parts opened.",
        |s| s.opened_files,
    ),
    counter("skald_compactions_total", "Merges of parts.", |s| {
        s.compactions
    }),
    counter(
        "skald_rewrites_total",
        "Parts rewritten without some of their entries.",
        |s| s.rewrites,
    ),
    counter(
        "skald_expired_parts_total",
        "Parts removed by retention.",
        |s| s.expired_parts,
    ),
    counter(
        "skald_expired_entries_total",
        "Entries removed by retention.",
        |s| s.expired_entries,
    ),
    counter(
        "skald_expired_bytes_total",
        "Bytes of lines removed by retention.",
        |s| s.expired_bytes,
    ),
    counter(
        "skald_deleted_entries_total",
        "Entries removed by delete requests.",
        |s| s.deleted_entries,
    ),
    gauge(
        "skald_delete_requests_pending",
        "Delete requests that are not processed.",
        |s| s.pending_deletes,
    ),
    counter(
        "skald_manifests_rebuilt_total",
        "Manifests rebuilt from parts at start.",
        |s| s.manifests_rebuilt,
    ),
    gauge(
        "skald_disk_full",
        "1 while pushes find no room on the data disk.",
        |s| u64::from(s.disk_full),
    ),
    gauge(
        "skald_recovering",
        "1 while the write-ahead log is replayed.",
        |s| u64::from(s.recovering),
    ),
    gauge(
        "skald_writes_stopped",
        "1 when the store takes no writes.",
        |s| u64::from(s.stopped.is_some()),
    ),
];

/// Of object storage, when parts go there.
const OBJECTS: [Metric<ObjectStatus>; 12] = [
    counter(
        "skald_objects_requests_total",
        "Requests to object storage.",
        |s| s.requests,
    ),
    counter(
        "skald_objects_retries_total",
        "Retries of failed requests.",
        |s| s.retries,
    ),
    counter(
        "skald_objects_failures_total",
        "Operations that failed for good.",
        |s| s.failures,
    ),
    counter("skald_objects_fetched_bytes_total", "Bytes fetched.", |s| {
        s.fetched_bytes
    }),
    counter(
        "skald_objects_uploaded_bytes_total",
        "Bytes uploaded.",
        |s| s.uploaded_bytes,
    ),
    counter(
        "skald_objects_conflicts_total",
        "Manifests that another writer replaced first.",
        |s| s.conflicts,
    ),
    gauge(
        "skald_objects_lost",
        "Objects of parts that are gone or too short: queries answer without them.",
        |s| s.lost,
    ),
    counter(
        "skald_objects_cache_hits_total",
        "Chunks found on the local disk.",
        |s| s.cache_hits,
    ),
    counter(
        "skald_objects_cache_misses_total",
        "Chunks that were fetched.",
        |s| s.cache_misses,
    ),
    gauge(
        "skald_objects_cache_bytes",
        "Bytes of uploaded parts and chunks cached here.",
        |s| s.cache_bytes,
    ),
    gauge(
        "skald_objects_waiting_parts",
        "Parts not uploaded yet.",
        |s| s.waiting_parts,
    ),
    gauge(
        "skald_objects_waiting_bytes",
        "Bytes of parts not uploaded yet.",
        |s| s.waiting_bytes,
    ),
];

/// Writes what the store counts.
pub(crate) fn write(out: &mut String, status: &StoreStatus) {
    write_streams(
        out,
        "loki_ingester_memory_streams",
        "gauge",
        "Streams with entries that are not flushed yet.",
        &status.head_streams,
    );
    write_streams(
        out,
        "loki_ingester_streams_created_total",
        "counter",
        "Streams created.",
        &status.streams_created,
    );
    write_memory(out, status);
    write_table(out, &STORE, status);
    if let Some(objects) = &status.objects {
        write_table(out, &OBJECTS, objects);
    }
}

fn write_table<S>(out: &mut String, table: &[Metric<S>], status: &S) {
    for row in table {
        metric(out, row.name, row.kind, row.help, (row.value)(status));
    }
}

fn write_streams(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    counts: &[(Option<TenantId>, u64)],
) {
    header(out, name, kind, help);
    for (tenant, count) in counts {
        let tenant = tenant.as_ref().map_or(OTHER_TENANTS, TenantId::as_str);
        line(out, name, &[("tenant", tenant)], count);
    }
}

fn write_memory(out: &mut String, status: &StoreStatus) {
    let name = "skald_memory_bytes";
    header(out, name, "gauge", "Bytes of the memory budget in use.");
    for (user, bytes, _) in &status.memory {
        line(out, name, &[("user", user.as_str())], bytes);
    }
    let name = "skald_memory_refusals_total";
    header(
        out,
        name,
        "counter",
        "Requests for memory that were refused.",
    );
    for (user, _, refusals) in &status.memory {
        line(out, name, &[("user", user.as_str())], refusals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_has_a_name_of_its_own_and_a_line() {
        let status = StoreStatus {
            objects: Some(ObjectStatus {
                retries: 3,
                ..ObjectStatus::default()
            }),
            wal_bytes: 7,
            disk_full: true,
            ..StoreStatus::default()
        };
        let mut out = String::new();
        write(&mut out, &status);
        let names = STORE.iter().map(|row| row.name);
        let names: Vec<&str> = names.chain(OBJECTS.iter().map(|row| row.name)).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for name in names {
            assert!(out.contains(&format!("\n{name} ")), "{name}");
        }
        for expected in [
            "skald_wal_bytes 7\n",
            "skald_disk_full 1\n",
            "skald_objects_retries_total 3\n",
        ] {
            assert!(out.contains(expected), "{expected}{out}");
        }
    }
}
