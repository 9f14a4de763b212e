//! The answer to a request, and what it means for what was sent.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use std::time::Duration;

/// Bytes of an answer's body that are looked at; the rest is left unread.
pub(super) const BODY_BYTES_MAX: usize = 4096;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// An answer.
    Came {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// The beginning of its body.
        body: String,
    },
    /// None: the network, the certificate, the time; in words without secrets.
    Failed(String),
}

/// What became of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is taken.
    Taken,
    /// It may be taken later; why, and the pause that was asked for.
    Later(String, Option<Duration>),
    /// It is refused for good; why.
    Refused(String),
}

/// Which answers besides failures of the network and of the receiver are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All but those that say that the content is wrong (400, 413, 422): what waits is bounded, and a wrong
    /// password or path can be mended.
    AllButContent,
    /// 429 alone, as remote write with `retry_on_http_429`.
    TooMany,
    /// None.
    None,
}

impl Answer {
    /// What it means.
    pub(crate) fn delivery(&self, verdict: Verdict) -> Delivery {
        let (status, headers, body) = match self {
            Answer::Failed(why) => return Delivery::Later(why.clone(), None),
            Answer::Came {
                status,
                headers,
                body,
            } => (*status, headers, body),
        };
        if status.is_success() {
            return Delivery::Taken;
        }
        let why = match first_line(body) {
            "" => format!("server returned HTTP status {status}"),
            line => format!("server returned HTTP status {status}: {line}"),
        };
        let is_content = [400, 413, 422].contains(&status.as_u16());
        let again = status.is_server_error()
            || match verdict {
                Verdict::AllButContent => !is_content,
                Verdict::TooMany => status == StatusCode::TOO_MANY_REQUESTS,
                Verdict::None => false,
            };
        match again {
            true => Delivery::Later(why, retry_after(headers, crate::environment::now())),
            false => Delivery::Refused(why),
        }
    }

    /// The number in a header.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        match self {
            Answer::Came { headers, .. } => headers.get(name)?.to_str().ok()?.trim().parse().ok(),
            Answer::Failed(_) => None,
        }
    }

    /// Its status, if one came.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Answer::Came { status, .. } => Some(*status),
            Answer::Failed(_) => None,
        }
    }
}

fn first_line(body: &str) -> &str {
    let line = body
        .trim_start()
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end();
    let end = line
        .char_indices()
        .nth(256)
        .map_or(line.len(), |(at, _)| at);
    &line[..end]
}

/// The pause that `Retry-After` asks for, in seconds or until a date; at most an hour is believed.
fn retry_after(headers: &HeaderMap, now: i64) -> Option<Duration> {
    const MOST: Duration = Duration::from_secs(3600);
    let text = headers
        .get(reqwest::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(MOST));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    let pause = date.timestamp().as_millisecond().saturating_sub(now);
    Some(Duration::from_millis(u64::try_from(pause).unwrap_or(0)).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: &str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        if !retry_after.is_empty() {
            headers.insert("retry-after", retry_after.parse().expect("a header"));
        }
        Answer::Came {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body: body.to_owned(),
        }
    }

    #[test]
    fn a_wrong_content_is_refused_and_everything_else_waits() {
        let of = |status| answer(status, "", "no\nreally").delivery(Verdict::AllButContent);
        assert_eq!(of(200), Delivery::Taken);
        for status in [401, 403, 404, 408, 429, 500, 503, 302] {
            assert!(matches!(of(status), Delivery::Later(..)), "{status}");
        }
        for status in [400, 413, 422] {
            assert!(matches!(of(status), Delivery::Refused(_)), "{status}");
        }
        let why = "server returned HTTP status 400 Bad Request: no".to_owned();
        assert_eq!(of(400), Delivery::Refused(why));
    }

    #[test]
    fn samples_are_refused_by_all_of_4xx_and_by_429_unless_asked() {
        let of = |status, verdict| answer(status, "", "").delivery(verdict);
        for status in [400, 401, 404, 422] {
            assert!(
                matches!(of(status, Verdict::TooMany), Delivery::Refused(_)),
                "{status}"
            );
        }
        assert!(matches!(of(429, Verdict::None), Delivery::Refused(_)));
        assert!(matches!(of(429, Verdict::TooMany), Delivery::Later(..)));
        assert!(matches!(of(503, Verdict::None), Delivery::Later(..)));
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_until_a_date() {
        let pause = |text: &str| match answer(503, text, "").delivery(Verdict::None) {
            Delivery::Later(_, pause) => pause,
            other => panic!("{other:?}"),
        };
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("999999"), Some(Duration::from_secs(3600)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("soon"), None);
        let mut headers = HeaderMap::new();
        headers.insert(
            "retry-after",
            "Sun, 06 Nov 1994 08:49:37 GMT".parse().expect("a header"),
        );
        let before = 784_111_777_000 - 5_000;
        assert_eq!(retry_after(&headers, before), Some(Duration::from_secs(5)));
    }
}
