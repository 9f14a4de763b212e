//! Every LogQL example of the documents and the dashboard's queries, asked of a server: a reader
//! can paste what is written there. A block marked `logql error` must be refused.

use crate::BINARY;
use skald_tests::conformance;
use skald_tests::http::{Client, Reply};
use skald_tests::process::Skald;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("reading {}: {e}", path.display()))
}

/// Markdown files at the top and under docs/.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(folder)
            .expect("docs can be listed")
            .flatten()
        {
            let path = item.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The queries in fenced blocks whose mark is `mark`.
fn queries(text: &str, mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    for line in text.lines() {
        match &mut open {
            Some(lines) if line.trim_end() == "```" => {
                let block = lines.join("\n");
                found.extend(block.split("\n\n").map(str::to_owned));
                open = None;
            }
            Some(lines) => lines.push(line),
            None if line.trim_end() == format!("```{mark}") => open = Some(Vec::new()),
            None => {}
        }
    }
    found
}

fn ask(client: &Client, query: &str) -> Reply {
    let pairs = [
        ("query", query),
        ("start", "1772323200"),
        ("end", "1772326800"),
        ("step", "600"),
    ];
    let params: Vec<(String, String)> = pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    client
        .get("/loki/api/v1/query_range", &params, &[])
        .expect("the server answers")
}

#[test]
fn examples_of_the_documents_run() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let server = Skald::start(Path::new(BINARY), data.path(), &[]);
    let client = server.client();
    conformance::push(&client);
    let mut asked = 0;
    for document in documents() {
        let text = read(&document);
        for query in queries(&text, "logql") {
            let reply = ask(&client, &query);
            assert_eq!(
                reply.status,
                200,
                "{}: {query}\n{}",
                document.display(),
                reply.text
            );
            asked += 1;
        }
        for query in queries(&text, "logql error") {
            let reply = ask(&client, &query);
            assert_eq!(
                reply.status,
                400,
                "{}: {query}\n{}",
                document.display(),
                reply.text
            );
            asked += 1;
        }
    }
    assert!(asked > 0, "the documents have examples");
}
