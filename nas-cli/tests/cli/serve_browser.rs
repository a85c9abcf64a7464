//! `nas serve` in a browser, which `serve.py` uses as a person would.

use std::process::Child;

use super::*;
use crate::serve::{Served, looked_up};

/// A search that goes on for as long as it is needed.
struct GoesOn(Child);

impl Drop for GoesOn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_browser_shows_trials_as_they_come_and_sorts_filters_and_opens_them() {
    let Some(browser) = crate::report::browser() else {
        eprintln!("skipped: there is no chromium, chromium-browser or google-chrome to show a page");
        return;
    };
    let playwright = Command::new("python3")
        .args(["-c", "import playwright.sync_api"])
        .output();
    if !playwright.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no Playwright (pip install playwright) to use a page");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    looked_up(&runs.join("one"), "random", "250");
    looked_up(&runs.join("two"), "evolution", "250");
    let evaluator = dir.path().join("evaluator.py");
    fs::write(
        &evaluator,
        r#"import json, random, sys, time
sys.stdin.readline()
print(json.dumps({"type": "ready", "protocol": 1, "description": "sleeps"}), flush=True)
for line in sys.stdin:
    number = json.loads(line)["id"]
    time.sleep(0.2)
    random.seed(number)
    accuracy = 1 - 0.7 / (1 + 0.05 * number) * random.random()
    print(json.dumps({"type": "evaluation", "id": number, "valid_accuracy": accuracy}), flush=True)
"#,
    )
    .unwrap();
    let search = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args([
            "search",
            "random",
            "--space",
            "nb201",
            "--trials",
            "100000",
            "--evaluator",
        ])
        .arg(format!("python3 '{}'", evaluator.display()))
        .arg("--run")
        .arg(runs.join("running"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _search = GoesOn(search);
    let served = Served::of(&runs);
    wait_for(Duration::from_secs(60), || {
        served.get("/?q=running").contains(">running</a>")
    });
    // Three outcomes make a chart.
    let address = served.run("running");
    wait_for(Duration::from_secs(60), || {
        served
            .get(&format!("{address}?part=trials"))
            .matches("evaluated")
            .count()
            > 3
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/serve.py");
    let pictures = std::env::var_os("NAS_PICTURES").map_or_else(|| dir.path().to_owned(), PathBuf::from);
    let output = Command::new("python3")
        .arg(script)
        .arg(format!("http://127.0.0.1:{}/", served.port))
        .args([pictures.as_path(), Path::new(browser)])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}
