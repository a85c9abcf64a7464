//! A PostgreSQL server of a test's own. A feature for the tests of this crate and of others: what
//! goes wrong here panics.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::Address;
use crate::connection::Connection;

/// A server in a folder of its own, on a port of its own. It is ended when it is dropped.
pub struct Server {
    folder: TempDir,
    programs: PathBuf,
    /// Its port on the loopback address.
    pub port: u16,
}

impl Server {
    /// A running server; none where PostgreSQL is not installed, which is said.
    pub fn start() -> Option<Self> {
        let server = Self::nowhere()?;
        let made = server
            .command("initdb")
            .args([
                "--username=nas",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.restart();
        Some(server)
    }

    /// A standby that has all that this one has acknowledged: from now on, each commit waits for it.
    pub fn standby(&self) -> Self {
        let standby = Self::nowhere().unwrap();
        let made = standby
            .command("pg_basebackup")
            .args([
                "--username=nas",
                "--host=127.0.0.1",
                "--write-recovery-conf",
                "--wal-method=stream",
            ])
            .args(["--checkpoint=fast", &format!("--port={}", self.port), "--pgdata"])
            .arg(standby.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        standby.restart();
        self.configure("synchronous_standby_names", "*");
        let waiting = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while self.number(waiting) == 0 {
            sleep(Duration::from_millis(50));
        }
        standby
    }

    /// Changes a setting, for connections that are made from now on.
    pub fn configure(&self, name: &str, value: &str) {
        self.execute(&format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.execute("SELECT pg_reload_conf()");
        let changed =
            format!("SELECT CASE current_setting('{name}') WHEN '{value}' THEN 1 ELSE 0 END::bigint");
        while self.number(&changed) == 0 {
            sleep(Duration::from_millis(20));
        }
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        let promoted = self
            .command("pg_ctl")
            .args(["promote", "-w", "-D"])
            .arg(self.data())
            .stdout(Stdio::null())
            .status();
        assert!(promoted.unwrap().success());
    }

    /// A folder and a port for a server.
    fn nowhere() -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("skipped: no PostgreSQL server here (initdb); on Debian: apt-get install postgresql");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        // The server's user is another one where the tests run as root.
        open_to_all(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Some(Self {
            folder,
            programs,
            port,
        })
    }

    pub(crate) fn address(&self) -> Address {
        self.address_at(self.port)
    }

    /// The database by another port, which a proxy has.
    pub(crate) fn address_at(&self, port: u16) -> Address {
        Address::parse(&self.url(port)).unwrap()
    }

    /// The address of its database, by this port: its own, or that of a proxy.
    pub fn url(&self, port: u16) -> String {
        format!("postgres://nas@127.0.0.1:{port}/postgres")
    }

    /// A connection for statements of the test's own.
    pub(crate) fn connection(&self) -> Connection {
        Connection::new(&self.address()).unwrap()
    }

    /// Runs a statement of the test's own.
    pub fn execute(&self, statement: &str) {
        self.connection().batch("testing", statement).unwrap();
    }

    /// The only number that a statement gives.
    pub fn number(&self, statement: &str) -> i64 {
        self.connection().query("testing", statement, &[]).unwrap()[0].get(0)
    }

    /// Ends the server as a loss of power would: its main process is killed, and with it the others.
    pub fn kill(&self) {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let process = text.lines().next().unwrap();
        assert!(
            Command::new("kill")
                .args(["-KILL", process])
                .status()
                .unwrap()
                .success()
        );
        // Its children notice, and release the shared memory.
        sleep(Duration::from_millis(300));
    }

    /// Ends it without a checkpoint.
    pub fn stop(&self) {
        let _ = self
            .command("pg_ctl")
            .args(["stop", "-m", "immediate", "-D"])
            .arg(self.data())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }

    /// Starts it, again or for the first time, and waits until it answers.
    pub fn restart(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -p {} -k {} -c max_connections=200 -c autovacuum=off",
            self.port,
            self.folder.path().display()
        );
        // The server of a killed one may still hold its memory for a moment.
        for _ in 0..40 {
            // What is started holds on to its output.
            let started = self
                .command("pg_ctl")
                .args(["start", "-w", "-t", "30", "-l"])
                .arg(self.folder.path().join("log"))
                .args(["-o", &options, "-D"])
                .arg(self.data())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            if started.success() {
                return;
            }
            sleep(Duration::from_millis(250));
        }
        panic!(
            "{}",
            fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
        );
    }

    /// Has it encrypt connections that ask for it, with this certificate.
    #[cfg(feature = "tls")]
    pub fn encrypt(&self, certificate: &Path, key: &Path) {
        // A key is used only if its owner alone can read it: the server's user has to write it.
        for (from, to) in [(certificate, "server.crt"), (key, "server.key")] {
            let script = format!("umask 077; cat > {}", self.data().join(to).display());
            let mut command = self.shell();
            command.arg(script).stdin(fs::File::open(from).unwrap());
            assert!(command.status().unwrap().success());
        }
        self.configure("ssl", "on");
    }

    /// A shell, as a user that the server accepts.
    #[cfg(feature = "tls")]
    fn shell(&self) -> Command {
        let mut command = match is_root() {
            false => Command::new("sh"),
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--", "sh"]);
                command
            }
        };
        command.arg("-c");
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of the server, as a user that it accepts.
    fn command(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match is_root() {
            false => Command::new(program),
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

#[cfg(unix)]
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) {}

/// The folder with `initdb`: one of Debian's, or one on the path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path);
    found
        .into_iter()
        .rev()
        .chain(on_path)
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}
