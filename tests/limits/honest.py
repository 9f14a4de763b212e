"""An honest writer, reader and tail live beside an attack; every answer they get is checked.

The writer pushes numbered lines, one batch after the other, and sends a batch again until it is acknowledged, so
what is acknowledged is a number: all lines below it. The reader counts them, and looks for single ones. The tail
has to see every line, or be given a report of what it missed. They run in a process of their own, so that the
attacker's work does not spoil what they measure.
"""

import hashlib
import http.client
import multiprocessing
import random
import threading
import time
from collections import Counter

from client import Client, Tail, now
from server import Failed, require

BATCH = 20
STREAMS = 4
SELECTOR = '{app="honest"}'
BUSY = {429, 503, 504}
PROCESSES = multiprocessing.get_context("fork")


def key(number):
    return hashlib.blake2b(str(number).encode(), digest_size=9).hexdigest()


def line(number):
    return f"honest number={number} key={key(number)} level=info msg=\"a line that has to be there\""


def stream(number):
    return {"app": "honest", "part": str(number // 5 % STREAMS)}


def batch(first, at):
    streams = {}
    for number in range(first, first + BATCH):
        labels = stream(number)
        streams.setdefault(labels["part"], (labels, []))[1].append((at + number - first, line(number)))
    return list(streams.values())


class Timings:
    """Latencies of what was answered, counts of what was refused, and the longest time without an answer."""

    def __init__(self):
        self.took, self.refused, self.gap, self.last = [], Counter(), 0.0, time.monotonic()
        self.gap_at = ""

    def answered(self, began):
        end = time.monotonic()
        self.took.append(end - began)
        if end - self.last > self.gap:
            self.gap, self.gap_at = end - self.last, time.strftime("%H:%M:%S", time.gmtime())
        self.last = end

    def refuse(self, why):
        self.refused[str(why)] += 1

    def report(self):
        ordered = sorted(self.took)
        at = lambda share: ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
        gap = max(self.gap, time.monotonic() - self.last)
        return {
            "count": len(ordered),
            "p50": at(0.5),
            "p99": at(0.99),
            "max": at(1.0),
            "gap": gap,
            "gap_until": self.gap_at,
            "refused": dict(self.refused),
        }


class Honest:
    """Use as `with Honest(server): attack()`; leaving it checks the count, and what was seen.

    gap_s   the longest time any of them may be without an answer
    least_s the least time they live
    """

    def __init__(self, server, interval=0.1, gap_s=20, least_s=2, tail=True, headers=(), seed=0, clock_s=0):
        self.server, self.interval, self.with_tail = server, interval, tail
        self.gap_s, self.least_s = gap_s, least_s
        self.headers, self.seed, self.clock_ns = dict(headers), seed, clock_s * 10**9
        self.sent, self.acked = (PROCESSES.Value("q", 0) for _ in range(2))
        self.stop = PROCESSES.Event()
        self.began = now() + self.clock_ns
        self.results = None

    def _client(self):
        return Client(self.server.url, headers=self.headers)

    # In the process of its own.

    def _live(self, pipe):
        wrongs, results = [], {}
        def guarded(name, work):
            timings = Timings()
            try:
                results[name] = work(timings) or timings.report()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
                wrongs.append(f"{name}: {type(error).__name__}: {error}")
        jobs = [("writer", self._write), ("reader", self._read)] + ([("tail", self._tail)] if self.with_tail else [])
        threads = [threading.Thread(target=guarded, args=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pipe.send((results, wrongs))

    def _write(self, timings):
        client, first, due = self._client(), 0, time.monotonic()
        while not self.stop.is_set():
            at = now() + self.clock_ns
            self.sent.value = first + BATCH
            while True:
                began = time.monotonic()
                wait = 0.1
                try:
                    answer = client.push(batch(first, at))
                    if answer.status == 204:
                        timings.answered(began)
                        self.acked.value = first = first + BATCH
                        break
                    if answer.status not in BUSY:
                        raise Failed(f"a good push: {answer}")
                    timings.refuse(answer.status)
                    wait = min(1.0, float(answer.headers.get("Retry-After") or 0.1))
                except (OSError, http.client.HTTPException) as error:
                    timings.refuse(type(error).__name__)
                if self.stop.is_set():
                    return
                time.sleep(wait)
            due = max(due + self.interval, time.monotonic() - 1)
            self.stop.wait(max(0, due - time.monotonic()))

    def _span(self):
        return max(2, (now() + self.clock_ns - self.began) // 10**9 + 5)

    def count(self, client):
        """Lines of it that are there."""
        at = str(now() + self.clock_ns + 10**9)
        query = f"sum(count_over_time({SELECTOR}[{self._span()}s]))"
        return client.query(query, time=at)

    def _read(self, timings):
        client, chance = self._client(), random.Random(self.seed)
        while not self.stop.is_set():
            low, began = self.acked.value, time.monotonic()
            needle = chance.randrange(low) if low and chance.random() < 0.5 else None
            try:
                answer = self._needle(client, needle) if needle is not None else self.count(client)
            except (OSError, http.client.HTTPException) as error:
                timings.refuse(type(error).__name__)
                self.stop.wait(0.1)
                continue
            if answer.status in BUSY:
                timings.refuse(answer.status)
                self.stop.wait(0.1)
                continue
            require(answer.status == 200, f"a good query: {answer}")
            timings.answered(began)
            self._check(answer.json(), needle, low, self.sent.value)
            self.stop.wait(self.interval)

    def _needle(self, client, number):
        end = now() + self.clock_ns + 10**9
        return client.get(
            "query_range", query=f'{SELECTOR} |= "key={key(number)}"', start=str(self.began), end=str(end), limit="10"
        )

    @staticmethod
    def _check(found, needle, low, high):
        require(not found.get("warnings"), f"a warning: {found.get('warnings')}")
        result = found["data"]["result"]
        if needle is None:
            count = int(float(result[0]["value"][1])) if result else 0
            require(low <= count <= high, f"{count} lines are counted, {low} were acknowledged, {high} sent")
        else:
            lines = [value[1] for one in result for value in one["values"]]
            require(lines == [line(needle)], f"for line {needle} there is {lines[:3]}")

    def _tail(self, timings):
        seen, dropped, breaks, quiet, first, last = set(), 0, 0, 0, None, None
        tail, ended = None, None
        while True:
            if self.stop.is_set():
                ended = ended or time.monotonic()
                done = first is not None and len(seen) + dropped >= self.acked.value - first
                if done or time.monotonic() > ended + 10:
                    break
            try:
                if tail is None:
                    # What was sent before the tail began is in its first answer by `start`.
                    first = 0 if first is None else first
                    fields = [f"{name}: {value}" for name, value in self.headers.items()]
                    start = str(last or self.began)
                    tail = Tail(self.server.url, SELECTOR, 0.5, fields, limit="5000", start=start)
                began = time.monotonic()
                message = tail.message()
            except TimeoutError:
                continue
            except OSError as error:
                timings.refuse(str(error)[:60])
                breaks, tail = breaks + 1, None
                time.sleep(0.2)
                continue
            timings.answered(began)
            dropped += len(message.get("dropped_entries") or [])
            for one in message.get("streams") or []:
                for value in one["values"]:
                    number = int(value[1].split("number=")[1].split()[0])
                    require(value[1] == line(number), f"the tail shows {value[1][:200]}")
                    seen.add(number)
                    last = max(last or 0, int(value[0]))
        missing = [n for n in range(first or 0, self.acked.value) if n not in seen]
        # Reports are bounded in number, as in Loki.
        reported = dropped or breaks
        require(not missing or reported, f"the tail missed {len(missing)} lines without a report, the first {missing[:3]}")
        return {**timings.report(), "missing": len(missing), "dropped": dropped, "breaks": breaks}

    # Beside the attack.

    def __enter__(self):
        mine, its = PROCESSES.Pipe()
        self.pipe, self.process = mine, PROCESSES.Process(target=self._live, args=(its,), daemon=True)
        self.process.start()
        self.server.alive()
        end = time.monotonic() + 30
        while self.acked.value == 0:
            require(time.monotonic() < end, "no honest push was taken at the beginning")
            time.sleep(0.02)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            time.sleep(max(0, self.least_s - (now() + self.clock_ns - self.began) / 1e9))
        self.stop.set()
        if not self.pipe.poll(90):
            self.process.kill()
            if kind is None:
                raise Failed("the honest clients do not come to an end")
            return
        results, wrongs = self.pipe.recv()
        self.process.join()
        self.results = results
        if kind is not None:
            return
        self.server.alive()
        require(not wrongs, "; ".join(wrongs))
        for name in ("writer", "reader"):
            gap = results[name]["gap"]
            require(gap <= self.gap_s, f"the {name} was {gap:.1f} s without an answer: {results[name]}")
        self.counted()

    def counted(self, within=60):
        """Fails when fewer lines are there than were acknowledged, or more than were sent."""
        client, end, low, high = self._client(), time.monotonic() + within, self.acked.value, self.sent.value
        while True:
            answer = None
            try:
                answer = self.count(client)
                if answer.status == 200:
                    return self._check(answer.json(), None, low, high)
            except (OSError, http.client.HTTPException) as error:
                answer = error
            require(time.monotonic() < end, f"it does not heal: {answer}")
            time.sleep(0.2)

    def restarted(self):
        """kill -9, a start under the same limits, and all that was acknowledged is there."""
        self.server.kill()
        self.server.start()
        self.counted()
        self.server.alive()

    def summary(self):
        show = lambda r: f"{r['count']} p50 {r['p50'] * 1e3:.0f} p99 {r['p99'] * 1e3:.0f} ms" + (
            f" refused {r['refused']}" if r["refused"] else ""
        )
        return "; ".join(f"{name} {show(result)}" for name, result in self.results.items())
