"""What an attacker does with a connection: every entry of `MENU` takes a source of chance and a `Target`."""

import base64
import json
import socket
import struct
import time
import urllib.parse

from attacks import grammar, http2, packing, senders
from client import API, connect, head, reset

TENANTS = ["burn0", "burn1", "burn2"]
FORM = "Content-Type: application/x-www-form-urlencoded"


class Target:
    """The server, the connections that are held on it, and what it answered."""

    def __init__(self, url, grpc=None, syslog=None, held_most=150):
        self.grpc, self.syslog = grpc, syslog
        self.url, self.held_most, self.held, self.statuses, self.broken = url, held_most, [], {}, []

    def connect(self, timeout=8, receive=0):
        return connect(self.url, timeout, receive)

    def hold(self, sock, seconds):
        """Keeps it open for a while; the oldest goes when there are too many."""
        self.held.append((time.monotonic() + seconds, sock))
        self.let_go()

    def let_go(self, all_of=False):
        now = time.monotonic()
        while self.held and (all_of or len(self.held) > self.held_most):
            self._close(self.held.pop(0)[1])
        for one in [one for one in self.held if one[0] < now]:
            self.held.remove(one)
            self._close(one[1])

    @staticmethod
    def _close(sock):
        try:
            reset(sock) if id(sock) // 64 % 2 else sock.close()
        except OSError:
            pass

    def count(self, name, status, answer=b""):
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 500 and len(self.broken) < 20:
            self.broken.append((name, answer[:300].decode(errors="replace")))

    def exchange(self, name, request, receive=0, most=64 << 20):
        """Sends it and reads the answer up to its end."""
        with self.connect(receive=receive) as sock:
            try:
                sock.sendall(request)
            except OSError:
                pass
            self.count(name, *answer(sock, most))


def answer(sock, most=64 << 20):
    """(status, beginning) of what comes until the other side closes; 0 is nothing."""
    got, first, end = 0, b"", time.monotonic() + 15
    try:
        while got < most and time.monotonic() < end:
            piece = sock.recv(1 << 18)
            if not piece:
                break
            got += len(piece)
            if len(first) < 1_000:
                first += piece
    except OSError:
        pass
    words = first[:40].split(b" ")
    return (int(words[1][:3]) if len(words) > 1 and words[1][:3].isdigit() else 0), first.split(b"\r\n\r\n", 1)[-1]


def tenant(chance, push=False):
    names = TENANTS if push else [*TENANTS, "honest", "honest"]
    if chance.random() < 0.03:
        names = [f"t{chance.randrange(500)}", "a|b", "..", "x" * 200, "\x01", ""]
    return f"X-Scope-OrgID: {chance.choice(names)}"


def span(chance):
    now = time.time_ns()
    start = now - chance.choice([60, 600, 3600, 86_400, 86_400 * 300]) * 10**9
    pairs = {"start": str(start), "end": str(now)}
    if chance.random() < 0.1:
        pairs = {"start": chance.choice(["0", "-1", str(-(2**63)), "x"]), "end": chance.choice([str(2**63 - 1), str(now), "1e99"])}
    return pairs


def target(chance):
    """(path, parameters) of something that reads."""
    query = grammar.query(chance)[:130_000]
    name = chance.choice([
        "query_range", "query_range", "query_range", "query", "query", "series", "labels", "index/stats", "index/volume", "index/volume_range",
        "detected_fields", "detected_labels", "patterns", "format_query", "export", "label/app/values", "label/id/values", "index/shards", "/api/prom/query", "/api/prom/series", "rules",
    ])
    pairs = {"query": query, **span(chance)}
    if name in ("series", "index/stats", "labels", "detected_labels", "patterns", "index/volume", "index/volume_range"):
        pairs["query"] = pairs["match[]"] = grammar.selector(chance)
    if chance.random() < 0.7:
        pairs["limit"] = str(chance.choice([1, 100, 5_000, 5_000, 2**63 - 1, 0]))
    if chance.random() < 0.5:
        pairs["step"] = chance.choice(["1", "0.001", "60", "1h", "0", "-1", "1e-9"])
    if chance.random() < 0.2:
        pairs["direction"] = chance.choice(["forward", "backward", "x"])
    if chance.random() < 0.2:
        pairs["time"] = chance.choice([str(time.time_ns()), "0", "9e99"])
    if name == "index/shards":
        pairs["targetBytesPerShard"] = chance.choice(["1B", "1GB", "0"])
    if name.startswith("index/volume"):
        pairs["targetLabels"] = chance.choice(["", "id", "app,id", "v"])
        pairs["aggregateBy"] = chance.choice(["series", "labels"])
    if name == "export":
        return "/skald/api/v1/export", pairs
    return (name if name.startswith("/") else API + name), pairs


