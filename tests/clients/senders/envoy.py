"""Envoy writes its access log by OTLP over gRPC and HTTP, and in its text format into a file that a Collector follows.

It answers requests by itself; a line is the user agent of one.
"""

import http.client
import json
import re
import time

import otelcol
import registries
from sender import Keeps, Sender
from skald import Failed, free_port

QUIETLY = ["--concurrency", "1", "--log-level", "error"]
ACCESS_LOG = "type.googleapis.com/envoy.extensions.access_loggers"
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
UPSTREAM = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def text(value):
    return {"string_value": value}


def pairs(**of):
    return {"values": [{"key": key, "value": text(value)} for key, value in of.items()]}


def listening(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name, port, is_http2):
    of = {"name": name, "type": "STATIC", "connect_timeout": "1s"}
    if is_http2:
        of["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": UPSTREAM,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    endpoint = {"endpoint": {"address": listening(port)}}
    return {**of, "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}}


def settings(port, access_log, clusters):
    """A listener that answers every request by itself, and logs it."""
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 503, "body": {"inline_string": "sorry"}}}
    manager = {
        "@type": MANAGER,
        "stat_prefix": "shop",
        "route_config": {"virtual_hosts": [{"name": "shop", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
        "access_log": [{"name": "log", "typed_config": access_log}],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {
        "node": {"id": "shop-1", "cluster": "shop"},
        "static_resources": {
            "listeners": [{"name": "shop", "address": listening(port), "filter_chains": [chain]}],
            "clusters": clusters,
        },
    }


class Proxy:
    """A process of Envoy, and requests to it."""

    def __init__(self, sender, access_log, clusters):
        self.sender, self.port, self.path = sender, free_port(), sender.work / "envoy.json"
        self.path.write_text(json.dumps(settings(self.port, access_log, clusters)))
        program = next((registries.cache("python") / "venv/lib").glob("*/site-packages/envoy/_bin/envoy"))
        program.chmod(0o755)
        sender.spawn(program, "--config-path", self.path, "--disable-hot-restart", "--file-flush-interval-msec", "100", *QUIETLY)
        self.process = sender.process

    def ask(self, lines):
        """A request for each line, which is its user agent."""
        end = time.monotonic() + 15
        while True:
            try:
                asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                asked.connect()
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise Failed(f"Envoy does not listen: {error}: {self.sender.log()}") from error
                time.sleep(0.05)
        for line in lines:
            asked.request("GET", "/cart?of=zoo", headers={"User-Agent": line})
            asked.getresponse().read()
        asked.close()


class Grpc(Sender):
    """As Istio sets it up. Envoy never sends again what was refused."""

    name, installs, receiver = "envoy-otlp-grpc", (registries.python,), "otlp"
    keeps, keeps_refused, refused = Keeps.NOTHING, False, otelcol.OVER_GRPC
    selector = '{service_name="envoy-otlp-grpc"}'
    shows = {"method": "GET", "path": "/cart?of=zoo", "response_code": "503", "response_flags": "-", "node_name": "shop-1"}

    def open(self):
        attributes = {"method": "%REQ(:METHOD)%", "path": "%REQ(:PATH)%", "response_code": "%RESPONSE_CODE%"}
        attributes["response_flags"] = "%RESPONSE_FLAGS%"
        access_log = {
            "@type": f"{ACCESS_LOG}.open_telemetry.v3.OpenTelemetryAccessLogConfig",
            "log_name": "shop",
            "buffer_flush_interval": "0.2s",
            "body": text("%REQ(USER-AGENT)%"),
            "attributes": pairs(**attributes),
            "resource_attributes": pairs(**{"service.name": self.name}),
            **self.service(),
        }
        self.proxy = Proxy(self, access_log, [self.cluster()])

    def service(self):
        return {"grpc_service": {"envoy_grpc": {"cluster_name": "skald"}}}

    def cluster(self):
        return cluster("skald", self.skald.grpc, is_http2=True)

    def send(self, lines):
        self.proxy.ask(lines)


class Http(Grpc):
    name, refused, selector = "envoy-otlp-http", "v1_logs", '{service_name="envoy-otlp-http"}'

    def service(self):
        uri = {"uri": f"{self.skald.url}/v1/logs", "cluster": "skald", "timeout": "5s"}
        return {"http_service": {"http_uri": uri}}

    def cluster(self):
        return cluster("skald", self.skald.port, is_http2=False)


class File(otelcol.File):
    """The default text format: its columns are known by their form."""

    name, installs, selector = "envoy-file", (registries.go, registries.python), '{service_name="envoy-file"}'
    shows = {"method": "GET", "path": "/cart?of=zoo", "response_code": "503", "bytes_sent": "5", "protocol": "HTTP/1.1"}

    def open(self):
        access_log = {"@type": f"{ACCESS_LOG}.file.v3.FileAccessLog", "path": str(self.path())}
        self.proxy = Proxy(self, access_log, [])
        super().open()

    def send(self, lines):
        self.proxy.ask(lines)

    def text(self, line):
        return re.search(r'"(run\d+ [^"]*)"', line)[1]

    def close(self):
        super().close()
        self.process = self.proxy.process
        super().close()


ALL = [Grpc, Http, File]
