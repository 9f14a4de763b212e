"""Bodies: half sent, grown under the cap, in every encoding, by all doors that take one."""

import gzip
import threading
import time
import zlib

from attacks.packing import snappy_repeated, varint, zstd_repeated
from cases import case
from client import JSON, connect, head, now, reset
from honest import Honest
from server import Server, require

PUSH = "/loki/api/v1/push"
STATUSES = {0, 204, 200, 400, 408, 413, 429, 503}


def post(server, path, body, headers=(), wait=60):
    """The status of the answer, 0 when the connection was closed without one."""
    try:
        return server.client(wait).post(path, body, dict(headers)).status
    except Exception:  # noqa: BLE001 - whatever ends the connection
        return 0


def all_at_once(jobs):
    """Runs them in threads; gives how often each status was answered."""
    statuses, lock = {}, threading.Lock()

    def run(job):
        status = job()
        with lock:
            statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def hold(server, count, path, size, sent, chunked=False, headers=()):
    """That many connections that send a part of a body and no more."""
    held, lock = [], threading.Lock()

    def one():
        fields = [*headers, "Transfer-Encoding: chunked"] if chunked else list(headers)
        try:
            sock = connect(server.url, 20)
        except OSError:
            return 0
        try:
            sock.sendall(head("POST", path, None if chunked else size, fields))
            piece = bytes([97]) * (1 << 20)
            for _ in range(sent >> 20):
                sock.sendall(b"100000\r\n" + piece + b"\r\n" if chunked else piece)
        except OSError:
            pass
        with lock:
            held.append(sock)
        return 0

    all_at_once([one] * count)
    return held


def half_sent(binary, memory, *holds, wait=3):
    with Server(binary, memory=memory) as server:
        server.start()
        with Honest(server) as honest:
            held = [sock for one in holds for sock in hold(server, *one[:-1], **one[-1])]
            time.sleep(wait)
            server.alive()
            for i, sock in enumerate(held):
                reset(sock) if i % 2 else sock.close()
            time.sleep(0.5)
        honest.restarted()
        return f"peak {server.peak() >> 20} MB; {honest.summary()}"


@case()
def half_sent_bodies(binary):
    return half_sent(binary, "1GB", (14, PUSH, 100 << 20, 95 << 20, {}))


@case()
def half_sent_chunked_bodies(binary):
    return half_sent(binary, "512MB", (14, PUSH, 0, 60 << 20, {"chunked": True}))


@case()
def half_sent_bodies_in_256_mb(binary):
    json_ = {"headers": ["Content-Type: application/json"]}
    return half_sent(
        binary,
        "256MB",
        (8, PUSH, 64 << 20, 60 << 20, json_),
        (8, "/otlp/v1/logs", 64 << 20, 20 << 20, json_),
        (20, "/loki/api/v1/delete", 9 << 20, 8 << 20, {}),
    )


@case()
def half_sent_forms_of_queries(binary):
    form = {"headers": ["Content-Type: application/x-www-form-urlencoded"]}
    return half_sent(
        binary,
        "256MB",
        (60, "/loki/api/v1/query_range", 10 << 20, 9 << 20, form),
        (60, "/loki/api/v1/series", 10 << 20, 9 << 20, {**form, "chunked": True}),
    )


