"""A server at fixed ports is made full, ended, and started again over the same data."""

import json
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

# Requests at once; as many unfinished ones make the server answer 503.
REQUESTS_MAX = 16
START_SECONDS = 30
STOP_SECONDS = 30


class Failed(Exception):
    """What does not hold, in words."""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Skald:
    def __init__(self, binary):
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory(prefix="skald-senders-")
        self.work = Path(self.folder.name)
        self.port, self.udp, self.tcp = free_port(), free_port(socket.SOCK_DGRAM), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process, self.unfinished = None, []
        listeners = [
            {"address": f"127.0.0.1:{self.udp}", "protocol": "udp", "labels": {"over": "udp"}},
            {"address": f"127.0.0.1:{self.tcp}", "protocol": "tcp", "labels": {"over": "tcp"}},
        ]
        settings = {"server": {"max_concurrent_requests": REQUESTS_MAX}, "syslog": {"listeners": listeners}}
        # JSON is YAML.
        (self.work / "config.yaml").write_text(json.dumps(settings))

    def start(self):
        command = [self.binary, "serve", "--config", self.work / "config.yaml", "--data", self.work / "data"]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        with open(self.work / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"skald does not start: {self.log()}")
            try:
                self.get("/ready")
                return
            except OSError:
                time.sleep(0.05)
        raise Failed(f"skald is not ready within {START_SECONDS} s: {self.log()}")

    def end(self, sent):
        """Ends it by a signal; SIGTERM has to end it in order."""
        self.process.send_signal(sent)
        status = self.process.wait(STOP_SECONDS)
        if sent == signal.SIGTERM and status != 0:
            raise Failed(f"SIGTERM ends skald with status {status}: {self.log()}")

    def log(self):
        return (self.work / "log").read_text(errors="replace")[-600:]

    def get(self, path, **parameters):
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
            return answer.read().decode()

    def entries(self, selector, run):
        """`[(labels and metadata, line)]` of all lines of a run under a selector."""
        query = f"{selector} |= `{run}`"
        answer = self.get("/loki/api/v1/query_range", query=query, since="1h", limit=5000)
        streams = json.loads(answer)["data"]["result"]
        return [(stream["stream"], value[1]) for stream in streams for value in stream["values"]]

    def fill(self):
        """Sends requests that do not end, in all places that are free: until `drain`, others get 503."""
        fields = f"Host: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\nContent-Length: 9"
        head = f"POST /loki/api/v1/push HTTP/1.1\r\n{fields}\r\n\r\n{{".encode()
        while not self.is_full():
            for _ in range(REQUESTS_MAX):
                unfinished = socket.create_connection(("127.0.0.1", self.port))
                unfinished.sendall(head)
                self.unfinished.append(unfinished)

    def drain(self):
        for unfinished in self.unfinished:
            unfinished.close()
        self.unfinished.clear()

    def is_full(self):
        try:
            self.get("/loki/api/v1/labels")
            return False
        except urllib.error.HTTPError as refused:
            return refused.code == 503

    def unavailable(self, route):
        """How often a route answered 503."""
        name = r"^loki_request_duration_seconds_count\{(.*)\} (\d+)"
        found = re.findall(name, self.get("/metrics"), re.M)
        return sum(int(count) for of, count in found if f'route="{route}"' in of and 'status_code="503"' in of)

    def run(self, *words):
        """Another command of the same program."""
        return subprocess.run([self.binary, *words], capture_output=True, text=True, timeout=30)

    def remove(self):
        self.drain()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()
