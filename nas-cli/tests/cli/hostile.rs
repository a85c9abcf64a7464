//! Run directories of somebody else's, terminals that go away, evaluators that hold on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::Child;

use super::*;

/// An evaluator that answers at once, and leaves a file where it was run.
fn marking(marker: &Path) -> String {
    let script = r#"import json, sys
open(sys.argv[1], "w").close()
sys.stdin.readline()
print(json.dumps({"type": "ready", "protocol": 1, "description": "marks"}), flush=True)
for line in sys.stdin:
    number = json.loads(line)["id"]
    print(json.dumps({"type": "evaluation", "id": number, "valid_accuracy": 0.5}), flush=True)
"#;
    let file = marker.with_extension("py");
    fs::write(&file, script).unwrap();
    format!("python3 '{}' '{}'", file.display(), marker.display())
}

fn python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok();
    if !found {
        println!("skipped: there is no python3");
    }
    found
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_command_that_was_not_typed_is_shown_and_not_run() {
    if !python() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (run, marker) = (dir.path().join("run"), dir.path().join("marker"));
    let command = marking(&marker);
    let words = ["search", "random", "--space", "nb201", "--trials", "3", "--json"];
    let typed = ["--evaluator", &command, "--run", path(&run)];
    json(&[&words[..], &typed].concat());
    fs::remove_file(&marker).unwrap();

    let resume = ["resume", path(&run), "--trials", "5"];
    let message = refused(2, &resume);
    assert!(
        message.contains(&command) && message.contains("--allow-evaluator"),
        "{message}"
    );
    let message = refused(2, &[&resume[..], &["--evaluator", "true"]].concat());
    assert!(message.contains(&command), "{message}");
    let (config, other) = (run.join("config.toml"), dir.path().join("other"));
    let again = ["search", "--config", path(&config), "--run", path(&other)];
    let message = refused(2, &again);
    assert!(message.contains(&command), "{message}");
    assert!(!marker.exists() && !other.exists(), "something was run");

    let resumed = json(&[&resume[..], &["--allow-evaluator", "--json"]].concat());
    assert_eq!(resumed["trials"], 5);
    let resumed = json(&[
        "resume",
        path(&run),
        "--trials",
        "6",
        "--evaluator",
        &command,
        "--json",
    ]);
    assert_eq!(resumed["trials"], 6);
    json(&[&again[..], &["--allow-evaluator", "--json"]].concat());
    assert!(marker.exists());
}

/// Every file below a folder with its content, and every link with its target.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            let content = if kind.is_symlink() {
                fs::read_link(entry.path())
                    .unwrap()
                    .as_os_str()
                    .as_bytes()
                    .to_vec()
            } else if kind.is_dir() {
                waiting.push(entry.path());
                Vec::new()
            } else {
                fs::read(entry.path()).unwrap()
            };
            found.insert(entry.path(), content);
        }
    }
    found
}

#[test]
fn a_run_directory_full_of_links_changes_nothing_outside_itself() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    json(&borrowed(&tiny_search(&run)));
    for name in [
        "study.lock",
        "study.db",
        "study.db-wal",
        "study.db-shm",
        "study.db-journal",
        "checkpoints",
        "checkpoints/trials",
        "best.json",
        "final.json",
        "environment.json",
        "pareto.svg",
        "network.safetensors",
        "config.toml",
    ] {
        let outside = tempfile::tempdir().unwrap();
        // A checkpoint as trials leave them, and a file.
        let trial = outside.path().join("trials/0123456789abcdef");
        fs::create_dir_all(&trial).unwrap();
        for file in [
            "position.json",
            "weights-0.safetensors",
            ".position.json.4194305.tmp",
        ] {
            fs::write(trial.join(file), "{}").unwrap();
        }
        let foreign = dir.path().join(format!("foreign-{}", name.replace('/', "-")));
        let copied = Command::new("cp")
            .arg("-r")
            .args([&run, &foreign])
            .status()
            .unwrap();
        assert!(copied.success());
        let link = foreign.join(name);
        let of_folder = name.starts_with("checkpoints");
        if !of_folder && link.exists() {
            fs::rename(&link, outside.path().join("victim")).unwrap();
        } else {
            fs::write(outside.path().join("victim"), "precious").unwrap();
        }
        let _ = fs::remove_dir_all(&link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let target = match name {
            "checkpoints" => outside.path().to_owned(),
            "checkpoints/trials" => outside.path().join("trials"),
            _ => outside.path().join("victim"),
        };
        symlink(target, &link).unwrap();
        let before = tree(outside.path());
        // Whether it goes on or is refused: nothing outside changes.
        let output = nas(&["resume", path(&foreign), "--trials", "8"]);
        let said = text(&output.stderr);
        for command in ["status", "report"] {
            nas(&[command, path(&foreign)]);
        }
        assert_eq!(tree(outside.path()), before, "{name}: {said}");
        assert_ne!(output.status.code(), Some(101), "{name}: {said}");
        if matches!(name, "study.lock" | "study.db" | "study.db-wal") || of_folder {
            assert_eq!(output.status.code(), Some(1), "{name}: {said}");
            assert!(said.contains("a link"), "{name}: {said}");
        }
    }
}

