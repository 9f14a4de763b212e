//! Process metrics (`process_*`) come from `/proc`; systems without it get none.

use crate::telemetry::exposition::metric;
use std::fs;

/// Kernel clock ticks a second as `/proc` counts them; fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Bytes of a page on the machines we build for.
const PAGE_BYTES: u64 = 4096;

/// Writes what is known of this process.
pub(crate) fn write_metrics(out: &mut String) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(parse_stat)
    {
        metric(
            out,
            "process_cpu_seconds_total",
            "counter",
            "CPU time used.",
            stat.cpu_ticks as f64 / TICKS_PER_SECOND,
        );
        metric(
            out,
            "process_virtual_memory_bytes",
            "gauge",
            "Virtual memory.",
            stat.virtual_bytes,
        );
        metric(
            out,
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory.",
            stat.resident_pages * PAGE_BYTES,
        );
        metric(out, "process_threads", "gauge", "Threads.", stat.threads);
        if let Some(boot) = boot_time() {
            let start = boot as f64 + stat.start_ticks as f64 / TICKS_PER_SECOND;
            metric(
                out,
                "process_start_time_seconds",
                "gauge",
                "Start, in seconds since 1970.",
                start,
            );
        }
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        metric(
            out,
            "process_open_fds",
            "gauge",
            "Open file descriptors.",
            files.count(),
        );
    }
    if let Some(limit) = fs::read_to_string("/proc/self/limits")
        .ok()
        .as_deref()
        .and_then(parse_open_files_limit)
    {
        metric(
            out,
            "process_max_fds",
            "gauge",
            "Most file descriptors.",
            limit,
        );
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

/// Fields of `/proc/self/stat`. The second is the program's name in parentheses, which may hold
/// anything.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok());
    Some(Stat {
        cpu_ticks: number(11)? + number(12)?,
        threads: number(17)?,
        start_ticks: number(19)?,
        virtual_bytes: number(20)?,
        resident_pages: number(21)?,
    })
}

fn boot_time() -> Option<u64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("btime "))
        .and_then(|t| t.trim().parse().ok())
}

fn parse_open_files_limit(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4 1 0 0 0 250 50 0 0 20 0 9 0 12345 1000000 77 18446744073709551615";
        let expected = Stat {
            cpu_ticks: 300,
            threads: 9,
            start_ticks: 12345,
            virtual_bytes: 1_000_000,
            resident_pages: 77,
        };
        assert_eq!(parse_stat(stat), Some(expected));
        assert_eq!(parse_stat("7 (a"), None);
        assert_eq!(
            parse_open_files_limit(
                "x\nMax open files            1024                 4096                 files\n"
            ),
            Some(1024)
        );
    }
}
