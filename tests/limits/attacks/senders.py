"""Bodies as the senders of a cluster make them, well formed or nearly: audit, Falco, flows, collectors, journal, tables, syslog."""

import json
import struct
import time

from attacks.grammar import NASTY
from attacks.packing import line, when, words

JSON, LINES = "application/json", "application/x-ndjson"


def stamp(chance):
    at = when(chance)
    if not 0 <= at < 2**62 or chance.random() < 0.01:
        return chance.choice(["", "soon", "0000-00-00T00:00:00Z", "2026-02-30T25:61:61Z", "9" * 40])
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 10**9)) + f".{at % 10**9 // 1000:06d}Z"


def odd(chance, value):
    """The value, or now and then one of another type."""
    return value if chance.random() < 0.97 else chance.choice([None, 5, -0.5, "", [], {}, [[]], {"a": {"b": []}}, True, chance.choice(NASTY)])


def nested(chance):
    depth = chance.choice([3, 30, 3_000])
    return json.loads('{"a":[' * min(depth, 300) + "1" + "]}" * min(depth, 300))


def count(limit, each):
    return max(1, limit // each)


def audit(chance, limit):
    def event():
        audit_id = f"{chance.getrandbits(128):x}" if chance.random() < 0.9 else "a-1"
        of = {
            "level": odd(chance, "Request"), "auditID": odd(chance, audit_id), "stage": odd(chance, chance.choice(["ResponseComplete", "Panic", "RequestReceived"])),
            "requestURI": odd(chance, "/api/v1/namespaces/shop/pods/" + words(chance, 40)), "verb": odd(chance, chance.choice(["get", "create", "delete"])),
            "user": odd(chance, {"username": chance.choice(NASTY)[:60], "groups": odd(chance, ["a", "b"])}), "sourceIPs": odd(chance, ["10.0.0.1"]),
            "objectRef": odd(chance, {"resource": "pods", "namespace": "shop", "name": words(chance, 20)}), "responseStatus": odd(chance, {"code": odd(chance, 200)}),
            "requestReceivedTimestamp": stamp(chance), "stageTimestamp": stamp(chance), "annotations": odd(chance, {"authorization.k8s.io/decision": "allow"}),
        }  # fmt: skip
        if chance.random() < 0.05:
            of["requestObject"] = {"data": words(chance, chance.choice([100, 300_000, 2_000_000]))}
        return of

    events = [event() for _ in range(count(limit, 900))]
    if chance.random() < 0.1:
        events += events
    if chance.random() < 0.2:
        return "\n".join(json.dumps(one) for one in events).encode(), JSON
    return json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": odd(chance, events)}).encode(), JSON


def falco(chance, limit):
    fields = {f"k8s.f{at}": odd(chance, words(chance, 20)) for at in range(chance.choice([3, 20, 500]))}
    event = {"output": line(chance)[: limit + 10], "priority": odd(chance, "Critical"), "rule": chance.choice(NASTY)[:200] or "r", "time": stamp(chance)}
    return json.dumps({**event, "output_fields": odd(chance, fields), "tags": odd(chance, ["a"])}).encode(), JSON


def calico(chance, limit):
    def flow():
        key = {"source_name": f"web-{chance.randrange(10**6)}-*", "source_namespace": "shop", "source_type": odd(chance, 1), "dest_name": f"db-{chance.randrange(99)}"}
        key |= {"dest_namespace": odd(chance, "data"), "dest_type": 1, "proto": "tcp", "reporter": odd(chance, chance.choice([1, 2])), "action": odd(chance, 1)}
        return json.dumps({"Key": odd(chance, key), "start_time": when(chance) // 10**9, "bytes_in": odd(chance, "1"), "bytes_out": 2})

    return "\n".join(flow() for _ in range(count(limit, 250))).encode(), LINES


def hubble(chance, limit):
    def flow():
        ends = {name: odd(chance, {"namespace": "shop", "pod_name": words(chance, 12), "labels": ["k8s:app=web"]}) for name in ("source", "destination")}
        of = {"time": stamp(chance), "verdict": odd(chance, "DROPPED"), "l4": odd(chance, {"TCP": {"destination_port": odd(chance, 443)}}), **ends}
        return json.dumps({"flow": odd(chance, of), "node_name": "n1", "time": stamp(chance)})

    return "\n".join(flow() for _ in range(count(limit, 350))).encode(), LINES


def bulk(chance, limit):
    out = []
    for _ in range(count(limit, 300)):
        action = chance.choice(["index", "create", "create", "update", "delete", "x"] if chance.random() < 0.05 else ["index", "create"])
        out.append(json.dumps({action: odd(chance, {"_index": chance.choice(["logs-2026.11.30", "burn", *NASTY])[:100]})}))
        document = {"@timestamp": odd(chance, stamp(chance)), "message": odd(chance, line(chance)[:2_000]), "service": {"name": "burn"}}
        document |= {f"f{chance.randrange(400)}": odd(chance, "x") for _ in range(chance.choice([0, 5, 200]))}
        out.append(json.dumps(document if chance.random() < 0.99 else nested(chance)))
    return ("\n".join(out) + "\n").encode(), LINES


def document(chance, limit):
    return json.dumps({"message": line(chance)[:limit], "a": odd(chance, nested(chance))}).encode(), JSON


def splunk(chance, limit):
    def event():
        of = {"event": odd(chance, line(chance)[:1_000]), "time": odd(chance, when(chance) / 1e9), "host": odd(chance, f"h{chance.randrange(30)}")}
        return json.dumps({**of, "source": odd(chance, chance.choice(NASTY)[:50]), "fields": odd(chance, {"k": "v"})})

    return chance.choice(["", ",", "\n"]).join(event() for _ in range(count(limit, 400))).encode(), JSON


def raw(chance, limit):
    return "\n".join(line(chance)[:2_000] for _ in range(count(limit, 1_000))).encode(errors="replace"), "text/plain"


def datadog(chance, limit):
    def item():
        of = {"message": odd(chance, line(chance)[:1_000]), "ddsource": "burn", "ddtags": odd(chance, "env:a,b:c," + chance.choice(NASTY)[:40])}
        return {**of, "hostname": odd(chance, "h"), "timestamp": odd(chance, when(chance) // 10**6), "a": odd(chance, {"b": 1})}

    return json.dumps(odd(chance, [item() for _ in range(count(limit, 500))])).encode(), JSON


def journal(chance, limit):
    out, fields = [], 0
    for number in range(count(limit, 400)):
        out.append(f"__CURSOR=s={chance.getrandbits(64):x};i={number}\n__REALTIME_TIMESTAMP={odd(chance, when(chance) // 1000)}\n".encode())
        fields = chance.choice([1, 5, 5, 300])
        out += [f"FIELD_{chance.randrange(9)}={words(chance, 20)}\n".encode() for _ in range(fields)]
        text = line(chance)[:3_000].encode(errors="replace")
        length = len(text) if chance.random() < 0.99 else chance.choice([0, 2**63, 2**64 - 1, len(text) + 1])
        out.append(b"MESSAGE\n" + struct.pack("<Q", length) + text + b"\n\n")
    return b"".join(out), "application/vnd.fdo.journal"


def ndjson(chance, limit):
    rows = [{"time": stamp(chance), "message": line(chance)[:1_000], "app": f"burn{chance.randrange(9)}", "a": odd(chance, {"b": 1})} for _ in range(count(limit, 500))]
    return "\n".join(json.dumps(odd(chance, row)) for row in rows).encode(), LINES


def csv(chance, limit):
    rows = [f'{when(chance)},burn{chance.randrange(9)},"{words(chance, 50)}{chance.choice(["", chr(10), chr(34) * 2])}"' for _ in range(count(limit, 90))]
    if chance.random() < 0.1:
        rows.insert(len(rows) // 2, '"' + "," * chance.choice([10, 100_000]))
    return ("ts,app,msg\n" + "\n".join(rows)).encode(), "text/csv"


def syslog(chance):
    """What a connection sends, or a datagram."""
    header = chance.choice([f"<{chance.choice([13, 191, 999])}>1 {stamp(chance)} h app 1 - [id@1 a=\"b\"] ", "<13>Nov 30 12:00:00 h app[1]: ", "<", ""])
    message = (header + line(chance)[: chance.choice([20, 500, 70_000])]).encode(errors="replace")
    return chance.choice([message + b"\n", b"%d %s" % (len(message), message), b"%d %s" % (2**31, message), message + b"\0"])


FORMS = [
    (audit, ["/ingest/k8s-audit", "/ingest/k8s-audit/east", "/ingest/k8s-audit/"]),
    (falco, ["/ingest/falco"]),
    (calico, ["/ingest/calico-flows"]),
    (hubble, ["/ingest/hubble"]),
    (bulk, ["/_bulk", "/burn/_bulk", "/burn/_bulk?refresh=wait_for"]),
    (document, ["/burn/_doc", "/burn/_doc/1", "/burn/_create/x"]),
    (splunk, ["/services/collector/event", "/services/collector"]),
    (raw, ["/services/collector/raw?host=h&source=s", "/api/v2/logs?ddsource=burn"]),
    (datadog, ["/api/v2/logs", "/v1/input", "/v1/input/key"]),
    (journal, ["/upload", "/ingest/journal/upload"]),
    (ndjson, ["/ingest/ndjson?time=time&message=message&labels=app", "/ingest/ndjson"]),
    (csv, ["/ingest/csv?time=ts&message=msg&labels=app", "/ingest/csv?header=a,b,c", "/ingest/csv?delimiter=tab"]),
]


def body(chance, limit):
    """(path, body, content type)"""
    form, paths = chance.choice(FORMS)
    made, kind = form(chance, limit)
    return chance.choice(paths), made, kind
