//! A blocking HTTP client that gives every status as an answer, not as an error.

use std::time::Duration;

/// Percent-encodes everything but letters and digits.
pub fn encode(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// Percent-decodes a part of a query; `+` is a space.
pub fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts
        .next()
        .unwrap_or_default()
        .replace('+', " ")
        .into_bytes();
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(part[2..].replace('+', " ").bytes());
            }
            None => bytes.extend(format!("%{part}").bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A path with encoded parameters.
pub fn target(path: &str, params: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    match pairs(params) {
        pairs if pairs.is_empty() => path.to_owned(),
        pairs => format!("{path}?{pairs}"),
    }
}

/// Encoded parameters as in a URL or a form.
pub fn pairs(params: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name.as_ref()), encode(value.as_ref())))
        .collect();
    pairs.join("&")
}

/// Status and body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body; invalid UTF-8 replaced.
    pub text: String,
}

/// All of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body; invalid UTF-8 replaced.
    pub text: String,
    headers: ureq::http::HeaderMap,
}

impl Answer {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Requests to one server.
#[derive(Clone)]
pub struct Client {
    base: String,
    agent: ureq::Agent,
}

impl Client {
    /// For a server at `http://address`.
    pub fn new(address: &str) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)));
        Client {
            base: format!("http://{address}"),
            agent: config.build().into(),
        }
    }

    /// `GET path?params`; `Err` when there is no answer at all.
    pub fn get(
        &self,
        path: &str,
        params: &[(String, String)],
        headers: &[(String, String)],
    ) -> Result<Reply, ureq::Error> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in params {
            request = request.query(name, value);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        reply(request.call()?)
    }

    /// `POST path` with a body.
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Reply, ureq::Error> {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("content-type", content_type);
        reply(request.send(body)?)
    }

    /// Any request. The target is taken as it is, so it must be encoded.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{target}", self.base));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut response = match body {
            [] if method != "POST" && method != "PUT" => self.agent.run(request.body(())?)?,
            body => self.agent.run(request.body(body)?)?,
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_vec()?;
        Ok(Answer {
            status,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            headers,
        })
    }

    /// Pushes one JSON body.
    pub fn push(&self, body: &str) -> Result<Reply, ureq::Error> {
        self.post("/loki/api/v1/push", "application/json", body.as_bytes())
    }
}

fn reply(mut response: ureq::http::Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let status = response.status().as_u16();
    let bytes = response
        .body_mut()
        .with_config()
        .limit(1 << 30)
        .read_to_vec()?;
    Ok(Reply {
        status,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}
