"""A small disk fills up: the server starts on it, answers, refuses pushes, makes room, and heals."""

import subprocess
import tempfile
import time
from pathlib import Path

from cases import case
from client import now, random_text
from honest import Honest
from server import Server, require


class Disk:
    """A file system of that size (and number of files) in this mount namespace."""

    def __init__(self, size, inodes=None):
        self.path = Path(tempfile.mkdtemp(prefix="skald-limits-disk-"))
        options = f"size={size}" + (f",nr_inodes={inodes}" if inodes else "")
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)], check=True)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.path)], check=False)
        self.path.rmdir()


class Filled:
    """Lines that were sent to `{app="fill"}`, and those of them that were taken. What was refused may be seen until
    the server ends: it reached the head before the log refused it."""

    def __init__(self):
        self.taken = self.sent = 0

    def push(self, client):
        answer = client.push([({"app": "fill"}, [(now() + i, f"fill {random_text(100_000)}") for i in range(10)])])
        require(answer.status in (204, 429, 503), f"a push to a full disk: {answer}")
        require(answer.status == 204 or answer.headers.get("Retry-After"), f"{answer.status} without Retry-After")
        self.sent += 10
        self.taken += 10 * (answer.status == 204)
        return answer.status == 204

    def until_full(self, client, attempts=400):
        """Pushes until it is refused some times in a row."""
        refused = 0
        for _ in range(attempts):
            refused = 0 if self.push(client) else refused + 1
            if refused == 5:
                return self
            if refused:
                time.sleep(0.1)
        require(refused, "the disk does not fill up")
        return self

    def is_there(self, client, when):
        found = filled(client)
        require(self.taken <= found <= self.sent, f"{when}: {found:.0f} lines of {self.taken} that were taken and {self.sent} sent")


def filled(client):
    return client.number('sum(count_over_time({app="fill"}[1h]))')


def heals(client, within=30):
    end = time.monotonic() + within
    while True:
        answer = client.push([({"app": "after"}, [(now(), "after")])])
        if answer.status == 204:
            return
        require(time.monotonic() < end, f"it does not heal: {answer}")
        time.sleep(0.2)


def restart_on_a_full_disk(binary, end, settings):
    """Full, ended, started: it answers all that was taken, and takes pushes once there is room."""
    with Disk("150m") as disk, Server(binary, disk / "data", memory="512MB", settings=settings) as server:
        server.start()
        (disk / "ballast").write_bytes(bytes(20 << 20))
        lines = Filled().until_full(server.client())
        for _ in range(2):
            end(server)
            server.start()
            lines.is_there(server.client(), "after a restart")
            lines.until_full(server.client())
        (disk / "ballast").unlink()
        heals(server.client())
        lines.is_there(server.client(), "once there is room")
        server.alive()
        server.kill()
        server.start()
        lines.is_there(server.client(), "after kill -9")
        server.verify()


@case("disk")
def killed_on_a_full_disk(binary):
    restart_on_a_full_disk(binary, Server.kill, [])


@case("disk")
def killed_on_a_full_disk_in_small_flushes(binary):
    restart_on_a_full_disk(binary, Server.kill, ["--ingester.flush_size", "2MB"])


@case("disk")
def ended_on_a_full_disk(binary):
    restart_on_a_full_disk(binary, Server.terminate, [])


@case("disk")
def no_files_left(binary):
    """The disk has room, but for no further file."""
    settings = ["--ingester.flush_size", "1MB"]
    with Disk("300m", inodes=60) as disk, Server(binary, disk / "data", memory="512MB", settings=settings) as server:
        server.start()
        ballast = []
        for i in range(60):
            try:
                (disk / f"ballast-{i}").touch()
            except OSError:
                break
            ballast.append(disk / f"ballast-{i}")
        for file in ballast[-3:]:
            file.unlink()
        client, lines = server.client(), Filled()
        for _ in range(12):
            lines.push(client)
        server.kill()
        server.start()
        lines.is_there(server.client(), "after a restart")
        for file in ballast[:-3]:
            file.unlink()
        heals(server.client())
        lines.is_there(server.client(), "once there is room")
        server.kill()
        server.start()
        lines.is_there(server.client(), "after kill -9")
        server.verify()


@case("disk")
def room_made_by_a_delete(binary):
    """On a disk that was full at the start, a delete makes the room that pushes need."""
    settings = ["--compactor.delete_request_cancel_period", "1s", "--ingester.flush_size", "4MB"]
    with Disk("120m") as disk, Server(binary, disk / "data", memory="512MB", settings=settings) as server:
        server.start()
        client = server.client()
        Filled().until_full(client)
        server.kill()
        server.start()
        client = server.client()
        path = "delete?query=%7Bapp%3D%22fill%22%7D&start=0"
        answer = client.post(path)
        require(answer.status == 204, f"the delete: {answer}")
        heals(client, 60)
        end = time.monotonic() + 60
        while filled(client):
            require(time.monotonic() < end, "what was deleted is seen")
            time.sleep(0.5)
        with Honest(server, tail=False) as honest:
            time.sleep(2)
        return honest.summary()


@case("disk")
def room_made_by_retention(binary):
    """A disk that was full at the start has room again once what is too old, or too much, has gone."""
    with Disk("120m") as disk, Server(binary, disk / "data", memory="512MB") as server:
        server.settings = ["--ingester.flush_size", "4MB"]
        server.start()
        Filled().until_full(server.client())
        server.kill()
        server.settings += ["--limits_config.retention_size", "30MB", "--limits_config.retention_period", "1d"]
        server.start()
        heals(server.client(), 90)
        server.kill()
        server.start()
        heals(server.client())
        server.verify()


@case("disk")
def tenants_and_days_on_a_full_disk(binary):
    """What is refused for want of room leaves nothing half made: folders, parts, manifests of new tenants."""
    settings = ["--auth_enabled", "true", "--ingester.flush_age", "1s"]
    with Disk("60m") as disk, Server(binary, disk / "data", memory="512MB", settings=settings) as server:
        server.start()
        client = server.client(headers={"X-Scope-OrgID": "a"})
        lines = Filled().until_full(client)
        for i in range(50):
            new = server.client(headers={"X-Scope-OrgID": f"new{i}"})
            days = [(now() - day * 86_400 * 10**9, f"day {day}") for day in range(20)]
            answer = new.push([({"app": "new"}, days)])
            require(answer.status in (204, 429, 503), f"a push: {answer}")
            there = new.number('sum(count_over_time({app="new"}[30d]))')
            require(there == 20 or answer.status != 204 and there == 0, f"tenant {i} has {there} lines after {answer.status}")
        server.kill()
        server.start()
        lines.is_there(server.client(headers={"X-Scope-OrgID": "a"}), "after kill -9")
        server.verify()
