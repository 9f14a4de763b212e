"""Bodies, answers and tails within the memory of small containers."""

import gzip
import http.client
import json
import threading
import time

from asking import ask_all, push_lines
from cases import case
from client import API, Tail, connect, head, now, random_text, reset
from honest import Honest
from server import Server, require

GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


def at_once(count, work):
    """Runs `work(number)` on threads; gives what it returned, and 0 for one without an answer."""
    found = [0] * count

    def run(number):
        try:
            found[number] = work(number)
        except (OSError, http.client.HTTPException):
            pass

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def tally(found):
    return {status: found.count(status) for status in sorted(set(found))}


def beside_honest(binary, memory, attack, settings=(), lines=(), **honest):
    with Server(binary, memory=memory, settings=settings) as server:
        server.start()
        if lines:
            push_lines(server.client(), "big", lines)
        with Honest(server, **honest):
            said = attack(server)
        return f"{said}, peak {server.peak() >> 20} MB of {memory}"


def half_sent(binary, memory, count, announced, sent, path="push"):
    def attack(server):
        zeros, sockets = bytes(1 << 20), []
        for _ in range(count):
            sock = connect(server.url, timeout=2)
            sockets.append(sock)
            try:
                sock.sendall(head("POST", API + path, announced))
                for _ in range(sent >> 20):
                    sock.sendall(zeros)
            except OSError:
                pass
        time.sleep(2)
        for sock in sockets:
            reset(sock)
        return f"{count} bodies"

    return beside_honest(binary, memory, attack)


@case()
def half_sent_bodies(binary):
    return half_sent(binary, "1GB", 14, 104856576, 95 << 20)


@case()
def half_sent_bodies_in_256_mb(binary):
    return half_sent(binary, "256MB", 40, 20 << 20, 18 << 20)


def bombs(binary, memory, body, path, headers, count=6):
    def attack(server):
        def push(_):
            return server.client().post(path, body, headers).status

        statuses = tally(at_once(count, push))
        require(set(statuses) <= {0, 204, 400, 413, 429, 503}, f"{statuses}")
        return f"{len(body) >> 10} KB: {statuses}"

    return beside_honest(binary, memory, attack)


@case()
def gzip_of_one_long_line(binary):
    text = b'{"streams":[{"stream":{"app":"b"},"values":[["1","' + b"a" * (200 << 20) + b'"]]}]}'
    return bombs(binary, "1GB", gzip.compress(text), "push", GZIP)


