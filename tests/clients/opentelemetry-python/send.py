"""Logs through the OpenTelemetry SDK's logging handler and its OTLP exporter over HTTP."""

import logging
import os

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

RUN, LINES, URL = os.environ["SKALD_RUN"], int(os.environ["SKALD_LINES"]), os.environ["SKALD_URL"]

resource = Resource.create({"service.name": "opentelemetry-python", "service.instance.id": RUN, "host.name": "there"})
provider = LoggerProvider(resource=resource)
exporter = OTLPLogExporter(endpoint=URL + "/otlp/v1/logs", compression=Compression.Gzip)
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logger = logging.getLogger("skald")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=provider))
for n in range(LINES):
    logger.warning("%s line %d.", RUN, n, extra={"number": n})
provider.shutdown()
