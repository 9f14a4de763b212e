//! Damaged files under a real server: what is damaged is named, everything else answers; and the
//! commands that look at a data directory.

use crate::BINARY;
use serde_json::{Value, json};
use skald_tests::http::{Client, Reply};
use skald_tests::process::Skald;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// 2026-03-01T00:00:00Z
const BASE_NS: i64 = 1_772_323_200_000_000_000;
/// Lines a stream, and bytes of filler in each: a stream of half a megabyte has blocks of its own.
const LINES: usize = 700;
const FILLER: usize = 1_000;

/// Pushes stream `app` and gives whether it was taken.
fn push(client: &Client, app: &str) -> u16 {
    let line = |n: usize| {
        let mixed = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!(
            "line {n} of {app} {}",
            format!("{mixed:016x} ").repeat(FILLER / 17)
        )
    };
    let values: Vec<Value> = (0..LINES)
        .map(|n| json!([(BASE_NS + n as i64 * 1_000_000).to_string(), line(n), {"ratio": format!("{n}.25")}]))
        .collect();
    let body = json!({"streams": [{"stream": {"app": app}, "values": values}]}).to_string();
    client.push(&body).expect("the server answers").status
}

fn ask(client: &Client, query: &str) -> Reply {
    let pairs = [
        ("query", query),
        ("start", "1772323200"),
        ("end", "1772323260"),
        ("limit", "5000"),
        ("step", "60"),
    ];
    let params: Vec<(String, String)> = pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    client
        .get("/loki/api/v1/query_range", &params, &[])
        .expect("the server answers")
}

/// Entries and warnings of a log query, which must succeed.
fn answer(client: &Client, query: &str) -> (usize, Vec<String>) {
    let reply = ask(client, query);
    assert_eq!(reply.status, 200, "{query}: {}", reply.text);
    let json: Value = serde_json::from_str(&reply.text).expect("the answer is JSON");
    let streams = json["data"]["result"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let entries = streams
        .iter()
        .filter_map(|s| s["values"].as_array())
        .map(Vec::len)
        .sum();
    let warnings = json["warnings"].as_array().cloned().unwrap_or_default();
    (
        entries,
        warnings
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    )
}

fn run(arguments: &[&str], path: &Path) -> Output {
    Command::new(BINARY)
        .args(arguments)
        .arg(path)
        .output()
        .expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The one part of the directory, as `skald inspect` tells it.
fn part_of(data: &Path) -> Value {
    let output = run(&["inspect", "--json"], data);
    let parts: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output)));
    assert_eq!(parts.as_array().map(Vec::len), Some(1), "{parts}");
    parts[0].clone()
}

/// Flips a byte of a file.
fn flip(path: &Path, at: u64) {
    let mut bytes = std::fs::read(path).expect("the part can be read");
    bytes[at as usize] ^= 0x20;
    std::fs::write(path, bytes).expect("the part can be written");
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is not a number"))
}

/// A server with two streams of blocks of their own in one part; also the part.
fn filled(data: &Path) -> (Skald, Value, PathBuf) {
    let skald = Skald::start(Path::new(BINARY), data, &["--self_logs", "false"]);
    let client = skald.client();
    assert_eq!([push(&client, "one"), push(&client, "two")], [204, 204]);
    assert_eq!(
        client
            .get("/flush", &[], &[])
            .expect("the server answers")
            .status,
        204
    );
    let part = part_of(data);
    assert!(
        part["blocks"]
            .as_array()
            .is_some_and(|blocks| blocks.len() >= 2),
        "{part}"
    );
    let path = PathBuf::from(part["path"].as_str().expect("a part has a path"));
    (skald, part, path)
}

