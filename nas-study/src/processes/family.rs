//! A process and all processes that it has started. On Linux these are known; elsewhere, a family
//! is the process group.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Rounds of looking for what was started meanwhile and killing it.
const ROUNDS: u32 = 50;
/// Time between two of them.
const BETWEEN: Duration = Duration::from_millis(2);

/// What the system says of a process.
struct Entry {
    parent: u32,
    group: u32,
    /// It has ended, and nobody has waited for it yet.
    is_dead: bool,
}

/// All processes of this machine.
fn all() -> BTreeMap<u32, Entry> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter_map(|number| Some((number, entry(number)?)))
        .collect()
}

fn entry(number: u32) -> Option<Entry> {
    let stat = fs::read_to_string(Path::new("/proc").join(number.to_string()).join("stat")).ok()?;
    // The name, in parentheses, may hold anything; what follows is the state, the parent, the
    // group.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    Some(Entry {
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        is_dead: matches!(state, "Z" | "X"),
    })
}

/// The numbers of the living processes of a family: the processes of the leader's group, and what
/// the leader or one of those has started, in whatever group or session that is. The leader itself
/// is not among them.
fn members(leader: u32) -> Vec<u32> {
    let all = all();
    let mut family = vec![leader];
    family.extend(
        all.iter()
            .filter(|(_, entry)| entry.group == leader)
            .map(|(&number, _)| number),
    );
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        for (&number, entry) in &all {
            if entry.parent == parent && !family.contains(&number) {
                family.push(number);
            }
        }
        next += 1;
    }
    family.retain(|number| *number != leader && all.get(number).is_some_and(|entry| !entry.is_dead));
    family
}

/// Resident bytes of a family, its leader among them; `None` where that cannot be known.
pub(super) fn resident(leader: u32) -> Option<u64> {
    let processes = std::iter::once(leader).chain(members(leader));
    processes
        .filter_map(resident_of)
        .reduce(|sum, resident| sum + resident)
}

fn resident_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).ok()?;
    // A process that has ended and is not waited for yet has none.
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Kills what a process has started, in whatever group or session that is, and not the process
/// itself. What left the family by the death of its parent is known where the leader adopts it, as
/// a [guard](super::guard) does.
pub(super) fn kill_members(leader: u32) {
    for _ in 0..ROUNDS {
        let members = members(leader);
        if members.is_empty() {
            return;
        }
        for member in members {
            kill(member);
        }
        sleep(BETWEEN);
    }
}

/// Kills a process, its group and what it has started.
pub(super) fn kill_all_of(leader: u32) {
    kill_members(leader);
    kill_group(leader);
}

#[cfg(unix)]
fn kill(process: u32) {
    use rustix::process::{Pid, Signal, kill_process};

    if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It fails where the process is gone.
        let _ = kill_process(process, Signal::KILL);
    }
}

/// Kills what is left of a process group.
#[cfg(unix)]
pub(super) fn kill_group(leader: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};

    if let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // It fails where all of them are gone.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: u32) {}

#[cfg(not(unix))]
pub(super) fn kill_group(_: u32) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A shell with a group of its own that has run `script` up to its echo.
    #[expect(
        clippy::unwrap_used,
        reason = "clippy.toml lets tests do so, but not the functions beside them"
    )]
    fn shell(script: &str) -> Child {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{script}\nread line; echo $line; read rest")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(b"started\n").unwrap();
        let mut echo = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut echo)
            .unwrap();
        assert_eq!(echo, "started\n");
        child
    }

    #[test]
    fn a_family_has_what_left_its_group_and_all_of_it_is_killed() {
        let mut child = shell("sleep 600 & setsid sleep 600 &");
        let members = members(child.id());
        assert_eq!(members.len(), 2, "{members:?}");
        kill_all_of(child.id());
        child.wait().unwrap();
        let left = members.into_iter().filter(|&member| {
            // It is gone, or dead and waited for by nobody.
            entry(member).is_some_and(|entry| !entry.is_dead)
        });
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn the_memory_of_a_family_is_that_of_its_processes() {
        let mut child = shell("");
        let alone = resident(child.id()).unwrap();
        kill_all_of(child.id());
        child.wait().unwrap();
        assert!((100_000..100_000_000).contains(&alone), "{alone}");
        assert_eq!(resident(child.id()), None);
        let mut child = shell("setsid sleep 600 &");
        // A process that has just been started has no memory of its own yet.
        let mut both = 0;
        for _ in 0..250 {
            both = resident(child.id()).unwrap();
            if both > alone + 100_000 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        kill_all_of(child.id());
        child.wait().unwrap();
        assert!(
            both > alone + 100_000,
            "{both} with a second process, {alone} alone"
        );
    }
}
