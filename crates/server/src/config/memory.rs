//! How much memory there is: the machine's, or less when a cgroup (v1 or v2) grants less.

use std::fs;

/// Share of the memory there is that becomes the budget, in percent: the rest is for the operating
/// system's page cache, which parts are read through, and for what the budget does not count.
pub(super) const SHARE_PERCENT: u64 = 60;
/// The least budget: a head, a flush, a query and a push at once.
pub(super) const BUDGET_BYTES_MIN: u64 = 64 << 20;
/// This much is left where the least budget allows it: the program and its threads need it however
/// small the container is.
const LEFT_BYTES_MIN: u64 = 56 << 20;
/// This much is left of a container of 256 MB and more, and between 128 and 256 MB in proportion:
/// what many small queries take beside their accounts grows with what is served, not beyond that.
const LEFT_BYTES: u64 = 128 << 20;
/// The container that has only the least left.
const SMALL_BYTES: u64 = 128 << 20;
/// The budget goes no further by itself: a log server that takes half of a large machine would
/// surprise.
const DEFAULT_BYTES_MAX: u64 = 4 << 30;
/// The budget where nobody can tell how much memory there is.
const UNKNOWN_BYTES: u64 = 1 << 30;

/// The budget when no setting gives one.
pub(super) fn budget_of_machine() -> u64 {
    budget_of(memory_there_is(|path| fs::read_to_string(path).ok()))
}

fn budget_of(there_is: Option<u64>) -> u64 {
    there_is.map_or(UNKNOWN_BYTES, |bytes| {
        let more = bytes.saturating_sub(SMALL_BYTES).min(SMALL_BYTES);
        let left = LEFT_BYTES_MIN + (LEFT_BYTES - LEFT_BYTES_MIN) * more / SMALL_BYTES;
        let leaving = bytes.saturating_sub(left).max(BUDGET_BYTES_MIN);
        (bytes / 100 * SHARE_PERCENT)
            .min(leaving)
            .min(DEFAULT_BYTES_MAX)
    })
}

/// The least of the machine's memory and the bounds of the cgroups this process is in.
fn memory_there_is(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let machine = read("/proc/meminfo").as_deref().and_then(total_of_meminfo);
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let bounds = groups
        .lines()
        .filter_map(|line| bound_of_group(line, &read));
    machine.into_iter().chain(bounds).min()
}

fn total_of_meminfo(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace()
        .next()?
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

/// The least bound on the way from a group (`hierarchy:controllers:path`) up to the root.
fn bound_of_group(line: &str, read: &impl Fn(&str) -> Option<String>) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|c| c == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let mut least = None;
    let mut path = path.trim_end_matches('/');
    loop {
        // "max", or in v1 a number near 2^63, is no bound.
        let bound =
            read(&format!("{root}{path}/{file}")).and_then(|text| text.trim().parse::<u64>().ok());
        least = least.into_iter().chain(bound).min();
        match path.rfind('/') {
            Some(at) => path = &path[..at],
            None => return least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let read = |path: &str| {
            files
                .iter()
                .find(|(name, _)| *name == path)
                .map(|(_, text)| (*text).to_owned())
        };
        assert_eq!(memory_there_is(read), expected, "{files:?}");
    }

    const MEMINFO: (&str, &str) = (
        "/proc/meminfo",
        "MemTotal:        2097152 kB\nMemFree: 1 kB\n",
    );

    #[test]
    fn the_least_of_machine_and_groups_counts() {
        check(&[], None);
        check(&[MEMINFO], Some(2 << 30));
        let group = ("/proc/self/cgroup", "0::/a.slice/b\n");
        check(
            &[
                MEMINFO,
                group,
                ("/sys/fs/cgroup/a.slice/b/memory.max", "max\n"),
            ],
            Some(2 << 30),
        );
        check(
            &[
                MEMINFO,
                group,
                ("/sys/fs/cgroup/a.slice/memory.max", "1000000\n"),
            ],
            Some(1_000_000),
        );
        check(
            &[
                MEMINFO,
                ("/proc/self/cgroup", "0::/\n"),
                ("/sys/fs/cgroup/memory.max", "5000\n"),
            ],
            Some(5000),
        );
    }

    #[test]
    fn groups_of_the_first_version_count_too() {
        let groups = (
            "/proc/self/cgroup",
            "3:cpu,cpuacct:/x\n2:memory:/docker/1\n",
        );
        let bound = (
            "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes",
            "77\n",
        );
        let unbound = (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        check(&[MEMINFO, groups, unbound], Some(2 << 30));
        check(&[MEMINFO, groups, unbound, bound], Some(77));
    }

    #[test]
    fn a_share_of_it_is_the_budget() {
        assert_eq!(budget_of(None), 1 << 30);
        assert_eq!(budget_of(Some(1_000_000_000)), 600_000_000);
        assert_eq!(budget_of(Some(128 << 20)), 72 << 20);
        assert_eq!(budget_of(Some(110 << 20)), 64 << 20);
        assert_eq!(budget_of(Some(192 << 20)), 100 << 20);
        assert_eq!(budget_of(Some(256 << 20)), 128 << 20);
        assert_eq!(budget_of(Some(1000)), 600);
        assert_eq!(budget_of(Some(64 << 30)), 4 << 30);
    }
}
