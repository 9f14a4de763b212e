//! Reading a message of either RFC.

use crate::message::{Fault, Message};
use crate::priority::Priority;
use crate::{rfc3164, rfc5424};

/// Reads a message. None is refused: a faulty one has its fault, and what could be read.
pub fn parse(bytes: &[u8]) -> Message<'_> {
    let bytes = trimmed(bytes);
    let Some((priority, rest)) = Priority::parse(bytes) else {
        return Message::faulty(bytes, Fault::Priority);
    };
    let message = match rest.strip_prefix(b"1 ") {
        Some(header) if rfc5424::is_header(header) => rfc5424::parse(bytes, header),
        _ => rfc3164::parse(rest),
    };
    Message {
        priority: Some(priority),
        ..message
    }
}

/// Without the line ends and zero bytes that frames end in.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0));
    &bytes[..end.map_or(0, |at| at + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::SentTime;

    /// Fields joined by `|`: priority, host, app, procid, msgid, structured data, text, fault.
    fn check(message: &[u8], expected: &str) {
        let m = parse(message);
        let text = |bytes: Option<&[u8]>| {
            bytes.map_or("-".into(), |bytes| {
                String::from_utf8_lossy(bytes).into_owned()
            })
        };
        let priority = m.priority.map_or("-".to_owned(), |p| {
            format!("{}.{}", p.facility(), p.severity())
        });
        let fault = m.fault.map_or(String::new(), |fault| format!("{fault:?}"));
        let has_time = if m.time == SentTime::Missing {
            "no time"
        } else {
            "time"
        };
        let fields = [
            priority,
            has_time.to_owned(),
            text(m.host),
            text(m.app),
            text(m.procid),
            text(m.msgid),
            text(Some(m.structured)),
            text(Some(m.text)),
            fault,
        ];
        assert_eq!(
            fields.join("|"),
            expected,
            "{}",
            String::from_utf8_lossy(message)
        );
    }

    #[test]
    fn messages_of_rfc_5424() {
        check(
            b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed",
            "auth.crit|time|mymachine.example.com|su|-|ID47||'su root' failed|",
        );
        check(
            b"<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut=\"3\"][b@1] An event",
            "local4.notice|time|h|evntslog|-|ID47|[exampleSDID@32473 iut=\"3\"][b@1]|An event|",
        );
        check(
            b"<30>1 2026-11-30T21:56:16.146179+00:00 node-1 nginx 12 - -  GET /shop\n",
            "daemon.info|time|node-1|nginx|12|-||GET /shop|",
        );
        check(b"<13>1 - - - - - -", "user.notice|no time|-|-|-|-|||");
        check(
            b"<14>1 2026-11-30T22:23:05.229337+00:00 n piped - - [t k=\"1\"] ",
            "user.info|time|n|piped|-|-|[t k=\"1\"]||",
        );
        check(
            b"<14>1 2026-11-30T22:23:05Z n a - - - two\nlines\n",
            "user.info|time|n|a|-|-||two\nlines|",
        );
    }

    #[test]
    fn messages_of_rfc_5424_with_faults_stay_messages() {
        check(
            b"<14>1 2026-13-30T22:23:05Z n a - - - x",
            "user.info|no time|n|a|-|-||x|Time",
        );
        check(
            b"<14>1 2026-11-30T22:23:05Z n a",
            "user.info|no time|-|-|-|-||<14>1 2026-11-30T22:23:05Z n a|Header",
        );
        check(
            b"<14>1 2026-11-30T22:23:05Z n a - - [x k=v] m",
            "user.info|time|n|a|-|-||[x k=v] m|StructuredData",
        );
        check(
            b"<14>1 2026-11-30T22:23:05Z n a - - m without",
            "user.info|time|n|a|-|-||m without|StructuredData",
        );
    }

    #[test]
    fn messages_of_rfc_3164_in_the_forms_there_are() {
        check(
            b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
            "auth.crit|time|mymachine|su|-|-||'su root' failed|",
        );
        check(
            b"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
            "user.notice|time|10.0.0.99|-|-|-||Use the BFG!|",
        );
        check(
            b"<28>Nov 30 21:56:16 node-1 nginx[26516]: upstream (110: timed out)",
            "daemon.warning|time|node-1|nginx|26516|-||upstream (110: timed out)|",
        );
        check(
            b"<150>2026-11-30T22:23:05Z node-1 goapp[10937]: multi\nline\n",
            "local2.info|time|node-1|goapp|10937|-||multi\nline|",
        );
        check(
            b"<142>pyapp: plain A\0",
            "local1.info|no time|-|pyapp|-|-||plain A|",
        );
        check(
            b"<13>Nov 30 22:23:05 app[1]: no host",
            "user.notice|time|-|app|1|-||no host|",
        );
        check(
            b"<189>45: *Nov 30 2026 22:12:53.123: %SYS-5-CONFIG_I: Configured",
            "local7.notice|time|-|%SYS-5-CONFIG_I|-|-||Configured|",
        );
        check(
            b"<13>1 apple a day",
            "user.notice|no time|-|-|-|-||1 apple a day|",
        );
        check(b"<13>", "user.notice|no time|-|-|-|-|||");
        check(
            b"<13>Nov 30 22:23:05 fe80::1 kernel: [ 1.0] x",
            "user.notice|time|fe80::1|kernel|-|-||[ 1.0] x|",
        );
    }

    #[test]
    fn without_a_priority_all_of_it_is_the_text() {
        check(
            b"not syslog at all\n",
            "-|no time|-|-|-|-||not syslog at all|Priority",
        );
        check(b"<999>x", "-|no time|-|-|-|-||<999>x|Priority");
        check(b"\0\n", "-|no time|-|-|-|-|||Priority");
    }
}
