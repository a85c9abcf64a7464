//! Searches whose trials other processes evaluate, through a database. Skipped where there is no PostgreSQL.

use std::process::Child;

use nas_cluster::testing::Server;

use super::workers::trials;
use super::*;

/// Trials of some hundred milliseconds, with validation after each.
const SEARCH: &str = "random --data digits --limit 400 --channels 4 --cells 1 --epochs 6 --final-epochs 1 --trials 8 --batch 4";

/// A program that is killed when it is dropped.
struct Running(Child);

impl Running {
    fn start(words: &[&str], folder: &Path, log: &str) -> Self {
        let log = fs::File::create(folder.join(log)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(words)
            .current_dir(folder)
            .env_remove("NAS_DATA_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    fn search(url: &str, folder: &Path, run: &str) -> Self {
        Self::search_for(SEARCH, url, folder, run)
    }

    fn search_for(search: &str, url: &str, folder: &Path, run: &str) -> Self {
        let words = format!("search {search} --store {url} --run {run}");
        Self::start(
            &words.split(' ').collect::<Vec<_>>(),
            folder,
            &format!("{run}.log"),
        )
    }

    fn worker(url: &str, folder: &Path, name: &str) -> Self {
        let words = format!("worker --store {url} --lease 3 --checkpoints shared --threads 1");
        Self::start(
            &words.split(' ').collect::<Vec<_>>(),
            folder,
            &format!("{name}.log"),
        )
    }

    fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn ends(&mut self, seconds: u64) -> std::process::ExitStatus {
        let child = std::cell::RefCell::new(&mut self.0);
        super::wait_for(Duration::from_secs(seconds), || {
            child.borrow_mut().try_wait().unwrap().is_some()
        });
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a statement gives at least this number.
fn wait_for(server: &Server, statement: &str, least: i64) {
    let tables = "SELECT CASE WHEN to_regclass('nas.reaper') IS NULL THEN 0 ELSE 1 END::bigint";
    super::wait_for(Duration::from_secs(120), || {
        server.number(tables) == 1 && server.number(statement) >= least
    });
}

const DONE: &str = "SELECT count(*) FROM nas.result";

#[test]
fn a_search_on_workers_that_come_and_go_is_the_same() {
    let Some(server) = Server::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let words = format!(
        "search {SEARCH} --workers 1 --json --run {}",
        folder.join("here").display()
    );
    let here = json(&words.split(' ').collect::<Vec<_>>());
    let url = server.url(server.port);
    let mut search = Running::search(&url, folder, "far");
    let killed = Running::worker(&url, folder, "killed");
    wait_for(&server, "SELECT count(*) FROM nas.lease", 1);
    // It has nothing left to say: its trial passes on once its lease has ended.
    killed.signal("-KILL");
    let mut asked = Running::worker(&url, folder, "asked");
    wait_for(&server, DONE, 2);
    wait_for(
        &server,
        "SELECT count(*) FROM nas.lease l JOIN nas.worker w ON w.id = l.worker WHERE w.last_seen > now() - interval '1 second'",
        1,
    );
    asked.signal("-TERM");
    assert_eq!(asked.ends(10).code(), Some(143));
    let log = fs::read_to_string(folder.join("asked.log")).unwrap();
    assert!(log.contains("given back"), "{log}");
    let mut last = Running::worker(&url, folder, "last");
    let status = search.ends(180);
    assert!(
        status.success(),
        "{}",
        fs::read_to_string(folder.join("far.log")).unwrap()
    );
    assert_eq!(trials(&folder.join("far")), trials(&folder.join("here")));
    assert!(server.number("SELECT count(*) FROM nas.attempt WHERE outcome = 'lost'") >= 1);
    assert!(server.number("SELECT count(*) FROM nas.attempt WHERE outcome = 'released'") >= 1);
    // What was interrupted was continued, and nothing is left of it.
    let left = fs::read_dir(folder.join("shared")).unwrap().flatten();
    let left: Vec<PathBuf> = left
        .flat_map(|study| fs::read_dir(study.path()).unwrap().flatten())
        .map(|entry| entry.path())
        .collect();
    assert_eq!(left, Vec::<PathBuf>::new());
    let shown = json(&["status", "--store", &url, "--json"]);
    let study = &shown["studies"][0];
    assert_eq!(
        (&study["name"], &study["done"]),
        (&"far".into(), &8.into()),
        "{shown}"
    );
    assert_eq!(study["finished"], true);
    assert_eq!(
        shown["workers"].as_array().unwrap().len(),
        2,
        "the killed one is not known to be: {shown}"
    );
    let said = text(&nas(&["status", "--store", &url]).stdout);
    assert!(said.contains("8 done") && said.contains("finished"), "{said}");
    // Nothing of it is secret, and the run knows where its trials are.
    let recorded = fs::read_to_string(folder.join("far/store.json")).unwrap();
    assert!(recorded.contains(study["id"].as_str().unwrap()), "{recorded}");
    assert_eq!(
        here["best"]["arch"],
        result_of(&folder.join("far"))["best"]["arch"]
    );
    last.signal("-TERM");
    assert_eq!(last.ends(10).code(), Some(143));
}

/// The result of a run that has ended.
fn result_of(run: &Path) -> Value {
    json(&["resume", run.to_str().unwrap(), "--workers", "0", "--json"])
}

#[test]
fn a_search_that_is_killed_or_lost_is_continued_from_the_database() {
    let Some(server) = Server::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let url = server.url(server.port);
    let search = Running::search(&url, folder, "lost");
    let _worker = Running::worker(&url, folder, "worker");
    wait_for(&server, DONE, 1);
    search.signal("-KILL");
    // The worker goes on with what it can get.
    wait_for(&server, DONE, 4);
    fs::rename(folder.join("lost"), folder.join("burnt")).unwrap();
    let again = folder.join("again");
    let resumed = json(&[
        "resume",
        again.to_str().unwrap(),
        "--store",
        &url,
        "--study",
        "lost",
        "--json",
    ]);
    assert_eq!(resumed["trials"], 8, "{resumed}");
    let words = format!(
        "search {SEARCH} --workers 1 --json --run {}",
        folder.join("here").display()
    );
    json(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(trials(&again), trials(&folder.join("here")));
    assert_eq!(
        server.number("SELECT count(*) FROM nas.attempt WHERE outcome = 'done'"),
        8,
        "none twice"
    );
    // The other record of it is resumed too, without a worker: every result is there.
    let burnt = json(&["resume", folder.join("burnt").to_str().unwrap(), "--json"]);
    assert_eq!(burnt["best"], resumed["best"]);
    let unknown = nas(&[
        "resume",
        folder.join("new").to_str().unwrap(),
        "--store",
        &url,
        "--study",
        "other",
    ]);
    let said = text(&unknown.stderr);
    assert!(
        said.contains("no study 'other'") && said.contains("lost"),
        "{said}"
    );
    assert!(!folder.join("new").exists());
}

/// The trials with their places in the order of completion, finished or not.
fn places(run: &Path) -> Vec<(Option<u64>, String)> {
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let of = |record: &TrialRecord| {
        let result = record.outcome().map(|outcome| outcome.result);
        let bits = result.map(|result| result.map(|evaluation| evaluation.valid_accuracy.to_bits()));
        (record.completion, format!("{:?} {bits:?}", record.trial))
    };
    records.iter().map(of).collect()
}

#[test]
fn a_search_in_the_order_of_completion_is_killed_and_keeps_to_its_record() {
    const SEARCH: &str = "evolution --population 3 --tournament 2 --data digits --limit 400 --channels 4 --cells 1 \
                          --epochs 4 --final-epochs 1 --trials 12 --batch 4 --tell completion";
    let Some(server) = Server::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let url = server.url(server.port);
    let search = Running::search_for(SEARCH, &url, folder, "run");
    let _workers = ["first", "second"].map(|name| Running::worker(&url, folder, name));
    wait_for(&server, DONE, 4);
    search.signal("-KILL");
    let run = folder.join("run");
    // It may have been killed before its first outcome, or after the fourth.
    let before = places(&run);
    let resumed = json(&["resume", run.to_str().unwrap(), "--json"]);
    assert_eq!(
        (&resumed["trials"], &resumed["failed"]),
        (&12.into(), &0.into()),
        "{resumed}"
    );
    let after = places(&run);
    for (killed, now) in before.iter().zip(&after) {
        assert!(killed.0.is_none() || killed == now, "{killed:?} became {now:?}");
    }
    let mut told: Vec<u64> = after.iter().map(|(place, _)| place.unwrap()).collect();
    told.sort_unstable();
    assert!(told.into_iter().eq(0..12), "nothing is lost and nothing doubled");
    assert_eq!(
        server.number("SELECT count(*) FROM nas.attempt WHERE outcome = 'done'"),
        12
    );
    // Replayed, it proposes the same, and has nothing left to do.
    assert_eq!(result_of(&run)["best"], resumed["best"]);
    assert_eq!(places(&run), after);
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("tell = \"completion\""), "{config}");
    let status = json(&["status", run.to_str().unwrap(), "--json"]);
    assert_eq!(status["finished"], 12, "{status}");
    let page = folder.join("page.html");
    assert!(
        nas(&["report", run.to_str().unwrap(), "--out", page.to_str().unwrap()])
            .status
            .success()
    );
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("Order of learning") && page.contains("in the order of completion"));
    // The order is in the run directory alone.
    let elsewhere = ["resume", "elsewhere", "--store", &url, "--study", "run"];
    let said = refused(2, &elsewhere);
    assert!(said.contains("order of completion"), "{said}");
    assert!(!Path::new("elsewhere").exists());
}

#[test]
fn a_worker_runs_its_own_command_and_none_of_the_database() {
    let Some(server) = Server::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let url = server.url(server.port);
    let made = nas(&["new", "evaluator", folder.join("mine.py").to_str().unwrap()]);
    assert!(made.status.success());
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3");
        return;
    }
    let words = [
        "search",
        "random",
        "--trials",
        "4",
        "--batch",
        "2",
        "--store",
        &url,
        "--run",
        "run",
        "--evaluator",
        "python3 mine.py",
    ];
    let mut search = Running::start(&words, folder, "search.log");
    wait_for(&server, "SELECT count(*) FROM nas.trial", 1);
    let without = ["worker", "--store", &url, "--idle", "1"];
    let mut without = Running::start(&without, folder, "without.log");
    assert!(without.ends(30).success());
    let said = fs::read_to_string(folder.join("without.log")).unwrap();
    assert!(said.contains("--evaluator COMMAND"), "{said}");
    assert_eq!(server.number(DONE), 0);
    let with = [
        "worker",
        "--store",
        &url,
        "--slots",
        "2",
        "--evaluator",
        "python3 mine.py",
    ];
    let _with = Running::start(&with, folder, "with.log");
    let status = search.ends(60);
    assert!(
        status.success(),
        "{}",
        fs::read_to_string(folder.join("search.log")).unwrap()
    );
    assert_eq!(server.number(DONE), 4);
}

#[test]
fn what_cannot_be_handed_out_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let run = run.to_str().unwrap();
    for (words, named) in [
        (
            "darts --data digits --store postgres://a@127.0.0.1:9/b",
            "supernet",
        ),
        ("darts --data digits --tell completion", "supernet"),
        (
            "random --benchmark digits --store postgres://a@127.0.0.1:9/b",
            "table",
        ),
        (
            "random --evaluator proxy:synflow --data digits --store postgres://a@127.0.0.1:9/b",
            "instant",
        ),
        (
            "random --data digits --store postgres://a:b@127.0.0.1:9/b",
            ".pgpass",
        ),
        ("random --data digits --store mysql://a", "postgres://"),
        (
            "random --data digits --workers 2 --store postgres://a@127.0.0.1:9/b",
            "--workers",
        ),
    ] {
        let mut args = vec!["search", "--run", run];
        args.extend(words.split(' '));
        let output = nas(&args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words}: {said}");
        assert!(said.contains(named), "{words}: {said}");
        assert!(!Path::new(run).exists(), "{words}");
    }
    let away = nas(&[
        "search",
        "random",
        "--data",
        "digits",
        "--store",
        "postgres://a@127.0.0.1:9/b",
        "--run",
        run,
    ]);
    let said = text(&away.stderr);
    assert_eq!(away.status.code(), Some(1));
    assert!(
        said.contains("cannot connect to postgres://a@127.0.0.1:9/b"),
        "{said}"
    );
    assert!(!Path::new(run).exists());
    let doctor = json(&["doctor", "--store", "postgres://a@127.0.0.1:9/b", "--json"]);
    assert_eq!(doctor["database"]["usable"], false);
}

#[test]
fn what_starts_workers_is_printed() {
    let url = "postgres://nas@db/searches";
    let slurm = text(
        &nas(&[
            "launch",
            "slurm",
            "--store",
            url,
            "--workers",
            "3",
            "--",
            "--data-dir",
            "/data",
        ])
        .stdout,
    );
    assert!(
        slurm.contains("#SBATCH --array=1-3") && slurm.contains("--data-dir /data"),
        "{slurm}"
    );
    let kubernetes = json(&[
        "launch",
        "kubernetes",
        "--store",
        url,
        "--workers",
        "3",
        "--image",
        "nas",
        "--json",
    ]);
    let manifest: Value = serde_json::from_str(kubernetes["text"].as_str().unwrap()).unwrap();
    assert_eq!(manifest["spec"]["parallelism"], 3);
    let ssh = text(&nas(&["launch", "ssh", "--store", url, "--hosts", "a,b"]).stdout);
    assert_eq!(ssh.matches("nas worker --store").count(), 2, "{ssh}");
    let refused = nas(&[
        "launch",
        "slurm",
        "--store",
        url,
        "--workers",
        "3",
        "--time",
        "1\n#SBATCH --x",
    ]);
    assert_eq!(refused.status.code(), Some(2));
}
