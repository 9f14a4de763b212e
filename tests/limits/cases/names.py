"""Names a query meets once: work per line depends on that line's names, not on all that were ever seen."""

import json

from asking import work_of
from cases import case
from client import JSON, now
from server import Server, require


@case()
def names_that_never_come_again(binary):
    """Four times the lines with names of their own are about four times the work, not sixteen."""
    forms = {
        "APP | json": lambda i: json.dumps({f"k{i * 10 + j}": j for j in range(10)}),
        "APP | logfmt": lambda i: f"user {i} logged in from 10.0.0.1 session {i:08x}-aa{i:x}",
        "APP | json | label_format a=`{{.k1}}` | drop b": lambda i: json.dumps({f"k{i * 10 + j}": j for j in range(10)}),
        "APP | unpack": lambda i: json.dumps({f"k{i * 10 + j}": str(j) for j in range(10)}),
        "sum(count_over_time(APP | json [1h]))": lambda i: json.dumps({f"k{i * 10 + j}": j for j in range(10)}),
        "sum(count_over_time(APP | logfmt | keep a [1h]))": lambda i: " ".join(f"n{i * 8 + j}=1" for j in range(8)),
    }
    said = []
    with Server(binary, settings=["--memory", "1GB"]) as server:
        server.start()
        for at, (query, line) in enumerate(forms.items()):
            few = work_of(server, query, [line(i) for i in range(5_000)], f"few{at}")
            many = work_of(server, query, [line(i) for i in range(20_000)], f"many{at}")
            said.append(f"{few:.2f} {many:.2f}")
            require(many < 8 * max(few, 0.05), f"{query}: {few:.2f} s for 5,000 lines, {many:.2f} s for 20,000")
    return "; ".join(said)


@case()
def metadata_names_that_never_come_again(binary):
    """Pushes, flushes and queries of entries whose metadata have names of their own."""
    said = []
    with Server(binary, settings=["--memory", "1GB"]) as server:
        server.start()
        client = server.client()
        steps = {
            "push": lambda app, body: client.post("push", body, JSON),
            "query": lambda app, _: client.get("query_range", query=f'{{app="{app}"}} | m7="1"', limit="5000"),
            "flush": lambda app, _: client.post("/flush"),
            "query of parts": lambda app, _: client.get("query_range", query=f'{{app="{app}"}} | m7="1"', limit="5000"),
            "fields": lambda app, _: client.get("detected_fields", query=f'{{app="{app}"}}', line_limit="5000"),
        }
        used = {}
        for app, count in (("few", 2_500), ("many", 10_000)):
            at = now() - 60 * 10**9
            values = [[str(at + i), "x", {f"m{i * 5 + j}": "1" for j in range(5)}] for i in range(count)]
            body = json.dumps({"streams": [{"stream": {"app": app}, "values": values}]}).encode()
            for step, work in steps.items():
                before = server.cpu_s()
                answer = work(app, body)
                require(answer.status < 300, f"{step}: {answer}")
                used[app, step] = server.cpu_s() - before
        for step in steps:
            few, many = used["few", step], used["many", step]
            said.append(f"{step} {few:.2f} {many:.2f}")
            require(many < 8 * max(few, 0.1), f"{step}: {few:.2f} s for 2,500 entries, {many:.2f} s for 10,000")
    return "; ".join(said)
