//! Asks a server of its own what a file says, and tells what came back wrong.

use super::{Ask, File, Step, compare};
use crate::http::{Answer, Client};
use crate::local::Local;
use std::sync::Arc;

/// Runs a file; gives what was wrong, a text for each request.
pub fn run(file: &File) -> Vec<String> {
    let local = Local::start_with(|config| {
        let applied = skald_server::config::file::apply(config, &file.config, &[], |_| None);
        applied.unwrap_or_else(|why| panic!("the settings of a scenario are valid: {why}"));
        config.server.http_listen_port = 0;
    });
    let client = local.client();
    let mut wrong = Vec::new();
    for step in &file.steps {
        match step {
            Step::Load(body) => {
                let reply = client.push(&body.to_string()).expect("the server answers");
                assert_eq!(reply.status, 204, "{}", reply.text);
            }
            Step::Flush => local.flush(),
            Step::Compact => Arc::clone(&local.running().app().store)
                .compact()
                .expect("parts can be merged"),
            Step::Ask(ask) => {
                if let Err(why) = answer(&client, ask) {
                    wrong.push(format!(
                        "line {}: {}: {} {}\n{why}",
                        ask.line, ask.title, ask.method, ask.target
                    ));
                }
            }
        }
    }
    wrong
}

fn answer(client: &Client, ask: &Ask) -> Result<(), String> {
    let form = ask.method == "POST" && ask.body.is_none() && !ask.params.is_empty();
    let query = encode(&ask.params);
    let mut headers = ask.headers.clone();
    let (target, body) = if form {
        headers.push((
            "Content-Type".to_owned(),
            "application/x-www-form-urlencoded".to_owned(),
        ));
        (ask.target.clone(), query)
    } else if query.is_empty() {
        (ask.target.clone(), ask.body.clone().unwrap_or_default())
    } else {
        let joint = if ask.target.contains('?') { '&' } else { '?' };
        (
            format!("{}{joint}{query}", ask.target),
            ask.body.clone().unwrap_or_default(),
        )
    };
    let found = client
        .send(&ask.method, &target, &headers, body.as_bytes())
        .map_err(|why| why.to_string())?;
    if found.status != ask.expect.status {
        return Err(format!(
            "expected status {}, found {}: {}",
            ask.expect.status, found.status, found.text
        ));
    }
    check_headers(ask, &found)?;
    compare::body(&ask.expect.body, &found.text)
}

fn check_headers(ask: &Ask, found: &Answer) -> Result<(), String> {
    for (name, value) in &ask.expect.headers {
        let header = found.header(name);
        let right = match (value.as_str(), header) {
            ("*", header) => header.is_some(),
            ("-", header) => header.is_none(),
            (value, header) => header == Some(value),
        };
        if !right {
            return Err(format!(
                "expected the header {name}: {value}, found {header:?}"
            ));
        }
    }
    Ok(())
}

fn encode(params: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| format!("{}={}", percent(name), percent(value));
    params.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
