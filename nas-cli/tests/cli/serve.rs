//! `nas serve`, over real HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;

use super::*;

/// The page of a folder, until it is dropped.
pub(super) struct Served {
    child: Child,
    pub(super) port: u16,
}

/// An answer: its status, its headers in lower case, its content.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Served {
    pub(super) fn of(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nas"))
            .args(["serve", "--port", "0", "--json", folder.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap();
        let port = url
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(url, format!("http://127.0.0.1:{port}/"));
        Self { child, port }
    }

    /// A connection to which this request was written. Answers of HTTP/1.0 end with it, and are sent in one piece.
    fn connect(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, line: &str, host: &str) -> Answer {
        let mut stream = self.connect(&format!("{line} HTTP/1.0\r\n{host}\r\n"));
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let all = text(&all);
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    fn own(&self) -> String {
        format!("Host: localhost:{}\r\n", self.port)
    }

    pub(super) fn get(&self, path: &str) -> String {
        let answer = self.ask(&format!("GET {path}"), &self.own());
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// The address of the run of this name.
    pub(super) fn run(&self, name: &str) -> String {
        let page = self.get("/");
        let shown = format!("\">{name}</a>");
        assert!(page.contains(&shown), "{name}: {page}");
        let (before, _) = page.split_once(&shown).unwrap();
        before.rsplit("href=\"").next().unwrap().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A search of many trials in a moment.
pub(super) fn looked_up(run: &Path, method: &str, trials: &str) -> Value {
    json(&[
        "search",
        method,
        "--benchmark",
        "digits",
        "--trials",
        trials,
        "--json",
        "--run",
        run.to_str().unwrap(),
    ])
}

#[test]
fn only_this_machine_is_answered_and_only_asked() {
    let dir = tempfile::tempdir().unwrap();
    looked_up(&dir.path().join("mine"), "random", "5");
    let served = Served::of(dir.path());
    let port = served.port;
    assert!(served.get("/").contains("Searches"));
    for host in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(
            served.ask("GET /", &format!("Host: {host}\r\n")).status,
            200,
            "{host}"
        );
    }
    for host in [
        String::new(),
        "Host: evil.example\r\n".to_owned(),
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: localhost.evil.example:{port}\r\n"),
        "Host: localhost:1\r\n".to_owned(),
        format!("Host: localhost:{port}\r\nHost: evil.example\r\n"),
    ] {
        for path in ["/", "/events"] {
            let answer = served.ask(&format!("GET {path}"), &host);
            assert_eq!(answer.status, 421, "{host}");
            assert!(!answer.body.contains("Searches"), "{host}");
        }
    }
    let absolute = served.ask("GET http://evil.example/", &served.own());
    assert_eq!(absolute.status, 421);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let answer = served.ask(&format!("{method} /"), &served.own());
        assert_eq!(answer.status, 405, "{method}");
    }
    let head = served.ask("HEAD /", &served.own());
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let run = served.run("mine");
    for path in ["/", &run, "/nothing", "/overlay"] {
        let answer = served.ask(&format!("GET {path}"), &served.own());
        for header in [
            "content-security-policy: default-src 'none';",
            "x-content-type-options: nosniff",
        ] {
            assert!(answer.head.contains(header), "{path}: {}", answer.head);
        }
        let policy = answer
            .head
            .lines()
            .find(|line| line.starts_with("content-security-policy"))
            .unwrap();
        assert!(
            policy.contains("script-src 'sha256-") && !policy.contains("script-src 'unsafe"),
            "{policy}"
        );
        // A drawing names its own language; nothing else is named by an address elsewhere.
        let page = answer.body.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!page.contains("http://") && !page.contains("https://"), "{path}");
    }
}

#[test]
fn addresses_are_ids_and_lead_to_no_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret.txt"), "a secret").unwrap();
    looked_up(&dir.path().join("below/mine"), "random", "5");
    // A run beside the folder that is served.
    looked_up(&dir.path().join("outside"), "random", "5");
    let served = Served::of(&dir.path().join("below"));
    let run = served.run("mine");
    for path in [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/secret.txt",
        "/runs/mine",
        "/runs/../outside",
        "/runs/..%2Foutside",
        "/runs/%2e%2e%2foutside",
        "/comparisons/..%2f..%2fsecret.txt",
        &format!("{run}/study.db"),
        &format!("{run}/../../outside"),
        &format!("{run}/config.toml"),
        &format!("{run}/trials/..%2f..%2fconfig.toml"),
        &format!("{run}/trials/99"),
        "//etc/passwd",
    ] {
        let answer = served.ask(&format!("GET {path}"), &served.own());
        assert!((400..=404).contains(&answer.status), "{path}: {}", answer.status);
        assert!(
            !answer.body.contains("a secret") && !answer.body.contains("root:"),
            "{path}"
        );
    }
}

#[cfg(unix)]
#[test]
fn names_and_messages_stay_text() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("evaluator.py");
    fs::write(
        &script,
        r#"import json, sys
sys.stdin.readline()
print(json.dumps({"type": "ready", "protocol": 1, "description": "<script>alert(1)</script>"}), flush=True)
for line in sys.stdin:
    number = json.loads(line)["id"]
    if number % 2:
        answer = {"type": "failure", "id": number, "kind": "invalid", "message": "<img src=x onerror=alert(2)>"}
    else:
        answer = {"type": "evaluation", "id": number, "valid_accuracy": 0.5, "device": "<b>device</b>"}
    print(json.dumps(answer), flush=True)
"#,
    )
    .unwrap();
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let run = dir.path().join("runs").join("<script>alert(3)<&\"'");
    json(&[
        "search",
        "random",
        "--space",
        "nb201",
        "--trials",
        "6",
        "--json",
        "--evaluator",
        &format!("python3 '{}'", script.display()),
        "--run",
        run.to_str().unwrap(),
    ]);
    let served = Served::of(&dir.path().join("runs"));
    let run = served.run("&lt;script&gt;alert(3)&lt;&amp;&quot;&#39;");
    let failed = format!("{run}/trials/1");
    for path in [
        "/",
        &run,
        &failed,
        &format!("{run}/trials/0"),
        &format!("/overlay?run={}", &run[6..]),
    ] {
        let page = served.get(path);
        for evil in ["<script>alert", "<img", "<b>device"] {
            assert!(!page.contains(evil), "{path}: {evil}");
        }
        assert_eq!(page.matches("<script").count(), 1, "{path}: our own");
    }
    let page = served.get(&failed);
    assert!(page.contains("&lt;img src=x onerror=alert(2)&gt;"), "{page}");
    // What is typed into the filter comes back.
    for path in [
        "/?q=%22%3E%3Cscript%3Ealert(4)%3C/script%3E".to_owned(),
        format!("{run}?valid_min=%22%3E%3Cscript%3Ealert(4)&sort=%22%3E%3Cscript%3Ealert(4)"),
    ] {
        let page = served.get(&path);
        assert!(!page.contains("<script>alert"), "{path}");
    }
    let csv = served.get(&format!("{run}/trials.csv"));
    assert_eq!(csv.lines().count(), 7, "{csv}");
    let all: Value = serde_json::from_str(&served.get(&format!("{run}/trials.json"))).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 6);
    assert_eq!(all[1]["message"], "<img src=x onerror=alert(2)>");
    assert_eq!(
        (&all[0]["valid"], &all[0]["state"]),
        (&0.5.into(), &"evaluated".into())
    );
}

