//! Whatever is killed, and wherever there is no room: a search finds the same, and nothing acknowledged is lost.
//!
//! `NAS_FAULTS=N` kills N times as often: `.ci/soak` is that.

use std::os::unix::process::CommandExt as _;

use nas_space::seed::Seed;

use super::*;

/// How much more often than in an ordinary test.
fn times() -> u64 {
    let typed = std::env::var("NAS_FAULTS").ok();
    typed.and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// The records, with everything that decides anything.
fn trials(run: &Path) -> Vec<String> {
    let records = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let told = records.iter().map(|record| {
        let result = record.outcome().map(|outcome| outcome.result);
        let bits = result.map(|result| result.map(|evaluation| evaluation.valid_accuracy.to_bits()));
        format!("{:?} {bits:?}", record.trial)
    });
    told.collect()
}

/// Runs the program in a process group of its own, and kills all of the group after so long. `false` where it had ended
/// before, which must have been well.
#[expect(clippy::disallowed_methods, reason = "a test that kills needs a clock")]
fn killed_after(args: &[String], limit: Duration) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait().unwrap() {
            let said = child.wait_with_output().unwrap().stderr;
            assert!(status.success(), "{args:?}: {}", text(&said));
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let group = format!("-{}", child.id());
    let killed = Command::new("kill").args(["-9", "--", &group]).output().unwrap();
    child.wait().unwrap();
    killed.status.success()
}

/// Searches that are killed at random moments, and resumed each time until they end by themselves, find what one finds
/// that is let alone. So many kills in all; the moments are spread over the time that a search takes here and now.
#[expect(clippy::disallowed_methods, reason = "a test that kills needs a clock")]
fn are_killed_again_and_again(name: &str, search: &str, kills: u64) {
    let dir = tempfile::tempdir().unwrap();
    let begun = |run: &Path| {
        let mut args: Vec<String> = format!("search {search}").split(' ').map(str::to_owned).collect();
        args.extend(["--json", "--run", run.to_str().unwrap()].map(str::to_owned));
        args
    };
    let whole = dir.path().join("whole");
    let start = Instant::now();
    let expected = json(&borrowed(&begun(&whole)));
    let microseconds = start.elapsed().as_micros() as u64;
    let records = trials(&whole);
    let seed = Seed::new(1).derive(name, 0);
    let (mut killed, mut lives, mut searches) = (0, 0, 0);
    while killed < kills {
        searches += 1;
        let run = dir.path().join(searches.to_string());
        // A search that was killed before it was on record is begun once more.
        let next = || {
            if run.join("config.toml").exists() {
                ["resume", run.to_str().unwrap(), "--json"]
                    .map(str::to_owned)
                    .to_vec()
            } else {
                begun(&run)
            }
        };
        loop {
            let moment = seed.derive("moment", lives).value() % microseconds;
            lives += 1;
            if killed == kills || !killed_after(&next(), Duration::from_micros(moment)) {
                break;
            }
            killed += 1;
        }
        let resumed = json(&borrowed(&next()));
        for key in ["trials", "failed", "epochs", "best", "test_accuracy"] {
            assert_eq!(resumed[key], expected[key], "{name}: {key}, after {killed} kills");
        }
        // No trial twice, none missing: the records are those of the search that was let alone.
        assert_eq!(trials(&run), records, "{name}, after {killed} kills");
    }
    println!("{name}: {killed} kills, {searches} searches");
}

#[test]
fn random_search_in_a_table_survives_fifty_kills() {
    let words = "random --benchmark digits --trials 1000 --seed 4 --batch 4 --workers 2";
    are_killed_again_and_again("random", words, 50 * times());
}

#[test]
fn evolution_in_a_table_survives_fifty_kills() {
    let words =
        "evolution --population 50 --tournament 10 --benchmark digits --trials 5000 --seed 4 --batch 4";
    are_killed_again_and_again("evolution", words, 50 * times());
}

#[test]
fn a_controller_in_a_table_survives_fifty_kills() {
    let words = "rl --benchmark digits --trials 300 --seed 4";
    are_killed_again_and_again("rl", words, 50 * times());
}

#[test]
fn progressive_search_in_a_table_survives_fifty_kills() {
    let words = "pnas --benchmark digits --trials 150 --seed 4";
    are_killed_again_and_again("pnas", words, 50 * times());
}

#[test]
fn bananas_in_a_table_survives_fifty_kills() {
    let words = "bananas --surrogate forest --benchmark nb201 --trials 150 --seed 4";
    are_killed_again_and_again("bananas", words, 50 * times());
}

#[test]
fn training_and_supernets_survive_kills() {
    let digits = "--data digits --limit 400 --channels 4 --seed 4";
    let random = format!("random {digits} --trials 12 --epochs 2 --final-epochs 6 --batch 2 --workers 2");
    are_killed_again_and_again("training", &random, 8 * times());
    let darts = format!(
        "darts --space nb201 {digits} --search-epochs 6 --search-channels 4 --epochs 1 --final-epochs 4"
    );
    are_killed_again_and_again("darts", &darts, 8 * times());
}

#[test]
fn a_disk_without_room_is_reported_and_what_was_acknowledged_stays() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    // What the shell bounds is the length of a file, in blocks of 512 or 1,024 bytes; to the program it looks like a full disk.
    let script = format!(
        "trap '' XFSZ; ulimit -f 12000; exec {} search evolution --benchmark digits --trials 60000 --seed 4 --run {}",
        env!("CARGO_BIN_EXE_nas"),
        run.display()
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("study.db"), "{said}");
    let status = json(&["status", run.to_str().unwrap(), "--json"]);
    assert_eq!(status["state"], "interrupted");
    let kept = status["finished"].as_u64().unwrap();
    assert!((1..60_000).contains(&kept), "{status}");
    // With room again it finds what it would have found.
    let resumed = json(&["resume", run.to_str().unwrap(), "--json"]);
    let whole = dir.path().join("whole");
    let words = "search evolution --benchmark digits --trials 60000 --seed 4 --json --run";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.push(whole.to_str().unwrap());
    assert_eq!(json(&args)["best"], resumed["best"]);
    assert_eq!(trials(&run), trials(&whole));
}

#[test]
fn where_nothing_can_be_written_nothing_is_begun_and_the_reason_is_given() {
    for place in ["/proc/run", "/dev/null/run"] {
        let message = refused(1, &["search", "random", "--benchmark", "digits", "--run", place]);
        assert!(
            message.contains(place) && message.contains("cannot create"),
            "{message}"
        );
    }
}
