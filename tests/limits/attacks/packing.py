"""Bodies of pushes are made at random, well formed or nearly, and packed: gzip, deflate, zstd, snappy, bombs."""

import functools
import gzip
import json
import struct
import time
import zlib

from attacks.grammar import NASTY


def varint(number):
    out = bytearray()
    while number >= 128:
        out.append(number % 128 | 128)
        number //= 128
    return bytes(out) + bytes([number])


def field(number, body):
    return bytes([number << 3 | 2]) + varint(len(body)) + body


def snappy(body):
    """A snappy block of literals."""
    out = bytearray(varint(len(body)))
    for at in range(0, len(body), 60):
        piece = body[at : at + 60]
        out.append((len(piece) - 1) << 2)
        out += piece
    return bytes(out)


def unsnapped(block):
    """What `snappy` packed."""
    at, out = 0, bytearray()
    while block[at] & 128:
        at += 1
    at += 1
    while at < len(block):
        length = (block[at] >> 2) + 1
        out += block[at + 1 : at + 1 + length]
        at += 1 + length
    return bytes(out)


def snappy_repeated(byte, count):
    """A snappy block that is one literal and copies of it."""
    copies, rest = divmod(count - 1, 64)
    last = bytes([(rest - 1) << 2 | 2, 1, 0]) if rest else b""
    return varint(count) + b"\x00" + byte + b"\xfe\x01\x00" * copies + last


def zstd(body):
    """A zstd frame of raw blocks."""
    out, pieces = bytearray(b"\x28\xb5\x2f\xfd\x00\x58"), [body[at : at + 100_000] for at in range(0, len(body), 100_000)] or [b""]
    for i, piece in enumerate(pieces):
        out += (len(piece) << 3 | (i + 1 == len(pieces))).to_bytes(3, "little") + piece
    return bytes(out)


def zstd_repeated(byte, count):
    """A zstd frame of blocks that each repeat a byte: 4 bytes for 128 KB."""
    out, left = bytearray(b"\x28\xb5\x2f\xfd\x00\x58"), count
    while left:
        block = min(left, 128 << 10)
        left -= block
        out += (block << 3 | 1 << 1 | (0 if left else 1)).to_bytes(3, "little") + byte
    return bytes(out)


def gzip_repeated(byte, count):
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packer.compress(byte * (1 << 20)) for _ in range(max(1, count >> 20))) + packer.flush()


def when(chance):
    now = time.time_ns()
    kind = chance.random()
    if kind < 0.0002:
        return chance.choice([-1, 2**63 - 1, -(2**63), now + 86_400 * 10**9])
    if kind < 0.01:
        return now - chance.randrange(300) * 86_400 * 10**9
    return now - chance.randrange(3600 * 10**9)


