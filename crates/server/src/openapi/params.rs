//! API parameters have one description each, shared by all operations that take them.

/// Where a parameter is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Query,
    Path,
    Header,
}

/// What its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Texts,
    /// Seconds, nanoseconds or RFC 3339.
    Time,
    /// Seconds or a Prometheus duration.
    Duration,
    Integer,
    /// At least one.
    Count,
    Flag,
    OneOf(&'static [&'static str]),
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) about: &'static str,
}

const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Param {
    Param {
        name,
        place: Place::Query,
        kind,
        required: false,
        about,
    }
}

const fn required(name: &'static str, kind: Kind, about: &'static str) -> Param {
    Param {
        name,
        place: Place::Query,
        kind,
        required: true,
        about,
    }
}

const fn header(name: &'static str, about: &'static str) -> Param {
    Param {
        name,
        place: Place::Header,
        kind: Kind::Text,
        required: false,
        about,
    }
}

const fn path(name: &'static str, about: &'static str) -> Param {
    Param {
        name,
        place: Place::Path,
        kind: Kind::Text,
        required: true,
        about,
    }
}

pub(super) const QUERY: Param = required("query", Kind::Text, "LogQL");
pub(super) const LOG_QUERY: Param = required("query", Kind::Text, "A log query");
pub(super) const SELECTOR: Param = required("query", Kind::Text, "A selector without stages");
pub(super) const NARROWED: Param = optional(
    "query",
    Kind::Text,
    "A selector; without it every stream counts",
);
pub(super) const FLOWS: Param = optional(
    "query",
    Kind::Text,
    "Where flows are looked for; without it in every stream",
);
pub(super) const MAP_BY: Param = optional(
    "by",
    Kind::OneOf(&["workload", "namespace", "pod"]),
    "What nodes are",
);
pub(super) const MATCH: Param = optional(
    "match[]",
    Kind::Texts,
    "Selectors, a stream counts if any matches; also `match`",
);
pub(super) const DELETE_START: Param =
    required("start", Kind::Text, "First instant: seconds, or RFC 3339");
pub(super) const DELETE_END: Param = optional(
    "end",
    Kind::Text,
    "Last instant: seconds, or RFC 3339; by default now",
);
pub(super) const MAX_INTERVAL: Param = optional(
    "max_interval",
    Kind::Text,
    "A duration; changes nothing here",
);
pub(super) const REQUEST_ID: Param = required("request_id", Kind::Text, "The request's id");
pub(super) const FORCE: Param = optional(
    "force",
    Kind::Text,
    "`true`: also when some of it is gone already",
);
pub(super) const QUERYTIME: Param = optional(
    "for_querytime_filtering",
    Kind::Text,
    "`true`: only those not processed",
);
pub(super) const START: Param = optional(
    "start",
    Kind::Time,
    "First instant; by default `since` before the end",
);
pub(super) const END: Param = optional(
    "end",
    Kind::Time,
    "Last instant, for lines the first after; by default now",
);
pub(super) const SINCE: Param = optional(
    "since",
    Kind::Duration,
    "Length of the range where `start` is missing; 1h",
);
pub(super) const TIME: Param = optional("time", Kind::Time, "The instant; by default now");
pub(super) const STEP: Param = optional(
    "step",
    Kind::Duration,
    "Distance of points; by default a 250th of the range, at least 1s",
);
pub(super) const INTERVAL: Param = optional(
    "interval",
    Kind::Duration,
    "Least distance of the lines that are shown",
);
pub(super) const LIMIT: Param = optional("limit", Kind::Count, "Lines at most; 100");
pub(super) const DIRECTION: Param = optional(
    "direction",
    Kind::OneOf(&["backward", "forward"]),
    "Newest or oldest first",
);
pub(super) const CURSOR: Param = optional(
    "cursor",
    Kind::Text,
    "The page after the one that gave it in `X-Skald-Cursor` and in its statistics",
);
pub(super) const SKIP_ERRORS: Param = optional(
    "skip_errors",
    Kind::Flag,
    "Leave out entries that a stage fails on instead of failing",
);
pub(super) const FIELD_LIMIT: Param = optional(
    "limit",
    Kind::Count,
    "Fields or values at most; 1000. Also `field_limit`",
);
pub(super) const LINE_LIMIT: Param = optional("line_limit", Kind::Count, "Lines looked at; 100");
pub(super) const VOLUME_LIMIT: Param =
    optional("limit", Kind::Integer, "Series at most in a bucket; 100");
pub(super) const TARGET_LABELS: Param = optional(
    "targetLabels",
    Kind::Text,
    "Labels of the series, comma between; by default those of the selector",
);
pub(super) const AGGREGATE_BY: Param = optional(
    "aggregateBy",
    Kind::OneOf(&["series", "labels"]),
    "Volumes of series or of label names",
);
pub(super) const SHARD_BYTES: Param =
    required("targetBytesPerShard", Kind::Text, "A size above zero");
