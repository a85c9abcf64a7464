//! Searches whose process is killed.

use super::*;

/// How a search stands that another process runs.
#[derive(Debug, PartialEq)]
struct Standing {
    asked: usize,
    finished: usize,
    /// The final training has reached a checkpoint.
    training: bool,
}

fn standing(run: &Path) -> Standing {
    // There is none before the first commit.
    let records = Records::open(run.join("study.db")).and_then(|records| records.trials());
    let trials = records.unwrap_or_default();
    Standing {
        asked: trials.len(),
        finished: trials.iter().filter(|trial| trial.conclusion.is_some()).count(),
        training: fs::read_dir(run.join("checkpoints")).is_ok_and(|files| files.count() > 0),
    }
}

#[test]
fn a_search_killed_at_any_moment_goes_on_as_if_nothing_had_happened() {
    const TRIALS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let search = |name: &str| {
        let words =
            "search random --data digits --limit 400 --channels 4 --trials 8 --epochs 2 --final-epochs 12";
        let mut args: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let run = dir.path().join(name).display().to_string();
        args.extend(["--seed", "3", "--json", "--run", &run].map(str::to_owned));
        args
    };
    let whole = json(&borrowed(&search("whole")));
    type Reached = fn(&Standing) -> bool;
    let moments: [(&str, Reached); 4] = [
        ("asked", |s| s.asked >= 1),
        ("early", |s| s.finished >= 1),
        ("late", |s| s.finished >= 5),
        ("training", |s| s.training),
    ];
    for (name, reached) in moments {
        let run = dir.path().join(name);
        let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(search(name))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(Duration::from_secs(60), || reached(&standing(&run)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            status.code(),
            None,
            "{name}: killed by a signal, not ended by itself"
        );
        let killed = standing(&run);
        assert!(reached(&killed), "{name}: {killed:?}");
        assert!(killed.finished < TRIALS || killed.training, "{name}: {killed:?}");
        assert!(!run.join("final.json").exists(), "{name}: it had ended already");
        let resumed = json(&["resume", run.to_str().unwrap(), "--json"]);
        for key in ["trials", "failed", "epochs", "best", "test_accuracy"] {
            assert_eq!(resumed[key], whole[key], "killed when {name}: {key}");
        }
    }
}
