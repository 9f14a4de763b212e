"""Documents through the helpers of Elasticsearch's client, which greets the server first."""

import datetime
import os

from elasticsearch import Elasticsearch, helpers

RUN, LINES, URL = os.environ["SKALD_RUN"], int(os.environ["SKALD_LINES"]), os.environ["SKALD_URL"]

client = Elasticsearch(URL)
assert client.info()["tagline"] == "You Know, for Search"
assert client.cluster.health()["status"] == "green"


def document(n):
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "_op_type": "create",
        "_index": now.strftime("clients-%Y.%m.%d"),
        "@timestamp": now.isoformat(),
        "message": f"{RUN} line {n}.",
        "log": {"level": "warn"},
        "host": {"name": "there"},
        "run": RUN,
        "number": n,
    }


taken, errors = helpers.bulk(client, (document(n) for n in range(LINES)), chunk_size=20)
assert (taken, errors) == (LINES, []), (taken, errors)
