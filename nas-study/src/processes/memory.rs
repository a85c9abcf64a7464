//! Whether the system has killed a process because memory ran out. Known only on Linux.

use std::fs;

/// How many processes the system has killed for want of memory, on this machine and in this control
/// group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct KilledForMemory {
    machine: Option<u64>,
    group: Option<u64>,
}

impl KilledForMemory {
    /// So many so far.
    pub(crate) fn so_far() -> Self {
        let counter = |path: &str| {
            let text = fs::read_to_string(path).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
            line.trim().parse().ok()
        };
        Self {
            machine: counter("/proc/vmstat"),
            group: counter("/sys/fs/cgroup/memory.events"),
        }
    }

    /// Whether there was another one after `before`.
    pub(crate) fn any_since(self, before: Self) -> bool {
        let more = |now: Option<u64>, then: Option<u64>| now.zip(then).is_some_and(|(now, then)| now > then);
        more(self.group, before.group) || more(self.machine, before.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_grew_tells_of_a_kill() {
        let count = |machine, group| KilledForMemory { machine, group };
        assert!(count(Some(2), None).any_since(count(Some(1), None)));
        assert!(count(Some(1), Some(5)).any_since(count(Some(1), Some(4))));
        assert!(!count(Some(1), Some(4)).any_since(count(Some(1), Some(4))));
        assert!(!count(None, Some(4)).any_since(count(None, None)));
    }
}
