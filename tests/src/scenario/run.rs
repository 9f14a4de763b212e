//! Asks a server of its own what a file says, and tells what came back wrong.

use super::{Ask, File, Step, compare};
use crate::http::{Answer, Client};
use crate::local::Local;

/// Runs a file; gives what was wrong, a text for each request.
pub fn run(file: &File) -> Vec<String> {
    let mut local = start(file);
    steps(file, &mut local)
}

/// Runs a file, then puts its questions again in each state that the data passes through.
pub fn run_in_states(file: &File) -> Vec<String> {
    let mut local = start(file);
    let mut wrong = steps(file, &mut local);
    let again = |state: &str, local: &Local, wrong: &mut Vec<String>| {
        let client = local.client();
        for step in &file.steps {
            if let Step::Ask(ask) = step
                && ask.method == "GET"
            {
                wrong.extend(
                    answer(&client, ask)
                        .map_err(|why| described(ask, &format!("{state}: {why}")))
                        .err(),
                );
            }
        }
    };
    local.flush();
    again("flushed", &local, &mut wrong);
    again("flushed, asked again", &local, &mut wrong);
    local.compact();
    again("merged", &local, &mut wrong);
    local.restart();
    again("after a restart", &local, &mut wrong);
    wrong
}

fn start(file: &File) -> Local {
    Local::start_with(|config| {
        let applied = skald_server::config::file::apply(config, &file.config, &[], |_| None);
        applied.unwrap_or_else(|why| panic!("the settings of a scenario are valid: {why}"));
        config.server.http_listen_port = 0;
    })
}

fn steps(file: &File, local: &mut Local) -> Vec<String> {
    let mut client = local.client();
    let mut wrong = Vec::new();
    for step in &file.steps {
        match step {
            Step::Load(body) => {
                let reply = client.push(&body.to_string()).expect("the server answers");
                assert_eq!(reply.status, 204, "{}", reply.text);
            }
            Step::Flush => local.flush(),
            Step::Compact => local.compact(),
            Step::Restart => {
                local.restart();
                client = local.client();
            }
            Step::Ask(ask) => {
                wrong.extend(
                    answer(&client, ask)
                        .map_err(|why| described(ask, &why))
                        .err(),
                );
            }
        }
    }
    wrong
}

fn described(ask: &Ask, why: &str) -> String {
    format!(
        "line {}: {}: {} {}\n{why}",
        ask.line, ask.title, ask.method, ask.target
    )
}

fn answer(client: &Client, ask: &Ask) -> Result<(), String> {
    let form = ask.method == "POST" && ask.body.is_none() && !ask.params.is_empty();
    let query = crate::http::pairs(&ask.params);
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
