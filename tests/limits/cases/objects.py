"""Objects that are gone from the bucket: a warning and the rest, as with a file that is gone."""

import re

from bucket import Bucket, until
from cases import case
from client import now, random_text
from server import Server, require

DAY = 86_400 * 10**9


def fill(server, bucket, parts, lines):
    """Parts of days of their own, each with that many lines, uploaded."""
    client, noon = server.client(), now() // DAY * DAY - 2 * DAY + DAY // 2
    for part in range(parts):
        values = [(noon - part * DAY + i, f"line {part} {random_text(400)}") for i in range(lines)]
        require(client.push([({"app": "far"}, values)]).status == 204, "a push")
    client.post("/flush")
    until(lambda: len(bucket.names(".part")) >= parts, "the parts are not uploaded")
    # Known to be there only after the bucket's manifest was written.
    waiting = lambda: re.search(r"^skald_objects_waiting_parts\S* (\d+)", client.get("/metrics").text(), re.M)
    until(lambda: bucket.names("MANIFEST") and int(waiting().group(1)) == 0, "parts wait to be uploaded")
    return noon


def ask(server, noon, parts):
    """[(status, lines, warned)] of a count, a log query and an export."""
    client = server.client()
    span = {"start": str(noon - (parts + 1) * DAY), "end": str(noon + DAY)}
    out = []
    answer = client.query(f'sum(count_over_time({{app="far"}} |= "line" [{parts + 2}d]))', time=str(noon + DAY))
    found = answer.json() if answer.status == 200 else {}
    result = found.get("data", {}).get("result")
    out.append((answer.status, int(float(result[0]["value"][1])) if result else 0, bool(found.get("warnings"))))
    answer = client.get("query_range", query='{app="far"} |= "line"', limit="5000", **span)
    found = answer.json() if answer.status == 200 else {}
    result = found.get("data", {}).get("result", [])
    out.append((answer.status, sum(len(one["values"]) for one in result), bool(found.get("warnings"))))
    return out


def gone(binary, ending, cache="10GB"):
    parts, lines = 4, 200
    with Bucket() as bucket, Server(binary) as server:
        server.settings = [*bucket.settings(), "--storage_config.object_store.cache_size", cache]
        server.start()
        noon = fill(server, bucket, parts, lines)
        whole = parts * lines
        require(all(one == (200, whole, False) for one in ask(server, noon, parts)), f"before: {ask(server, noon, parts)}")
        name = bucket.names(".part")[0]
        for object_name in [name] if ending == ".part" else [one for one in bucket.names() if one.startswith(name[:-5])]:
            bucket.remove(object_name)
        for state in ("running", "restarted", "an empty disk"):
            if state != "running":
                server.kill()
                for path in server.data.rglob("*"):
                    if path.is_file() and (state == "an empty disk" or path.name.endswith(".part")):
                        path.unlink()
                server.start()
                # On an empty disk it looks for its tenants in the bucket once it is ready.
                until(lambda: any(there for _, there, _ in ask(server, noon, parts)), f"{state}: nothing is there")
            for status, there, warned in ask(server, noon, parts):
                require(status == 200, f"{state}: status {status}")
                require(there in (whole, whole - lines), f"{state}: {there} of {whole} lines")
                require(there == whole or warned, f"{state}: {there} of {whole} lines without a warning")
        client = server.client()
        require(client.push([({"app": "after"}, [(now(), "x")])]).status == 204, "a push afterwards")


@case("moto")
def a_part_that_is_gone(binary):
    gone(binary, ".part")


@case("moto")
def a_part_and_its_directory_that_are_gone(binary):
    gone(binary, "")


@case("moto")
def a_part_that_is_gone_after_it_was_opened(binary):
    """Nothing of it is on the local disk, but for what was read."""
    gone(binary, ".part", cache="1KB")


@case("moto")
def a_directory_that_is_gone_after_it_was_opened(binary):
    gone(binary, "", cache="1KB")
