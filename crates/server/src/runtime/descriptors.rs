//! How many descriptors the process may have open, and how many of them are for connections.

/// Descriptors that are reserved for files, logs and the like; a quarter where the limit is low.
const RESERVED_DESCRIPTORS: u64 = 128;

/// The soft limit that Linux gives the first process, assumed where the limit can't be read.
const USUAL_LIMIT: u64 = 1024;

/// As many connections as the limit on open files admits.
pub(crate) fn descriptors_for_connections() -> usize {
    let limit = limit().unwrap_or(USUAL_LIMIT);
    usize::try_from(limit - RESERVED_DESCRIPTORS.min(limit / 4)).unwrap_or(usize::MAX)
}

/// The soft limit on open files, `RLIMIT_NOFILE`.
#[cfg(feature = "tuning")]
fn limit() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit};
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    Some(soft)
}

/// The soft limit on open files as the kernel writes it, for programs without the crate that asks
/// for it. A sandbox or a container may hide the file.
#[cfg(not(feature = "tuning"))]
fn limit() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// The soft limit on open files in the text of `/proc/PID/limits`: the number after its name.
#[cfg(any(test, not(feature = "tuning")))]
fn parse(limits: &str) -> Option<u64> {
    let mut rows = limits.lines();
    let columns = rows.find_map(|row| row.strip_prefix("Max open files "))?;
    match columns.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        soft => soft.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_from_the_kernels_table() {
        let title =
            "Limit                     Soft Limit           Hard Limit           Units     \n";
        let row =
            "Max open files            1024                 524288               files     \n";
        let wide =
            "Max open files            unlimited            unlimited            files     \n";
        let other =
            "Max pending signals       95993                95993                signals   \n";
        assert_eq!(parse(&[title, other, row].concat()), Some(1024));
        assert_eq!(parse(&[title, wide, other].concat()), Some(u64::MAX));
        for bad in ["", title, other, "Max open files", "Max open files  few"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let own = std::fs::read_to_string("/proc/self/limits").unwrap();
        assert_eq!(parse(&own), limit());
    }
}
