"""Connections, tenants and days starve each other of descriptors."""

import threading
import time

from cases import case
from client import JSON, connect, now, pushed
from honest import Honest
from server import Server, require

DAY = 86_400 * 10**9


def days(count, app="days"):
    start = now()
    return pushed([({"app": app}, [(start - i * DAY, f"day {i}") for i in range(count)])])


def push_tenants(server, count, workers=8):
    """A line for each of that many tenants; gives how often each status was answered."""
    statuses, lock = {}, threading.Lock()

    def push(first):
        client = server.client()
        for i in range(first, count, workers):
            answer = client.push([({"app": "t"}, [(now(), "x")])], {"X-Scope-OrgID": f"t{i}"})
            with lock:
                statuses[answer.status] = statuses.get(answer.status, 0) + 1

    threads = [threading.Thread(target=push, args=(i,)) for i in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@case()
def more_tenants_than_descriptors(binary):
    """Each tenant has a folder and a part: a flush, writes after it and a start get by with few descriptors."""
    settings = ["--auth_enabled", "true", "--ingester.flush_age", "1h"]
    count = 2_000
    with Server(binary, memory="1GB", nofile=512, settings=settings) as server:
        server.start()
        with Honest(server, headers={"X-Scope-OrgID": "honest"}, gap_s=40) as honest:
            statuses = push_tenants(server, count)
            require(statuses == {204: count}, f"pushes of {count} tenants: {statuses}")
            server.client(200).post("/flush")
            statuses = push_tenants(server, count)
            require(statuses == {204: count}, f"pushes after the flush: {statuses}")
        honest.restarted()
        client = server.client()
        for i in range(0, count, 97):
            headers = {"X-Scope-OrgID": f"t{i}"}
            there = client.get("query", headers, query='sum(count_over_time({app="t"}[1h]))')
            require('"2"' in there.text(), f"tenant {i}: {there}")
        server.verify()
        return honest.summary()


@case()
def tenants_past_the_limit(binary):
    """Tenants by the hundred thousand: those past the limit are refused by name, the others are served."""
    settings = ["--auth_enabled", "true"]
    with Server(binary, memory="256MB", nofile=1024, settings=settings) as server:
        server.start()
        with Honest(server, headers={"X-Scope-OrgID": "honest"}, gap_s=40) as honest:
            statuses = push_tenants(server, 20_000)
            require(set(statuses) <= {204, 429}, f"pushes: {statuses}")
            require(statuses.get(429), "none was refused")
            size = len(server.client().get("/metrics").body)
            require(size < 8 << 20, f"/metrics has {size} bytes")
        honest.restarted()
        return f"{statuses}; {honest.summary()}"


@case()
def starved_from_all_sides(binary):
    """Connections, tails and exports hold descriptors while days and tenants want more."""
    settings = ["--auth_enabled", "true", "--ingester.flush_age", "1s", "--ingester.flush_size", "1MB"]
    with Server(binary, memory="512MB", nofile=256, settings=settings) as server:
        server.start()
        with Honest(server, headers={"X-Scope-OrgID": "honest"}, gap_s=40) as honest:
            held = []
            for i in range(300):
                try:
                    sock = connect(server.url, 5)
                    sock.sendall(b"POST /loki/api/v1/push HTTP/1.1\r\nHost: localhost\r\n"[: i % 60])
                    held.append(sock)
                except OSError:
                    pass
            client = server.client(10)
            for i in range(60):
                headers = {**JSON, "X-Scope-OrgID": f"t{i % 20}"}
                try:
                    client.post("push", days(40, f"app{i}"), headers)
                except OSError:
                    time.sleep(0.1)
            time.sleep(5)
            for sock in held:
                sock.close()
            time.sleep(2)
            body = days(40, "after")
            end = time.monotonic() + 20
            while True:
                answer = client.post("push", body, {**JSON, "X-Scope-OrgID": "t0"})
                if answer.status == 204:
                    break
                require(time.monotonic() < end, f"it does not heal: {answer}")
                time.sleep(0.5)
        honest.restarted()
        server.verify()
        return honest.summary()