#[test]
fn runs_and_trials_are_sorted_filtered_and_laid_over_each_other() {
    let dir = tempfile::tempdir().unwrap();
    for (name, method) in [("one", "random"), ("two", "evolution")] {
        looked_up(&dir.path().join(name), method, "250");
    }
    json(&[
        "compare",
        "random,evolution",
        "--benchmark",
        "digits",
        "--trials",
        "10",
        "--seeds",
        "2",
        "--json",
        "--run",
        dir.path().join("versus").to_str().unwrap(),
    ]);
    let served = Served::of(dir.path());
    let place = |page: &str, text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    let by_name = served.get("/?sort=name&part=rows");
    assert!(!by_name.contains("<html") && place(&by_name, ">one</a>") < place(&by_name, ">two</a>"));
    let reversed = served.get("/?sort=name&reverse=true");
    assert!(place(&reversed, ">one</a>") > place(&reversed, ">two</a>"));
    let filtered = served.get("/?q=EVOL+tw&part=rows");
    assert!(
        filtered.contains(">two</a>") && !filtered.contains(">one</a>"),
        "{filtered}"
    );
    let (one, two) = (served.run("one"), served.run("two"));

    let comparison = served.run("versus");
    let answer = served.ask(&format!("GET {comparison}"), &served.own());
    assert!(
        answer.body.contains("random") && answer.head.contains("sandbox"),
        "{}",
        answer.head
    );

    // The report of the run is on its page.
    let status = json(&["status", dir.path().join("one").to_str().unwrap(), "--json"]);
    let best = format!(
        "{:.2} %",
        100.0 * status["best"]["valid_accuracy"].as_f64().unwrap()
    );
    let page = served.get(&one);
    for part in [
        "<h2 id=\"section-1\">Result</h2>",
        "Course of the search",
        "All trials",
        &best,
        "finished",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let rows = |query: &str| {
        let page = served.get(&format!("{one}?part=trials&{query}"));
        let numbers = page.split(" data-detail>").skip(1);
        let numbers = numbers.map(|rest| rest.split('<').next().unwrap().parse::<u64>().unwrap());
        (numbers.collect::<Vec<_>>(), page)
    };
    assert_eq!(rows("").0, (150..250).rev().collect::<Vec<_>>());
    assert_eq!(rows("page=3").0, (0..50).rev().collect::<Vec<_>>());
    assert_eq!(rows("reverse=true").0, (0..100).collect::<Vec<_>>());
    let (sorted, page) = rows("sort=valid");
    assert_eq!(sorted[0], status["best"]["trial"].as_u64().unwrap());
    assert!(page.contains(&best));
    let records = Records::open(dir.path().join("one/study.db"))
        .unwrap()
        .trials()
        .unwrap();
    let score = |record: &TrialRecord| {
        record
            .conclusion
            .as_ref()
            .unwrap()
            .result
            .as_ref()
            .unwrap()
            .valid_accuracy
    };
    let good: Vec<u64> = records
        .iter()
        .filter(|record| score(record) >= 0.9)
        .map(|record| record.trial.id)
        .collect();
    let (mut found, page) = rows("valid_min=90&reverse=true");
    found.truncate(100);
    assert_eq!(found, good[..good.len().min(100)]);
    assert!(
        page.contains(&format!("of {}</span>", good.len())) || good.is_empty(),
        "{page}"
    );
    assert!(rows("state=failed").1.contains("No trial is as asked for."));

    let trial = served.get(&format!("{one}/trials/7"));
    assert!(trial.contains("<svg") && trial.contains("<h1>Trial 7</h1>"));
    let genotype: Value =
        serde_json::from_str(&served.get(&format!("{one}/trials/7/genotype.json"))).unwrap();
    assert!(genotype.is_object(), "{genotype}");
    assert!(
        served
            .get(&format!("{one}/trials/7/architecture.svg"))
            .starts_with("<svg")
    );
    assert!(served.get(&format!("{one}/genotype.json")).contains('{'));

    let overlay = served.get(&format!("/overlay?run={}&run={}", &one[6..], &two[6..]));
    assert!(
        overlay.contains("Best validation accuracy over trials") && overlay.contains(">two</text>"),
        "{overlay}"
    );
}

/// The numbers of finished trials in the events of a page, until `enough`.
fn trials_told(served: &Served, path: &str, enough: impl Fn(&[u64]) -> bool) -> Vec<u64> {
    let stream = served.connect(&format!("GET {path} HTTP/1.0\r\n{}\r\n", served.own()));
    let mut told = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(data) = line.strip_prefix("data: ") {
            let data: Value = serde_json::from_str(data).unwrap();
            told.push(data["finished"].as_u64().unwrap());
            if enough(&told) {
                break;
            }
        }
    }
    told
}