/// An evaluator that hangs at its first trial with a child in a session of its own; their numbers are in a file.
const HOLDS_ON: &str = r#"trap '' TERM HUP INT
setsid sh -c 'trap "" TERM HUP; echo $$ >>"$0"; sleep 600; sleep 600' "$1" </dev/null >/dev/null 2>&1 &
echo $$ >>"$1"
read hello
echo '{"type": "ready", "protocol": 1, "description": "holds on"}'
read trial
echo asked >>"$1"
sleep 600
sleep 600
"#;

/// A search by such an evaluator that has begun a trial, and the numbers of the evaluator's processes.
fn holding_on(dir: &Path, name: &str, before: &str) -> (Child, Vec<String>, PathBuf) {
    let (script, numbers, run) = (
        dir.join("holds-on.sh"),
        dir.join(format!("{name}.pid")),
        dir.join(name),
    );
    fs::write(&script, HOLDS_ON).unwrap();
    let line = format!(
        "{before} exec '{}' search random --space nb201 --trials 3 --run '{}' --evaluator \"sh '{}' '{}'\"",
        env!("CARGO_BIN_EXE_nas"),
        run.display(),
        script.display(),
        numbers.display()
    );
    let child = Command::new("sh")
        .args(["-c", &line])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let read = || fs::read_to_string(&numbers).unwrap_or_default();
    wait_for(Duration::from_secs(30), || {
        read().lines().count() == 3 && read().contains("asked")
    });
    let numbers: Vec<String> = read()
        .lines()
        .filter(|line| *line != "asked")
        .map(str::to_owned)
        .collect();
    assert_eq!(numbers.len(), 2, "{name}");
    assert!(numbers.iter().all(|number| lives(number)), "{name}");
    (child, numbers, run)
}

