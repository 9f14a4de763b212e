"""Answers nobody reads: logs, series, exports and tails whose client stops reading."""

import json
import time
import urllib.parse

from asking import push_lines
from cases import case
from client import API, connect, head, now, random_text, reset
from honest import Honest
from server import Server, require


def unread(server, count, target, receive=4096):
    """That many connections that ask and do not read."""
    held = []
    for i in range(count):
        try:
            sock = connect(server.url, 10, receive)
            sock.sendall(head("GET", target(i)))
            held.append(sock)
        except OSError:
            pass
    return held


def span():
    return {"start": str(now() - 3600 * 10**9), "end": str(now() + 10**9)}


def records():
    """15 MB of JSON."""
    return [json.dumps({"id": i, "text": random_text(1_800)}) for i in range(8_000)]


def logs(i):
    query = {"query": f'{{app="burn"}} != "zz{i}"', "limit": "5000", **span()}
    return f"{API}query_range?{urllib.parse.urlencode(query)}"


def export(i):
    query = {"query": f'{{app="burn"}} != "zz{i}"', **span()}
    return f"/skald/api/v1/export?{urllib.parse.urlencode(query)}"


def series(i):
    query = {"query": f'sum by (id) (count_over_time({{app="burn"}} != "zz{i}" | json [1h]))', **span(), "step": "10"}
    return f"{API}query_range?{urllib.parse.urlencode(query)}"


def ignored(binary, memory, count, *targets, lines=None, settings=()):
    with Server(binary, memory=memory, settings=settings) as server:
        server.start()
        push_lines(server.client(), "burn", lines or records())
        with Honest(server) as honest:
            held = [sock for target in targets for sock in unread(server, count, target)]
            time.sleep(4)
            server.alive()
            for i, sock in enumerate(held):
                reset(sock) if i % 2 else sock.close()
            time.sleep(1)
        honest.restarted()
        return f"peak {server.peak() >> 20} MB; {honest.summary()}"


@case()
def log_answers_nobody_reads(binary):
    return ignored(binary, "1GB", 300, logs)


@case()
def exports_nobody_reads(binary):
    return ignored(binary, "1GB", 400, export)