#[test]
fn trials_appear_while_a_search_runs_and_it_ends_with_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("running");
    let mut served = Served::of(dir.path());
    assert!(served.get("/").contains("There is no run here yet."));
    let mut search = Command::new(env!("CARGO_BIN_EXE_nas"))
        .args("search evolution --benchmark digits --trials 5000000 --run".split(' '))
        .arg(&run)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let rising = |told: &[u64]| told.last() > told.iter().find(|trials| **trials > 0);
    let told = trials_told(&served, "/events", rising);
    assert!(told.is_sorted() && rising(&told), "{told:?}");
    let address = served.run("running");
    let id = &address[6..];
    let told = trials_told(&served, &format!("/events?run={id}"), rising);
    assert!(told.is_sorted() && rising(&told), "{told:?}");
    assert!(served.get(&format!("{address}?part=state")).contains("running"));
    assert!(
        served.get(&address).contains("This search is running ("),
        "the report says so"
    );
    search.kill().unwrap();
    search.wait().unwrap();
    let mut state = String::new();
    wait_for(Duration::from_secs(20), || {
        served
            .get(&format!("{address}?part=state"))
            .contains("interrupted")
    });
    state += &served.get(&format!("{address}?part=state"));
    assert!(state.contains("interrupted"), "{state}");
    #[cfg(unix)]
    {
        let id = served.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        let ended = std::cell::RefCell::new(&mut served.child);
        wait_for(Duration::from_secs(4), || {
            ended.borrow_mut().try_wait().unwrap().is_some()
        });
        let ended = ended.into_inner().try_wait().unwrap();
        assert_eq!(ended.and_then(|status| status.code()), Some(0));
    }
}

