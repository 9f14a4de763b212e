"""An OpenTelemetry Collector follows a file and takes OTLP, and sends both over HTTP and gRPC."""

import json
import time
import urllib.error
import urllib.request

import registries
from sender import Keeps, Sender
from skald import Failed, free_port

# A pause that does not double, so that a server that is back gets its lines soon.
AGAIN = {"enabled": True, "initial_interval": "200ms", "max_interval": "500ms", "max_elapsed_time": "0s"}
OVER_GRPC = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


class Collector(Sender):
    installs, receiver, keeps = (registries.go,), "otlp", Keeps.UNACKNOWLEDGED

    def open(self):
        (self.work / "storage").mkdir()
        retries = {"retry_on_failure": AGAIN, "sending_queue": {"enabled": True, "storage": "file_storage"}}
        exporters = {name: {**of, **retries} for name, of in self.exporters().items()}
        settings = {
            "receivers": self.receivers(),
            "exporters": exporters,
            "processors": {"batch": {"timeout": "200ms"}},
            "extensions": {"file_storage": {"directory": str(self.work / "storage")}},
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "extensions": ["file_storage"],
                "pipelines": {
                    "logs": {"receivers": [*self.receivers()], "processors": ["batch"], "exporters": [*exporters]},
                },
            },
        }
        # JSON is YAML.
        (self.work / "config.yaml").write_text(json.dumps(settings))
        self.spawn(registries.cache("go") / "otelcol", "--config", self.work / "config.yaml")


class File(Collector):
    """filelog to otlphttp, with the offset and the queue on disk."""

    name, selector, refused = "otelcol-file-http", '{service_name="otelcol-file-http"}', "v1_logs"
    shows = {"log_file_name": "lines.log", "zoo": "tiger", "detected_level": "unknown"}

    def path(self):
        return self.work / "lines.log"

    def receivers(self):
        of = {"include": [str(self.path())], "start_at": "beginning", "poll_interval": "100ms", "storage": "file_storage"}
        of |= {"resource": {"service.name": self.name}, "attributes": {"zoo": "tiger"}}
        return {"filelog": of}

    def exporters(self):
        return {"otlphttp": {"endpoint": self.skald.url, "compression": "zstd"}}

    def send(self, lines):
        with open(self.path(), "a") as file:
            file.write("".join(f"{line}\n" for line in lines))


class Otlp(Collector):
    """OTLP as JSON in, gRPC with zstd out."""

    name, selector, refused = "otelcol-otlp-grpc", '{service_name="otelcol-otlp-grpc"}', OVER_GRPC
    shows = {"zoo": "tiger", "severity_text": "WARN", "detected_level": "warn", "host_name": "node-1"}

    def open(self):
        self.port = free_port()
        super().open()

    def receivers(self):
        return {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.port}"}}}}

    def exporters(self):
        return {"otlp": {"endpoint": f"127.0.0.1:{self.skald.grpc}", "tls": {"insecure": True}, "compression": "zstd"}}

    def send(self, lines):
        def attribute(name, value):
            return {"key": name, "value": {"stringValue": value}}

        records = [
            {"timeUnixNano": str(time.time_ns()), "severityText": "WARN", "body": {"stringValue": line}}
            | {"attributes": [attribute("zoo", "tiger")]}
            for line in lines
        ]
        resource = {"attributes": [attribute("service.name", self.name), attribute("host.name", "node-1")]}
        body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}
        url, kind = f"http://127.0.0.1:{self.port}/v1/logs", {"Content-Type": "application/json"}
        end = time.monotonic() + 10
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), kind), timeout=5).close()
                return
            except urllib.error.URLError as error:
                if time.monotonic() > end:
                    raise Failed(f"the Collector takes nothing: {error}: {self.log()}") from error
                time.sleep(0.05)


ALL = [File, Otlp]
