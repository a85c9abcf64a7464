//! Searches that are asked to stop.

use super::*;

/// Starts the program; what it says is kept.
fn start(args: &[String]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(signal: &str, child: &std::process::Child) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "{signal} could not be sent");
}

/// The exit code, what was said on stderr, and the seconds until then.
#[expect(
    clippy::disallowed_methods,
    reason = "a test of a promised time needs a clock"
)]
fn end(child: std::process::Child) -> (Option<i32>, String, f64) {
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        text(&output.stderr),
        start.elapsed().as_secs_f64(),
    )
}

fn words(run: &Path, words: &str) -> Vec<String> {
    let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    args.extend(["--run", run.to_str().unwrap()].map(str::to_owned));
    args
}

/// What a search that goes on must find as well.
const SAME: [&str; 4] = ["trials", "epochs", "best", "test_accuracy"];

#[test]
fn a_search_that_is_asked_to_stop_leaves_a_checkpoint_within_five_seconds_and_goes_on_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let digits = "--data digits --channels 8 --cells 2";
    for (name, search, begun, signal, code) in [
        // A trial under way, in a worker and in the process itself.
        (
            "worker",
            "random --trials 2 --epochs 6 --final-epochs 1 --workers 1",
            "trials",
            "-INT",
            130,
        ),
        (
            "here",
            "random --trials 2 --epochs 6 --final-epochs 1 --workers 0",
            "trials",
            "-TERM",
            143,
        ),
        // The final training under way.
        (
            "final",
            "random --trials 1 --epochs 1 --final-epochs 6",
            "final",
            "-INT",
            130,
        ),
        // A supernet.
        (
            "darts",
            "darts --space nb201 --search-epochs 3 --search-channels 8 --epochs 1 --final-epochs 1",
            "search",
            "-INT",
            130,
        ),
        (
            "enas",
            "enas --space nb201 --search-epochs 3 --search-channels 8 --epochs 1 --final-epochs 1",
            "search",
            "-TERM",
            143,
        ),
        (
            "spos",
            "spos --space nb201 --search-epochs 3 --path-candidates 50 --search-channels 8 --epochs 1 --final-epochs 1",
            "search",
            "-INT",
            130,
        ),
    ] {
        let run = dir.path().join(name);
        let search = format!("search {search} {digits} --seed 2");
        let whole = dir.path().join(format!("{name}-whole"));
        let mut whole_words = words(&whole, &search);
        whole_words.push("--json".to_owned());
        let expected = json(&borrowed(&whole_words));
        let child = start(&words(&run, &search));
        let checkpoint_of = |kind: &str| {
            let files = fs::read_dir(run.join("checkpoints")).ok()?;
            files
                .flatten()
                .find(|file| file.file_name().to_string_lossy().starts_with(kind))
        };
        let asked = || {
            Records::look(run.join("study.db")).is_ok_and(|records| {
                records
                    .standing()
                    .is_ok_and(|standing| standing.asked > standing.finished)
            })
        };
        wait_for(Duration::from_secs(60), || match begun {
            "trials" => asked(),
            kind => checkpoint_of(kind).is_some(),
        });
        if begun == "trials" {
            // Well into it.
            std::thread::sleep(Duration::from_millis(150));
        }
        send(signal, &child);
        let (status, said, seconds) = end(child);
        assert_eq!(status, Some(code), "{name}: {said}");
        assert!(seconds < 5.0, "{name}: {seconds} s");
        assert!(
            said.contains(&format!("nas resume {}", run.display())),
            "{name}: {said}"
        );
        assert!(!run.join("final.json").exists(), "{name}: it had ended already");
        assert!(checkpoint_of(begun).is_some(), "{name}: no checkpoint is left");
        let status = json(&["status", run.to_str().unwrap(), "--json"]);
        let state = if begun == "final" {
            "interrupted"
        } else {
            "stopped"
        };
        assert_eq!(status["state"], state, "{name}");
        let resumed = json(&["resume", run.to_str().unwrap(), "--json"]);
        for key in SAME {
            assert_eq!(resumed[key], expected[key], "{name}: {key}");
        }
    }
}

/// An evaluator that hangs at its second trial, and takes no notice of the end of its input.
const HANGS: &str = r#"echo $$ >"$1"
read hello
echo '{"type": "ready", "protocol": 1, "description": "hangs"}'
read trial
echo '{"type": "evaluation", "id": 0, "valid_accuracy": 0.5}'
sleep 600
"#;

#[test]
fn a_trial_that_does_not_stop_is_given_up_in_time_and_a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("hangs.sh");
    fs::write(&script, HANGS).unwrap();
    for (name, signals, least, most) in [("once", 1, 1.0, 5.0), ("twice", 2, 0.0, 1.0)] {
        let run = dir.path().join(name);
        let pid = dir.path().join(format!("{name}.pid"));
        let mut args = words(&run, "search random --trials 5 --seed 1");
        args.extend([
            "--evaluator".to_owned(),
            format!("sh {} {}", script.display(), pid.display()),
        ]);
        let child = start(&args);
        let finished = || {
            let records = Records::look(run.join("study.db"));
            records.is_ok_and(|records| records.standing().is_ok_and(|s| s.finished == 1 && s.asked == 2))
        };
        wait_for(Duration::from_secs(20), finished);
        assert!(finished(), "{name}");
        send("-INT", &child);
        if signals == 2 {
            std::thread::sleep(Duration::from_millis(300));
            send("-INT", &child);
        }
        let (code, said, seconds) = end(child);
        assert_eq!(code, Some(130), "{name}: {said}");
        assert!((least..most).contains(&seconds), "{name}: {seconds} s");
        // It is gone, and so is what it has started.
        let number = fs::read_to_string(&pid).unwrap();
        let none = || {
            let listed = Command::new("ps")
                .args(["-o", "stat=", "-p", number.trim()])
                .output()
                .unwrap();
            // It is not there, or dead and waited for by nobody.
            matches!(listed.stdout.first(), None | Some(b'Z'))
        };
        wait_for(Duration::from_secs(5), none);
        assert!(none(), "{name}: the evaluator is left behind");
        // What was acknowledged is there, and nothing was made up.
        let status = json(&["status", run.to_str().unwrap(), "--json"]);
        assert_eq!(
            (&status["finished"], &status["trials"]),
            (&1.into(), &2.into()),
            "{name}"
        );
        assert_eq!(status["failed"], 0, "{name}");
    }
}

#[test]
fn a_search_that_runs_is_looked_at_and_not_run_a_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let child = start(&words(
        &run,
        "search random --data digits --channels 8 --trials 50 --epochs 20 --final-epochs 1",
    ));
    let path = run.to_str().unwrap();
    wait_for(Duration::from_secs(60), || {
        Records::look(run.join("study.db")).is_ok_and(|records| records.standing().is_ok_and(|s| s.asked > 0))
    });
    let status = json(&["status", path, "--json"]);
    assert_eq!(
        (&status["state"], &status["pid"]),
        (&"running".into(), &child.id().into())
    );
    assert!(nas(&["report", path]).status.success());
    let message = refused(1, &["resume", path]);
    assert!(message.contains(&format!("pid {}", child.id())), "{message}");
    send("-TERM", &child);
    let (code, said, _) = end(child);
    assert_eq!(code, Some(143), "{said}");
    let status = json(&["status", path, "--json"]);
    assert_eq!(
        (&status["state"], &status["pid"]),
        (&"stopped".into(), &Value::Null)
    );
}
