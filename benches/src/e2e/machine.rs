//! Readings of the machine: CPU and memory of a process, and how fast this machine is today.

use super::Error;
use serde::{Deserialize, Serialize};
use skald_benches::lines::{Kind, block};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each speed is measured.
const MEASURED: Duration = Duration::from_millis(500);

/// One core's megabytes a second of log text: puts figures of two machines, or of two days, side by
/// side.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Calibration {
    pub(super) zstd_decompress: f64,
    pub(super) substring_scan: f64,
}

impl Calibration {
    /// Measures.
    pub(super) fn measure() -> Result<Calibration, Error> {
        let text: Vec<u8> = [Kind::Json, Kind::Logfmt, Kind::Text]
            .iter()
            .flat_map(|kind| block(*kind, 1 << 20, 7).lines)
            .collect();
        let packed = zstd::bulk::compress(&text, 3)?;
        let zstd_decompress = rate(text.len(), || {
            zstd::bulk::decompress(&packed, text.len()).map_or(0, |plain| plain.len())
        });
        let finder = memchr::memmem::Finder::new("zzyzx-not-there");
        Ok(Calibration {
            zstd_decompress,
            substring_scan: rate(text.len(), || finder.find(&text).unwrap_or_default()),
        })
    }

    /// How much faster this machine is than the other.
    pub(super) fn ratio(&self, other: &Calibration) -> f64 {
        (self.zstd_decompress / other.zstd_decompress
            * (self.substring_scan / other.substring_scan))
            .sqrt()
    }
}

fn rate(bytes: usize, work: impl Fn() -> usize) -> f64 {
    let (began, mut times) = (Instant::now(), 0);
    while began.elapsed() < MEASURED {
        std::hint::black_box(work());
        times += 1;
    }
    (bytes * times) as f64 / f64::from(1 << 20) / began.elapsed().as_secs_f64()
}

/// Milliseconds of CPU that the threads of a process have used; those that ended are not among
/// them.
pub(super) fn cpu_ms(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let of = |task: std::fs::DirEntry| -> Option<f64> {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    tasks.filter_map(of).sum::<f64>() / 1e6
}

/// Most memory a process has held, megabytes.
pub(super) fn peak_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        / 1024.0
}

/// Calls `each` with every file below a folder.
pub(super) fn files(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, each)
        } else {
            each(&path)
        }
    }
}

/// Megabytes of the files below a folder.
pub(super) fn disk_mb(folder: &Path) -> f64 {
    let mut bytes = 0;
    files(folder, &mut |path| {
        bytes += path.metadata().map_or(0, |m| m.len())
    });
    bytes as f64 / f64::from(1 << 20)
}

/// Writes the files below a folder out and drops their pages from memory, where the system does so.
pub(super) fn evict(folder: &Path) -> Result<(), Error> {
    let mut outcome = Ok(());
    files(folder, &mut |path| {
        let evicted = std::fs::File::open(path).and_then(|file| {
            file.sync_all()?;
            Ok(rustix::fs::fadvise(
                &file,
                0,
                None,
                rustix::fs::Advice::DontNeed,
            )?)
        });
        if let Err(error) = evicted {
            outcome = Err(Error(format!("{}: {error}", path.display())));
        }
    });
    outcome
}