def filled(before, piece, size, after):
    """Pieces, with commas between them, up to that size."""
    return (before + (piece + ",") * (size // (len(piece) + 1)) + piece + after).encode()


def grown(kind):
    """JSON of 60 to 190 MB that is small once it is packed."""
    at = str(now())
    stream = '{"stream":{"app":"bomb"},"values":[["%s","x"]]}' % at
    values = '{"streams":[{"stream":{"app":"bomb"},"values":['
    return {
        "one long line": lambda: (values + '["%s","%s"]]}]}' % (at, "a" * (190 << 20))).encode(),
        "short lines": lambda: filled(values, f'["{at}","x"]', 90 << 20, "]}]}"),
        "streams": lambda: filled('{"streams":[', stream, 60 << 20, "]}"),
        "blanks": lambda: ('{"streams":[%s]}' % (" " * (190 << 20))).encode(),
    }[kind]()


def gzipped(kind):
    return PUSH, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(grown(kind), 1)


def otlp_short():
    record = '{"timeUnixNano":"%d","body":{"stringValue":"x"}}' % now()
    before = '{"resourceLogs":[{"resource":{"attributes":[]},"scopeLogs":[{"logRecords":['
    text = filled(before, record, 90 << 20, "]}]}]}")
    return "/otlp/v1/logs", {**JSON, "Content-Encoding": "gzip"}, gzip.compress(text, 1)


def otlp_empty():
    """Protobuf of empty log records: 2 bytes for each."""
    records = b"\x12\x00" * (20 << 20)
    scope = b"\x12" + varint(len(records)) + records
    body = b"\x0a" + varint(len(scope)) + scope
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    return "/otlp/v1/logs", headers, gzip.compress(body, 1)


@case()
def bombs_under_the_cap(binary):
    """Small bodies that grow to less than a push may have, several at once."""
    bodies = [gzipped(kind) for kind in ("one long line", "short lines", "streams", "blanks")]
    bodies += [otlp_short(), otlp_empty()]
    bodies.append((PUSH, {**JSON, "Content-Encoding": "zstd"}, zstd_repeated(b" ", 250 << 20)))
    bodies.append((PUSH, {"Content-Type": "application/x-protobuf"}, snappy_repeated(b"\n", 200 << 20)))
    deflated = zlib.compress(b" " * (250 << 20), 1)
    bodies.append((PUSH, {**JSON, "Content-Encoding": "deflate"}, deflated))
    bodies.append((PUSH, {**JSON, "Content-Encoding": "gzip, gzip"}, gzip.compress(bodies[3][2])))
    with Server(binary, memory="1GB") as server:
        server.start()
        with Honest(server) as honest:
            said = {}
            for path, headers, body in bodies:
                statuses = all_at_once([lambda: post(server, path, body, headers)] * 3)
                server.alive()
                require(set(statuses) <= STATUSES, f"{headers}: {statuses}")
                said = {status: said.get(status, 0) + statuses.get(status, 0) for status in {*said, *statuses}}
            all_at_once([lambda one=one: post(server, one[0], one[2], one[1]) for one in bodies])
        honest.restarted()
        return f"peak {server.peak() >> 20} MB; {said}; {honest.summary()}"


def ordinary(megabytes):
    """A push of that size as JSON, of lines of 100 bytes."""
    at, line = now(), "y" * 100
    values = ",".join(f'["{at + i}","{i:08} {line}"]' for i in range(megabytes * 7600))
    return ('{"streams":[{"stream":{"app":"ordinary"},"values":[%s]}]}' % values).encode()


@case()
def ordinary_large_pushes_in_128_mb(binary):
    with Server(binary, memory="128MB") as server:
        server.start()
        body = ordinary(10)
        with Honest(server) as honest:
            statuses = all_at_once([lambda: post(server, PUSH, body, JSON)] * 8)
            require(set(statuses) <= STATUSES, f"{statuses}")
        honest.restarted()
        return f"peak {server.peak() >> 20} MB; {statuses}; {honest.summary()}"


@case()
def small_bombs_in_256_mb(binary):
    """What fits a large machine does not have to fit a small one: refused, and the server stays."""
    bodies = [gzipped("short lines"), gzipped("blanks"), otlp_empty()]
    bodies.append((PUSH, {"Content-Type": "application/x-protobuf"}, snappy_repeated(b"\n", 100 << 20)))
    nested = '{"streams":[{"stream":{"app":"deep"},"values":[["%d","x",%s' % (now(), '{"a":' * (8 << 20))
    bodies.append((PUSH, JSON, nested.encode()))
    with Server(binary, memory="256MB") as server:
        server.start()
        with Honest(server) as honest:
            statuses = all_at_once([lambda one=one: post(server, one[0], one[2], one[1]) for one in bodies * 2])
            require(set(statuses) <= STATUSES, f"{statuses}")
        honest.restarted()
        return f"peak {server.peak() >> 20} MB; {statuses}; {honest.summary()}"