def question(chance, close=True):
    path, pairs = target(chance)
    fields = [tenant(chance)] + (["Connection: close"] if close else [])
    if chance.random() < 0.3:
        fields.append("Accept-Encoding: gzip")
    if chance.random() < 0.15:
        fields.append("X-Skald-Partial: true")
    if chance.random() < 0.6:
        body = urllib.parse.urlencode(pairs).encode()
        return head("POST", path, len(body), [*fields, FORM]) + body
    return head("GET", f"{path}?{urllib.parse.urlencode(pairs)}", None, fields)


def asks(chance, target):
    target.exchange("asks", question(chance))


def asks_many_at_once(chance, target):
    """Several connections, each with a question, read one after the other."""
    socks = []
    for _ in range(chance.choice([5, 20, 60])):
        sock = target.connect(5)
        sock.sendall(question(chance))
        socks.append(sock)
    for sock in socks:
        with sock:
            target.count("asks_many_at_once", *answer(sock, 8 << 20))


def asks_and_leaves(chance, target):
    for _ in range(chance.choice([1, 10, 50])):
        sock = target.connect()
        sock.sendall(question(chance))
        if chance.random() < 0.5:
            time.sleep(chance.random() * 0.05)
        reset(sock) if chance.random() < 0.5 else sock.close()


def asks_and_does_not_read(chance, target):
    for _ in range(chance.choice([1, 10, 40])):
        sock = target.connect(5, 4096)
        sock.sendall(question(chance, close=False) * chance.choice([1, 1, 5]))
        target.hold(sock, chance.choice([1, 5, 20]))


def reads_slowly(chance, target):
    with target.connect(3, 4096) as sock:
        sock.sendall(question(chance))
        end = time.monotonic() + chance.choice([1, 4])
        try:
            while time.monotonic() < end and sock.recv(chance.choice([1, 500])):
                time.sleep(0.02)
        except OSError:
            pass


def push(chance):
    """(path, headers, body) for one of all receivers."""
    if chance.random() < 0.5:
        return packing.push(chance)
    path, body, kind = senders.body(chance, chance.choice([100, 10_000, 100_000, 1_000_000]))
    encoding = ""
    if chance.random() < 0.15:
        body = packing.broken(chance, body)
    if chance.random() < 0.3:
        body, encoding = packing.packed(chance, body)
    if chance.random() < 0.05:
        kind = chance.choice(["", "text/plain", "application/x-protobuf", "application/json; charset=utf-16", "a" * 5_000])
    return path, [f"Content-Type: {kind}"] + ([f"Content-Encoding: {encoding}"] if encoding else []), body


def pushes(chance, target):
    path, headers, body = push(chance)
    target.exchange("pushes", head("POST", path, len(body), [*headers, tenant(chance, True), "Connection: close"]) + body)


def pushes_at_once(chance, target):
    path, headers, body = push(chance)
    request = head("POST", path, len(body), [*headers, tenant(chance, True), "Connection: close"]) + body
    socks = [target.connect(10) for _ in range(chance.choice([3, 8]))]
    for sock in socks:
        try:
            sock.sendall(request)
        except OSError:
            pass
    for sock in socks:
        with sock:
            target.count("pushes_at_once", *answer(sock))


