//! The client of a server's rules: groups are read, set and removed over Loki's API.

use super::check::Syntax;
use crate::offline::text;
use clap::{Arg, ArgMatches};
use skald_ruler::rules::{RuleGroup, joined, read_group};
use std::collections::BTreeMap;

const RULES: &str = "/loki/api/v1/rules";

/// Groups by namespace and name.
pub(super) type Groups = BTreeMap<(String, String), RuleGroup>;

/// The flags of all commands that ask a server; those of lokitool are taken too.
pub(super) fn flags() -> [Arg; 5] {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    [
        flag("addr", "URL", "The server")
            .alias("address")
            .env("SKALD_ADDR")
            .default_value("http://127.0.0.1:3100"),
        flag("tenant", "ID", "Sent as X-Scope-OrgID")
            .alias("id")
            .env("SKALD_TENANT"),
        flag("token", "TOKEN", "Sent as a bearer token")
            .alias("auth-token")
            .env("SKALD_TOKEN")
            .hide_env_values(true),
        flag(
            "user",
            "NAME",
            "Name of basic authentication [default: the tenant]",
        )
        .requires("key"),
        flag("key", "PASSWORD", "Password of basic authentication"),
    ]
}

/// Asks a server.
pub(super) struct Client {
    base: String,
    headers: Vec<(&'static str, String)>,
    agent: ureq::Agent,
}

impl Client {
    pub(super) fn new(matches: &ArgMatches) -> Client {
        let mut headers = Vec::new();
        let tenant = text(matches, "tenant");
        if !tenant.is_empty() {
            headers.push(("X-Scope-OrgID", tenant.to_owned()));
        }
        let (token, key) = (text(matches, "token"), text(matches, "key"));
        if !token.is_empty() {
            headers.push(("Authorization", format!("Bearer {token}")));
        } else if !key.is_empty() {
            let user = match text(matches, "user") {
                "" => tenant,
                user => user,
            };
            let pair = base64(format!("{user}:{key}").as_bytes());
            headers.push(("Authorization", format!("Basic {pair}")));
        }
        Client {
            base: text(matches, "addr").trim_end_matches('/').to_owned(),
            headers,
            agent: ureq::Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .into(),
        }
    }

    /// Sends a request; the body of a success, `None` for 404.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Option<String>, String> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}", self.base);
        let answer = match method {
            "POST" => {
                let request = request.body(body.to_owned());
                self.agent.run(request.map_err(|error| said(&error))?)
            }
            _ => {
                let request = request.body(());
                self.agent.run(request.map_err(|error| said(&error))?)
            }
        };
        let mut answer = answer.map_err(|error| said(&error))?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(1 << 30);
        let body = body.read_to_string().map_err(|error| said(&error))?;
        match status.as_u16() {
            200..300 => Ok(Some(body)),
            404 => Ok(None),
            _ => Err(format!("{method} {path}: {status}: {}", body.trim_end())),
        }
    }

    /// All groups of the tenant.
    pub(super) fn groups(&self) -> Result<Groups, String> {
        let Some(body) = self.send("GET", RULES, "")? else {
            return Ok(Groups::new());
        };
        let read: BTreeMap<String, Vec<serde_yaml_ng::Value>> =
            serde_yaml_ng::from_str(&body).map_err(|error| format!("the answer: {error}"))?;
        let mut groups = Groups::new();
        for (namespace, values) in read {
            for value in values {
                let text = serde_yaml_ng::to_string(&value).map_err(|error| error.to_string())?;
                let group = read_group(&text, &Syntax)
                    .map_err(|faults| format!("the answer: {}", joined(&faults)))?;
                groups.insert((namespace.clone(), group.name.clone()), group);
            }
        }
        Ok(groups)
    }

    /// A group as the server writes it.
    pub(super) fn group(&self, namespace: &str, name: &str) -> Result<Option<String>, String> {
        self.send("GET", &path_of(namespace, Some(name)), "")
    }

    /// Sets a group.
    pub(super) fn set(&self, namespace: &str, group: &RuleGroup) -> Result<(), String> {
        let body = skald_ruler::rules::write_group(group);
        match self.send("POST", &path_of(namespace, None), &body)? {
            Some(_) => Ok(()),
            None => Err("the server takes no rules (404)".to_owned()),
        }
    }

    /// Removes a group, or a namespace; whether it was there.
    pub(super) fn delete(&self, namespace: &str, name: Option<&str>) -> Result<bool, String> {
        let removed = self.send("DELETE", &path_of(namespace, name), "")?;
        Ok(removed.is_some())
    }
}

fn path_of(namespace: &str, name: Option<&str>) -> String {
    let mut path = format!("{RULES}/{}", escaped(namespace));
    if let Some(name) = name {
        path = format!("{path}/{}", escaped(name));
    }
    path
}

/// A text as a segment of a path, or a value of a query.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut word = 0u32;
        for place in 0..3 {
            word = word << 8 | u32::from(chunk.get(place).copied().unwrap_or(0));
        }
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place) & 63) as usize;
            out.push(match place <= chunk.len() {
                true => char::from(DIGITS[digit]),
                false => '=',
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_passwords_encoded() {
        assert_eq!(
            path_of("a/b c", Some("é")),
            format!("{RULES}/a%2Fb%20c/%C3%A9")
        );
        for (plain, coded) in [("", ""), ("a", "YQ=="), ("a:", "YTo="), ("a:b", "YTpi")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
