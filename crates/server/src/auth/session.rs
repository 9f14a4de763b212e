//! Sessions let a browser use a token it gave once: a cookie that scripts can't read.
//!
//! A cookie holds when it ends and a signature of that with the token's hash, under a key of this
//! process. Nothing is kept: a session ends by time, with its token, or with the process.

use crate::auth::tokens::{Grant, Tokens};
use axum::http::HeaderMap;
use axum::http::header::{COOKIE, ORIGIN};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::sync::Arc;

/// The cookie's name.
pub(crate) const COOKIE_NAME: &str = "skald_session";

/// How long a session lasts, in seconds: a working day.
pub(crate) const SESSION_SECONDS: i64 = 12 * 3600;

/// Signs sessions.
pub(super) fn new_key() -> Result<hmac::Key, String> {
    hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
        .map_err(|_| "the system gave no random bytes".to_owned())
}

fn signed(end: i64, grant: &Grant) -> Vec<u8> {
    [&end.to_be_bytes()[..], grant.hash()].concat()
}

impl Tokens {
    /// A session for what `grant` allows, until `end` (seconds since 1970).
    pub(crate) fn session(&self, grant: &Grant, end: i64) -> String {
        let tag = hmac::sign(self.session_key(), &signed(end, grant));
        format!("{end}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// What a session allows at `now` (seconds since 1970).
    pub(crate) fn grant_of_session(&self, session: &str, now: i64) -> Option<Arc<Grant>> {
        let (end, tag) = session.split_once('.')?;
        let end: i64 = end.parse().ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        if end <= now || end > now.saturating_add(SESSION_SECONDS) {
            return None;
        }
        let matches = |grant: &Arc<Grant>| {
            hmac::verify(self.session_key(), &signed(end, grant), &tag).is_ok()
        };
        self.all().into_iter().find(matches)
    }
}

/// The session among a request's cookies.
pub(crate) fn named(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE_NAME).then_some(value))
}

/// Whether a browser says where a request comes from. Cookies are sent without a page's doing, so a
/// change by cookie alone needs that; the origin guard has then checked that it is from here.
pub(crate) fn says_its_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}

/// The header that sets a session, or with nothing ends it.
pub(crate) fn cookie(session: Option<&str>, is_encrypted: bool) -> String {
    let (value, age) = match session {
        Some(session) => (session, SESSION_SECONDS),
        None => ("", 0),
    };
    let secure = if is_encrypted { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tokens::new_token;
    use axum::http::HeaderValue;

    #[test]
    fn a_session_ends_by_time_and_with_its_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens.yaml");
        let write = |name: &str| {
            let (token, entry) =
                new_token(name, &["a".to_owned()], &["read".to_owned()]).expect("a token");
            std::fs::write(&path, format!("tokens:\n{entry}")).expect("written");
            token
        };
        let token = write("me");
        let tokens = Tokens::open(path.to_str().expect("a path")).expect("the file is good");
        let grant = tokens
            .grant(&format!("Bearer {token}"))
            .expect("it is known");
        let session = tokens.session(&grant, 1000);
        let holds = |session: &str, now| tokens.grant_of_session(session, now).is_some();
        assert!(holds(&session, 999) && !holds(&session, 1000));
        assert!(!holds(&session, 1000 - SESSION_SECONDS - 1));
        assert!(!holds(&session.replacen("1000", "1001", 1), 999));
        assert!(!holds("", 0) && !holds("1.", 0) && !holds("x.y", 0));
        let other = Tokens::open(path.to_str().expect("a path")).expect("the file is good");
        assert!(other.grant_of_session(&session, 999).is_none());
        write("you");
        tokens.reload().expect("the file is good");
        assert!(!holds(&session, 999));
    }

    #[test]
    fn the_session_is_found_among_cookies() {
        let check = |text: &'static str, expected: Option<&str>| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(text))]);
            assert_eq!(named(&headers), expected, "{text}");
        };
        check("skald_session=1.a", Some("1.a"));
        check("a=b; skald_session=1.a;c=d", Some("1.a"));
        check("xskald_session=1.a; a", None);
        check("", None);
    }
}
