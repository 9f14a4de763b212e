import ch.qos.logback.classic.LoggerContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs through logback's Loki appender, as JSON and as protobuf; logback.xml has both. */
public final class Send {
    public static void main(String[] arguments) {
        String run = System.getenv("SKALD_RUN");
        int lines = Integer.parseInt(System.getenv("SKALD_LINES"));
        Logger logger = LoggerFactory.getLogger(Send.class);
        for (int n = 0; n < lines; n++) {
            logger.info("{} line {}.", run, n);
        }
        // Sends what still waits.
        ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
    }
}
