"""A query wants memory or time without end: labels it makes, lines it makes, keys it groups by."""

import json
import time

from asking import ANSWERS, ask_all, burns
from cases import case
from client import now, random_text
from honest import Honest
from server import Server, require


def doubling(times):
    """Labels that double each time."""
    query = 'label_replace(vector(1),"x","aaaaaaaaaa","","")'
    for _ in range(times):
        query = f'label_replace({query},"x","${{1}}${{1}}","x","(.*)")'
    return query


def joined(times):
    query = 'label_replace(vector(1),"x","aaaaaaaaaa","","")'
    for i in range(times):
        query = f'label_join({query},"x","x","x","x")' if i % 2 else f'label_replace({query},"x","$1$1$1","x","(.*)")'
    return query


@case()
def labels_that_double(binary):
    return burns(binary, "512MB", [doubling(n) for n in (20, 24, 28, 34, 40)] * 2, at_once=4)


@case()
def labels_that_double_in_little_address_space(binary):
    """The allocator is refused before the group is full."""
    with Server(binary, address="4GB", settings=["--memory", "400MB"]) as server:
        server.start()
        with Honest(server) as honest:
            statuses = ask_all(server, [doubling(40), doubling(28)])
            require(set(statuses) <= ANSWERS, f"answers: {statuses}")
        honest.restarted()
        return f"{statuses}; {honest.summary()}"


@case()
def labels_that_double_past_their_time(binary):
    """Once its time is over a query has ended: it does not go on for a client that has its answer."""
    settings = ["--limits_config.query_timeout", "2s"]
    with Server(binary, memory="1GB", settings=settings) as server:
        server.start()
        with Honest(server) as honest:
            statuses = ask_all(server, [doubling(n) for n in (26, 28, 30, 32)], 4)
            time.sleep(1)
            before = server.cpu_s()
            time.sleep(2)
            used = server.cpu_s() - before
            require(used < 1, f"{used:.1f} s of processor time in the 2 s after all answers came")
        return f"peak {server.peak() >> 20} MB; {statuses}; {honest.summary()}"


@case()
def lines_that_double(binary):
    lines = [json.dumps({"user": f"u{i}", "status": 200, "path": f"/a/{i}", "x": "y" * 40}) for i in range(20_000)]
    base = '{app="burn"}'
    queries = [
        base + " | line_format `{{__line__}}{{__line__}}`" * 12,
        base + " | line_format `{{__line__}}{{__line__}}`" * 20,
        base + " | label_format a=`{{__line__}}` | label_format a=`{{.a}}{{.a}}`" + " | label_format a=`{{.a}}{{.a}}`" * 14,
        base + " | json " + ", ".join(f'a{i}="user"' for i in range(1_000)),
        base + ' | json | line_format `{{repeat 100000 .user}}`',
        base + ' | decolorize | line_format `{{ replace "" "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz" __line__ }}`' * 3,
    ]
    span = {"start": str((now() - 3600 * 10**9)), "end": str(now() + 3600 * 10**9), "limit": "5000"}
    settings = ["--limits_config.query_timeout", "5s"]
    return burns(binary, "512MB", queries, lines, 2, settings, path="query_range", **span)


@case()
def long_group_keys(binary):
    """The everyday form: a stack trace of 55 KB in each line, and a count by it."""
    lines = [json.dumps({"id": i, "stack": f"{i} " + "at com.example.Thing.method(Thing.java:1)\n" * 1_300}) for i in range(3_000)]
    base = '{app="burn"}'
    queries = [
        f"sum by (stack) (count_over_time({base} | json [1h]))",
        f"topk(5, sum by (stack, id) (count_over_time({base} | json [1h])))",
        f"count_over_time({base} | json [1h])",
        f"sum by (y) (count_over_time({base} | json | label_format y=`{{{{.stack}}}}{{{{.stack}}}}` [1h]))",
        f"count(sum by (z) (count_over_time({base} | regexp `(?P<z>.*)` [1h])))",
        f"max by (stack) (max_over_time({base} | json | unwrap id [1h]))",
    ]
    big = ["--limits_config.max_line_size", "1MB"]
    return burns(binary, "512MB", queries, lines, 2, big)


@case()
def heavy_queries_at_once(binary):
    """Those that find no memory wait for the others, and have an answer then."""
    lines = [json.dumps({"id": i, "user": f"user-{i % 999}", "text": random_text(200)}) for i in range(40_000)]
    base = '{app="burn"}'
    queries = [
        f"sum by (id) (count_over_time({base} | json != `{i}` [1h]))" if i % 2 else f"{base} | json != `zz{i}`"
        for i in range(60)
    ]
    span = {"start": str(now() - 3600 * 10**9), "end": str(now()), "step": "60", "limit": "5000"}
    return burns(binary, "256MB", queries, lines, 50, later_at_most=3, path="query_range", **span)