def words(chance, count):
    text = f"{chance.getrandbits(4000):x}"
    return (text * (count // len(text) + 1))[:count]


def line(chance):
    return chance.choice([
        lambda: words(chance, chance.choice([0, 10, 200, 2_000, 60_000, 300_000])),
        lambda: json.dumps({f"k{chance.randrange(10**6)}": words(chance, 10) for _ in range(chance.choice([1, 10, 200]))}),
        lambda: json.dumps({"id": chance.randrange(10**6), "user": f"u{chance.randrange(99)}", "text": words(chance, 200), "level": "error"}),
        lambda: " ".join(f"n{chance.randrange(10**6)}={chance.choice(NASTY)[:20]}" for _ in range(chance.choice([1, 10, 100]))),
        lambda: '{"a":' * chance.choice([5, 500, 50_000]),
        lambda: "\x01" * chance.choice([10, 10_000, 200_000]),
        lambda: chance.choice(NASTY) * chance.randrange(50),
        lambda: json.dumps({"stack": f"{chance.random()} " + "at com.example.Thing(Thing.java)\n" * chance.choice([10, 1_500])}),
    ])()


def labels(chance):
    out = {"app": f"burn{chance.randrange(20)}"}
    for _ in range(chance.choice([0, 0, 1, 3, 3, 10, 20])):
        name = chance.choice(NASTY) if chance.random() < 0.02 else chance.choice(["a", "b", "user", f"l{chance.randrange(50)}"])
        out[name] = chance.choice(NASTY)[:3_000]
    if chance.random() < 0.1:
        out["id"] = str(chance.randrange(10**9))
    return out


def streams(chance, limit):
    """Streams with about `limit` bytes of lines."""
    out, size = [], 0
    while size < limit and len(out) < 2_000:
        values = []
        for _ in range(chance.choice([1, 5, 100])):
            text = line(chance)
            size += len(text) + 20
            values.append((when(chance), text, {chance.choice(NASTY) or "m": "v"} if chance.random() < 0.1 else None))
            if size > limit:
                break
        out.append((labels(chance), values))
    return out


def as_json(chance, limit):
    body = {"streams": [
        {"stream": of, "values": [[str(at), text] + ([meta] if meta else []) for at, text, meta in values]} for of, values in streams(chance, limit)
    ]}
    return json.dumps(body).encode(), "application/json"


def as_protobuf(chance, limit):
    def entry(at, text, meta):
        stamp = b"\x08" + varint((at // 10**9) % 2**64) + b"\x10" + varint(at % 10**9)
        return field(1, stamp) + field(2, text.encode(errors="replace")) + b"".join(field(3, field(1, k.encode()) + field(2, v.encode())) for k, v in (meta or {}).items())

    def text_of(of):
        return "{" + ", ".join(f'{name}="{value}"' for name, value in of.items()) + "}"

    body = b"".join(
        field(1, field(1, text_of(of).encode(errors="replace")) + b"".join(field(2, entry(*value)) for value in values)) for of, values in streams(chance, limit)
    )
    return snappy(body), "application/x-protobuf"


def as_otlp(chance, limit):
    def attributes(of):
        return b"".join(field(1, field(1, str(k).encode()) + field(2, field(1, str(v).encode(errors="replace")))) for k, v in of.items())

    out = b""
    for of, values in streams(chance, limit):
        records = b"".join(
            field(2, b"\x09" + struct.pack("<Q", at % 2**64) + field(5, field(1, text.encode(errors="replace")))) for at, text, _ in values
        )
        out += field(1, field(1, attributes({"service.name": of["app"], **of})) + field(2, records))
    return out, "application/x-protobuf"


def as_otlp_json(chance, limit):
    def value(depth):
        if depth == 0 or chance.random() < 0.5:
            if chance.random() < 0.01:
                return chance.choice([{"intValue": "9" * 30}, {"bytesValue": "!!"}])
            return chance.choice([{"stringValue": line(chance)[:5_000]}, {"intValue": "9"}, {"doubleValue": "NaN"}, {"boolValue": True}, {}])
        return chance.choice([{"arrayValue": {"values": [value(depth - 1)] * 3}}, {"kvlistValue": {"values": [{"key": "a", "value": value(depth - 1)}] * 3}}])

    records = [{"timeUnixNano": str(when(chance)), "body": value(3), "attributes": [{"key": "x", "value": value(2)}]} for _ in range(max(1, limit // 2_000))]
    return json.dumps({"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"logRecords": records}]}]}).encode(), "application/json"


def broken(chance, body):
    """Cut, doubled, a byte changed."""
    if not body:
        return body
    at = chance.randrange(len(body))
    return chance.choice([
        lambda: body[:at],
        lambda: body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :],
        lambda: body + body,
        lambda: body[:at] + chance.randbytes(50) + body[at:],
        lambda: body[:at] + b"\xff" * 12 + body[at + 12 :],
    ])()


INNER = b'{"streams":[{"stream":{"app":"bomb"},"values":['
ENTRY = b'["%d","x"],' % time.time_ns()
KINDS = {
    "gzip": lambda byte, size: gzip_repeated(byte, size),
    "zstd": lambda byte, size: zstd_repeated(byte, size),
    "deflate": lambda byte, size: zlib.compress(byte * min(size, 60 << 20), 1),
    "gzip, gzip": lambda byte, size: gzip.compress(gzip_repeated(byte, size), 1),
    "snappy": lambda byte, size: snappy_repeated(byte, size // 4),
    "entries without an end": lambda byte, size: gzip.compress(INNER + ENTRY * (min(size, 60 << 20) // len(ENTRY)), 1),
    "entries": lambda byte, size: gzip.compress(INNER + (ENTRY * ((20 << 20) // len(ENTRY)))[:-1] + b"]}]}", 1),
    "records": lambda byte, size: gzip.compress(field(1, field(2, b"\x12\x00" * (8 << 20))), 1),
    "claim": lambda byte, size: varint(2**32 - 1) + bytes(100),
}


@functools.lru_cache(maxsize=None)
def _bomb(kind, byte, size):
    return KINDS[kind](byte, size)


def bomb(chance):
    """(body, type, encoding): small, and much larger once it is unpacked."""
    kind = chance.choice(list(KINDS))
    body = _bomb(kind, chance.choice([b" ", b"[", b"\x12"]), chance.choice([20, 120, 250, 400]) << 20)
    protobuf = kind in ("snappy", "records", "claim")
    encoding = kind if kind in ("gzip", "zstd", "deflate", "gzip, gzip") else "" if kind in ("snappy", "claim") else "gzip"
    return body, "application/x-protobuf" if protobuf else "application/json", encoding


def packed(chance, body):
    """(body, encoding)"""
    return chance.choice([
        lambda: (body, ""),
        lambda: (gzip.compress(body, 1), "gzip"),
        lambda: (zlib.compress(body, 1), "deflate"),
        lambda: (zstd(body), "zstd"),
        lambda: (gzip.compress(zstd(body), 1), "zstd, gzip"),
    ])()


def push(chance):
    """(path, headers, body)"""
    if chance.random() < 0.12:
        body, kind, encoding = bomb(chance)
        path = chance.choice(["/loki/api/v1/push", "/otlp/v1/logs", "/api/prom/push"])
    else:
        limit = chance.choice([100, 10_000, 100_000, 100_000, 1_000_000, 3_000_000])
        form = chance.choice([as_json, as_json, as_protobuf, as_otlp, as_otlp_json])
        body, kind = form(chance, limit)
        path = "/otlp/v1/logs" if "otlp" in form.__name__ else chance.choice(["/loki/api/v1/push", "/loki/api/v1/push", "/api/prom/push"])
        encoding = ""
        if chance.random() < 0.15:
            body = broken(chance, body)
        if form is not as_protobuf and chance.random() < 0.5:
            body, encoding = packed(chance, body)
        if chance.random() < 0.05:
            body = broken(chance, body)
    headers = [f"Content-Type: {kind}"] + ([f"Content-Encoding: {encoding}"] if encoding else [])
    return path, headers, body
