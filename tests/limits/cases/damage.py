"""Damage on disk: one byte, one file, one file under another's name; what is lost is said, the rest answers."""

import shutil
import subprocess
import time

from cases import case
from client import now, random_text
from server import Server, require

DAY = 86_400 * 10**9


def push_all(client, count, app="rot", each=1, at=None):
    start = at or now() - 60 * 10**9
    for first in range(0, count, each):
        lines = [(start + i, f"rot {i} {random_text(60)}") for i in range(first, min(count, first + each))]
        answer = client.push([({"app": app}, lines)])
        require(answer.status == 204, f"a push: {answer}")


def flip(path, at, bits=0x10):
    data = bytearray(path.read_bytes())
    data[at] ^= bits
    path.write_bytes(data)


def verifies(server):
    done = subprocess.run([str(server.binary), "verify", str(server.data)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def count(server, app="rot", span="1h", at=None):
    """(lines, whether there is a warning)"""
    answer = server.client().query(f'sum(count_over_time({{app="{app}"}}[{span}]))', time=str(at or now() + 10**9))
    require(answer.status == 200, f"the count: {answer}")
    found = answer.json()
    result = found["data"]["result"]
    return (int(float(result[0]["value"][1])) if result else 0), bool(found.get("warnings"))


@case()
def rot_in_the_last_record_of_the_log(binary):
    """Whatever byte of it rots, what is cut off is said: by verify, and by the log at the next start."""
    with Server(binary) as server:
        server.start()
        push_all(server.client(), 20)
        server.kill()
        segment = sorted(path for path in server.data.rglob("*.wal") if path.stat().st_size)[-1]
        whole = segment.read_bytes()
        for back in range(1, len(whole) // 20, 5):
            segment.write_bytes(whole)
            flip(segment, len(whole) - back)
            status, said = verifies(server)
            require(status != 0, f"{back} from the end: verify says nothing: {said[-300:]}")
            mark = len(server.log())
            server.start()
            lines, _ = count(server)
            warned = [line for line in server.log()[mark:].splitlines() if "level=warn" in line or "level=error" in line]
            require(warned, f"{back} from the end: {20 - lines} lines are gone without a word")
            server.kill()
            for path in server.data.rglob("*.wal"):
                path.unlink()


@case()
def every_byte_of_the_format_file(binary):
    """FORMAT alone, empty, gone, each byte flipped: all else is whole, so it starts and answers."""
    with Server(binary) as server:
        server.start()
        push_all(server.client(), 20, each=20)
        server.client().post("/flush")
        server.kill()
        file = server.data / "FORMAT"
        whole = file.read_bytes()
        for at in range(-2, len(whole)):
            if at == -2:
                file.unlink()
            else:
                file.write_bytes(whole if at >= 0 else b"")
                if at >= 0:
                    flip(file, at)
            server.start()
            lines, _ = count(server)
            require(lines == 20, f"byte {at} of FORMAT: {lines} of 20 lines")
            server.kill()
        server.start()
        server.terminate()
        server.verify()


@case()
def a_part_under_anothers_name(binary):
    """Two parts of a day, one copied over the other: never a wrong answer without a warning."""
    with Server(binary) as server:
        server.start()
        client, noon = server.client(), now() // DAY * DAY - 3 * DAY + DAY // 2
        for part in range(2):
            push_all(client, 100 + part * 50, app=f"part{part}", each=50, at=noon + part * 1_000)
            client.post("/flush")
        time.sleep(0.3)
        server.kill()
        parts = sorted(server.data.rglob("*.part"))
        require(len(parts) >= 2, f"there are {len(parts)} parts")
        shutil.copy(parts[0], parts[1])
        status, said = verifies(server)
        require(status != 0, f"verify finds nothing: {said[-200:]}")
        server.start()
        found = [count(server, f"part{part}", "1d", noon + 3600 * 10**9) for part in range(2)]
        right = [lines == 100 + part * 50 for part, (lines, _) in enumerate(found)]
        require(all(right) or any(warned for _, warned in found), f"{found} without a warning")


@case()
def bytes_of_parts_one_after_the_other(binary):
    """Flipped bytes anywhere in a part: right, or with a warning; never a panic or a refusal to start."""
    with Server(binary) as server:
        server.start()
        client, noon = server.client(), now() // DAY * DAY - 3 * DAY + DAY // 2
        push_all(client, 200, each=100, at=noon)
        client.post("/flush")
        server.kill()
        part = next(server.data.rglob("*.part"))
        size, whole, silent = part.stat().st_size, part.read_bytes(), []
        for step in range(24):
            part.write_bytes(whole)
            flip(part, size * step // 24)
            server.start()
            lines, warned = count(server, span="1d", at=noon + 3600 * 10**9)
            if lines != 200 and not warned:
                silent.append((size * step // 24, lines))
            require("panicked" not in server.log(), "a panic")
            server.kill()
        require(not silent, f"wrong without a warning: {silent}")
