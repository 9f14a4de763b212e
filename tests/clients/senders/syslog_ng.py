"""syslog-ng sends RFC 5424 over TCP, and bulk requests of Elasticsearch by http()."""

import packages
from sender import HOST, PID, Daemon, Keeps

CONFIG = """
@version: 3.38
options {{ time-reopen(1); keep-hostname(yes); ts-format(iso); frac-digits(6); }};
source local {{ unix-dgram("{socket}"); }};
destination skald {{ {destination} }};
log {{ source(local); destination(skald); }};
"""


class SyslogNg(Daemon):
    needs, destination = ("syslog-ng",), ""

    def open(self):
        destination = self.destination
        for word, value in {"PORT": self.skald.port, "TCP": self.skald.tcp, "TLS": self.skald.tls, "WORK": self.skald.work}.items():
            destination = destination.replace(word, str(value))
        (self.work / "syslog-ng.conf").write_text(CONFIG.format(socket=self.socket(), destination=destination))
        modules = packages.root() / "usr/lib/syslog-ng/3.38"
        own = {"-f": "syslog-ng.conf", "-R": "persist", "-c": "control", "-p": "pid"}
        files = [word for flag, file in own.items() for word in (flag, self.work / file)]
        self.spawn("syslog-ng", "-F", "-e", "--no-caps", f"--module-path={modules}", *files)
        self.wait()


class Tcp(SyslogNg):
    name, selector = "syslog-ng-tcp", '{source="syslog", app="syslog-ng-tcp"}'
    destination = 'syslog("127.0.0.1" port(TCP) transport("tcp"));'
    shows = {"over": "tcp", "host": HOST, "facility": "local3", "severity": "warning", "level": "warn", "procid": str(PID)}


class Tls(SyslogNg):
    """Both sides show a certificate."""

    looks_for_end = False
    name, needs, selector = "syslog-ng-tls", ("syslog-ng", "openssl"), '{source="syslog", app="syslog-ng-tls"}'
    destination = (
        'syslog("127.0.0.1" port(TLS) transport("tls") tls(ca-file("WORK/ca.pem") cert-file("WORK/cert.pem") '
        'key-file("WORK/key.pem") peer-verify(required-trusted)));'
    )
    shows = {**Tcp.shows, "over": "tls"}


class Elasticsearch(SyslogNg):
    name, selector, keeps = "syslog-ng-elasticsearch", '{index="syslog-ng"}', Keeps.UNACKNOWLEDGED
    receiver, in_parts, refused = "elasticsearch", True, "index__bulk"
    destination = (
        r'http(url("http://127.0.0.1:PORT/syslog-ng/_bulk") method("POST") headers("Content-Type: application/x-ndjson") '
        r'body("{\"index\":{}}\n$(format-json @timestamp=${ISODATE} service.name=${PROGRAM} host.name=${HOST} '
        r'log.level=${LEVEL} facility=${FACILITY} pid=${PID} message=${MESSAGE})\n") '
        r'batch-lines(25) batch-timeout(200) timeout(10));'
    )
    shows = {"service_name": name, "host": HOST, "level": "warning", "facility": "local3", "pid": str(PID)}


ALL = [Tcp, Tls, Elasticsearch]
