//! What the tests of the whole share: a running server, an HTTP client, recorded answers and how
//! they are compared.

pub mod conformance;
pub mod http;
pub mod local;
pub mod process;
pub mod push;
pub mod query;
pub mod scenario;
pub mod schema;
pub mod script;
pub mod sink;
pub mod soak;

/// Where Loki's endpoints lie.
pub const API: &str = "/loki/api/v1";

/// Second zero of the tests: 2026-03-01T00:00:00Z.
pub const BASE_S: i64 = 1_772_323_200;

/// The files of a folder of this package that have an extension, with their texts, sorted by name.
pub fn texts_in(folder: &str, extension: &str) -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("the folder is there") {
        let path = file.expect("the folder can be listed").path();
        if path.extension().is_some_and(|found| found == extension) {
            let name = path.file_name().expect("a file has a name");
            let text = std::fs::read_to_string(&path).expect("the file is text");
            found.push((name.to_string_lossy().into_owned(), text));
        }
    }
    found.sort();
    found
}