@case()
def gzip_of_short_lines(binary):
    one = f'["{now()}","x"],'.encode()
    text = b'{"streams":[{"stream":{"app":"b"},"values":[' + (one * ((100 << 20) // len(one)))[:-1] + b"]}]}"
    return bombs(binary, "1GB", gzip.compress(text), "push", GZIP)


@case()
def otlp_of_empty_records(binary):
    text = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + (b"{}," * (30 << 20))[:-1] + b"]}]}]}"
    return bombs(binary, "1GB", gzip.compress(text), "/otlp/v1/logs", GZIP)


def writers(binary, memory, count, each, settings=()):
    """Pushes of half a megabyte, sent again until they are taken."""

    def attack(server):
        def write(number):
            client, taken, end = server.client(), 0, time.monotonic() + 90
            lines = [random_text(500) for _ in range(1000)]
            while taken < each and time.monotonic() < end:
                at = now()
                answer = client.push([({"app": f"w{number}"}, [(at + i, line) for i, line in enumerate(lines)])])
                taken += answer.status == 204
                require(answer.status in (204, 429, 503), f"{answer}")
                if answer.status != 204:
                    time.sleep(0.2)
            return taken

        taken = at_once(count, write)
        require(min(taken) == each, f"{taken} of {each}")
        return f"{sum(taken)} pushes"

    return beside_honest(binary, memory, attack, settings=settings)


@case()
def four_writers_in_128_mb(binary):
    return writers(binary, "128MB", 4, 40)


@case()
def many_writers_in_256_mb(binary):
    return writers(binary, "256MB", 32, 3)


@case()
def many_writers_with_little_memory(binary):
    return writers(binary, "256MB", 32, 2, ["--memory", "80MB"])


def json_lines(count, size):
    return [json.dumps({"id": i, "level": "info", "text": random_text(size)}) for i in range(count)]


def heavy_queries(binary, memory, count):
    queries = [f'sum by (id) (count_over_time({{app="big"}} | json | id != "{i}" [1h]))' for i in range(count)]

    def attack(server):
        return tally_of(ask_all(server, queries, count))

    return beside_honest(binary, memory, attack, lines=json_lines(30_000, 100), gap_s=60)


def tally_of(statuses):
    require(set(statuses) <= {0, 200, 400, 422, 429, 503, 504}, f"{statuses}")
    return str(statuses)


@case()
def fifty_heavy_queries_in_256_mb(binary):
    return heavy_queries(binary, "256MB", 50)


@case()
def two_hundred_heavy_queries_in_256_mb(binary):
    return heavy_queries(binary, "256MB", 200)


@case()
def long_lines_parsed_with_little_memory(binary):
    def attack(server):
        answers = [server.client().get("query_range", query='{app="big"} | json', limit="5000") for _ in range(3)]
        return tally_of({answer.status: 1 for answer in answers})

    return beside_honest(binary, "256MB", attack, ["--memory", "80MB"], json_lines(80, 200_000))


def unread(binary, memory, count, lines, path, seconds, settings=()):
    """Clients that ask for much and read nothing."""

    def attack(server):
        sockets = []
        for i in range(count):
            query = f"%7Bapp%3D%22big%22%7D%20!%3D%20%22zz{i}%22"
            try:
                sock = connect(server.url, timeout=5, receive=4096)
                sock.sendall(head("GET", f"{path}?query={query}&limit=5000&start={now() - 3600 * 10**9}"))
                sockets.append(sock)
            except OSError:
                pass
        time.sleep(seconds)
        for sock in sockets:
            reset(sock)
        return f"{len(sockets)} answers"

    return beside_honest(binary, memory, attack, settings, lines, gap_s=60)


@case()
def answers_nobody_reads(binary):
    lines = [random_text(1800) for _ in range(5000)]
    return unread(binary, "256MB", 400, lines, API + "query_range", 10)


@case()
def exports_nobody_reads(binary):
    lines = [random_text(1800) for _ in range(5000)]
    return unread(binary, "256MB", 500, lines, "/skald/api/v1/export", 10)


@case()
def an_answer_of_control_characters(binary):
    def attack(server):
        answer = server.client().get("query_range", query='{app="big"}', limit="5000")
        require(answer.status == 200, f"{answer}")
        lines = [value[1] for stream in answer.json()["data"]["result"] for value in stream["values"]]
        require(len(lines) == 400 and all(line == "\u0001" * 200_000 for line in lines), f"{len(lines)} lines")
        return f"{len(answer.body) >> 20} MB"

    return beside_honest(binary, "1GB", attack, lines=["\u0001" * 200_000 for _ in range(400)], gap_s=60)


@case()
def a_thousand_tails_in_256_mb(binary):
    def attack(server):
        tails = [Tail(server.url, '{app="big"}', start=str(now())) for _ in range(1000)]
        # Each line goes to every tail: a few make work enough.
        push_lines(server.client(), "big", [random_text(500) for _ in range(1000)], 64 << 10)
        frame = tails[0].message()
        require(frame["streams"] or frame["dropped_entries"], "an empty frame")
        for tail in tails:
            tail.close()
        return "1000 tails"

    settings = ["--limits_config.max_concurrent_tail_requests", "2000"]
    return beside_honest(binary, "256MB", attack, settings, gap_s=60)


@case()
def too_little_memory_is_said(binary):
    with Server(binary, memory="96MB") as server:
        server.launch()
        status = server.process.wait(30)
        require(status != 0 and "less than the least" in server.log(), f"{status}: {server.complaints()}")
    with Server(binary, settings=["--memory", "1KB"]) as server:
        server.launch()
        status = server.process.wait(30)
        require(status != 0 and "less than the least" in server.log(), f"{status}: {server.complaints()}")
