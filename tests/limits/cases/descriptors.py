"""Descriptors: however many clients, days and tenants there are, writing goes on, and what failed heals."""

import re
import subprocess
import time

from cases import case
from client import connect, now
from server import Server, require

DAY = 86_400 * 10**9


def metric(client, name):
    found = re.search(rf"^{name} (\S+)$", client.get("/metrics").text(), re.M)
    return float(found.group(1)) if found else 0.0


def until(holds, within, message):
    end = time.monotonic() + within
    while not holds():
        require(time.monotonic() < end, message)
        time.sleep(0.5)


def files(server, pattern="*.part*"):
    return sum(1 for _ in server.data.rglob(pattern))


@case()
def many_days_in_one_push(binary):
    """20,000 days in a push are flushed at 1,024 descriptors, the log is cut, and all of it is there after a start."""
    with Server(binary, nofile=1024, settings=["--ingester.flush_age", "2s"]) as server:
        server.start()
        client, days = server.client(), 20_000
        answer = client.push([({"app": "d"}, [(now() - day * DAY, "x") for day in range(days)])])
        require(answer.status == 204, f"the push: {answer}")
        began = time.monotonic()
        until(lambda: metric(client, "skald_parts") >= days, 300, f"{files(server)} files are no parts yet")
        took, used = time.monotonic() - began, server.descriptors()
        require(used < 400, f"{used} descriptors are open")
        require(files(server) <= days, f"{files(server)} files for {days} parts")
        counted = client.number('sum(count_over_time({app="d"}[60y]))')
        require(counted == days, f"{counted} of {days} are counted")
        server.kill()
        began = time.monotonic()
        server.start()
        ready = time.monotonic() - began
        counted = server.client().number('sum(count_over_time({app="d"}[60y]))')
        require(counted == days, f"{counted} of {days} are counted after a start")
        return f"flushed in {took:.0f} s, {used} descriptors, ready again in {ready:.1f} s"


@case()
def idle_connections_while_a_segment_fills(binary):
    """1,100 idle connections at 1,024 descriptors: pushes of 70 MB go on, and new clients get in."""
    with Server(binary, nofile=1024) as server:
        server.start()
        kept = server.client()
        require(kept.push([({"app": "s"}, [(now(), "first")])]).status == 204, "the first push")
        idle = []
        for _ in range(1100):
            try:
                idle.append(connect(server.url, timeout=0.2))
            except OSError:
                # The queue of those who wait is full too: as many as the server lets in are there.
                time.sleep(0.01)
        for number in range(70):
            answer = kept.push([({"app": "s"}, [(now() + at, "y" * 10_000) for at in range(105)])])
            require(answer.status == 204, f"push {number}: {answer}")
        new = server.client(timeout=30).get("/ready")
        require(new.status == 200, f"a new client: {new}")
        used = server.descriptors()
        require(used < 1000, f"{used} descriptors are open")
        for sock in idle:
            sock.close()
        require(kept.get("/ready").status == 200, "it is not ready afterwards")
        return f"{len(idle)} idle connections, {used} descriptors"


def tenant(number):
    return {"X-Scope-OrgID": f"t{number}"}


@case()
def tenants_by_the_ten_thousand(binary):
    """Tenants of one line each are flushed and opened in seconds; one too many is refused by name."""
    count = 20_000
    settings = ["--auth_enabled", "true", "--self_logs", "false", "--ingester.max_tenants", str(count)]
    with Server(binary, nofile=1024, settings=settings) as server:
        server.start()
        client = server.client(timeout=300)
        for number in range(count):
            answer = client.push([({"app": "t"}, [(now(), "x")])], tenant(number))
            require(answer.status == 204, f"tenant {number}: {answer}")
        refused = client.push([({"app": "t"}, [(now(), "x")])], tenant(count))
        require(refused.status == 429 and f"limit: {count}" in refused.text(), f"one too many: {refused}")
        began = time.monotonic()
        answer = client.post("/flush")
        flushed = time.monotonic() - began
        require(answer.status < 300, f"the flush: {answer}")
        require(metric(client, "skald_parts") == count, "not every tenant has a part")
        page = len(client.get("/metrics").body)
        require(page < 2 << 20, f"/metrics has {page} bytes")
        memory = server.status("VmRSS") >> 20
        server.kill()
        began = time.monotonic()
        server.start()
        ready = time.monotonic() - began
        require(ready < 20, f"it is ready after {ready:.1f} s")
        client = server.client()
        for number in (0, 4711, count - 1):
            found = client.get("query", query='count_over_time({app="t"}[1h])', headers=tenant(number)).json()
            require(found["data"]["result"], f"tenant {number} has lost its line")
            require(client.push([({"app": "t"}, [(now(), "y")])], tenant(number)).status == 204, "a push afterwards")
        return f"flushed in {flushed:.1f} s, {memory} MB, /metrics {page >> 10} KB, ready in {ready:.1f} s"


@case()
def few_descriptors_at_all(binary):
    """At 64 descriptors, all taken by clients, writing heals as they go; verify and inspect work at 64 too."""
    with Server(binary, nofile=64, settings=["--ingester.flush_age", "1s"]) as server:
        server.start()
        kept = server.client()
        days = [(now() - day * DAY, "x") for day in range(500)]
        require(kept.push([({"app": "f"}, days)]).status == 204, "the push")
        idle = [connect(server.url, timeout=1) for _ in range(40)]
        until(lambda: metric(kept, "skald_parts") >= 500, 60, "the flush does not get through")
        for sock in idle:
            sock.close()
        require(kept.push([({"app": "f"}, [(now(), "z")])]).status == 204, "a push afterwards")
        require(kept.get("/ready").status == 200, "it is not ready")
        counted = kept.number('sum(count_over_time({app="f"}[60y]))')
        require(counted == 501, f"{counted} of 501 are counted")
        server.terminate()
        for command in ("verify", "inspect"):
            done = subprocess.run(
                ["sh", "-c", f"ulimit -n 64 && exec {binary} {command} {server.data}"], capture_output=True, text=True
            )
            require(done.returncode == 0, f"{command}: {(done.stdout + done.stderr)[-300:]}")
        return "500 parts"
