//! Audit events that come again: stored once, wherever the first one lies by then and however the
//! second one is written.

use crate::support::{Bed, StoredEntry};
use skald_ingest::{IngestLimits, Protocol};

/// An event as the webhook has it, a minute before now.
const EVENT: &str = r#"{"level":"Metadata","auditID":"a-1","stage":"ResponseComplete","verb":"get","user":{"username":"alice"},"requestReceivedTimestamp":"2096-10-02T07:05:40.000000Z","stageTimestamp":"2096-10-02T07:05:40.005000Z"}"#;

/// The same as another one writes it: the audit log file, and other fractions.
fn copy() -> String {
    let file = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level""#;
    let copy = EVENT.replacen("{\"level\"", file, 1);
    copy.replacen("07:05:40.000000Z", "07:05:40Z", 1)
}

/// Another event, which a client gave the same audit ID.
fn other() -> String {
    EVENT.replacen("005000", "005001", 1)
}

async fn push(bed: &Bed, events: &[&str]) {
    let list = format!(
        "{{\"kind\":\"EventList\",\"items\":[{}]}}",
        events.join(",")
    );
    let kind = "application/json";
    let (status, text) = bed.push(Protocol::K8sAudit, kind, None, list).await;
    assert_eq!((status, text.as_str()), (200, "{}"));
}

fn stored(bed: &Bed) -> Vec<StoredEntry> {
    bed.stored("service_name", "kube-apiserver-audit")
}

fn dropped(bed: &Bed) -> bool {
    let mut metrics = String::new();
    bed.ingest.write_metrics(&mut metrics);
    let name = "skald_ingest_dropped_lines_total{reason=\"duplicate\",tenant=\"fake\",format=\"k8s-audit\"} ";
    metrics.lines().any(|line| line.starts_with(name))
}

/// Where the first event lies when the second one comes.
#[derive(Clone, Copy, Debug)]
enum Lies {
    Head,
    Replayed,
    Flushed,
    Merged,
}

async fn moved(bed: Bed, lies: Lies) -> Bed {
    match lies {
        Lies::Head => bed,
        Lies::Replayed => bed.restarted(),
        Lies::Flushed => {
            bed.store.flush().expect("flushed");
            bed.restarted()
        }
        Lies::Merged => {
            bed.store.flush().expect("flushed");
            let later = EVENT.replace("a-1", "a-9").replace("005000", "009000");
            push(&bed, &[&later]).await;
            bed.store.flush().expect("flushed");
            bed.store.compact().expect("merged");
            bed.restarted()
        }
    }
}

#[tokio::test]
async fn a_copy_is_left_out_wherever_the_first_one_lies() {
    for lies in [Lies::Head, Lies::Replayed, Lies::Flushed, Lies::Merged] {
        let bed = Bed::new();
        push(&bed, &[EVENT]).await;
        let bed = moved(bed, lies).await;
        let before = stored(&bed);
        push(&bed, &[&copy(), EVENT]).await;
        assert_eq!(stored(&bed), before, "{lies:?}");
        assert!(dropped(&bed), "{lies:?}");
        push(&bed, &[&other(), &copy()]).await;
        assert_eq!(
            stored(&bed).len(),
            before.len() + 1,
            "{lies:?}: another event is kept"
        );
    }
}

#[tokio::test]
async fn order_in_a_list_and_neighbours_change_nothing() {
    let bed = Bed::new();
    push(&bed, &[EVENT, &other()]).await;
    push(&bed, &[&other(), "5", &copy()]).await;
    push(&bed, &[&copy(), &copy(), &other()]).await;
    let lines: Vec<_> = stored(&bed).into_iter().map(|(_, line, _)| line).collect();
    assert_eq!(lines, [EVENT.as_bytes(), other().as_bytes(), b"5"]);
}

#[tokio::test]
async fn an_event_that_was_refused_may_come_again() {
    let long = EVENT.replacen("alice", &"a".repeat(300), 1);
    let limits = IngestLimits {
        max_line_size: 400,
        ..IngestLimits::default()
    };
    let bed = Bed::with(limits);
    let other = other();
    push(&bed, &[&long, &other]).await;
    assert_eq!(stored(&bed).len(), 1);
    push(&bed, &[EVENT]).await;
    assert_eq!(stored(&bed).len(), 2);
    // All of it is stored or never will be: the answer asks for no third time.
    push(&bed, &[&long.replacen("a-1", "a-2", 1), &other]).await;
    assert_eq!(stored(&bed).len(), 2);
}

/// What the store does by itself: it makes equal entries one, and no others.
#[tokio::test]
async fn without_a_window_equal_entries_are_one_and_copies_are_two() {
    let limits = IngestLimits {
        k8s_audit_dedup_window: 0,
        ..IngestLimits::default()
    };
    let bed = Bed::with(limits);
    push(&bed, &[EVENT]).await;
    push(&bed, &[EVENT]).await;
    bed.store.flush().expect("flushed");
    assert_eq!(stored(&bed).len(), 1);
    push(&bed, &[&copy()]).await;
    bed.store.flush().expect("flushed");
    bed.store.compact().expect("merged");
    assert_eq!(stored(&bed).len(), 2);
    assert!(!dropped(&bed));
}
