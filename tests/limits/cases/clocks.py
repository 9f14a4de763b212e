"""Clocks that are wrong: behind, ahead, and moved between two starts."""

from cases import case
from client import now
from server import Server, require


@case("faketime")
def clocks_that_are_wrong(binary):
    """A day behind, ten ahead, ten behind, a year ahead: all that was acknowledged stays."""
    with Server(binary) as server:
        server.start()
        base, count = now() - 40 * 86_400 * 10**9, 0
        for clock in (None, "-1d", "+10d", "-10d", "+400d", None):
            if server.clock != clock:
                server.kill()
                server.clock = clock
                server.start()
            client = server.client()
            answer = client.push([({"app": "clock"}, [(base + count, f"line {count}")])])
            require(answer.status == 204, f"a push at {clock}: {answer}")
            count += 1
            there = client.number('sum(count_over_time({app="clock"}[1h]))', time=str(base + 10**9))
            require(there == count, f"at {clock} {there} of {count} lines are there")
            require(client.post("/flush").status < 300, "a flush")
        server.verify()
