//! Files in the shapes people have for Loki: what `config check` says of each, and a server over
//! it, started by Loki's own command line, that takes a push and answers a query.
//!
//! The files lie in `loki_files/`. Lines of theirs that begin with `#>` must stand in the report.

use crate::BINARY;
use serde_json::json;
use skald_tests::http::Client;
use skald_tests::process::Skald;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// 2026-03-01T00:00:00Z
const BASE_S: i64 = 1_772_323_200;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it")
        .join(folder);
    let listed = std::fs::read_dir(folder)
        .expect("the folder is there")
        .flatten();
    let mut files: Vec<PathBuf> = listed
        .map(|item| item.path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Runs the check, and compares what it says with what the file expects.
fn check(file: &Path) -> Output {
    let output = Command::new(BINARY)
        .args(["config", "check"])
        .arg(file)
        .output()
        .expect("the program runs");
    let report = String::from_utf8_lossy(&output.stdout);
    let text = std::fs::read_to_string(file).expect("the file is read");
    for expected in text.lines().filter_map(|line| line.strip_prefix("#> ")) {
        assert!(
            report.contains(expected),
            "{}: {expected}:\n{report}",
            file.display()
        );
    }
    assert!(report.ends_with('\n'), "{}", file.display());
    output
}

fn tenant() -> Vec<(String, String)> {
    vec![("X-Scope-OrgID".to_owned(), "team".to_owned())]
}

fn push(client: &Client, seconds: i64) -> u16 {
    let time = format!("{seconds}000000000");
    let body = json!({"streams": [{"stream": {"app": "web"}, "values": [[time, "a line"]]}]});
    let headers = [
        tenant(),
        vec![("content-type".to_owned(), "application/json".to_owned())],
    ]
    .concat();
    let answer = client.send(
        "POST",
        "/loki/api/v1/push",
        &headers,
        body.to_string().as_bytes(),
    );
    answer.expect("the server answers").status
}

fn lines(client: &Client, seconds: i64) -> String {
    let params = [
        ("query", "{app=\"web\"}".to_owned()),
        ("start", (seconds - 60).to_string()),
        ("end", (seconds + 60).to_string()),
    ];
    let params: Vec<(String, String)> = params.map(|(n, v)| (n.to_owned(), v)).to_vec();
    let reply = client
        .get("/loki/api/v1/query_range", &params, &tenant())
        .expect("the server answers");
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.text
}

fn now_s() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs() as i64
}

#[test]
fn files_of_loki_are_explained_and_start() {
    let of_image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker/local-config.yaml");
    for file in files("loki_files").into_iter().chain([of_image]) {
        assert!(check(&file).status.success(), "{}", file.display());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prefix = folder.path().join("loki");
        let skald = Skald::run(Command::new(BINARY).args([
            format!("-config.file={}", file.display()),
            "-config.expand-env=true".to_owned(),
            "-server.http-listen-address=127.0.0.1".to_owned(),
            "-server.http-listen-port=0".to_owned(),
            format!("-common.path-prefix={}", prefix.display()),
        ]));
        let client = skald.client();
        let now = now_s();
        assert_eq!(push(&client, now), 204, "{}", file.display());
        assert!(lines(&client, now).contains("a line"), "{}", file.display());
        assert!(prefix.join("skald").is_dir(), "{}", file.display());
        assert!(skald.terminate(), "{}", file.display());
    }
}

#[test]
fn files_that_can_not_be_used_are_refused_with_advice() {
    for file in files("loki_files/refused") {
        let output = check(&file);
        assert_eq!(output.status.code(), Some(1), "{}", file.display());
        let file = format!("-config.file={}", file.display());
        let (valid, _, stderr) = self::output(&[&file, "-config.expand-env", "-verify-config"]);
        assert!(!valid, "{file}: a server would start with it: {stderr}");
    }
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    for file in files("loki_files/unset") {
        assert!(check(&file).status.success(), "{}", file.display());
        let file = format!("-config.file={}", file.display());
        let (valid, _, stderr) = output(&[&file, "-config.expand-env", "-verify-config"]);
        assert!(
            !valid && stderr.contains("(${LOKI_TEST_UNSET} is not set)"),
            "{stderr}"
        );
    }
}

/// A file of two lines, in a folder of its own.
fn small_file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("local-config.yaml");
    let text = text.replace("FOLDER", &folder.path().display().to_string());
    std::fs::write(&file, text).expect("the file is written");
    let file = file.display().to_string();
    (folder, file)
}

#[test]
fn lokis_command_line_alone_starts_a_server_on_every_address() {
    let (folder, file) = small_file(
        "auth_enabled: false\nserver: {http_listen_port: 0}\ncommon: {path_prefix: FOLDER/loki}\n",
    );
    for flags in [
        vec![format!("-config.file={file}")],
        vec![
            "-target=all".to_owned(),
            "--config.file".to_owned(),
            format!("nothing.yaml, {file}"),
        ],
        vec![
            "serve".to_owned(),
            format!("--config.file={file}"),
            "-log.level=error".to_owned(),
        ],
    ] {
        let skald = Skald::run(Command::new(BINARY).args(&flags));
        assert!(skald.listens_everywhere(), "{flags:?}");
        assert_eq!(push(&skald.client(), BASE_S), 204);
        assert!(lines(&skald.client(), BASE_S).contains("a line"));
        assert!(skald.terminate());
    }
    assert!(folder.path().join("loki/skald").is_dir());
}

fn output(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(BINARY)
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

#[test]
fn lokis_switches_answer_and_end() {
    let (_folder, file) = small_file("server: {http_listen_port: '${LOKI_TEST_PORT:-3200}'}\n");
    let of_file = format!("-config.file={file}");
    let (valid, stdout, _) = output(&[&of_file, "-config.expand-env", "-verify-config"]);
    assert!(valid);
    assert_eq!(stdout, "config is valid\n");
    let (valid, _, stderr) = output(&[&of_file, "-verify-config"]);
    assert!(!valid);
    assert!(
        stderr.contains("-config.expand-env=true does that"),
        "{stderr}"
    );
    let print = [
        &of_file,
        "-config.expand-env=true",
        "-print-config-stderr",
        "-verify-config",
        "-ingester.wal-dir=/w",
    ];
    let (valid, _, stderr) = output(&print);
    assert!(valid);
    assert!(
        stderr.contains("http_listen_port: 3200\n") && stderr.contains("data: /w/skald\n"),
        "{stderr}"
    );
    let (valid, stdout, _) = output(&["-version"]);
    assert!(valid && stdout.starts_with("skald "), "{stdout}");
    assert!(output(&["-help"]).1.contains("-config.file=FILE"));
    let (valid, _, stderr) = output(&["-config.file=/nowhere/a.yaml,/nowhere/b.yaml"]);
    assert!(
        !valid && stderr.contains("/nowhere/a.yaml,/nowhere/b.yaml does not exist"),
        "{stderr}"
    );
    let (valid, _, stderr) = output(&[&of_file, "-server.http-listen-prot=1"]);
    assert!(
        !valid && stderr.contains("did you mean -server.http-listen-port?"),
        "{stderr}"
    );
}
