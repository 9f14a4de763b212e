//! The address of a receiver, with user and password taken out of it.

use super::secret::Secret;
use reqwest::Url;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// An `http` or `https` address. What it shows has neither password nor path nor query: in addresses of
/// chat services these are the secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TargetUrl {
    url: Url,
    user: Option<(String, Secret)>,
}

impl TargetUrl {
    /// The address without user and password.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// User and password that stood in it.
    pub(crate) fn user(&self) -> Option<(&str, &Secret)> {
        let user = self.user.as_ref();
        user.map(|(name, password)| (name.as_str(), password))
    }

    /// The address with a path behind its own.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let own = url.path().trim_end_matches('/');
        let joined = format!("{own}/{}", path.trim_start_matches('/'));
        url.set_path(&joined);
        url
    }

    /// This address at another host and port, as discovery found them.
    pub(crate) fn at(&self, host: &str, port: u16) -> Option<TargetUrl> {
        let mut other = self.clone();
        other.url.set_host(Some(host)).ok()?;
        other.url.set_port(Some(port)).ok()?;
        Some(other)
    }

    /// Scheme, host, port and path.
    pub(crate) fn name(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.to_string()
    }
}

impl FromStr for TargetUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<TargetUrl, String> {
        // The text may hold a password: it is not repeated.
        let mut url =
            Url::parse(text.trim()).map_err(|error| format!("not a valid URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("unsupported scheme {:?} for URL", url.scheme()));
        }
        if !url.has_host() {
            return Err("missing host for URL".to_owned());
        }
        let decode = |text: &str| percent_decoded(text);
        let user = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let password = decode(url.password().unwrap_or_default());
            (decode(url.username()), Secret::from(password.as_str()))
        });
        let stripped = url.set_username("").and_then(|()| url.set_password(None));
        stripped.map_err(|()| "user and password can't be taken out of the URL".to_owned())?;
        Ok(TargetUrl { url, user })
    }
}

/// The text with `%41` read as `A`; what is no UTF-8 then is replaced.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl TryFrom<String> for TargetUrl {
    type Error = String;

    fn try_from(text: String) -> Result<TargetUrl, String> {
        text.parse()
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.url.origin().ascii_serialization();
        to.write_str(&origin)?;
        if self.url.path() != "/" || self.url.query().is_some() {
            to.write_str("/<secret>")?;
        }
        Ok(())
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let url: TargetUrl = "https://me:pass%20word@chat.example/services/T0/abc?k=v"
            .parse()
            .expect("a URL");
        assert_eq!(
            format!("{url:?} {url}"),
            "https://chat.example/<secret> https://chat.example/<secret>"
        );
        let (user, password) = url.user().expect("there is one");
        assert_eq!((user, password.reveal()), ("me", "pass word"));
        assert!(
            url.url()
                .as_str()
                .starts_with("https://chat.example/services")
        );
        let error = "ftp://me:word@x/"
            .parse::<TargetUrl>()
            .expect_err("no such scheme");
        assert!(!error.contains("word"), "{error}");
    }

    #[test]
    fn paths_are_joined_behind_those_of_the_address() {
        for (base, expected) in [
            ("http://a:9093", "http://a:9093/api/v2/alerts"),
            ("http://a:9093/", "http://a:9093/api/v2/alerts"),
            ("http://a/am/", "http://a/am/api/v2/alerts"),
        ] {
            let url: TargetUrl = base.parse().expect("a URL");
            assert_eq!(url.join("/api/v2/alerts").as_str(), expected);
        }
    }
}
