// Logs through winston's Loki transport, as protobuf and as JSON.
const winston = require("winston");
const LokiTransport = require("winston-loki");

const { SKALD_URL, SKALD_RUN, SKALD_LINES } = process.env;

function fail(error) {
  console.error(error);
  process.exit(1);
}

async function send(format) {
  const transport = new LokiTransport({
    host: SKALD_URL,
    json: format === "json",
    labels: { client: "winston-loki", format },
    interval: 0.1,
    clearOnError: false,
    replaceTimestamp: true,
    gracefulShutdown: false,
    format: winston.format.simple(),
    onConnectionError: fail,
  });
  const logger = winston.createLogger({ transports: [transport] });
  for (let n = 0; n < Number(SKALD_LINES); n++) logger.info(`${SKALD_RUN} line ${n}.`);
  await transport.flush();
}

send("protobuf")
  .then(() => send("json"))
  .then(() => process.exit(0), fail);