def sends_half(chance, target):
    """Bodies that begin, in several connections, and stay as they are."""
    paths = [("/loki/api/v1/push", "Content-Type: application/json"), ("/otlp/v1/logs", "Content-Type: application/x-protobuf"), (API + "query_range", FORM), (API + "series", FORM)]
    paths += [("/_bulk", "Content-Type: application/x-ndjson"), ("/ingest/k8s-audit", "Content-Type: application/json"), ("/upload", "Content-Type: application/vnd.fdo.journal")]
    size = chance.choice([1_000, 1 << 20, 9 << 20, 30 << 20, 90 << 20])
    for _ in range(chance.choice([1, 4, 12])):
        path, kind = chance.choice(paths)
        chunked = chance.random() < 0.4
        sock = target.connect(4)
        target.hold(sock, chance.choice([1, 4, 10]))
        fields = [kind, tenant(chance, True)] + (["Transfer-Encoding: chunked"] if chunked else [])
        if chance.random() < 0.1:
            fields.append("Expect: 100-continue")
        try:
            sock.sendall(head("POST", path, None if chunked else size, fields))
            for at in range(0, size * 9 // 10, 1 << 18):
                piece = b"a" * min(1 << 18, size * 9 // 10 - at)
                sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        except OSError:
            pass


def sends_slowly(chance, target):
    path, headers, body = push(chance)
    with target.connect(4) as sock:
        request = head("POST", path, len(body), [*headers, tenant(chance, True)]) + body
        end, at, step = time.monotonic() + chance.choice([1, 3]), 0, max(1, len(request) // chance.choice([20, 200]))
        while time.monotonic() < end and at < len(request):
            sock.sendall(request[at : at + step])
            at += step
            time.sleep(0.01)


def chunks_oddly(chance, target):
    path, headers, body = push(chance)
    out, at = [], 0
    while at < min(len(body), 200_000):
        size = chance.choice([1, 3, 50, 4_000])
        piece = body[at : at + size]
        at += size
        out.append(b"%x%s\r\n%s\r\n" % (len(piece), chance.choice([b"", b"", b";a=b", b" "]), piece))
    end = chance.choice([b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"", b"zz\r\n", b"ffffffffffffffff\r\n", b"-1\r\n", b"0\r\n" + b"T: " + b"a" * 100_000])
    target.exchange("chunks_oddly", head("POST", path, None, [*headers, tenant(chance, True), "Transfer-Encoding: chunked"]) + b"".join(out) + end)


def pipelines(chance, target):
    many = [question(chance, close=False) for _ in range(chance.choice([2, 10]))] * chance.choice([1, 10])
    with target.connect(5, chance.choice([0, 4096])) as sock:
        sock.sendall(b"".join(many)[: 4 << 20])
        if chance.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)
            answer(sock, 4 << 20)


METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PRI", "x", "GET" * 3_000, "\x00", "G T"]
PATHS = ["/", "/ready", "/metrics", "/config", API + "push", API + "tail", "/..%2f..%2fetc/passwd", "/%00", "/%", "*", "http://a/", "/" + "a/" * 5_000, API + "rules", "/api/prom/query", "/loki/api/v1/label/%ff/values"]
FIELDS = [
    "Content-Length: -1", "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: chunked\r\nContent-Length: 4", "Transfer-Encoding: x, chunked", "Host: b",
    "X: " + "a" * 300_000, "\r\n".join(f"H{i}: x" for i in range(400)), "Cookie: " + "a=b; " * 9_000, " folded: x", "X-Scope-OrgID: a\r\nX-Scope-OrgID: b", "Range: bytes=0-,0-",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__", "Authorization: Basic " + "A" * 50_000, "X: \x00", "Accept-Encoding: " + "gzip, " * 9_000,
    "X-Loki-Query-Limits: " + "[" * 20_000, "Expect: 100-continue", "Connection: close, keep-alive, x", "If-None-Match: *", "X-Query-Tags: " + "a=b," * 5_000,
]


def breaks_the_head(chance, target):
    version = chance.choice(["HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "HTTP/2.0", "", "HTTP/1.1 x"])
    lines = [f"{chance.choice(METHODS)} {chance.choice(PATHS)} {version}", "Host: localhost", *(chance.choice(FIELDS) for _ in range(chance.randrange(4)))]
    request = chance.choice(["\r\n", "\r\n", "\n", "\r"]).join([*lines, "", ""]).encode(errors="replace") + chance.randbytes(chance.choice([0, 5, 900]))
    if chance.random() < 0.3:
        request = packing.broken(chance, request)
    with target.connect(2) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        target.count("breaks_the_head", *answer(sock, 1 << 20))


def speaks_http2(chance, target):
    path, pairs = target_path(chance)
    sent = http2.conversation(chance, f"{path}?{urllib.parse.urlencode(pairs)}"[:8_000], packing.push(chance)[2])
    sock = target.connect(3)
    try:
        for at in range(0, len(sent), 1 << 16):
            sock.sendall(sent[at : at + (1 << 16)])
        if chance.random() < 0.5:
            sock.recv(1 << 16)
    except OSError:
        pass
    target.hold(sock, chance.choice([0, 1, 5]))


def speaks_grpc(chance, target):
    """Messages that are whole, cut, longer than they say, or of other methods, in many streams."""
    if not target.grpc:
        return
    body, _ = packing.as_protobuf(chance, chance.choice([100, 10_000, 1_000_000]))
    body = packing.unsnapped(body) if chance.random() < 0.8 else chance.randbytes(500)
    method = "/logproto.Pusher/Push"
    if chance.random() < 0.4:
        method = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
        body, _ = packing.as_otlp(chance, chance.choice([100, 10_000, 1_000_000]))
    sent = http2.grpc(chance, method, body, chance.choice(TENANTS))
    sock = connect(target.grpc, 3)
    try:
        for at in range(0, len(sent), 1 << 16):
            sock.sendall(sent[at : at + (1 << 16)])
        sock.recv(1 << 16)
    except OSError:
        pass
    target.hold(sock, chance.choice([0, 1, 5]))


def speaks_syslog(chance, target):
    """Datagrams, and a connection of frames that are whole, endless or none."""
    if not target.syslog:
        return
    host, port = target.syslog.rsplit(":", 1)
    if chance.random() < 0.5:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(chance.choice([1, 100, 1_000])):
                sock.sendto(senders.syslog(chance)[:60_000], (host, int(port)))
        return
    sock = connect(target.syslog, 3)
    try:
        for _ in range(chance.choice([1, 50, 500])):
            sock.sendall(senders.syslog(chance))
    except OSError:
        pass
    target.hold(sock, chance.choice([0, 1, 5]))


def target_path(chance):
    return target(chance) if chance.random() < 0.5 else (chance.choice(PATHS[:6]), {})


def ws_frame(chance, code, body, masked=True, final=True):
    length = len(body)
    out = bytes([(0x80 if final else 0) | code])
    bit = 0x80 if masked else 0
    out += bytes([bit | length]) if length < 126 else bytes([bit | 126]) + struct.pack(">H", length) if length < 65_536 else bytes([bit | 127]) + struct.pack(">Q", length)
    return out + (bytes(4) if masked else b"") + body


def tails(chance, target):
    fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", tenant(chance)]
    fields.append("Sec-WebSocket-Key: " + base64.b64encode(chance.randbytes(16)).decode())
    for _ in range(chance.choice([1, 3, 15])):
        query = {"query": grammar.log(chance), "limit": "5000", "delay_for": chance.choice(["0", "5", "-1"])}
        sock = target.connect(3, 4096)
        try:
            sock.sendall(head("GET", f"{API}tail?{urllib.parse.urlencode(query)}"[:60_000], None, fields))
            for _ in range(chance.choice([0, 0, 3, 100])):
                body = chance.randbytes(chance.choice([0, 5, 125, 5_000, 70_000]))
                sock.sendall(ws_frame(chance, chance.choice([0, 1, 2, 8, 9, 10, 3, 15]), body, chance.random() < 0.9, chance.random() < 0.5))
            if chance.random() < 0.1:
                sock.sendall(b"\x81\xff" + b"\x7f" + b"\xff" * 7)
        except OSError:
            pass
        target.hold(sock, chance.choice([0, 2, 15]))


def connects_and_idles(chance, target):
    for _ in range(chance.choice([20, 100])):
        target.hold(target.connect(2), chance.choice([0.5, 3, 10]))


def comes_as_many_tenants(chance, target):
    with target.connect(5) as sock:
        body = json.dumps({"streams": [{"stream": {"app": "t"}, "values": [[str(time.time_ns()), "x"]]}]}).encode()
        for _ in range(60):
            fields = ["Content-Type: application/json", f"X-Scope-OrgID: many{chance.randrange(3_000)}"]
            sock.sendall(head("POST", "/loki/api/v1/push", len(body), fields) + body)
            sock.recv(4096)


def pushes_many_days(chance, target):
    now = time.time_ns()
    values = [[str(now - i * 86_400 * 10**9), f"day {i}"] for i in range(chance.choice([50, 400, 2_000]))]
    body = json.dumps({"streams": [{"stream": {"app": f"burn{chance.randrange(9)}"}, "values": values}]}).encode()
    target.exchange("pushes_many_days", head("POST", "/loki/api/v1/push", len(body), ["Content-Type: application/json", tenant(chance, True), "Connection: close"]) + body)


def operates(chance, target):
    """Deletes, flushes and pages, in a tenant of its own."""
    own = [f"X-Scope-OrgID: {chance.choice(TENANTS)}", "Connection: close"]
    query = urllib.parse.urlencode({"query": chance.choice([grammar.log, grammar.selector])(chance)[:3_000], **span(chance)})
    method, path = chance.choice([
        ("POST", f"{API}delete?{query}"), ("GET", f"{API}delete"), ("DELETE", f"{API}delete?request_id=x"), ("POST", "/flush"), ("GET", "/metrics"), ("GET", "/config"), ("GET", "/ready"),
        ("GET", f"{API}delete"), ("GET", "/services"), ("GET", "/config?mode=diff"), ("GET", f"{API}status/buildinfo"),
    ])
    target.exchange("operates", head(method, path[:60_000], 0 if method == "POST" else None, own))


MENU = [
    (20, asks), (5, asks_many_at_once), (4, asks_and_leaves), (4, asks_and_does_not_read), (2, reads_slowly),
    (14, pushes), (2, pushes_at_once), (5, sends_half), (2, sends_slowly), (3, chunks_oddly), (3, pipelines),
    (6, breaks_the_head), (6, speaks_http2), (3, speaks_grpc), (3, speaks_syslog), (4, tails), (2, connects_and_idles), (1, comes_as_many_tenants),
    (1, pushes_many_days), (3, operates),
]


def choose(chance, only=()):
    """One by weight; of those whose names are in `only`, unless it is empty."""
    weights, attacks = zip(*(one for one in MENU if not only or one[1].__name__ in only))
    return chance.choices(attacks, weights)[0]
