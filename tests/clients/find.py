"""Asks a server for the lines a client sent: find.py BASE_URL SELECTOR RUN LINES

Every line `RUN line N.` must be there exactly once. A client may still be sending, so the question is
repeated until all are found or time is up.
"""

import json
import sys
import time
import urllib.parse
import urllib.request

WAIT_SECONDS = 20


def lines(base_url, selector, run):
    query = urllib.parse.urlencode({"query": f'{selector} |= "{run}"', "since": "1h", "limit": 5000})
    with urllib.request.urlopen(f"{base_url}/loki/api/v1/query_range?{query}", timeout=10) as answer:
        streams = json.load(answer)["data"]["result"]
    return [value[1] for stream in streams for value in stream["values"]]


def main():
    base_url, selector, run, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = lines(base_url, selector, run)
        times = [sum(f"{run} line {n}." in line for line in found) for n in range(count)]
        if all(seen == 1 for seen in times):
            return 0
        if any(seen > 1 for seen in times) or time.monotonic() > deadline:
            wrong = [f"{n} ({seen} times)" for n, seen in enumerate(times) if seen != 1]
            print(f"{selector}: {len(found)} lines came back; wrong are {', '.join(wrong)}")
            print("\n".join(found[:3]))
            return 1
        time.sleep(0.2)


sys.exit(main())
