//! A bucket of S3 as one URL, in the form that Loki's `s3` key has.

/// `s3://key:secret@region/bucket`, or with a host that has a dot in place of the region, which is
/// then asked over plain HTTP: Loki's rules.
#[derive(Default, PartialEq)]
pub(in crate::config) struct S3Url {
    pub(in crate::config) id: String,
    pub(in crate::config) secret: String,
    pub(in crate::config) region: String,
    pub(in crate::config) endpoint: String,
    pub(in crate::config) bucket: String,
}

impl S3Url {
    /// The error does not show the URL, which holds a secret.
    pub(in crate::config) fn parse(text: &str) -> Result<S3Url, String> {
        let expected = || "expected s3://key:secret@region/bucket".to_owned();
        let rest = text.strip_prefix("s3://").ok_or_else(expected)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, bucket) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (id, secret) = user.split_once(':').unwrap_or((user, ""));
        let (id, secret) = (
            unescape(id).ok_or_else(expected)?,
            unescape(secret).ok_or_else(expected)?,
        );
        let mut url = S3Url {
            id,
            secret,
            bucket: bucket.trim_matches('/').to_owned(),
            ..S3Url::default()
        };
        // A name without a dot but with a port is no region.
        if host.contains(['.', ':']) {
            url.endpoint = format!("http://{host}");
            url.region = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("region="))
                .unwrap_or_default()
                .to_owned();
        } else {
            url.region = host.to_owned();
        }
        Ok(url)
    }
}

/// Undoes `%2F`; `None` when that is no text.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest = tail;
            }
            (b'%', _) => return None,
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<[&str; 5]>) {
        let read = S3Url::parse(text).ok();
        let found = read
            .as_ref()
            .map(|u| [&u.id, &u.secret, &u.region, &u.endpoint, &u.bucket].map(String::as_str));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_host_is_a_region_unless_it_looks_like_a_server() {
        check(
            "s3://k:s@eu-west-1/logs",
            Some(["k", "s", "eu-west-1", "", "logs"]),
        );
        check(
            "s3://k:a%2Fb%40@minio.local:9000/logs/",
            Some(["k", "a/b@", "", "http://minio.local:9000", "logs"]),
        );
        check(
            "s3://minio:9000/logs?region=r&x=y",
            Some(["", "", "r", "http://minio:9000", "logs"]),
        );
        check("s3://eu-west-1", Some(["", "", "eu-west-1", "", ""]));
        check("inmemory:///logs", None);
        check("s3://k:%zz@r/logs", None);
        check("s3://k:%e9@r/logs", None);
        check("s3://k:%4@r/logs", None);
    }
}