/// The most memory that a process has had, in MB.
#[cfg(target_os = "linux")]
fn peak_megabytes(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024 / 1_000_000
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a bound of seconds needs a clock")]
fn a_run_of_100_000_trials_opens_within_2_seconds_and_100_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let found = looked_up(&dir.path().join("long"), "evolution", "100000");
    let mut tries = (0..3).map(|_| {
        let served = Served::of(dir.path());
        let address = served.run("long");
        let begun = Instant::now();
        let page = served.get(&address);
        (begun.elapsed(), served, address, page)
    });
    // The other tests take the processors, too: one of three tries has to be within the bound.
    let mut best = tries.next().unwrap();
    for other in tries {
        if best.0 >= Duration::from_secs(2) {
            best = other;
        }
    }
    let (took, served, address, page) = best;
    assert!(page.contains("of 100,000</span>") && page.contains("Course of the search"));
    let front = found["pareto"].as_array().unwrap().len();
    assert!(
        page.contains(&format!("The front: {front} architecture")),
        "{front}"
    );
    assert!(took < Duration::from_secs(2), "{took:?}");
    for query in [
        "sort=valid",
        "sort=valid&page=1000",
        "sort=seconds&valid_min=80",
        "page=500",
    ] {
        let begun = Instant::now();
        let rows = served.get(&format!("{address}?part=trials&{query}"));
        let took = begun.elapsed();
        assert!(rows.contains("<tbody>"), "{query}: {rows}");
        assert!(took < Duration::from_secs(1), "{query}: {took:?}");
    }
    assert_eq!(
        served.get(&format!("{address}/trials.csv")).lines().count(),
        100_001
    );
    #[cfg(target_os = "linux")]
    {
        let peak = peak_megabytes(&served.child);
        println!("{took:?}, {peak} MB");
        assert!(peak <= 100, "{peak} MB");
    }
}
