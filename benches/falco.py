#!/usr/bin/env python3
"""How soon is each event of Falco acknowledged, at a fixed rate, each in a request of its own?

    benches/falco.py BINARY [--rate 2000] [--seconds 60] [--senders 8] [--new-connections]

Each of several processes sends its share of the events at their times; the time of an answer counts from when its event was
due, so that waiting behind a slow answer counts too. An answer comes after the fsync. At the end all events must be there.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path


def event(n):
    """About 1.2 KB, as Falco's http_output writes them."""
    now = time.time_ns()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 1_000_000_000)) + f".{now % 1_000_000_000:09}Z"
    fields = {"container.id": f"{n:012x}", "container.image.repository": "registry.example/shop/cart", "evt.time": now}
    fields |= {"fd.name": "/etc/shadow", "k8s.ns.name": "shop", "k8s.pod.name": f"cart-{n % 40}", "proc.aname[2]": "containerd-shim"}
    fields |= {"proc.cmdline": "cat /etc/shadow", "proc.pname": "sh", "user.name": "root", "user.loginuid": -1, "evt.args": "x" * 500}
    return json.dumps({
        "hostname": "node-1", "output": f"{stamp}: Warning Sensitive file opened (user=root file=/etc/shadow id={n})",
        "output_fields": fields, "priority": "Warning", "rule": "Read sensitive file untrusted", "source": "syscall",
        "tags": ["container", "filesystem", "mitre_credential_access"], "time": stamp, "uuid": f"{n:032x}",
    }).encode()


def send(port, numbers, begin, gap, is_new, to):
    """Sends events at their times; puts milliseconds from when each was due to its answer."""
    connection, took = None, []
    for at, n in enumerate(numbers):
        due = begin + at * gap
        body = event(n)
        time.sleep(max(0, due - time.monotonic()))
        if connection is None or is_new:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.request("POST", "/ingest/falco", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise SystemExit(f"event {n}: {answer.status}")
        took.append((time.monotonic() - due) * 1000)
        if is_new:
            connection.close()
    to.put(took)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def ready(port):
    for _ in range(200):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5).read()
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server does not start")


def stored(port):
    query = urllib.parse.urlencode({"query": 'sum(count_over_time({service_name="falco"}[1h]))'})
    answer = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/loki/api/v1/query?{query}"))
    return int(answer["data"]["result"][0]["value"][1])


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(port, pid, asked):
    count, results = asked.rate * asked.seconds, multiprocessing.Queue()
    begin = time.monotonic() + 1
    senders = [
        multiprocessing.Process(
            target=send,
            args=(port, range(of, count, asked.senders), begin + of / asked.rate, asked.senders / asked.rate, asked.new_connections, results),
        )
        for of in range(asked.senders)
    ]
    used = cpu(pid)
    for sender in senders:
        sender.start()
    took = sorted(ms for _ in senders for ms in results.get(timeout=asked.seconds + 120))
    seconds, used = time.monotonic() - begin, cpu(pid) - used
    shares = {f"p{share:g}": took[min(len(took) - 1, int(len(took) * share / 100))] for share in (50, 90, 99, 99.9)}
    print(f"{len(took)} events in {seconds:.1f} s, {used / seconds:.2f} cores of the server, load {os.getloadavg()[0]:.1f}")
    print(", ".join(f"{name} {ms:.1f} ms" for name, ms in shares.items()), f"most {took[-1]:.0f} ms")
    if stored(port) != count:
        raise SystemExit(f"{stored(port)} of {count} events are there")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--new-connections", action="store_true")
    asked, port = parser.parse_args(), free_port()
    with tempfile.TemporaryDirectory(prefix="skald-falco-") as folder:
        words = [asked.binary, "serve", "--data", folder, "--listen", f"127.0.0.1:{port}"]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ready(port)
            measure(port, server.pid, asked)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
