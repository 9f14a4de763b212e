//! Advice: for each reason of a refusal the setting that would allow it, and what else to look at.

/// What to do about a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The setting that would allow it; empty when none would.
    pub(crate) setting: &'static str,
    /// In a sentence.
    pub(crate) text: &'static str,
    /// Whether it passes by itself: nothing is amiss once the sender came again.
    pub(crate) passes: bool,
}

const fn advice(setting: &'static str, text: &'static str) -> Advice {
    Advice {
        setting,
        text,
        passes: false,
    }
}

/// Reasons with what to do about them.
static ADVICE: &[(&str, Advice)] = &[
    (
        "greater_than_max_sample_age",
        advice(
            "limits_config.reject_old_samples_max_age",
            "the entries are older than the limit: raise it, or set reject_old_samples to false",
        ),
    ),
    (
        "too_far_behind",
        advice(
            "",
            "the entries are of before 1970: the sender's clock or its time format is wrong",
        ),
    ),
    (
        "too_far_in_future",
        advice(
            "limits_config.creation_grace_period",
            "the sender's clock or zone is ahead: set it right, or raise the limit",
        ),
    ),
    (
        "line_too_long",
        advice(
            "limits_config.max_line_size",
            "raise it, or set max_line_size_truncate to keep the start of long lines",
        ),
    ),
    (
        "disallowed_structured_metadata",
        advice(
            "limits_config.allow_structured_metadata",
            "structured metadata is switched off",
        ),
    ),
    (
        "structured_metadata_too_large",
        advice(
            "limits_config.max_structured_metadata_size",
            "raise it, or send less metadata with each entry",
        ),
    ),
    (
        "structured_metadata_too_many",
        advice(
            "limits_config.max_structured_metadata_entries_count",
            "raise it, or send fewer pairs with each entry",
        ),
    ),
    (
        "max_label_names_per_series",
        advice(
            "limits_config.max_label_names_per_series",
            "raise it, or make metadata of labels",
        ),
    ),
    (
        "label_name_too_long",
        advice("limits_config.max_label_name_length", "raise it"),
    ),
    (
        "label_value_too_long",
        advice(
            "limits_config.max_label_value_length",
            "raise it, or make metadata of the label",
        ),
    ),
    (
        "missing_enforced_labels",
        advice(
            "limits_config.enforced_labels",
            "the sender has to set these labels",
        ),
    ),
    (
        "blocked_ingestion",
        advice(
            "limits_config.block_ingestion_until",
            "the tenant is blocked",
        ),
    ),
    (
        "rate_limited",
        advice(
            "limits_config.ingestion_rate_mb",
            "the tenant sends more than it may a second",
        ),
    ),
    (
        "stream_limit",
        advice(
            "limits_config.max_global_streams_per_user",
            "the tenant has too many streams: raise it, or make metadata of labels with many values",
        ),
    ),
    (
        "per_stream_rate_limit",
        advice(
            "limits_config.per_stream_rate_limit",
            "one stream gets more than it may a second",
        ),
    ),
    (
        "unauthorized",
        advice(
            "auth_enabled",
            "the request names no tenant or has no valid token: send X-Scope-OrgID, or a token of auth.tokens_file",
        ),
    ),
    (
        "forbidden",
        advice(
            "auth.tokens_file",
            "the token may not write, or not to this tenant",
        ),
    ),
    (
        "body_too_large",
        advice(
            "distributor.max_recv_msg_size",
            "send smaller batches, or raise it and distributor.max_decompressed_size",
        ),
    ),
    (
        "busy",
        advice(
            "memory",
            "the server has no room now: the sender tries again; more memory or a faster disk helps",
        ),
    ),
    (
        "not_stored",
        advice(
            "",
            "the store takes nothing: see the server's log and skald_store_* of /metrics",
        ),
    ),
    (
        "too_many_requests",
        advice(
            "server.max_concurrent_requests",
            "too many requests waited for an answer: raise it, or send larger batches; the sender tries again",
        ),
    ),
    (
        "too_many_tenants",
        advice(
            "ingester.max_tenants",
            "there are as many tenants as there may be, and this is another one",
        ),
    ),
    (
        "disk_full",
        advice(
            "",
            "the data disk is full: give it room, or let entries expire (compactor.retention_enabled)",
        ),
    ),
    (
        "starting",
        Advice {
            passes: true,
            ..advice(
                "",
                "the server was starting: the sender has to try again, as nearly all do",
            )
        },
    ),
    (
        "too_slow",
        advice(
            "server.http_server_read_timeout",
            "the body did not arrive in time",
        ),
    ),
    (
        "unknown_path",
        advice(
            "",
            "no receiver has this path: senders use /loki/api/v1/push, /v1/logs, /_bulk, /services/collector, /api/v2/logs or /ingest/…",
        ),
    ),
    (
        "unknown_content_type",
        advice(
            "",
            "the sender's Content-Type is not one that this path takes",
        ),
    ),
    (
        "invalid_labels",
        advice("", "the sender's labels can't be read: the sample says why"),
    ),
    (
        "missing_labels",
        advice("", "the sender's labels can't be read: the sample says why"),
    ),
    (
        "duplicate_label_names",
        advice("", "the sender's labels can't be read: the sample says why"),
    ),
    (
        "malformed",
        advice(
            "",
            "the body is not what this path takes: the sample says why",
        ),
    ),
    (
        "no_entries",
        advice(
            "",
            "the body is not what this path takes: the sample says why",
        ),
    ),
];

/// What to do about a reason of the table.
pub(crate) fn of(reason: &str) -> Advice {
    let known = ADVICE.iter().find(|(known, _)| *known == reason);
    known.map_or(advice("", "the sample says why"), |(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn each_setting_that_is_named_is_one() {
        for (reason, advice) in ADVICE {
            let is_one = advice.setting.is_empty() || keys::find(advice.setting).is_some();
            assert!(is_one, "{reason}: {}", advice.setting);
        }
        assert_eq!(of("line_too_long").setting, "limits_config.max_line_size");
        assert_eq!(of("whatever").setting, "");
    }
}
