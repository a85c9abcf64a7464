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

/// A browser, and a Python that has Playwright to use it: `NAS_PYTHON`, or `python3`; or what is missing.
pub(super) fn playwright() -> Result<(&'static str, String), &'static str> {
    let browser = crate::report::browser()
        .ok_or("there is no chromium, chromium-browser or google-chrome to show a page")?;
    let python = std::env::var("NAS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import playwright.sync_api"])
        .output();
    match found.is_ok_and(|output| output.status.success()) {
        true => Ok((browser, python)),
        false => Err("there is no Playwright (pip install playwright) to use a page"),
    }
}

#[test]
fn a_browser_shows_trials_as_they_come_and_sorts_filters_and_opens_them() {
    let (browser, python) = match playwright() {
        Ok(found) => found,
        Err(missing) => {
            eprintln!("skipped: {missing}");
            return;
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    looked_up(&runs.join("one"), "random", "250");
    looked_up(&runs.join("two"), "evolution", "250");
    let report = dir.path().join("report.html");
    let report_path = report.to_str().unwrap();
    nas(&["report", runs.join("one").to_str().unwrap(), "--out", report_path]);
    let comparison = dir.path().join("versus");
    let words = "compare random,evolution --benchmark digits --trials 10 --seeds 2 --json --run";
    let mut compared: Vec<&str> = words.split(' ').collect();
    compared.push(comparison.to_str().unwrap());
    json(&compared);
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
    let output = Command::new(python)
        .arg(script)
        .arg(format!("http://127.0.0.1:{}/", served.port))
        .args([pictures.as_path(), Path::new(browser)])
        .args([report, comparison.join("report.html")].map(|page| format!("file://{}", page.display())))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}
