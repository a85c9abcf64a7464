//! How much memory processes use, and whether the system has killed one for it. Known on Linux alone.

use std::fs;
use std::path::Path;

/// Resident bytes of all processes of a group, which has the number of the process that began it; `None` where that cannot
/// be known.
pub(crate) fn resident_of_group(group: u32) -> Option<u64> {
    let mut sum = None;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        if !name
            .to_str()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        {
            continue;
        }
        if let Some(resident) = resident(&entry.path(), group) {
            sum = Some(sum.unwrap_or(0) + resident);
        }
    }
    sum
}

/// Resident bytes of a process, if it is of the group.
fn resident(process: &Path, group: u32) -> Option<u64> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name, in parentheses, may hold anything; what follows is the state, the parent, the group.
    let (_, fields) = stat.rsplit_once(") ")?;
    if fields.split(' ').nth(2)?.parse::<u32>().ok()? != group {
        return None;
    }
    let status = fs::read_to_string(process.join("status")).ok()?;
    // A process that has ended and is not waited for yet has none.
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// How many processes the system has killed for want of memory, on this machine and in this control group.
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

    #[cfg(target_os = "linux")]
    #[test]
    fn the_memory_of_a_group_is_that_of_its_processes() {
        use std::io::{BufRead as _, BufReader, Write as _};
        use std::os::unix::process::CommandExt as _;
        use std::process::{Command, Stdio};

        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        // It has a page or so until the program is loaded. An echo tells that it is.
        child.stdin.as_mut().unwrap().write_all(b"loaded\n").unwrap();
        let mut echo = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut echo)
            .unwrap();
        let resident = resident_of_group(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(echo, "loaded\n");
        let resident = resident.unwrap();
        assert!((100_000..100_000_000).contains(&resident), "{resident}");
        assert_eq!(resident_of_group(u32::MAX), None);
    }
}