#[test]
fn what_is_damaged_is_named_and_everything_else_answers() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (skald, part, path) = filled(data.path());
    let client = skald.client();
    let name = path
        .file_name()
        .expect("a part has a name")
        .to_string_lossy()
        .into_owned();

    // The content index lies between the last block and the directory.
    let last = part["blocks"]
        .as_array()
        .and_then(|blocks| blocks.last())
        .expect("the part has blocks");
    flip(&path, number(&last["offset"]) + number(&last["bytes"]) + 40);
    let (entries, warnings) = answer(&client, r#"{app="one"} |= "line 77 of one""#);
    assert_eq!(entries, 1, "without its index every block is read");
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("the index of part") && w.contains(&name)),
        "{warnings:?}"
    );

    // The lines are the last column of a block, and the first block is of the first stream.
    let first = &part["blocks"][0];
    flip(
        &path,
        number(&first["offset"]) + number(&first["bytes"]) - 1,
    );
    let (entries, warnings) = answer(&client, r#"{app="one"}"#);
    assert!(entries < LINES);
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("block 0 of part") && w.contains(&name)),
        "{warnings:?}"
    );
    assert_eq!(answer(&client, r#"{app="two"}"#), (LINES, Vec::new()));
    let counted = ask(
        &client,
        r#"sum(count_over_time({app=~".+"} |~ "line \\d+" [1m]))"#,
    );
    assert_eq!(counted.status, 200, "{}", counted.text);
    assert!(counted.text.contains("block 0 of part"), "{}", counted.text);
    assert_eq!(
        client
            .get("/ready", &[], &[])
            .expect("the server answers")
            .status,
        200
    );
    assert_eq!(push(&client, "three"), 204);

    let found = run(&["verify", "--data"], data.path());
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    for damage in ["damage   the index of part", "damage   block 0 of part"] {
        assert!(text(&found).contains(damage), "{}", text(&found));
    }
    assert!(skald.terminate(), "SIGTERM ends the server well");

    // Without its footer nothing of a part can be read; the others and the log still answer.
    flip(&path, number(&part["bytes"]) - 1);
    let skald = Skald::start(Path::new(BINARY), data.path(), &["--self_logs", "false"]);
    let (entries, warnings) = answer(&skald.client(), r#"{app=~".+"}"#);
    assert_eq!(entries, LINES, "the stream that was pushed later");
    assert!(
        warnings
            .iter()
            .any(|w| w.contains(&name) && w.contains("footer")),
        "{warnings:?}"
    );
    assert!(path.exists(), "a person may still repair it");
    assert!(text(&run(&["inspect"], data.path())).contains("its footer is damaged"));
}

#[test]
fn a_sound_directory_is_verified_and_shown_beside_its_server() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (skald, part, path) = filled(data.path());
    assert_eq!(push(&skald.client(), "three"), 204);
    let verified = run(&["verify", "--data"], data.path());
    assert!(verified.status.success(), "{}", text(&verified));
    assert!(
        text(&verified).ends_with("no damage found\n"),
        "{}",
        text(&verified)
    );
    let report = run(&["verify", "--json", "--data"], data.path());
    let report: Value = serde_json::from_slice(&report.stdout).expect("the report is JSON");
    assert_eq!(
        (number(&report["parts"]), number(&report["rows"])),
        (1, 2 * LINES as u64),
        "{report}"
    );
    assert!(number(&report["wal_records"]) > 0, "{report}");

    let shown = text(&run(&["inspect"], data.path()));
    for expected in [
        "fake 2026-03-01: 1 part, 2 streams, 1400 rows",
        "  newest lines, zstd, run by run\n",
        "metadata ratio, decimals\n",
        "content index",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let blocks = text(&run(&["inspect", "--blocks"], &path));
    assert!(
        blocks.contains("block 1: ") && blocks.contains("metadata ratio, decimals: "),
        "{blocks}"
    );
    let stored: u64 = part["blocks"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|block| number(&block["bytes"]))
        .sum();
    let rest = number(&part["index_bytes"])
        + number(&part["patterns_bytes"])
        + number(&part["directory_bytes"])
        + 64;
    assert_eq!(
        stored + rest,
        number(&part["bytes"]),
        "every byte is reported"
    );
    assert!(skald.terminate(), "nothing took the lock away");
}

#[test]
fn what_is_no_data_directory_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let verified = run(&["verify", "--data"], folder.path());
    assert!(!verified.status.success());
    assert!(
        text(&verified).contains(" is no data directory: "),
        "{}",
        text(&verified)
    );
    assert!(
        std::fs::read_dir(folder.path())
            .expect("the folder can be listed")
            .next()
            .is_none(),
        "nothing is made there"
    );
    let inspected = run(&["inspect"], &folder.path().join("missing"));
    assert!(
        !inspected.status.success() && text(&inspected).contains("does not exist"),
        "{}",
        text(&inspected)
    );
}

/// The one segment of the WAL.
fn segment(data: &Path) -> PathBuf {
    let listed = std::fs::read_dir(data.join("wal")).expect("the WAL can be listed");
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.expect("listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "wal"));
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths.remove(0)
}

#[test]
fn a_damaged_end_of_the_log_is_said_and_a_torn_one_is_noted() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let options = ["--self_logs", "false"];
    let skald = Skald::start(Path::new(BINARY), data.path(), &options);
    for app in ["one", "two"] {
        assert_eq!(push(&skald.client(), app), 204);
    }
    skald.kill();
    let path = segment(data.path());
    let name = path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let whole = std::fs::read(&path).expect("the segment can be read");

    let zeros = [&whole[..], &[0; 5_000]].concat();
    let cut = &whole[..whole.len() - 1];
    for torn in [zeros.as_slice(), cut] {
        std::fs::write(&path, torn).expect("the segment can be written");
        let noted = run(&["verify", "--data"], data.path());
        assert!(noted.status.success(), "{}", text(&noted));
        let expected = format!("wal segment {name}: the last");
        assert!(text(&noted).contains(&expected), "{}", text(&noted));
    }

    std::fs::write(&path, &whole).expect("the segment can be written");
    flip(&path, whole.len() as u64 - 1);
    let found = run(&["verify", "--data"], data.path());
    assert_eq!(found.status.code(), Some(1), "{}", text(&found));
    let expected = format!("damage   wal segment {name}: the last");
    assert!(text(&found).contains(&expected), "{}", text(&found));

    let log = data.path().join("log");
    let file = std::fs::File::create(&log).expect("the log can be made");
    let mut command = Command::new(BINARY);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .args(options);
    let skald = Skald::try_run(&mut command, file.into()).expect("the server starts");
    assert_eq!(answer(&skald.client(), r#"{app=~".+"}"#).0, LINES);
    let log = std::fs::read_to_string(&log).expect("the log can be read");
    let said: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("damaged end of the WAL"))
        .collect();
    assert_eq!(said.len(), 1, "{log}");
    assert!(
        said[0].contains(&name) && said[0].contains("level=warn"),
        "{log}"
    );
}
