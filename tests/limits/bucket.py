"""A bucket on an S3 server that is not ours: moto, from PyPI, as tests/s3/run installs it."""

import http.client
import os
import re
import subprocess
import time
from pathlib import Path

from server import require

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skald-ci"


def moto():
    """The server's program, or nothing."""
    return next(iter(sorted(CACHE.glob("moto-*/bin/moto_server"))), None)


class Bucket:
    """One bucket, `logs`; its objects can be listed and removed behind the back of who uses it."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [str(moto()), "-H", "127.0.0.1", "-p", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for line in self.process.stderr:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        require(hasattr(self, "port"), "moto does not start")
        os.set_blocking(self.process.stderr.fileno(), False)
        self.send("PUT", "/logs")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def send(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        # Any signature will do, but there has to be one.
        signed = "AWS4-HMAC-SHA256 Credential=key/20261201/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
        connection.request(method, path, headers={"Content-Length": "0", "Authorization": signed})
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
        connection.close()
        require(answer.status < 300, f"{method} {path}: {answer.status} {body[:200]}")
        # What it logs is not of interest, but must not fill the pipe.
        self.process.stderr.read()
        return body

    def names(self, ending=""):
        return [name for name in re.findall(r"<Key>([^<]*)</Key>", self.send("GET", "/logs?list-type=2")) if name.endswith(ending)]

    def remove(self, name):
        self.send("DELETE", f"/logs/{name}")

    def settings(self):
        of = "--storage_config.object_store."
        return [
            f"{of}url", "s3://logs/p", f"{of}endpoint", f"http://127.0.0.1:{self.port}", f"{of}allow_http", "true",
            f"{of}region", "us-east-1", f"{of}access_key_id", "key", f"{of}secret_access_key", "secret",
        ]  # fmt: skip


def until(holds, what, within=20):
    end = time.monotonic() + within
    while not holds():
        require(time.monotonic() < end, what)
        time.sleep(0.1)
