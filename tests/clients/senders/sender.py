"""What all senders share: a place, a process, and what is known of each line."""

import enum
import socket
import subprocess
import time

import packages
from skald import Failed

HOST = socket.gethostname()
# LOCAL3 and warning, the priority of every line.
PRIORITY = 19 * 8 + 4
PID = 4711


class Keeps(enum.Enum):
    """What the protocol keeps for a server that is away."""

    NOTHING = "datagrams"
    WAITING = "what is not yet sent"
    UNACKNOWLEDGED = "what is not yet acknowledged"


class Sender:
    """A program that sends lines.

    name      also the APP-NAME or tag of its lines
    needs     programs it consists of
    keeps     what its protocol keeps
    selector  where all its lines are found
    shows     labels and metadata of each of them
    receiver  as the server names it
    refused   the route that answers it with 503, if it speaks HTTP
    keeps_refused  whether it sends again what got a 503
    looks_for_end  whether it looks for the end of its connection before it writes
    in_parts  whether its requests stay small, however much waits
    installs  what brings programs that are not Debian's
    """

    name, needs, installs, keeps, selector = "", (), (), Keeps.WAITING, ""
    receiver, refused, keeps_refused, looks_for_end, in_parts = "syslog", None, True, True, False
    shows = {}

    def __init__(self, skald):
        self.skald = skald
        self.work = skald.work / self.name
        self.work.mkdir()
        self.process = None
        self.open()

    def open(self):
        """Starts the program."""

    def send(self, lines):
        """Gives it lines; they may reach the server later."""
        raise NotImplementedError

    def text(self, line):
        """What it was given, in a line of the server's."""
        return line

    def spawn(self, *words):
        with open(self.work / "log", "ab") as log:
            self.process = subprocess.Popen(
                [packages.program(words[0]), *words[1:]], stdout=log, stderr=log, env=packages.environment()
            )

    def close(self):
        """Ends the program by its process."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def log(self):
        path = self.work / "log"
        return path.read_text(errors="replace")[-1500:] if path.exists() else ""


class Daemon(Sender):
    """A syslog daemon that reads a socket like /dev/log."""

    def socket(self):
        return self.work / "socket"

    def wait(self):
        end = time.monotonic() + 10
        while not self.socket().exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{self.name} does not start: {self.log()}")
            time.sleep(0.02)

    def send(self, lines):
        stamp = time.strftime("%b %e %H:%M:%S")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.connect(str(self.socket()))
            for line in lines:
                log.sendall(f"<{PRIORITY}>{stamp} {self.name}[{PID}]: {line}".encode())
