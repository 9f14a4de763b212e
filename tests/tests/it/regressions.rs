//! Seeds and found inputs of all fuzz targets, asked of the same checks without the fuzzer.

#[allow(unreachable_pub, reason = "public to the fuzz targets")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::path::Path;

/// Calls `found` with each input kept for a target.
fn each_input(folder: &str, target: &str, mut found: impl FnMut(&Path, &[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(folder)
        .join(target);
    // A target without any has no folder.
    let Ok(files) = std::fs::read_dir(folder) else {
        return;
    };
    for file in files {
        let path = file.expect("the folder is readable").path();
        found(&path, &std::fs::read(&path).expect("the file is readable"));
    }
}

#[test]
fn kept_inputs_pass_their_checks() {
    let mut failed = Vec::new();
    for (target, check) in fuzz::TARGETS {
        let mut inputs = 0;
        for folder in ["corpus", "regressions"] {
            each_input(folder, target, |path, input| {
                inputs += 1;
                if std::panic::catch_unwind(|| check(input)).is_err() {
                    failed.push(path.display().to_string());
                }
            });
        }
        assert!(inputs > 0, "{target} has seeds");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
