"""Logs through the OpenTelemetry SDK's logging handler and its OTLP exporter over HTTP."""

import logging
import os

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

RUN, LINES, URL = os.environ["SKALD_RUN"], int(os.environ["SKALD_LINES"]), os.environ["SKALD_URL"]

# Both doors: Loki's, and the one with OTLP's own answers.
for name, path in [("opentelemetry-python", "/otlp/v1/logs"), ("opentelemetry-python-v1", "/v1/logs")]:
    resource = Resource.create({"service.name": name, "service.instance.id": RUN, "host.name": "there"})
    provider = LoggerProvider(resource=resource)
    exporter = OTLPLogExporter(endpoint=URL + path, compression=Compression.Gzip)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)
    logger.addHandler(LoggingHandler(logger_provider=provider))
    for n in range(LINES):
        logger.warning("%s line %d.", RUN, n, extra={"number": n})
    provider.shutdown()
