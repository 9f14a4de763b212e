"""Logs through python-logging-loki: a push a line, in both versions of the JSON."""

import logging
import os
import sys

import logging_loki

RUN, LINES, URL = os.environ["SKALD_RUN"], int(os.environ["SKALD_LINES"]), os.environ["SKALD_URL"]
PATHS = {"1": "/loki/api/v1/push", "0": "/api/prom/push"}


class Handler(logging_loki.LokiHandler):
    """Stops at the first push that was not answered with 204."""

    def handleError(self, record):
        super().handleError(record)
        sys.exit(1)


for version, path in PATHS.items():
    handler = Handler(url=URL + path, tags={"client": "python-logging-loki", "version": version}, version=version)
    logger = logging.getLogger("skald.v" + version)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    for n in range(LINES):
        logger.info("%s line %d.", RUN, n, extra={"tags": {"number": 7}})
