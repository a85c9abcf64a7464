//! Machines without a scheduler.

use super::{quoted, worker};

/// A shell script that starts a worker on each of some machines, which outlives the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// The address of the database, without a password.
    pub store: String,
    /// Machines, as ssh knows them.
    pub hosts: Vec<String>,
    /// Program on those machines.
    pub program: String,
    /// Further options of each worker.
    pub options: Vec<String>,
}

impl Ssh {
    /// The script.
    pub fn script(&self) -> String {
        let command = quoted(&worker(&self.program, &self.store, &self.options));
        let remote =
            format!("nohup {command} >> nas-worker.log 2>&1 < /dev/null & echo \"worker $! on $(hostname)\"");
        let mut script = "#!/bin/sh\n# The password of the database is in ~/.pgpass of those machines.\n\
                          # Each worker writes to nas-worker.log in the home directory, and ends by: kill PROCESS\n"
            .to_owned();
        for host in &self.hosts {
            script += &format!("ssh -- {}\n", quoted(&[host.clone(), remote.clone()]));
        }
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a program in place of ssh that runs the command here.
    #[cfg(unix)]
    #[test]
    fn each_machine_gets_a_worker_with_whole_words() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        write(
            "ssh",
            "#!/bin/sh\nshift\necho \"to $1\"\nshift\nexec sh -c \"$1\"\n",
        );
        write("nas", "#!/bin/sh\nprintf '[%s]' \"$@\"\n");
        let ssh = Ssh {
            store: "postgres://nas@db/searches".to_owned(),
            hosts: vec!["alpha".to_owned(), "ada@beta".to_owned()],
            program: "nas".to_owned(),
            options: vec!["--data-dir".to_owned(), "my data".to_owned()],
        };
        write("script", &ssh.script());
        let path = format!(
            "{}:{}",
            folder.path().display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let output = std::process::Command::new("sh")
            .arg(folder.path().join("script"))
            .current_dir(folder.path())
            .env("PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains("to alpha\nworker") && said.contains("to ada@beta\nworker"),
            "{said}"
        );
        let log = folder.path().join("nas-worker.log");
        let expected = "[worker][--store][postgres://nas@db/searches][--data-dir][my data]".repeat(2);
        for _ in 0..200 {
            if std::fs::read_to_string(&log).is_ok_and(|text| text == expected) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{}", std::fs::read_to_string(&log).unwrap_or_default());
    }
}
