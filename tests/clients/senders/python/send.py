"""Logs each line of its input through a library: send.py LIBRARY URL"""

import logging
import sys
import time
from urllib.parse import urlsplit


def splunk_handler(url):
    from splunk_handler import SplunkHandler

    at = urlsplit(url)
    handler = SplunkHandler(
        host=at.hostname, port=at.port, token="none", index="main", protocol="http", verify=False,
        source="splunk_handler", sourcetype="shop", flush_interval=0.2, retry_count=100, retry_backoff=0.05,
    )
    logger = logging.getLogger("shop")
    logger.propagate = False
    logger.addHandler(handler)
    return logger.warning


def datadog_api_client(url):
    from datadog_api_client import ApiClient, Configuration
    from datadog_api_client.v2.api.logs_api import LogsApi
    from datadog_api_client.v2.model.content_encoding import ContentEncoding
    from datadog_api_client.v2.model.http_log import HTTPLog
    from datadog_api_client.v2.model.http_log_item import HTTPLogItem

    settings = Configuration(api_key={"apiKeyAuth": "none"})
    settings.server_operation_index["submit_log"] = 1
    settings.server_operation_variables["submit_log"] = {"protocol": "http", "name": urlsplit(url).netloc}
    settings.enable_retry, settings.max_retries = True, 20
    api = LogsApi(ApiClient(settings))

    def send(line):
        item = HTTPLogItem(
            message=line, service="datadog-api-client", ddsource="python", hostname="there", ddtags="env:prod,team:zoo",
            status="warn", timestamp=str(time.time_ns() // 1_000_000),
        )
        while True:
            try:
                api.submit_log(HTTPLog([item]), content_encoding=ContentEncoding.GZIP)
                return
            except Exception as error:
                print("error:", error, file=sys.stderr, flush=True)
                time.sleep(0.2)

    return send


LIBRARIES = {"splunk_handler": splunk_handler, "datadog-api-client": datadog_api_client}

log = LIBRARIES[sys.argv[1]](sys.argv[2])
for text in sys.stdin:
    log(text.rstrip("\n"))
