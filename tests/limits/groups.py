"""Memory groups (cgroups) confine a process and all of its page cache.

Version 1 and version 2 are used where one can be made. Where neither can, a `Group` confines nothing: the server
is told its memory by a setting, and the bound is checked on the high-water mark of its memory alone.
"""

import itertools
import os
from pathlib import Path

NUMBERS = itertools.count()


def _text(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def _parents():
    """(version, directory) in which a group may be made, the likelier first."""
    yield 1, Path("/sys/fs/cgroup/memory")
    for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if "memory" in _text(root / "cgroup.controllers"):
            yield 2, root
            own = [line[3:].strip("/\n") for line in open("/proc/self/cgroup") if line.startswith("0::")]
            if own and own[0]:
                yield 2, root / own[0]


class Group:
    """At most `limit` bytes for what runs in it. `confines` says whether the kernel sees to that."""

    def __init__(self, limit):
        self.limit, self.path, self.version = limit, None, 0
        for version, parent in _parents():
            path = parent / f"skald-limits-{os.getpid()}-{next(NUMBERS)}"
            try:
                self._make(version, parent, path)
            except OSError:
                if path.is_dir():
                    path.rmdir()
                continue
            self.path, self.version = path, version
            return

    def _make(self, version, parent, path):
        if version == 2:
            (parent / "cgroup.subtree_control").write_text("+memory")
        path.mkdir()
        file = "memory.limit_in_bytes" if version == 1 else "memory.max"
        (path / file).write_text(str(self.limit))
        if version == 2 and (path / "memory.swap.max").exists():
            (path / "memory.swap.max").write_text("0")

    @property
    def confines(self):
        return self.path is not None

    def entry(self):
        """What a shell has to do so that itself, and what it becomes, are in the group."""
        return f"echo $$ > {self.path}/cgroup.procs && " if self.confines else ""

    def peak(self):
        """The most bytes it held, page cache included; 0 where the kernel does not say."""
        if not self.confines:
            return 0
        file = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        return int(_text(self.path / file) or 0)

    def kills(self):
        """Processes the kernel killed in it."""
        if not self.confines:
            return 0
        file = "memory.oom_control" if self.version == 1 else "memory.events"
        for line in _text(self.path / file).splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def remove(self):
        if self.confines:
            try:
                self.path.rmdir()
            except OSError:
                pass
