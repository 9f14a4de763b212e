#!/usr/bin/env python3
"""What does a line cost by each receiver, beside a Loki push of the same lines?

    benches/receivers.py BINARY [--mb 48] [--rounds 2] [RECEIVER…]

Pushes the same lines by each receiver to a fresh server that never flushes, one request after another, and prints the CPU
of the server's process for a million lines, lines a second of one core, and the ratio to Loki's JSON. Bodies are made before the
clock starts, so that the sender costs nothing. Events of one kind (audit, Falco, flows) are compared with a Loki push that has
each event as a line. How many entries came in is checked; of datagrams the loss is printed.
"""

import argparse
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

LINES_A_BODY = 1000
STREAMS = 20
BEGIN = time.time_ns() - 600_000_000_000


def line(n):
    """A line as applications write it, about 150 bytes."""
    status = (200, 200, 200, 404, 500)[n % 5]
    return (
        f"level=info ts={BEGIN + n} caller=shop/cart.go:{n % 400} msg=\"request done\" method=GET path=/cart/{n * 7919 % 100000} "
        f"status={status} duration={n % 900}ms user={n * 104729 % 50000}"
    )


def at(n):
    return BEGIN + n * 1000


def chunks(count):
    for begin in range(0, count, LINES_A_BODY):
        yield range(begin, min(begin + LINES_A_BODY, count))


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def snappy(body):
    """A block of literals alone."""
    out = bytearray(varint(len(body)))
    for begin in range(0, len(body), 60_000):
        part = body[begin : begin + 60_000]
        out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
    return bytes(out)


def by_stream(rows):
    streams = {}
    for n in rows:
        streams.setdefault(n % STREAMS, []).append(n)
    return streams.items()


def loki_json(rows, text=line):
    streams = [
        {"stream": {"service_name": "shop", "pod": f"shop-{of}"}, "values": [[str(at(n)), text(n)] for n in ns]}
        for of, ns in by_stream(rows)
    ]
    return json.dumps({"streams": streams}).encode()


def loki_protobuf(rows):
    body = b""
    for of, ns in by_stream(rows):
        stream = field(1, f'{{service_name="shop", pod="shop-{of}"}}'.encode())
        for n in ns:
            seconds, nanos = divmod(at(n), 1_000_000_000)
            stamp = b"\x08" + varint(seconds) + b"\x10" + varint(nanos)
            stream += field(2, field(1, stamp) + field(2, line(n).encode()))
        body += field(1, stream)
    return snappy(body)


def otlp_text(name, value):
    return field(1, name.encode()) + field(2, field(1, value.encode()))


def otlp_protobuf(rows):
    body = b""
    for of, ns in by_stream(rows):
        records = b""
        for n in ns:
            record = b"\x09" + struct.pack("<Q", at(n)) + b"\x10\x09" + field(3, b"INFO") + field(5, field(1, line(n).encode()))
            records += field(2, record)
        resource = field(1, otlp_text("service.name", "shop")) + field(1, otlp_text("k8s.pod.name", f"shop-{of}"))
        body += field(1, field(1, resource) + field(2, records))
    return body


def otlp_grpc(rows):
    message = otlp_protobuf(rows)
    return b"\0" + struct.pack(">I", len(message)) + message


def otlp_json(rows):
    def attribute(name, value):
        return {"key": name, "value": {"stringValue": value}}

    resources = []
    for of, ns in by_stream(rows):
        records = [
            {"timeUnixNano": str(at(n)), "severityNumber": 9, "severityText": "INFO", "body": {"stringValue": line(n)}} for n in ns
        ]
        resource = {"attributes": [attribute("service.name", "shop"), attribute("k8s.pod.name", f"shop-{of}")]}
        resources.append({"resource": resource, "scopeLogs": [{"logRecords": records}]})
    return json.dumps({"resourceLogs": resources}).encode()


def iso(n):
    seconds, nanos = divmod(at(n), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanos:09}Z"


def elasticsearch(rows):
    out = []
    for n in rows:
        document = {"@timestamp": iso(n), "message": line(n), "log": {"level": "info"}}
        document |= {"kubernetes": {"pod": {"name": f"shop-{n % STREAMS}"}}, "service": {"name": "shop"}}
        out.append('{"create":{"_index":"shop"}}\n' + json.dumps(document))
    return ("\n".join(out) + "\n").encode()


