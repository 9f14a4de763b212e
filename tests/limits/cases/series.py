"""Series and points by the ten thousand."""

from asking import burns
from cases import case
from client import now


@case()
def many_series_and_points(binary):
    lines = [f"id={i} value={i}" for i in range(60_000)]
    base = '{app="burn"}'
    span = {"start": str(now() - 3600 * 10**9), "end": str(now()), "step": "1"}
    queries = [
        f"sum by (id) (count_over_time({base} | logfmt [1h]))",
        f"count(sum by (id) (count_over_time({base} | logfmt [1h])))",
        f"quantile_over_time(0.99, {base} | logfmt | unwrap value [1h]) by (id)",
        f"sum by (id) (rate({base} | logfmt [1h])) / sum by (id) (rate({base} | logfmt [1h]))",
        f"label_replace(sum by (id) (count_over_time({base} | logfmt [1h])), \"x\", \"{'$1' * 2000}\", \"id\", \"(.*)\")",
        f"count_over_time({base} | logfmt [1h]) or count_over_time({base} | logfmt | label_format id=`{{{{.id}}}}b` [1h])",
    ]
    settings = ["--limits_config.max_query_series", "1000000"]
    return burns(binary, "512MB", queries, lines, 3, settings, path="query_range", **span)
