"""HTTP/2 by hand: frames in any order, floods, windows of nothing, streams reset as soon as they begin."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def text(of):
    body = of.encode(errors="replace")
    length = len(body)
    if length < 127:
        return bytes([length]) + body
    out, length = bytearray([127]), length - 127
    while length >= 128:
        out.append(length % 128 | 128)
        length //= 128
    return bytes(out) + bytes([length]) + body


def fields(method, path, more=()):
    """A block of literal fields without an index."""
    all_of = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path), *more]
    return b"".join(b"\x00" + text(name) + text(value) for name, value in all_of)


def request(stream, method, path, more=(), end=True):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, fields(method, path, more))


def settings(**values):
    names = {"window": 4, "frame": 5, "streams": 3, "table": 1}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", names[name], value) for name, value in values.items()))


def conversation(chance, path, body):
    """Bytes of one connection."""
    ids = range(1, 2 * chance.choice([5, 100, 1_000]), 2)
    huge = [("x-h", "a" * 4_000)] * 60
    return PREFACE + chance.choice([
        lambda: settings() + b"".join(request(i, "GET", path) + frame(RST, 0, i, struct.pack(">I", 8)) for i in ids),
        lambda: settings(window=0) + b"".join(request(i, "GET", path) for i in list(ids)[:250]),
        lambda: settings() + frame(PING, 0, 0, bytes(8)) * chance.choice([100, 20_000]),
        lambda: settings() + settings() * 5_000,
        lambda: settings() + frame(HEADERS, END_STREAM, 1, fields("GET", path)) + frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b" * 800) * 300,
        lambda: settings() + request(1, "GET", path, huge) + request(3, "GET", path, huge * 3),
        lambda: settings() + frame(HEADERS, 5, 1, fields("GET", path) + b"\x40\x01a" + text("v" * 4_000) + b"\xbe" * 9_000),
        lambda: settings() + request(1, "POST", path, [("content-length", "99999999")], end=False)
        + b"".join(frame(DATA, 0, 1, body[at : at + 16_000]) for at in range(0, min(len(body), 1 << 20), 16_000)),
        lambda: settings() + b"".join(request(i, "POST", path, end=False) + frame(DATA, 0, i, bytes(1_000)) for i in ids),
        lambda: settings() + frame(WINDOW, 0, 0, struct.pack(">I", 2**31 - 1)) * 3 + frame(WINDOW, 0, 1, bytes(4)),
        lambda: settings() + b"".join(
            frame(chance.randrange(12), chance.randrange(256), chance.randrange(9), chance.randbytes(chance.randrange(40))) for _ in range(chance.choice([1, 20, 500]))
        ),
        lambda: settings() + frame(PRIORITY, 0, 1, struct.pack(">IB", 1, 255)) * 2_000 + frame(GOAWAY, 0, 0, bytes(8)),
        lambda: settings() + b"".join(request(i, "GET", path) for i in ids),
    ])()


def grpc(chance, method, message, tenant):
    """Pushes over gRPC in a few streams of one connection."""
    path = chance.choice([method] * 6 + ["/logproto.Querier/Query", "/x", method + "/"])
    more = [("content-type", "application/grpc"), ("te", "trailers"), ("x-scope-orgid", tenant)]
    if chance.random() < 0.2:
        more.append(("grpc-encoding", chance.choice(["gzip", "snappy", "x"])))
    length = chance.choice([len(message)] * 5 + [2**32 - 1, 0, len(message) // 2, len(message) + 9])
    body = bytes([chance.choice([0, 0, 0, 1, 7])]) + struct.pack(">I", length) + message
    out = PREFACE + settings(window=chance.choice([0, 65_535, 1 << 20]))
    for stream in range(1, 2 * chance.choice([1, 3, 50]), 2):
        out += request(stream, "POST", path, more, end=False)
        for at in range(0, len(body), 16_000):
            out += frame(DATA, 0, stream, body[at : at + 16_000])
        out += frame(DATA, END_STREAM, stream) if chance.random() < 0.8 else b""
        if len(out) > 8 << 20:
            break
    return out
