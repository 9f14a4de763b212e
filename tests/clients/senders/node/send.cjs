// Logs each line of its input through a library: send.cjs LIBRARY URL
const readline = require("node:readline");

const libraries = {
  "otel-js-http": (url) => {
    const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
    const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-http");
    const { resourceFromAttributes } = require("@opentelemetry/resources");
    const exporter = new OTLPLogExporter({ url: `${url}/v1/logs`, timeoutMillis: 30000 });
    const processor = new BatchLogRecordProcessor({ exporter, scheduledDelayMillis: 200 });
    const resource = resourceFromAttributes({ "service.name": "otel-js-http" });
    const logger = new LoggerProvider({ resource, processors: [processor] }).getLogger("shop");
    return (line) => logger.emit({ body: line, severityText: "WARN", severityNumber: 13, attributes: { zoo: "tiger", number: 7 } });
  },
  "winston-elasticsearch": (url) => {
    const winston = require("winston");
    const { ElasticsearchTransport } = require("winston-elasticsearch");
    const transport = new ElasticsearchTransport({
      level: "info",
      indexPrefix: "winston",
      flushInterval: 200,
      clientOpts: { node: url },
    });
    transport.on("error", (error) => console.error("transport:", error));
    transport.on("warning", (error) => console.error("warning:", error.message));
    const logger = winston.createLogger({ transports: [transport] });
    logger.on("error", (error) => console.error("logger:", error));
    return (line) => logger.warn(line, { zoo: "tiger" });
  },
};

const [library, url] = process.argv.slice(2);
const log = libraries[library](url);
readline.createInterface({ input: process.stdin }).on("line", log);
