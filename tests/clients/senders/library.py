"""Programs that log each line of their input through a library: OpenTelemetry's for Go, and others."""

import os
import subprocess

import registries
from sender import HOST, Keeps, Sender


class Library(Sender):
    """A program that reads lines and gives them to the library it shows."""

    def command(self):
        raise NotImplementedError

    def open(self):
        with open(self.work / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "NODE_PATH": str(registries.cache("node") / "node_modules")},
            )

    def send(self, lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()


class GoGrpc(Library):
    """otlploggrpc sends again whatever comes of it."""

    name, installs, receiver, protocol = "otel-go-grpc", (registries.go,), "otlp", "grpc"
    keeps, refused = Keeps.UNACKNOWLEDGED, "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
    selector = '{service_name="otel-go-grpc"}'
    shows = {"zoo": "tiger", "detected_level": "warn", "severity_number": "13", "scope_name": "shop"}

    def command(self):
        port = self.skald.grpc if self.protocol == "grpc" else self.skald.port
        return registries.cache("go") / "sdk", self.protocol, f"127.0.0.1:{port}", self.name


class GoHttp(GoGrpc):
    """otlploghttp sends again after a 503, and drops what it can't connect for."""

    name, protocol, keeps, refused = "otel-go-http", "http", Keeps.NOTHING, "v1_logs"
    selector = '{service_name="otel-go-http"}'


class Node(Library):
    """A program for Node.js."""

    installs = (registries.node,)

    def command(self):
        return "node", registries.HERE / "node" / "send.cjs", self.name, self.skald.url


class OtelJs(Node):
    name, receiver, keeps, refused = "otel-js-http", "otlp", Keeps.UNACKNOWLEDGED, "v1_logs"
    selector = '{service_name="otel-js-http"}'
    shows = {"zoo": "tiger", "number": "7", "severity_text": "WARN", "scope_name": "shop"}


class WinstonElasticsearch(Node):
    name, receiver, keeps, refused = "winston-elasticsearch", "elasticsearch", Keeps.UNACKNOWLEDGED, "_bulk"
    selector = '{index="winston"}'
    shows = {"fields_zoo": "tiger", "detected_level": "warn"}


class Python(Library):
    """A program for Python."""

    installs = (registries.python,)

    def command(self):
        return registries.cache("python") / "venv/bin/python", registries.HERE / "python" / "send.py", self.name, self.skald.url


class SplunkHandler(Python):
    name, receiver, keeps, refused = "splunk_handler", "splunk", Keeps.UNACKNOWLEDGED, "services_collector_event"
    selector = '{source="splunk_handler"}'
    shows = {"host": HOST, "sourcetype": "shop", "index": "main"}


class Datadog(Python):
    name, receiver, keeps, refused = "datadog-api-client", "datadog", Keeps.UNACKNOWLEDGED, "api_v2_logs"
    selector = '{service_name="datadog-api-client"}'
    shows = {"source": "python", "host": "there", "env": "prod", "team": "zoo", "level": "warn"}


ALL = [GoGrpc, GoHttp, OtelJs, WinstonElasticsearch, SplunkHandler, Datadog]
