// Logs through pino's Loki transport in its worker thread, as its manual recommends.
const pino = require("pino");

const { SKALD_URL, SKALD_RUN, SKALD_LINES } = process.env;

const transport = pino.transport({
  target: require.resolve("pino-loki"),
  options: { host: SKALD_URL, labels: { client: "pino-loki" }, batching: { interval: 0.2 } },
});
const logger = pino(transport);
for (let n = 0; n < Number(SKALD_LINES); n++) logger.info(`${SKALD_RUN} line ${n}.`);
transport.on("close", () => process.exit(0));
transport.end();
