"""Streams by the ten thousand: their labels are pushed, listed, summed up and joined."""

import time

from cases import case
from client import now
from honest import Honest
from server import Server, require

# A push that does not fit now says so and comes again.
TAKEN, LATER = 204, {429, 503}


def push_streams(client, streams, at_once, label):
    """Pushes a line to each stream, again where it is refused for now; gives how often it was."""
    at, refused, end = now() - 60 * 10**9, 0, time.monotonic() + 120
    for first in range(0, streams, at_once):
        part = [(label(i), [(at, "x")]) for i in range(first, min(first + at_once, streams))]
        answer = client.push(part)
        while answer.status in LATER and time.monotonic() < end:
            require(answer.headers.get("Retry-After"), f"no Retry-After: {answer}")
            refused += 1
            time.sleep(0.1)
            answer = client.push(part)
        require(answer.status == TAKEN, f"streams from {first}: {answer}")
    return refused


def long_label(i):
    return {"app": "long", "v": f"{i:08}" * 240}


def short_label(i):
    return {"app": "many", "id": f"n{i}"}


def streams(binary, memory, count, at_once, label, questions, high):
    """The streams are taken in their time; all of them are there; questions about them are answered or refused."""
    with Server(binary, memory=memory) as server:
        server.start()
        with Honest(server) as honest:
            client = server.client(120)
            refused = push_streams(client, count, at_once, label)
            pushed = server.peak() >> 20
            for i in range(0, count, count // 23):
                labels = ", ".join(f'{name}="{value}"' for name, value in label(i).items())
                found = client.number(f"count_over_time({{{labels}}}[1h])")
                require(found == 1, f"{found} lines of stream {i}")
            span = {"start": str(now() - 3600 * 10**9), "end": str(now())}
            answers = {}
            for path, params in questions:
                answer = client.get(path, **span, **params)
                require(answer.status in {200, 400, 422, 429}, f"{path} {params}: {answer}")
                answers[path] = answer.status
        peak = server.peak() >> 20
        require(peak < high, f"peak {peak} MB, {pushed} MB after pushes; {answers}")
        honest.restarted()
        return f"peak {pushed} MB after pushes, {refused} refused, {peak} MB after {answers}; {honest.summary()}"


@case()
def long_labels(binary):
    """Thirty thousand streams whose labels have 1.9 KB each: 60 MB of labels, lines of a byte."""
    questions = [
        ("series", {"match[]": '{app="long"}'}),
        ("label/v/values", {}),
        ("labels", {}),
        ("detected_labels", {"query": '{app="long"}'}),
        ("index/stats", {"query": '{app="long"}'}),
        ("index/volume", {"query": '{app="long"}', "targetLabels": "v", "limit": "1000000"}),
        ("query", {"query": 'count(count_over_time({app="long"}[1h]) * on (v) group_left () count_over_time({app="long"}[1h]))'}),
    ]
    return streams(binary, "256MB", 30_000, 1_000, long_label, questions, 256)


@case()
def many_streams(binary):
    """Two hundred thousand streams of small labels, and sums over each of them."""
    base = '{app="many"}'
    questions = [
        ("index/volume_range", {"query": base, "targetLabels": "id", "limit": "1000000", "step": "60"}),
        ("index/volume_range", {"query": base, "targetLabels": "id", "limit": "1000000"}),
        ("index/volume", {"query": base, "limit": "1000000"}),
        ("series", {"match[]": base}),
        ("label/id/values", {}),
        ("detected_labels", {}),
        ("patterns", {"query": base}),
        ("detected_fields", {"query": base}),
        ("/api/prom/query", {"query": base, "limit": "5000"}),
        ("/api/prom/label/id/values", {}),
        ("query_range", {"query": f"count_over_time({base}[5m])", "step": "60"}),
        ("query", {"query": f"count(count_over_time({base}[1h]) * on (id) group_left () count_over_time({base}[1h]))"}),
    ]
    return streams(binary, "256MB", 200_000, 5_000, short_label, questions, 256)
