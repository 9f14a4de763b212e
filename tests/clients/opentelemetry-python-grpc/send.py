"""Logs through the OpenTelemetry SDK's logging handler and its OTLP exporter over gRPC."""

import logging
import os

from grpc import Compression
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

RUN, LINES, URL = os.environ["SKALD_RUN"], int(os.environ["SKALD_LINES"]), os.environ["SKALD_OTLP_GRPC_URL"]

attributes = {"service.name": "opentelemetry-python-grpc", "service.instance.id": RUN, "host.name": "there"}
provider = LoggerProvider(resource=Resource.create(attributes))
exporter = OTLPLogExporter(endpoint=URL, insecure=True, compression=Compression.Gzip)
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logger = logging.getLogger("skald")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=provider))
for n in range(LINES):
    logger.warning("%s line %d.", RUN, n, extra={"number": n})
provider.shutdown()
