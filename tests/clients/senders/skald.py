"""A server at fixed ports is made full, ended, and started again over the same data."""

import json
import re
import shutil
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
REQUESTS_MAX = 64
START_SECONDS = 30
STOP_SECONDS = 30


class Failed(Exception):
    """What does not hold, in words."""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def openssl(folder, *words):
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"openssl {words[0]}: {done.stderr[-300:]}")


def certificates(folder):
    """An authority `ca.pem`, and `cert.pem` with `key.pem` for this machine, of servers and clients alike."""
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(folder, "req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    openssl(folder, "req", *new, "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost", "-addext", names)
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-copy_extensions", "copy"]
    openssl(folder, "x509", "-req", "-in", "request.pem", *signed, "-out", "cert.pem")


class Skald:
    """A server; `limits` are those of `limits_config`."""

    def __init__(self, binary, **limits):
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory(prefix="skald-senders-")
        self.work = Path(self.folder.name)
        self.port, self.udp, self.tcp, self.grpc = free_port(), free_port(socket.SOCK_DGRAM), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process, self.unfinished, self.tls = None, [], None
        listeners = [
            {"address": f"127.0.0.1:{self.udp}", "protocol": "udp", "labels": {"over": "udp"}},
            {"address": f"127.0.0.1:{self.tcp}", "protocol": "tcp", "labels": {"over": "tcp"}},
        ]
        if shutil.which("openssl"):
            self.tls = free_port()
            certificates(self.work)
            files = {"cert_file": "cert.pem", "key_file": "key.pem", "client_ca_file": "ca.pem"}
            files = {name: str(self.work / file) for name, file in files.items()}
            listeners += [{"address": f"127.0.0.1:{self.tls}", "protocol": "tls", "labels": {"over": "tls"}, **files}]
        server = {"max_concurrent_requests": REQUESTS_MAX, "otlp_grpc_enabled": True, "otlp_grpc_listen_port": self.grpc}
        settings = {"server": server, "syslog": {"listeners": listeners}}
        settings["limits_config"] = limits
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

    def discarded(self, receiver):
        """How many entries of a receiver limits refused."""
        found = re.findall(r"^loki_discarded_samples_total\{(.*)\} (\d+)", self.get("/metrics"), re.M)
        return sum(int(count) for of, count in found if f'format="{receiver}"' in of)

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
