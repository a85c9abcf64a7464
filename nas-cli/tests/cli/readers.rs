//! Whatever a file holds, who reads it takes little memory.

use std::io::Write as _;

use super::*;

const MIB: u64 = 1 << 20;

/// Runs commands, each a JSON list on a line, and prints the exit status and the peak of memory in bytes of each; -1 where it
/// took more than 20 seconds.
const PEAKS: &str = r#"
import json, os, signal, sys
null = os.open(os.devnull, os.O_RDWR)
to_null = [(os.POSIX_SPAWN_DUP2, null, stream) for stream in (0, 1, 2)]
for line in sys.stdin:
    words = json.loads(line)
    pid = os.posix_spawn(words[0], words, os.environ, file_actions=to_null)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(20)
    _, status, usage = os.wait4(pid, 0)
    signal.alarm(0)
    code = os.waitstatus_to_exitcode(status)
    print(-1 if code == -signal.SIGKILL else code, usage.ru_maxrss * 1024, flush=True)
"#;

/// The exit status and the peak of memory of each of these commands.
fn peaks(commands: &[Vec<String>]) -> Vec<(i32, u64)> {
    let mut python = Command::new("python3")
        .args(["-c", PEAKS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    let lines: Vec<String> = commands
        .iter()
        .map(|words| {
            let mut all = vec![env!("CARGO_BIN_EXE_nas").to_owned()];
            all.extend(words.iter().cloned());
            serde_json::to_string(&all).unwrap()
        })
        .collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
    });
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    text(&output.stdout)
        .lines()
        .map(|line| {
            let (code, peak) = line.split_once(' ').unwrap();
            (code.parse().unwrap(), peak.parse().unwrap())
        })
        .collect()
}

/// The files of a folder and of those in it.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        match entry.is_dir() {
            true => files(&entry, found),
            false => found.push(entry),
        }
    }
}

/// Every file of the corpus that the parsers are tested with, and what the program itself makes for that.
fn corpus(made: &Path) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("../fuzz/corpus"), &mut found);
    let cases = root.join("../../shared/cases");
    match cases.is_dir() {
        true => files(&cases, &mut found),
        false => println!("without {}, which is not there", cases.display()),
    }
    for (name, make) in nas_fuzz::targets::ALL {
        for (i, input) in make().unwrap().made.iter().enumerate() {
            let path = made.join(format!("{name}-{i}"));
            fs::write(&path, input).unwrap();
            found.push(path);
        }
    }
    found
}

/// All that can be done with a file which does not begin a training.
fn readers(file: &str, scratch: &Path, number: usize) -> Vec<Vec<String>> {
    let out = scratch.join(format!("out-{number}"));
    let out = |ending: &str| format!("{}{ending}", out.display());
    let (table, other, run) = (out(".nastab"), out("b.nastab"), out("-run"));
    let (of_config, of_space) = (out("-config"), out("-space"));
    let words: [&[&str]; 8] = [
        &["show", file],
        &["test", file],
        &["table", "info", file],
        &["table", "import", file, "--out", &table],
        &["table", "import", file, "--mapping", file, "--out", &other],
        &[
            "search", "random", "--table", file, "--trials", "1", "--run", &run,
        ],
        &["search", "--config", file, "--trials", "1", "--run", &of_config],
        &[
            "search",
            "random",
            "--space",
            file,
            "--evaluator",
            "false",
            "--trials",
            "1",
            "--run",
            &of_space,
        ],
    ];
    words
        .map(|words| words.iter().map(|&word| word.to_owned()).collect())
        .into()
}

/// All that reads a run directory.
fn readers_of_runs(run: &str) -> Vec<Vec<String>> {
    ["show", "test", "status", "report", "resume"]
        .map(|command| vec![command.to_owned(), run.to_owned()])
        .into()
}

#[test]
fn whatever_a_file_holds_little_memory_is_taken_for_it() {
    if !cfg!(target_os = "linux") || Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: nobody here knows the memory of a process that has ended");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let scratch = dir.path();
    let run = scratch.join("run");
    json(&[
        "search",
        "random",
        "--benchmark",
        "digits",
        "--trials",
        "3",
        "--json",
        "--run",
        run.to_str().unwrap(),
    ]);
    let made = scratch.join("made");
    fs::create_dir(&made).unwrap();
    let mut all = corpus(&made);
    // Its end is written and nothing before it: the file takes no room.
    let hole = made.join("hole");
    fs::File::create(&hole).unwrap().set_len(3 << 30).unwrap();
    all.push(hole.clone());
    // The first is what they are compared with.
    let mut commands = vec![vec!["show".to_owned(), "DARTS_V2".to_owned()]];
    let mut lengths = vec![0];
    for (number, file) in all.iter().enumerate() {
        // A hole is due nothing.
        let length = match *file == hole {
            true => 0,
            false => fs::metadata(file).unwrap().len(),
        };
        let mut more = readers(file.to_str().unwrap(), scratch, number);
        for place in [
            "config.toml",
            "study.db",
            "best.json",
            "final.json",
            "environment.json",
            "network.safetensors",
        ] {
            let copy = scratch.join(format!("run-{number}-{place}"));
            fs::create_dir(&copy).unwrap();
            for entry in [
                "config.toml",
                "study.db",
                "best.json",
                "final.json",
                "environment.json",
            ] {
                if entry != place && run.join(entry).exists() {
                    fs::copy(run.join(entry), copy.join(entry)).unwrap();
                }
            }
            match *file == hole {
                true => fs::File::create(copy.join(place))
                    .unwrap()
                    .set_len(3 << 30)
                    .unwrap(),
                false => drop(fs::copy(file, copy.join(place)).unwrap()),
            }
            more.extend(readers_of_runs(copy.to_str().unwrap()));
        }
        lengths.extend(more.iter().map(|_| length));
        commands.extend(more);
    }
    let peaks = peaks(&commands);
    assert_eq!(peaks.len(), commands.len());
    let usual = peaks[0].1;
    let mut most = (0, String::new());
    let mut wrong = Vec::new();
    for ((words, length), (code, peak)) in commands.iter().zip(&lengths).zip(&peaks) {
        let words = words.join(" ");
        // Twenty cells are built of a cell that is shown.
        let due = match words.starts_with("show ") {
            true => usual + 64 * MIB + 20 * 256 * length,
            false => usual + 64 * MIB + 64 * length,
        };
        if !(0..=2).contains(code) || *peak > due {
            wrong.push(format!(
                "{words}: exit status {code}, {} MiB for {length} bytes",
                peak / MIB
            ));
        }
        most = most.max((peak.saturating_sub(usual), words));
    }
    assert!(
        wrong.is_empty(),
        "a small command takes {} MiB\n{}",
        usual / MIB,
        wrong.join("\n")
    );
    println!(
        "{} commands on {} files; a small one takes {} MiB, the most beyond that are {} MiB: {}",
        commands.len(),
        all.len(),
        usual / MIB,
        most.0 / MIB,
        most.1
    );
}
