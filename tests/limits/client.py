"""A client pushes, asks, and opens sockets it does not use well."""

import base64
import http.client
import json
import os
import socket
import struct
import time
import urllib.parse

API = "/loki/api/v1/"
JSON = {"Content-Type": "application/json"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.text()[:300]}"


class Client:
    """One connection, opened when it is needed."""

    def __init__(self, address, timeout=60, headers=()):
        self.address, self.timeout, self.connection = address, timeout, None
        self.headers = dict(headers)

    def send(self, method, path, body=None, headers=()):
        """The answer; a connection the server closed meanwhile is opened once more."""
        for attempt in range(2):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection(self.address, timeout=self.timeout)
            try:
                self.connection.request(method, path, body, {**self.headers, **dict(headers)})
                response = self.connection.getresponse()
                answer = Answer(response.status, response.headers, response.read())
                if response.will_close:
                    self.close()
                return answer
            except TimeoutError:
                self.close()
                raise
            except (OSError, http.client.HTTPException):
                self.close()
                if fresh or attempt:
                    raise

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def get(self, path, headers=(), **params):
        query = urllib.parse.urlencode(params)
        path = path if path.startswith("/") else API + path
        return self.send("GET", f"{path}?{query}" if query else path, headers=headers)

    def post(self, path, body=b"", headers=()):
        return self.send("POST", path if path.startswith("/") else API + path, body, headers)

    def push(self, streams, headers=()):
        """Pushes `[(labels, [(nanoseconds, line), …]), …]` as JSON."""
        return self.post("push", pushed(streams), {**JSON, **dict(headers)})

    def query(self, query, **params):
        return self.get("query", query=query, **params)

    def number(self, query, **params):
        """The one sample of an instant query; 0 when it has none."""
        answer = self.query(query, **params)
        if answer.status != 200:
            raise OSError(f"{query}: {answer}")
        result = answer.json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0


def pushed(streams):
    """The JSON body of a push."""
    return json.dumps(
        {"streams": [{"stream": labels, "values": [[str(at), line] for at, line in lines]} for labels, lines in streams]}
    ).encode()


def now():
    """Nanoseconds."""
    return time.time_ns()


def connect(address, timeout=30, receive=0):
    """A bare socket; `receive` is the size of its receive buffer."""
    host, port = address.split(":")
    sock = socket.socket()
    if receive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    sock.settimeout(timeout)
    sock.connect((host, int(port)))
    return sock


def head(method, path, length=None, headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def reset(sock):
    """Closes with a reset."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        sock.close()


class Tail:
    """Lines as they come, by WebSocket: `frames()` gives one message each."""

    def __init__(self, address, query, timeout=30, fields=(), **params):
        """`fields` are further lines of the head."""
        self.sock = connect(address, timeout)
        path = API + "tail?" + urllib.parse.urlencode({"query": query, **params})
        headers = [*fields, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        headers.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        self.sock.sendall(head("GET", path, headers=headers))
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self._some()
        answered, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in answered.split(b"\r\n")[0]:
            raise OSError(answered.split(b"\r\n")[0].decode(errors="replace"))

    def _some(self):
        got = self.sock.recv(1 << 16)
        if not got:
            raise OSError("the tail was closed")
        return got

    def _take(self, count):
        while len(self.buffer) < count:
            self.buffer += self._some()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def message(self):
        """The next text message as JSON; pings are answered."""
        while True:
            if len(self.buffer) < 2:
                self.buffer += self._some()
                continue
            code, length = self.buffer[0] & 15, self.buffer[1] & 127
            size, form = {126: (2, ">H"), 127: (8, ">Q")}.get(length, (0, ""))
            # Nothing is taken before all of it is there, so that a timeout loses nothing.
            while len(self.buffer) < 2 + size:
                self.buffer += self._some()
            if size:
                length = struct.unpack(form, self.buffer[2 : 2 + size])[0]
            while len(self.buffer) < 2 + size + length:
                self.buffer += self._some()
            self._take(2 + size)
            payload = self._take(length)
            if code == 9:
                self.sock.sendall(bytes([0x8A, 0x80 | len(payload)]) + bytes(4) + payload)
            elif code == 8:
                raise OSError("the tail was closed")
            elif code in (1, 2):
                return json.loads(payload)

    def close(self):
        self.sock.close()


def random_text(count):
    """`count` letters that no compression makes much smaller."""
    return base64.b64encode(os.urandom(count * 3 // 4 + 3)).decode()[:count]
