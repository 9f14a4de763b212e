//! The kinds of faults that need nothing but a file: a test for each.

use skald_tests::{scenario, script};
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("faults")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn none_wrong(name: &str, wrong: &[String]) {
    let (count, wrong) = (wrong.len(), wrong.join("\n\n"));
    assert_eq!(count, 0, "{name}: {count} answers are wrong\n\n{wrong}\n");
}

/// Plays `NAME.logql` in all states.
fn script(name: &str) {
    let file = script::parse::parse(&read(&format!("{name}.logql")));
    let file = file.unwrap_or_else(|why| panic!("{name}: {why}"));
    none_wrong(name, &script::http::play(&file));
}

/// Plays `NAME.http`, and its questions again in all states.
fn scenario(name: &str) {
    let file = scenario::parse::parse(&read(&format!("{name}.http")));
    let file = file.unwrap_or_else(|why| panic!("{name}: {why}"));
    none_wrong(name, &scenario::run::run_in_states(&file));
}

/// A test that plays a file.
macro_rules! kinds {
    ($($how:ident $name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $how(stringify!($name));
            }
        )*
    };
}

kinds! {
    script metadata_named_as_a_label
    scenario metadata_named_as_a_label_elsewhere
    script logfmt_names
    script label_filters_and_errors
    script filters_on_extracted_names
    script unpacked_names
    script json_paths_in_broken_lines
    scenario values_as_stored
    scenario length_of_queries
    script strict_logfmt_names
    scenario deletes_without_a_filter
    script errors_in_metadata
    script entries_between_windows
    script dashboards
    script cases
    script empty_metadata
    scenario empty_metadata_elsewhere
    script odd_values
    script mistakes
    scenario cases_elsewhere
    scenario otlp_types_and_spellings
}

#[test]
fn every_file_is_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
    let source = include_str!("files.rs");
    for file in std::fs::read_dir(folder).expect("the folder is there") {
        let name = file.expect("the folder can be listed").file_name();
        let name = name.to_string_lossy();
        let Some((stem, form)) = name.rsplit_once('.').filter(|(_, form)| *form != "md") else {
            continue;
        };
        let how = if form == "http" { "scenario" } else { "script" };
        assert!(source.contains(&format!("    {how} {stem}\n")), "{name}");
    }
}