pub(super) const TAIL_START: Param = optional(
    "start",
    Kind::Time,
    "History starts here; by default an hour ago",
);
pub(super) const DELAY_FOR: Param = optional(
    "delay_for",
    Kind::Integer,
    "Seconds to wait for late lines, at most 5",
);
pub(super) const REGEXP: Param = optional("regexp", Kind::Text, "One more line filter");
pub(super) const EXPORT_LIMIT: Param = optional("limit", Kind::Integer, "Lines at most; 0 is all");
pub(super) const AROUND_TIME: Param = required("timestamp", Kind::Time, "The instant");
pub(super) const AROUND_BEFORE: Param = optional(
    "before",
    Kind::Integer,
    "Older entries at most; 10, up to 1000",
);
pub(super) const AROUND_AFTER: Param = optional(
    "after",
    Kind::Integer,
    "Newer entries at most; 10, up to 1000",
);
pub(super) const TYPED_QUERY: Param = optional("query", Kind::Text, "What is typed so far");
pub(super) const CARET: Param = optional(
    "caret",
    Kind::Integer,
    "Characters before the caret; by default all",
);
pub(super) const CHOICE_LIMIT: Param =
    optional("limit", Kind::Count, "Choices at most; 50, up to 1000");
pub(super) const SAVED_NAME: Param = required("name", Kind::Text, "The search's name");
pub(super) const EXPORT_FORMAT: Param = optional(
    "format",
    Kind::OneOf(&["jsonl", "text", "csv"]),
    "JSON lines, time and line as text, or CSV",
);
pub(super) const EXPORT_COLUMNS: Param = optional(
    "columns",
    Kind::Text,
    "Labels and fields that are columns of a CSV, comma between",
);
pub(super) const EXPORT_TENANT: Param = optional(
    "tenant",
    Kind::Text,
    "Stands for X-Scope-OrgID in links, which carry no headers",
);
pub(super) const RULE_TYPE: Param = optional(
    "type",
    Kind::OneOf(&["alert", "record"]),
    "Rules of one type",
);
pub(super) const RULE_NAME: Param = optional(
    "rule_name[]",
    Kind::Texts,
    "Rules of these names; also `rule_name`",
);
pub(super) const RULE_GROUP: Param = optional(
    "rule_group[]",
    Kind::Texts,
    "Groups of these names; also `rule_group`",
);
pub(super) const RULE_FILE: Param = optional(
    "file[]",
    Kind::Texts,
    "Namespaces or files of these names; also `file`",
);
pub(super) const RULE_LABELS: Param = optional(
    "match[]",
    Kind::Texts,
    "Selectors over labels of rules, a rule counts if any matches",
);
pub(super) const EXCLUDE_ALERTS: Param =
    optional("exclude_alerts", Kind::Flag, "Leave alerts out of rules");
pub(super) const GROUP_LIMIT: Param =
    optional("group_limit", Kind::Count, "Groups at most; by default all");
pub(super) const GROUP_TOKEN: Param = optional(
    "group_next_token",
    Kind::Text,
    "The page after the one that gave it as `groupNextToken`",
);
pub(super) const ANY_LABEL: Param = optional(
    "labels",
    Kind::Text,
    "`name:value`, comma between: rules with any of these labels",
);
pub(super) const MODE: Param = optional(
    "mode",
    Kind::OneOf(&["diff", "defaults"]),
    "What differs, or the defaults",
);
pub(super) const LOG_LEVEL: Param = required(
    "log_level",
    Kind::OneOf(&["debug", "info", "warn", "error"]),
    "The new level",
);
/// What stands in the paths of senders.
pub(super) const OF_SENDERS: [Param; 6] = [
    path("tenant", "The tenant, as `X-Scope-OrgID` has it"),
    path("cluster", "The cluster: a label of all that comes"),
    path("index", "The index; its name without a date is a label"),
    path("id", "The document's id, which comes back"),
    path("name", "Any name"),
    path("api_key", "A token, where agents of Datadog put theirs"),
];
pub(super) const FILE: Param = path("file", "A name that `/ui/` uses");
pub(super) const NAME: Param = path("name", "The label or field");
pub(super) const NAMESPACE: Param = path("namespace", "Namespace of rules");
pub(super) const GROUP: Param = path("group", "Group of rules");
pub(super) const ENCODING: Param = header(
    "X-Loki-Response-Encoding-Flags",
    "`categorize-labels` separates index, metadata and parsed labels",
);
pub(super) const TAGS: Param = header("X-Query-Tags", "`Source=…` is logged with the query");
pub(super) const TENANT: Param = header(
    "X-Scope-OrgID",
    "The tenant; ignored while `auth_enabled` is false",
);
