"""What the process holds beside data: what regexes compile to."""

from cases import case
from client import API, connect, head
from server import Server, require


@case()
def a_hundred_large_regexes(binary):
    """Each fits its bound alone; together they would be half a gigabyte, in a query of 1.7 KB."""
    with Server(binary, memory="256MB") as server:
        server.start()
        client = server.client()
        for stage in ("|~ `\\pL{{30}}x{0}`", "| a{0}=~`\\pL{{30}}x{0}`", "| regexp `(?P<a{0}>\\pL{{30}})x`"):
            stages = " ".join(stage.format(i) for i in range(300))
            answer = client.get("query_range", query=f'{{app="x"}} {stages}')
            require(answer.status == 400 and "expression too large" in answer.text(), f"{stage}: {answer}")
        answer = client.get("query_range", query='{app="x"} |~ `\\pL{10}x`')
        require(answer.status == 200, f"{answer}")
        require(server.peak() <= 80 << 20, f"peak {server.peak() >> 20} MB")
        return f"peak {server.peak() >> 20} MB"


@case()
def tails_of_large_regexes(binary):
    """A tail is charged for what its query compiles to; the rest is refused."""
    with Server(binary, memory="256MB", settings=["--limits_config.max_concurrent_tail_requests", "1000"]) as server:
        server.start()
        socks = []
        fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        for number in range(300):
            sock = connect(server.url, 20)
            query = f"%7Bapp%3D%22x%22%7D%20%7C~%20%60%5CpL%7B30%7Dx{number}%60"
            sock.sendall(head("GET", f"{API}tail?query={query}", None, fields))
            socks.append((sock, sock.recv(100)))
        open_ones = sum(first.startswith(b"HTTP/1.1 101") for _, first in socks)
        answer = server.client().get("labels")
        require(answer.status == 200, f"{answer}")
        require(0 < open_ones < 300, f"{open_ones} of 300 are open")
        server.alive()
        require(server.peak() <= 230 << 20, f"peak {server.peak() >> 20} MB")
        for sock, _ in socks:
            sock.close()
        return f"{open_ones} of 300 tails, peak {server.peak() >> 20} MB"
