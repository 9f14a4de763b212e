"""A release binary is started as a process of its own under limits, killed, and started again."""

import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from client import Client
from groups import Group

UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
START_S = 60


class Failed(Exception):
    """What a case says when something does not hold."""


def size(text):
    """Bytes of `256MB`."""
    return int(text[:-2]) * UNITS[text[-2:]]


def faketime():
    """The library that shifts a process's clock, or nothing."""
    return next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)


def require(holds, message):
    if not holds:
        raise Failed(message)


class Server:
    """`skald serve` over a data directory.

    memory    what the group may hold, `256MB`; none is no group
    nofile    descriptors (soft and hard)
    address   bytes of address space, `4GB`
    clock     an offset for faketime, `-1d`
    settings  flags of the server
    """

    def __init__(self, binary, data=None, memory=None, nofile=None, address=None, clock=None, settings=()):
        self.binary, self.memory, self.nofile, self.clock = binary, memory, nofile, clock
        self.address_space, self.settings = address, list(settings)
        self.work = Path(tempfile.mkdtemp(prefix="skald-limits-"))
        self.data = Path(data) if data else self.work / "data"
        self.group = Group(size(memory)) if memory else None
        self.process, self.url, self.high = None, None, 0
        self.starts = 0

    def command(self):
        before = self.group.entry() if self.group else ""
        if self.nofile:
            before += f"ulimit -n {self.nofile} && "
        if self.address_space:
            before += f"ulimit -v {size(self.address_space) >> 10} && "
        words = [str(self.binary), "serve", "--listen", "127.0.0.1:0", "--data", str(self.data), *self.settings]
        if self.clock:
            # Not by its command, which would stand between this process and the server.
            words = ["env", f"LD_PRELOAD={faketime()}", f"FAKETIME={self.clock}", "FAKETIME_DONT_FAKE_MONOTONIC=1", *words]
        if self.group and not self.group.confines and "--memory" not in words:
            words += ["--memory", str(self.group.limit * 6 // 10)]
        return ["sh", "-c", before + "exec " + shlex.join(words)]

    def start(self, within=START_S):
        """Starts it and waits until it says that it is ready."""
        self.launch()
        end = time.monotonic() + within
        while time.monotonic() < end:
            found = re.search(r"://([0-9.]+:[0-9]+)", self.out())
            if found:
                self.url = found.group(1)
                return self
            status = self.process.poll()
            require(status is None, f"it does not start, status {status}: {self.complaints()}")
            time.sleep(0.02)
        raise Failed(f"it is not ready within {within} s: {self.complaints()}")

    def launch(self):
        """Starts it without waiting."""
        self.starts += 1
        out = open(self.work / "out", "w")
        err = open(self.work / "err", "a")
        self.process = subprocess.Popen(self.command(), stdout=out, stderr=err)
        return self

    def out(self):
        return (self.work / "out").read_text(errors="replace")

    def log(self):
        return (self.work / "err").read_text(errors="replace")

    def complaints(self):
        """The end of what it logged, without what is in order."""
        return "\n".join(line for line in self.log().splitlines() if " level=info " not in line)[-600:]

    def client(self, timeout=60, headers=()):
        return Client(self.url, timeout, headers)

    def status(self, name):
        """A line of /proc/PID/status in bytes (or a bare number); 0 when it is gone."""
        try:
            text = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(rf"^{name}:\s+(\d+)( kB)?", text, re.M)
        return int(found.group(1)) * (1024 if found.group(2) else 1) if found else 0

    def peak(self):
        """The high-water mark of its own memory over all starts."""
        self.high = max(self.high, self.status("VmHWM"))
        return self.high

    def cpu_s(self):
        """Processor time it used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def alive(self):
        """Fails when it ended, or when the kernel killed it."""
        status = self.process.poll()
        require(status is None, f"it ended with status {status}: {self.complaints()}")
        require(not self.group or self.group.kills() == 0, "the kernel killed it")
        # A group counts what the program's file takes only for the first who reads it, the process always does.
        peak, held_by_kernel = self.peak(), not self.group or self.group.confines
        require(held_by_kernel or peak <= self.group.limit, f"its memory reached {peak >> 20} MB")

    def kill(self):
        """kill -9"""
        self.peak()
        self.process.kill()
        self.process.wait()

    def terminate(self, within=40):
        """SIGTERM; gives how long it took."""
        began = time.monotonic()
        self.peak()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise Failed(f"SIGTERM does not end it within {within} s") from None
        require(status == 0, f"SIGTERM ends it with status {status}")
        return time.monotonic() - began

    def verify(self):
        """Fails when `skald verify` finds damage in the data directory."""
        done = subprocess.run([str(self.binary), "verify", str(self.data)], capture_output=True, text=True)
        require(done.returncode == 0, f"verify finds damage: {(done.stdout + done.stderr)[-600:]}")

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.group:
            self.group.remove()
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()