/// Whether a process is there and has not ended.
fn lives(number: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Whether this process ignores SIGHUP, as whatever it starts does then.
fn ignores_hangups() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

fn send(signal: &str, child: &Child) {
    let number = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &number])
            .status()
            .unwrap()
            .success()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_of_an_evaluator_outlives_a_search_however_that_ends() {
    let dir = tempfile::tempdir().unwrap();
    for (name, signal, code) in [
        ("hangup", "-HUP", Some(129)),
        ("term", "-TERM", Some(143)),
        ("kill", "-KILL", None),
    ] {
        if signal == "-HUP" && ignores_hangups() {
            println!("skipped: these tests run below nohup, where a hangup ends nothing");
            continue;
        }
        let (child, numbers, run) = holding_on(dir.path(), name, "");
        send(signal, &child);
        let child = RefCell::new(child);
        let ended = || child.borrow_mut().try_wait().unwrap();
        // Other tests promise five seconds for this; here, what is left afterwards is looked at.
        wait_for(Duration::from_secs(30), || ended().is_some());
        assert_eq!(ended().unwrap().code(), code, "{name}");
        let gone = || !numbers.iter().any(|number| lives(number));
        wait_for(Duration::from_secs(5), gone);
        assert!(gone(), "{name}: something is left of the evaluator");
        let status = json(&["status", path(&run), "--json"]);
        let expected = if name == "kill" { "interrupted" } else { "stopped" };
        assert_eq!(
            (&status["state"], &status["finished"]),
            (&expected.into(), &0.into()),
            "{name}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn below_nohup_a_search_goes_on_when_its_terminal_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, numbers, _) = holding_on(dir.path(), "nohup", "trap '' HUP;");
    send("-HUP", &child);
    std::thread::sleep(Duration::from_millis(700));
    assert!(child.try_wait().unwrap().is_none(), "it ended");
    assert!(numbers.iter().all(|number| lives(number)));
    send("-KILL", &child);
    child.wait().unwrap();
    let gone = || !numbers.iter().any(|number| lives(number));
    wait_for(Duration::from_secs(5), gone);
    assert!(gone());
}

#[test]
fn where_nothing_can_be_said_the_search_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args([
            "search",
            "random",
            "--benchmark",
            "digits",
            "--trials",
            "3",
            "--run",
            path(&run),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(full)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(["search", "nonsense"])
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
fn names_that_command_a_terminal_or_cannot_be_written_down_are_handled() {
    let dir = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"run-\xff");
    let run = dir.path().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args([
            "search",
            "random",
            "--benchmark",
            "digits",
            "--trials",
            "3",
            "--run",
        ])
        .arg(&run)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("UTF-8"));
    assert!(!run.exists());
    let run = dir.path().join("a \u{1b}[31mred run");
    let output = nas(&[
        "search",
        "random",
        "--benchmark",
        "digits",
        "--trials",
        "3",
        "--run",
        path(&run),
    ]);
    assert!(output.status.success());
    for said in [text(&output.stderr), text(&output.stdout)] {
        assert!(!said.contains('\u{1b}'), "{said:?}");
        assert!(said.contains("\\u{1b}[31mred run"), "{said:?}");
    }
    assert!(
        text(&output.stderr).contains("nas resume '"),
        "a path with blanks is quoted"
    );
}

#[test]
fn a_configuration_that_is_no_configuration_is_not_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    // Its end is written and nothing before it: the file takes no room.
    fs::File::create(&config).unwrap().set_len(3 << 30).unwrap();
    for words in [
        vec!["resume", path(dir.path())],
        vec!["status", path(dir.path())],
        vec!["search", "--config", path(&config)],
        vec!["search", "random", "--space", path(&config)],
    ] {
        let message = refused(1, &words);
        assert!(message.contains("larger than"), "{words:?}: {message}");
    }
}

#[test]
fn a_finished_run_on_a_read_only_disk_is_read() {
    // A mount of its own, which is gone with the shell.
    let script = r#"
        set -e
        mkdir "$2/disk"
        mount -t tmpfs tmpfs "$2/disk"
        cp -r "$2/run" "$2/disk/run"
        mount -o remount,ro "$2/disk"
        cd "$2"
        "$1" status disk/run
        "$1" show disk/run
        "$1" report disk/run --out page.html
        test -s page.html
        ! "$1" report disk/run
        ! "$1" resume disk/run
    "#;
    let can = Command::new("unshare")
        .args([
            "--map-root-user",
            "--mount",
            "mount",
            "-t",
            "tmpfs",
            "tmpfs",
            "/mnt",
        ])
        .output();
    if !can.is_ok_and(|output| output.status.success()) {
        println!("skipped: no disk can be mounted here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    json(&[
        "search",
        "random",
        "--benchmark",
        "digits",
        "--trials",
        "3",
        "--json",
        "--run",
        path(&run),
    ]);
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .args([env!("CARGO_BIN_EXE_nas"), path(dir.path())])
        .output()
        .unwrap();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("finished") && said.contains("3 of 3"), "{said}");
    assert!(
        complained.contains("report.html") && complained.contains("--out FILE"),
        "{complained}"
    );
    assert!(complained.contains("study.lock"), "{complained}");
}
