"""logger of util-linux sends each line of a file, over UDP and TCP, in both forms and both framings."""

import subprocess

import packages
from sender import HOST, Keeps, Sender

WORDS = ["--server", "127.0.0.1", "--priority", "local3.warning", "--id=4711"]


class Logger(Sender):
    needs, flags = ("logger",), ()

    def open(self):
        self.waiting = []

    def send(self, lines):
        """A call that fails, as it does over TCP while nobody listens, is made again with the next lines."""
        self.waiting += lines
        (self.work / "lines").write_text("".join(f"{line}\n" for line in self.waiting))
        protocol = ["--udp"] if self.keeps is Keeps.NOTHING else ["--tcp"]
        port = self.skald.udp if self.keeps is Keeps.NOTHING else self.skald.tcp
        words = [*protocol, "--port", str(port), "--tag", self.name, *self.flags, "--file", self.work / "lines"]
        done = subprocess.run([packages.program("logger"), *WORDS, *words], capture_output=True, text=True)
        if done.returncode == 0 or self.keeps is Keeps.NOTHING:
            self.waiting = []
        if done.stderr:
            (self.work / "log").write_text(done.stderr)


def variant(name, *flags):
    """A class for a form: RFC 5424 has structured data and an id, RFC 3164 has a time without year and zone."""
    is_udp, is_new = "udp" in name, "--rfc5424" in flags
    shows = {"over": "udp" if is_udp else "tcp", "host": HOST, "facility": "local3", "severity": "warning"}
    shows |= {"level": "warn", "procid": "4711"}
    if is_new:
        flags = (*flags, "--msgid", "TRIED", "--sd-id", "zoo@123", "--sd-param", 'tiger="hungry"')
        shows |= {"msgid": "TRIED", "zoo_123_tiger": "hungry", "timeQuality_tzKnown": "1"}
    else:
        shows |= {"guessed": "year,zone"}
    return type(name, (Logger,), {
        "name": name,
        "flags": flags,
        "keeps": Keeps.NOTHING if is_udp else Keeps.WAITING,
        "selector": f'{{source="syslog", app="{name}"}}',
        "shows": shows,
    })


ALL = [
    variant("logger-udp-5424", "--rfc5424"),
    variant("logger-udp-3164", "--rfc3164"),
    variant("logger-tcp-5424", "--rfc5424"),
    variant("logger-tcp-3164", "--rfc3164"),
    variant("logger-tcp-5424-counted", "--rfc5424", "--octet-count"),
    variant("logger-tcp-3164-counted", "--rfc3164", "--octet-count"),
]
