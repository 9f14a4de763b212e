"""Signals and settings at the edges: what ends the server, what does not, and what never starts it."""

import signal
import subprocess
import time

from cases import case
from client import connect, head, now, random_text
from honest import Honest
from server import Server, require


@case()
def clients_in_the_middle_of_a_request_do_not_hold_the_end(binary):
    with Server(binary) as server:
        server.start()
        held = []
        for sent in (b"GET /rea", head("POST", "/loki/api/v1/push", 1000) + b"{", b"", head("GET", "/ready")[:-2]):
            for _ in range(20):
                sock = connect(server.url)
                sock.sendall(sent)
                held.append(sock)
        time.sleep(0.3)
        answer = server.client().push([({"app": "a"}, [(now(), "x")])])
        require(answer.status == 204, f"a push: {answer}")
        took = server.terminate(15)
        for sock in held:
            sock.close()
        return f"SIGTERM took {took:.1f} s"


@case()
def answers_nobody_reads_do_not_hold_the_end(binary):
    with Server(binary) as server:
        server.start()
        client = server.client()
        for part in range(8):
            client.push([({"app": "a"}, [(now() + i, random_text(2_000)) for i in range(1_000)])])
        held = []
        for path in ("/skald/api/v1/export?query=%7Bapp%3D%22a%22%7D", "/loki/api/v1/query_range?query=%7Bapp%3D%22a%22%7D&limit=5000"):
            for _ in range(10):
                sock = connect(server.url, receive=4096)
                sock.sendall(head("GET", path))
                held.append(sock)
        time.sleep(0.5)
        took = server.terminate(15)
        for sock in held:
            sock.close()
        return f"SIGTERM took {took:.1f} s"


@case()
def signals_that_mean_nothing_to_it(binary):
    with Server(binary) as server:
        server.start()
        with Honest(server):
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
                server.process.send_signal(number)
                time.sleep(0.1)
                server.alive()


@case()
def settings_out_of_all_proportion(binary):
    """Each starts and serves, or is refused with words that name it."""
    for name, value in (
        ("querier.max_concurrent", "1000000"),
        ("limits_config.query_timeout", "0s"),
        ("server.max_concurrent_requests", "0"),
        ("memory", "1KB"),
        ("memory", "9999GB"),
        ("ingester.flush_size", "1B"),
        ("ingester.wal.max_size", "1B"),
        ("server.http_listen_conn_limit", "1000000000"),
        ("limits_config.max_entries_limit_per_query", "99999999999"),
    ):
        with Server(binary, settings=[f"--{name}", value]) as server:
            server.launch()
            end = time.monotonic() + 10
            while "http://" not in server.out() and server.process.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
            if server.process.poll() is None:
                server.url = server.out().split("http://")[1].split(",")[0].split()[0]
                client = server.client()
                answer = client.push([({"app": "a"}, [(now(), "x")])])
                require(answer.status == 204, f"{name} {value}: a push: {answer}")
                require(client.number('count_over_time({app="a"}[1m])') == 1, f"{name} {value}: the line is missing")
            else:
                word = name.split(".")[-1]
                require(server.process.returncode > 0 and word in server.log(), f"{name} {value}: {server.log()[-300:]}")


@case()
def thousands_of_connections_at_once(binary):
    """The queue of connections that wait to be accepted is long enough."""
    with Server(binary, memory="256MB") as server:
        server.start()
        with Honest(server) as honest:
            slow, held = 0, []
            for _ in range(2_000):
                began = time.monotonic()
                held.append(connect(server.url))
                slow += time.monotonic() - began > 0.9
            for sock in held:
                sock.close()
            require(slow == 0, f"{slow} connections waited a second")
        return honest.summary()


@case()
def queries_that_are_not_encoded(binary):
    with Server(binary) as server:
        server.start()
        sock = connect(server.url)
        sock.sendall(b'GET /loki/api/v1/query?query={app="a"} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
        answer = b""
        while piece := sock.recv(4096):
            answer += piece
        body = answer.split(b"\r\n\r\n", 1)[1]
        require(answer.startswith(b"HTTP/1.1 200") or body, f"an empty answer: {answer[:200]}")
