"""Queries are asked by several clients at once, over lines pushed before."""

import http.client
import threading
import time

from client import now
from honest import Honest
from server import Server, require

# A query over its own limits is refused as Loki does, with 400 or 422.
ANSWERS = {200, 400, 422, 429, 503, 504}


def push_lines(client, app, lines, bytes_at_once=1 << 20):
    """Pushes them with times of the last minute; a push that is refused for now is sent again."""
    at, part, size = now() - 60 * 10**9, [], 0
    for i, line in enumerate(lines):
        part.append((at + i, line))
        size += len(line)
        if size >= bytes_at_once or i + 1 == len(lines):
            answer, end = client.push([({"app": app}, part)]), time.monotonic() + 20
            while answer.status in (429, 503) and time.monotonic() < end:
                time.sleep(0.3)
                answer = client.push([({"app": app}, part)])
            require(answer.status == 204, f"lines of {app}: {answer}")
            part, size = [], 0


def ask_all(server, queries, at_once=1, timeout=90, path="query", **params):
    """Asks them from a few clients; gives how often each status was answered. 0 is no answer at all."""
    statuses, lock, queue, unread = {}, threading.Lock(), list(queries), []

    def ask():
        client = server.client(timeout)
        while True:
            with lock:
                if not queue:
                    return
                query = queue.pop()
            try:
                body = "query=" + "".join(f"%{b:02X}" for b in query.encode())
                body += "".join(f"&{name}={value}" for name, value in params.items())
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                answer = client.post(path, body.encode(), form)
                status = answer.status
                if "parse error" in answer.text():
                    unread.append(f"{query[:200]}: {answer}")
            except (OSError, http.client.HTTPException):
                status = 0
            with lock:
                statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=ask) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require(not unread, "; ".join(unread))
    return statuses


def burns(binary, memory, queries, lines=(), at_once=1, settings=(), later_at_most=None, **params):
    """Queries that want more than there is are answered or refused, each of them; `later_at_most` of them with a 429."""
    with Server(binary, memory=memory, settings=settings) as server:
        server.start()
        if lines:
            push_lines(server.client(), "burn", lines)
        with Honest(server) as honest:
            statuses = ask_all(server, queries, at_once, **params)
            require(set(statuses) <= ANSWERS, f"answers: {statuses}")
            later = statuses.get(429, 0)
            require(later_at_most is None or later <= later_at_most, f"{later} were sent away: {statuses}")
        honest.restarted()
        return f"peak {server.peak() >> 20} MB; {statuses}; {honest.summary()}"


def work_of(server, query, lines, app):
    """Processor seconds of a query over such lines."""
    client = server.client()
    push_lines(client, app, lines)
    span = {"start": str(now() - 3600 * 10**9), "end": str(now() + 10**9), "limit": "5000"}
    before = server.cpu_s()
    answer = client.get("query_range", query=query.replace("APP", f'{{app="{app}"}}'), **span)
    require(answer.status == 200, f"{query}: {answer}")
    return server.cpu_s() - before
