"""Connections hold memory before they ask anything: heads without an end, by the thousand."""

import time

from cases import case
from client import connect, reset
from honest import Honest
from server import Server, require


def hold(server, count, opening):
    """Connections that each send so much and no more; those the server closes are opened again once."""
    held, refused = [], 0
    for i in range(count):
        try:
            sock = connect(server.url, timeout=2)
            sock.sendall(opening(i))
            held.append(sock)
        except OSError:
            refused += 1
    return held, refused


def crowd(binary, count, opening):
    with Server(binary, memory="256MB") as server:
        server.start()
        with Honest(server) as honest:
            held, refused = hold(server, count, opening)
            time.sleep(3)
            peak = server.peak() >> 20
            for sock in held:
                reset(sock)
            answer = server.client().get("/metrics")
            require(answer.status == 200, f"metrics: {answer}")
        require(peak < 200, f"peak {peak} MB")
        honest.restarted()
        return f"{len(held)} held, {refused} refused, peak {peak} MB; {honest.summary()}"


@case()
def heads_without_an_end(binary):
    """A thousand heads of 200 KB of which the last line does not come."""
    head = b"GET /ready HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"x" * 2000) for i in range(90))
    return crowd(binary, 1_000, lambda i: head)


@case()
def request_lines_without_an_end(binary):
    """A thousand URLs of 200 KB."""
    return crowd(binary, 1_000, lambda i: b"GET /" + b"x" * 200_000)
