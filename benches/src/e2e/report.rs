//! The report prints tables, saves figures and names what got slower since.

use super::Error;
use super::ask::Asked;
use super::load::Load;
use super::machine::Calibration;
use super::questions::Counted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// A figure that grew by more than this share since the saved run is named.
const REGRESSION: f64 = 0.10;
/// Growth of less than this is noise, whatever the share.
const NOISE_MS: f64 = 2.0;

/// All figures of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) calibration: Calibration,
    pub(super) megabytes: f64,
    pub(super) load: Option<Load>,
    pub(super) questions: BTreeMap<String, Asked>,
}

impl Figures {
    pub(super) fn save(&self, file: &Path) -> Result<(), Error> {
        Ok(std::fs::write(file, serde_json::to_vec_pretty(self)?)?)
    }

    pub(super) fn read(file: &Path) -> Result<Figures, Error> {
        Ok(serde_json::from_slice(
            &std::fs::read(file).map_err(|e| Error(format!("{}: {e}", file.display())))?,
        )?)
    }

    /// What costs more CPU than in the earlier run, scaled to the speed of the machine then.
    pub(super) fn slower_than(&self, earlier: &Figures) -> Vec<String> {
        let ratio = self.calibration.ratio(&earlier.calibration);
        let mut slower = Vec::new();
        let mut compare = |what: &str, now: f64, then: f64, noise: f64| {
            let now = now * ratio;
            if now > then * (1.0 + REGRESSION) && now - then > noise {
                slower.push(format!(
                    "{what}: {now:.1}, was {then:.1} ({:+.0} %)",
                    (now / then - 1.0) * 100.0
                ));
            }
        };
        if let (Some(now), Some(then)) = (&self.load, &earlier.load) {
            compare("CPU s per GB", now.cpu_s_per_gb, then.cpu_s_per_gb, 0.0);
        }
        for (name, now) in &self.questions {
            if let Some(then) = earlier.questions.get(name) {
                compare(
                    &format!("{name}, CPU ms"),
                    now.cpu_ms,
                    then.cpu_ms,
                    NOISE_MS,
                );
            }
        }
        slower
    }
}

pub(super) fn print_load(load: &Load) {
    println!("{:32} {:10.1}", "MB/s of lines", load.mb_per_s);
    println!(
        "{:32} {:10.1}",
        "CPU s per GB, all settled", load.cpu_s_per_gb
    );
    println!(
        "{:32} {:10.1} {:10.1}",
        "push p50, p99, ms", load.push_p50_ms, load.push_p99_ms
    );
    println!("{:32} {:10.0}", "peak memory, MB", load.peak_mb);
    println!("{:32} {:10.0}", "on disk, MB", load.disk_mb);
}

/// Prints a question's line; tells whether the answer is what it must be.
pub(super) fn print_question(name: &str, asked: &Asked, found: Counted, expected: Counted) -> bool {
    let right = same(found, expected);
    let told = if right {
        String::new()
    } else {
        format!("  WRONG: {found:?}, expected {expected:?}")
    };
    println!(
        "{name:32} {:10.1} {:10.1} {:10.1} {:8}{told}",
        asked.wall_ms, asked.cpu_ms, asked.first_ms, found.rows
    );
    right
}

/// Sums agree up to rounding; one that nothing is expected of may be anything.
fn same(found: Counted, expected: Counted) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
    found.rows == expected.rows
        && match (found.sum, expected.sum) {
            (Some(found), Some(expected)) => close(found, expected),
            (None, Some(expected)) => expected == 0.0,
            (_, None) => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(cpu_ms: f64, speed: f64) -> Figures {
        let asked = Asked {
            wall_ms: cpu_ms,
            cpu_ms,
            first_ms: cpu_ms,
        };
        Figures {
            calibration: Calibration {
                zstd_decompress: speed,
                substring_scan: speed,
            },
            megabytes: 1.0,
            load: None,
            questions: BTreeMap::from([("a".to_owned(), asked)]),
        }
    }

    fn check(now: (f64, f64), then: (f64, f64), expected: usize) {
        let slower = figures(now.0, now.1).slower_than(&figures(then.0, then.1));
        assert_eq!(slower.len(), expected, "{now:?} after {then:?}: {slower:?}");
    }

    #[test]
    fn a_tenth_more_on_the_same_machine_is_slower() {
        check((112.0, 1000.0), (100.0, 1000.0), 1);
        check((108.0, 1000.0), (100.0, 1000.0), 0);
        check((2.0, 1000.0), (1.0, 1000.0), 0);
        check((112.0, 900.0), (100.0, 1000.0), 0);
        check((100.0, 1200.0), (100.0, 1000.0), 1);
    }

    #[test]
    fn answers_agree_in_rows_and_sums() {
        let counted = |rows, sum| Counted { rows, sum };
        assert!(same(
            counted(2, Some(0.30000000000000004)),
            counted(2, Some(0.3))
        ));
        assert!(same(counted(2, Some(5.0)), counted(2, None)));
        assert!(!same(counted(2, Some(5.0)), counted(2, Some(6.0))));
        assert!(!same(counted(1, None), counted(2, None)));
    }
}
