//! `skald provision grafana`: files, manifests, and what a Grafana is sent.

use crate::BINARY;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread::{JoinHandle, spawn};

const DASHBOARDS: usize = 7;

/// Whether it succeeded, what it said, and its complaint.
fn provision(arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(BINARY);
    for name in ["SKALD_ADDR", "SKALD_TENANT", "SKALD_TOKEN", "GRAFANA_TOKEN"] {
        command.env_remove(name);
    }
    let output = command
        .args(["provision", "grafana"])
        .args(arguments)
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).expect("YAML")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn files_have_the_layout_of_grafanas_provisioning() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("UTF-8");
    let arguments = ["--out", out, "--addr", "http://skald:3100"];
    let (is_well, said, complaint) = provision(&arguments);
    assert!(is_well, "{complaint}");
    assert_eq!(said.lines().count(), DASHBOARDS + 2, "{said}");
    let sources = yaml(&read(
        &folder.path().join("provisioning/datasources/skald.yaml"),
    ));
    let skald = &sources["datasources"][0];
    assert_eq!(
        (skald["type"].as_str(), skald["url"].as_str()),
        (Some("loki"), Some("http://skald:3100"))
    );
    let provider = yaml(&read(
        &folder.path().join("provisioning/dashboards/skald.yaml"),
    ));
    let path = &provider["providers"][0]["options"]["path"];
    assert_eq!(path, "/var/lib/grafana/dashboards");
    let flows = read(&folder.path().join("dashboards/flows.json"));
    let flows: Value = serde_json::from_str(&flows).expect("JSON");
    assert_eq!(flows["uid"], "skald-flows");
}

/// Documents of manifests, each with the one text it holds.
fn manifests(text: &str) -> Vec<(Value, String)> {
    let documents = text.split("---\n").map(yaml);
    let held = |document: Value| {
        let data = ["data", "stringData"]
            .iter()
            .find_map(|name| document[*name].as_object());
        let data = data.expect("it holds something");
        let text = data.values().next().and_then(Value::as_str);
        let text = text.expect("a text").to_owned();
        (document, text)
    };
    documents.map(held).collect()
}

#[test]
fn manifests_are_found_by_the_sidecar_and_hold_the_files_unchanged() {
    let (is_well, text, complaint) = provision(&["--configmap", "--namespace", "monitoring"]);
    assert!(is_well && complaint.contains("give --addr"), "{complaint}");
    let found = manifests(&text);
    assert_eq!(found.len(), DASHBOARDS + 1);
    for (at, (manifest, held)) in found.iter().enumerate() {
        assert_eq!(manifest["kind"], "ConfigMap");
        assert_eq!(manifest["metadata"]["namespace"], "monitoring");
        let label = match at {
            0 => "grafana_datasource",
            _ => "grafana_dashboard",
        };
        assert_eq!(manifest["metadata"]["labels"], json!({label: "1"}));
        // What `kubectl apply` can keep of one manifest.
        assert!(held.len() < 200 * 1024);
        if at > 0 {
            let file = manifest["data"]
                .as_object()
                .and_then(|data| data.keys().next());
            let name = file
                .expect("a file")
                .trim_start_matches("skald-")
                .to_owned();
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
            let path = folder.join("../../docker/grafana/dashboards").join(name);
            assert_eq!(*held, read(&path));
        }
    }
}

#[test]
fn a_token_makes_the_data_source_a_secret() {
    let arguments = [
        "--configmap",
        "--addr",
        "http://skald.logging.svc:3100",
        "--read-token",
        "t0",
        "--only",
        "falco,syslog",
    ];
    let (is_well, text, complaint) = provision(&arguments);
    assert!(is_well && complaint.is_empty(), "{complaint}");
    let found = manifests(&text);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].0["kind"], "Secret");
    assert!(found[0].1.contains("Bearer t0"), "{}", found[0].1);
    assert!(
        found[1..]
            .iter()
            .all(|(manifest, _)| manifest["kind"] == "ConfigMap")
    );
}

#[test]
fn mistakes_are_said() {
    let (is_well, _, complaint) = provision(&[]);
    assert!(!is_well && complaint.contains("--out"), "{complaint}");
    let (is_well, _, complaint) = provision(&["--configmap", "--only", "flaco"]);
    assert!(!is_well && complaint.contains("falco"), "{complaint}");
    let (is_well, _, complaint) = provision(&["--url", "https://grafana"]);
    assert!(!is_well && complaint.contains("plain http"), "{complaint}");
}

/// A request: method, path, token, body.
type Request = (String, String, String, Value);

fn request(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a first line");
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next(), words.next());
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).expect("a header");
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a length"),
            "authorization" => token = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let body = serde_json::from_slice(&body).expect("JSON");
    (
        method.unwrap_or_default(),
        path.unwrap_or_default(),
        token,
        body,
    )
}

/// A Grafana that answers requests with these statuses, one after another.
fn grafana(statuses: Vec<u16>) -> (String, JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let serve = move || {
        let mut seen = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().expect("a connection");
            seen.push(request(&stream));
            let body = "{\"message\":\"so\"}";
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream
                .write_all((head + body).as_bytes())
                .expect("answered");
        }
        seen
    };
    (url, spawn(serve))
}

#[test]
fn a_running_grafana_is_sent_all_and_what_is_there_is_replaced() {
    let (url, server) = grafana(vec![409, 200, 200]);
    let arguments = ["--url", &url, "--token", "g", "--only", "flows"];
    let (is_well, said, complaint) = provision(&arguments);
    assert!(is_well, "{complaint}");
    assert_eq!(said, "data source Skald\ndashboard flows\n");
    let seen = server.join().expect("all was asked");
    let asked: Vec<(&str, &str)> = seen.iter().map(|r| (&*r.0, &*r.1)).collect();
    assert_eq!(
        asked,
        [
            ("POST", "/api/datasources"),
            ("PUT", "/api/datasources/uid/skald"),
            ("POST", "/api/dashboards/db"),
        ]
    );
    assert!(seen.iter().all(|request| request.2 == "Bearer g"));
    assert_eq!(seen[2].3["overwrite"], true);
    assert_eq!(seen[2].3["dashboard"]["uid"], "skald-flows");
}

#[test]
fn what_grafana_refuses_is_said_with_its_words() {
    let (url, server) = grafana(vec![403]);
    let (is_well, _, complaint) = provision(&["--url", &url]);
    assert!(
        !is_well && complaint.contains("403") && complaint.contains("--token"),
        "{complaint}"
    );
    server.join().expect("it was asked");
}
