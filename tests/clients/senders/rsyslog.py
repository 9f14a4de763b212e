"""rsyslogd sends over TCP with counted octets, over UDP as RFC 3164, and as bulk requests of Elasticsearch."""

import packages
from sender import HOST, PID, Daemon, Keeps

CONFIG = """
global(workDirectory="{work}" localHostname="{host}")
module(load="imuxsock" SysSock.Use="off")
module(load="omelasticsearch")
template(name="json" type="list" option.jsonf="on") {{
  property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="service" name="programname" format="jsonf")
  property(outname="log.level" name="syslogseverity-text" format="jsonf")
  property(outname="facility" name="syslogfacility-text" format="jsonf")
  property(outname="pid" name="procid" format="jsonf")
  property(outname="message" name="msg" position.from="2" format="jsonf")
}}
input(type="imuxsock" socket="{socket}" useSysTimeStamp="on")
{action}
"""
ALWAYS = 'queue.type="LinkedList" action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="1"'


class Rsyslog(Daemon):
    needs, action = ("rsyslogd",), ""

    def open(self):
        action = self.action.format(skald=self.skald, always=ALWAYS)
        config = CONFIG.format(work=self.work, host=HOST, socket=self.socket(), action=action)
        (self.work / "rsyslog.conf").write_text(config)
        modules = packages.root() / f"usr/lib/{packages.MULTIARCH}/rsyslog"
        self.spawn("rsyslogd", "-n", "-M", modules, "-f", self.work / "rsyslog.conf", "-i", self.work / "pid")
        self.wait()


class Tcp(Rsyslog):
    name, selector = "rsyslog-tcp", '{source="syslog", app="rsyslog-tcp"}'
    action = (
        'action(type="omfwd" target="127.0.0.1" port="{skald.tcp}" protocol="tcp" TCP_Framing="octet-counted" '
        'template="RSYSLOG_SyslogProtocol23Format" {always})'
    )
    shows = {"over": "tcp", "host": HOST, "facility": "local3", "severity": "warning", "level": "warn", "procid": str(PID)}


class Tls(Rsyslog):
    """Both sides show a certificate."""

    looks_for_end = False
    name, needs, selector = "rsyslog-tls", ("rsyslogd", "openssl"), '{source="syslog", app="rsyslog-tls"}'
    action = (
        'global(defaultNetstreamDriverCAFile="{skald.work}/ca.pem" defaultNetstreamDriverCertFile="{skald.work}/cert.pem" '
        'defaultNetstreamDriverKeyFile="{skald.work}/key.pem")\n'
        'action(type="omfwd" target="127.0.0.1" port="{skald.tls}" protocol="tcp" TCP_Framing="octet-counted" '
        'StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost" '
        'template="RSYSLOG_SyslogProtocol23Format" {always})'
    )
    shows = {**Tcp.shows, "over": "tls"}


class Udp(Rsyslog):
    name, selector, keeps = "rsyslog-udp", '{source="syslog", app="rsyslog-udp"}', Keeps.NOTHING
    action = (
        'action(type="omfwd" target="127.0.0.1" port="{skald.udp}" protocol="udp" '
        'template="RSYSLOG_TraditionalForwardFormat" {always})'
    )
    shows = {**Tcp.shows, "over": "udp", "guessed": "year,zone"}


class Elasticsearch(Rsyslog):
    name, selector, keeps = "rsyslog-elasticsearch", '{index="rsyslog"}', Keeps.UNACKNOWLEDGED
    receiver, in_parts, refused = "elasticsearch", True, "_bulk"
    action = (
        'action(type="omelasticsearch" server="127.0.0.1" serverport="{skald.port}" bulkmode="on" searchIndex="rsyslog" '
        'template="json" retryfailures="on" queue.dequeueBatchSize="100" {always})'
    )
    shows = {"service_name": name, "host": HOST, "level": "warning", "facility": "local3", "pid": str(PID)}


ALL = [Tcp, Tls, Udp, Elasticsearch]
