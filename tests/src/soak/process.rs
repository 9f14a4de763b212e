//! What a process holds, as the system tells it.

use crate::process::Skald;

/// Memory, threads and descriptors of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory.
    pub memory_kb: u64,
    /// Threads.
    pub threads: u64,
    /// Open descriptors, those of parts left out.
    pub descriptors: u64,
    /// Parts.
    pub parts: u64,
}

impl Usage {
    /// What a server holds now.
    pub(super) fn of(server: &Skald) -> Result<Usage, String> {
        let folder = format!("/proc/{}", server.id());
        let status = std::fs::read_to_string(format!("{folder}/status"))
            .map_err(|e| format!("{folder}/status: {e}"))?;
        let number = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
            line.and_then(|number| number.parse::<u64>().ok())
                .ok_or_else(|| format!("{folder}/status has no {name}"))
        };
        let descriptors =
            std::fs::read_dir(format!("{folder}/fd")).map_err(|e| format!("{folder}/fd: {e}"))?;
        let of_parts = |path: &std::path::Path| path.to_string_lossy().contains(".part");
        let targets = descriptors.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        let (parts, others): (Vec<_>, Vec<_>) = targets.partition(|path| of_parts(path));
        Ok(Usage {
            memory_kb: number("VmRSS:")?,
            threads: number("Threads:")?,
            descriptors: others.len() as u64,
            parts: parts.len() as u64,
        })
    }
}
