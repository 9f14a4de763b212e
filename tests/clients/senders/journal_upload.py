"""systemd-journal-upload follows a journal that systemd-journal-remote writes from the export format."""

import subprocess
import threading
import time

import packages
from sender import Keeps, Sender
from skald import Failed

BOOT = "5b1d7c0e2f3a4c4d9e8f0a1b2c3d4e5f"
MACHINE = "3f2a9c0d4e5b46718a9bc0d1e2f30415"
ENTRY = """__REALTIME_TIMESTAMP={time}
__MONOTONIC_TIMESTAMP={monotonic}
_BOOT_ID={boot}
_MACHINE_ID={machine}
_HOSTNAME=node-1
_TRANSPORT=stdout
_SYSTEMD_UNIT=shop.service
SYSLOG_IDENTIFIER=shop
SYSLOG_FACILITY=19
PRIORITY=4
_PID=4711
TAG=a
TAG=b
MESSAGE={line}

"""


class JournalUpload(Sender):
    name, needs = "journal-upload", ("systemd-journal-remote", "systemd-journal-upload")
    keeps, selector, receiver, refused = Keeps.UNACKNOWLEDGED, '{source="journal"}', "journal", "upload"
    shows = {
        **{"host": "node-1", "transport": "stdout", "unit": "shop.service", "app": "shop", "level": "warn"},
        **{"severity": "warning", "facility": "local3", "pid": "4711", "tag": "a,b", "boot_id": BOOT},
    }

    def open(self):
        self.journal, self.began, self.starts = self.work / "journal", time.monotonic_ns(), 0
        self.journal.mkdir()
        self.is_closing = threading.Event()
        self.unit = None

    def send(self, lines):
        entries = ""
        for line in lines:
            time.sleep(0.0001)
            of = {"time": time.time_ns() // 1000, "monotonic": time.monotonic_ns() // 1000}
            entries += ENTRY.format(**of, boot=BOOT, machine=MACHINE, line=line)
        command = [packages.program("systemd-journal-remote"), "-o", self.journal / "remote.journal", "-"]
        done = subprocess.run(command, input=entries, capture_output=True, text=True, env=packages.environment())
        if done.returncode != 0:
            raise Failed(f"systemd-journal-remote: {done.stderr.strip()[-300:]}")
        if not self.unit:
            self.unit = threading.Thread(target=self.keep_running)
            self.unit.start()

    def keep_running(self):
        """Starts the program again when it ends with an error, as its unit says."""
        url, state = f"--url={self.skald.url}", f"--save-state={self.work / 'state'}"
        while not self.is_closing.is_set():
            self.starts += 1
            self.spawn("systemd-journal-upload", url, state, f"--directory={self.journal}", "--follow")
            while self.process.poll() is None and not self.is_closing.is_set():
                time.sleep(0.05)
            self.is_closing.wait(0.2)

    def close(self):
        self.is_closing.set()
        if self.unit:
            self.unit.join()
        super().close()


ALL = [JournalUpload]
