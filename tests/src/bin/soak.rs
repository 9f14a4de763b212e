//! `soak MINUTES [LINES_PER_SECOND] [DATA]`: a server under mixed load, restarted six times.
//!
//! `cargo build --release -p skald && cargo run --release -p skald-tests --bin soak -- 30`

use skald_tests::soak::{Soak, run};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: f64| {
        arguments
            .get(at)
            .map_or(Some(default), |text| text.parse().ok())
    };
    let (Some(minutes), Some(lines_per_second)) = (number(0, 30.0), number(1, 20_000.0)) else {
        return told(
            "soak [MINUTES [LINES_PER_SECOND [DATA]]]",
            ExitCode::FAILURE,
        );
    };
    let Some(binary) = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join("skald")))
    else {
        return told(
            "the server's binary is looked for beside this one",
            ExitCode::FAILURE,
        );
    };
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let data = arguments
        .get(2)
        .map_or(folder.path().to_owned(), PathBuf::from);
    let lasts = Duration::from_secs_f64(minutes * 60.0);
    let soak = Soak {
        binary,
        data,
        lasts,
        rounds: 6,
        lines_per_second: lines_per_second as u32,
    };
    match run(&soak) {
        Ok(report) => told(
            &format!("{report:#?}\nnothing was lost and nothing grew"),
            ExitCode::SUCCESS,
        ),
        Err(why) => told(&why, ExitCode::FAILURE),
    }
}

fn told(text: &str, code: ExitCode) -> ExitCode {
    // Nobody reading is no reason to fail otherwise than told.
    let _ = writeln!(std::io::stdout(), "{text}");
    code
}