def splunk_events(rows):
    return "".join(
        json.dumps({"time": at(n) / 1e9, "host": f"shop-{n % STREAMS}", "source": "shop", "event": line(n)}) for n in rows
    ).encode()


def datadog(rows):
    return json.dumps([
        {"message": line(n), "service": "shop", "hostname": f"shop-{n % STREAMS}", "ddsource": "go", "ddtags": "env:prod"}
        | {"timestamp": at(n) // 1_000_000, "status": "info"}
        for n in rows
    ]).encode()


def ndjson(rows):
    objects = (
        {"time": iso(n), "message": line(n), "service": "shop", "pod": f"shop-{n % STREAMS}", "level": "info"} for n in rows
    )
    return "".join(json.dumps(of) + "\n" for of in objects).encode()


def csv(rows):
    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    return "time,message,service,pod\n".encode() + "".join(
        f"{iso(n)},{quoted(line(n))},shop,shop-{n % STREAMS}\n" for n in rows
    ).encode()


def journal(rows):
    return "".join(
        f"__CURSOR=s={BEGIN:x};i={n:x}\n__REALTIME_TIMESTAMP={at(n) // 1000}\n_HOSTNAME=shop-{n % STREAMS}\n"
        f"_TRANSPORT=stdout\n_SYSTEMD_UNIT=shop.service\nSYSLOG_IDENTIFIER=shop\nPRIORITY=6\n_PID=4711\nMESSAGE={line(n)}\n\n"
        for n in rows
    ).encode()


def syslog_line(n):
    return f"<134>1 {iso(n)[:26]}Z shop-{n % STREAMS} shop 4711 - - {line(n)}"


def syslog_tcp(rows):
    return "".join(f"{len(text)} {text}" for text in map(syslog_line, rows)).encode()


def audit(n):
    return json.dumps({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"{n:08x}-0000-4000-8000-{BEGIN:012x}"[:36],
        "stage": "ResponseComplete", "requestURI": f"/api/v1/namespaces/shop/pods/shop-{n % 500}", "verb": "get",
        "user": {"username": "system:serviceaccount:shop:cart", "groups": ["system:serviceaccounts", "system:authenticated"]},
        "sourceIPs": ["10.0.0.7"], "userAgent": "cart/v1", "objectRef": {"resource": "pods", "namespace": "shop", "name": f"shop-{n % 500}"},
        "responseStatus": {"metadata": {}, "code": 200}, "requestReceivedTimestamp": iso(n)[:26] + "Z", "stageTimestamp": iso(n)[:26] + "Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
    })


def k8s_audit(rows):
    return f'{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{",".join(map(audit, rows))}]}}'.encode()


def falco_event(n):
    return json.dumps({
        "hostname": f"node-{n % STREAMS}", "output": f"{iso(n)}: Warning Shell in a container (user=root id={n} command=sh -c ls)",
        "output_fields": {"container.id": f"{n:012x}", "evt.time": at(n), "k8s.ns.name": "shop", "k8s.pod.name": f"shop-{n % 500}",
                          "proc.cmdline": "sh -c ls", "proc.pname": "runc", "user.name": "root", "user.loginuid": -1},
        "priority": "Warning", "rule": "Terminal shell in container", "source": "syscall", "tags": ["container", "mitre_execution", "shell"],
        "time": iso(n), "uuid": f"{n:032x}",
    })


def falco(rows):
    return "\n".join(map(falco_event, rows)).encode()


def hubble_flow(n):
    def end(name):
        return {"ID": 7, "identity": 1234, "namespace": "shop", "labels": [f"k8s:app={name}"], "pod_name": f"{name}-{n % 50}",
                "workloads": [{"name": name, "kind": "Deployment"}]}

    return json.dumps({
        "flow": {"time": iso(n), "verdict": "FORWARDED", "ethernet": {"source": "0a:00:00:00:00:01", "destination": "0a:00:00:00:00:02"},
                 "IP": {"source": "10.0.0.7", "destination": "10.0.0.9", "ipVersion": "IPv4"},
                 "l4": {"TCP": {"source_port": 30000 + n % 30000, "destination_port": 8080, "flags": {"SYN": True}}},
                 "source": end("front"), "destination": end("cart"), "Type": "L3_L4", "node_name": f"node-{n % STREAMS}",
                 "event_type": {"type": 4}, "traffic_direction": "INGRESS", "trace_observation_point": "TO_ENDPOINT", "is_reply": False},
        "node_name": f"node-{n % STREAMS}", "time": iso(n),
    })


def hubble(rows):
    return "\n".join(map(hubble_flow, rows)).encode()


def calico_flow(n):
    return json.dumps({
        "start_time": at(n) // 1_000_000_000, "end_time": at(n) // 1_000_000_000 + 15, "source_ip": "10.0.0.7", "source_name": "-",
        "source_name_aggr": "front-*", "source_namespace": "shop", "source_port": 30000 + n % 30000, "source_type": "wep",
        "dest_ip": "10.0.0.9", "dest_name": "-", "dest_name_aggr": "cart-*", "dest_namespace": "shop", "dest_port": 8080, "dest_type": "wep",
        "proto": "tcp", "action": "allow", "reporter": "src", "policies": {"all_policies": ["0|default|shop/default.allow|allow|0"]},
        "bytes_in": 100 + n % 999, "bytes_out": 200 + n % 999, "num_flows": 1, "num_flows_started": 1, "num_flows_completed": 0,
        "packets_in": 3, "packets_out": 4, "host": f"node-{n % STREAMS}",
    })


def calico(rows):
    return "\n".join(map(calico_flow, rows)).encode()


def as_lines(event):
    """A push to Loki that has each event as a line."""
    return lambda rows: loki_json(rows, event)


JSON, TEXT = "application/json", "text/plain"
# path, content type, bodies, and the name of what it is compared with
HTTP = {
    "loki json": ("/loki/api/v1/push", JSON, loki_json, None),
    "loki protobuf": ("/loki/api/v1/push", "application/x-protobuf", loki_protobuf, "loki json"),
    "otlp protobuf": ("/v1/logs", "application/x-protobuf", otlp_protobuf, "loki json"),
    "otlp json": ("/v1/logs", JSON, otlp_json, "loki json"),
    "elasticsearch": ("/_bulk", "application/x-ndjson", elasticsearch, "loki json"),
    "splunk": ("/services/collector/event", JSON, splunk_events, "loki json"),
    "datadog": ("/api/v2/logs", JSON, datadog, "loki json"),
    "ndjson": ("/ingest/ndjson?labels=service,pod", "application/x-ndjson", ndjson, "loki json"),
    "csv": ("/ingest/csv?labels=service,pod", "text/csv", csv, "loki json"),
    "journal": ("/upload", "application/vnd.fdo.journal", journal, "loki json"),
    "audit as lines": ("/loki/api/v1/push", JSON, as_lines(audit), None),
    "k8s-audit": ("/ingest/k8s-audit", JSON, k8s_audit, "audit as lines"),
    "falco as lines": ("/loki/api/v1/push", JSON, as_lines(falco_event), None),
    "falco": ("/ingest/falco", JSON, falco, "falco as lines"),
    "hubble as lines": ("/loki/api/v1/push", JSON, as_lines(hubble_flow), None),
    "hubble": ("/ingest/hubble", "application/x-ndjson", hubble, "hubble as lines"),
    "calico as lines": ("/loki/api/v1/push", JSON, as_lines(calico_flow), None),
    "calico": ("/ingest/calico-flows", "application/x-ndjson", calico, "calico as lines"),
}
OTHERS = {"otlp grpc": "loki json", "syslog tcp": "loki json", "syslog udp": "loki json"}


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """A server over a fresh folder, without flushes."""

    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory(prefix="skald-receivers-")
        self.port, self.grpc, self.tcp, self.udp = free_port(), free_port(), free_port(), free_port(socket.SOCK_DGRAM)
        settings = {
            "server": {"otlp_grpc_enabled": True, "otlp_grpc_listen_port": self.grpc, "grpc_server_max_recv_msg_size": "64MB"},
            "ingester": {"flush_size": "8GB"},
            "self_logs": False,
            "syslog": {"listeners": [
                {"address": f"127.0.0.1:{self.tcp}", "protocol": "tcp"}, {"address": f"127.0.0.1:{self.udp}", "protocol": "udp"},
            ]},
        }
        config = Path(self.folder.name) / "config.yaml"
        config.write_text(json.dumps(settings))
        words = [binary, "serve", "--config", config, "--data", Path(self.folder.name) / "data", "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.get("/ready")
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the server does not start")

    def get(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10).read().decode()

    def lines(self):
        found = re.findall(r"^loki_distributor_lines_received_total\{.*\} (\d+)", self.get("/metrics"), re.M)
        return sum(map(int, found))

    def cpu(self):
        """Seconds of all its threads, by the clock that the system has for a process."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def push(server, path, content_type, bodies):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for body in bodies:
        connection.request("POST", path, body, {"Content-Type": content_type})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in (200, 202, 204) or b'"errors":true' in said:
            raise SystemExit(f"{path}: {answer.status} {said[:300]}")


def send(server, name, bodies):
    if name in HTTP:
        path, content_type, _, _ = HTTP[name]
        push(server, path, content_type, bodies)
    elif name == "otlp grpc":
        url = f"http://127.0.0.1:{server.grpc}/opentelemetry.proto.collector.logs.v1.LogsService/Export"
        headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
        call = ["curl", "-sSf", "-o", "/dev/null", "--http2-prior-knowledge", *headers, "--data-binary", "@-", url]
        for body in bodies:
            subprocess.run(call, input=body, check=True)
    elif name == "syslog tcp":
        with socket.create_connection(("127.0.0.1", server.tcp)) as to:
            for body in bodies:
                to.sendall(body)
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            to.connect(("127.0.0.1", server.udp))
            for body in bodies:
                for text in body:
                    to.send(text)


def made(name, count):
    if name in HTTP:
        return [HTTP[name][2](rows) for rows in chunks(count)]
    if name == "otlp grpc":
        return [otlp_grpc(rows) for rows in chunks(count)]
    if name == "syslog tcp":
        return [syslog_tcp(rows) for rows in chunks(count)]
    return [[syslog_line(n).encode() for n in rows] for rows in chunks(count)]


def measure(binary, name, count):
    """CPU seconds of the server, wall seconds, entries that came in."""
    bodies, server = made(name, count), Server(binary)
    try:
        cpu, began = server.cpu(), time.monotonic()
        send(server, name, bodies)
        end, lines = time.monotonic() + 20, server.lines()
        while lines < count and time.monotonic() < end:
            time.sleep(0.02)
            before, lines = lines, server.lines()
            if name == "syslog udp" and before == lines and time.monotonic() > began + 3:
                break
        return server.cpu() - cpu, time.monotonic() - began, lines
    finally:
        server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("receivers", nargs="*")
    parser.add_argument("--mb", type=int, default=48, help="of lines")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    count = asked.mb * 1_000_000 // len(line(123456))
    names = [*HTTP, *OTHERS]
    bases = {name: HTTP[name][3] if name in HTTP else OTHERS[name] for name in names}
    if asked.receivers:
        names = [name for name in names if any(word in name for word in asked.receivers)]
        names = list(dict.fromkeys([bases[name] or name for name in names] + names))
    print(f"{count} lines of {len(line(123456))} bytes; load {os.getloadavg()[0]:.1f}")
    print("| receiver | CPU s a million lines | lines a second of a core | of the CPU of | came in |\n|---|---|---|---|---|")
    best = {}
    for _ in range(asked.rounds):
        for name in names:
            seconds, _, lines = measure(asked.binary, name, count)
            if lines != count and name != "syslog udp":
                raise SystemExit(f"{name}: {lines} of {count} lines came in")
            cost = seconds / max(lines, 1) * 1e6
            best[name] = min(best.get(name, (cost, lines)), (cost, lines))
    for name in names:
        cost, lines = best[name]
        base = bases[name]
        ratio = f"{cost / best[base][0]:.2f} {base}" if base else ""
        print(f"| {name} | {cost:.2f} | {1e6 / cost:,.0f} | {ratio} | {lines / count:.1%} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
