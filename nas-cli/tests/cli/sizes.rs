//! One size everywhere: what limits, objectives, records, `nas show` and reports say of the same architecture.

use super::*;

/// NAS-Bench-201's CSV with made-up accuracies. Every cell is said to have 1,000 parameters more for each of its operations
/// that has weights, whether anything reads it or not.
fn nb201(path: &Path) {
    let mut text =
        "ops6,c10_valid12,c10_test200,c100_valid12,c100_test200,in16_valid12,in16_test200,params_c10_M\n"
            .to_owned();
    for number in 0..5_usize.pow(6) {
        let digits: Vec<usize> = (0..6).map(|i| number / 5_usize.pow(5 - i) % 5).collect();
        let weights = digits.iter().filter(|&&digit| digit == 2 || digit == 3).count();
        let accuracy = 50 + 5 * weights + digits[0];
        let ops: String = digits.iter().map(usize::to_string).collect();
        text += &format!(
            "{ops},{accuracy},{accuracy},3,4,5,6,{}\n",
            0.073_306 + 0.001 * weights as f64
        );
    }
    fs::write(path, text).unwrap();
}

/// The evaluations on record, with the choices of their trials.
fn records(run: &Path) -> Vec<(String, nas_space::search::Evaluation)> {
    let trials = Records::open(run.join("study.db")).unwrap().trials().unwrap();
    let evaluated = trials.into_iter().map(|record| {
        let evaluation = record.conclusion.unwrap().result.unwrap();
        (record.genotype.unwrap(), evaluation)
    });
    evaluated.collect()
}

/// What `nas show` says of a genotype's text at the size of the benchmark's networks.
fn shown(dir: &Path, genotype: &str) -> (u64, u64) {
    let file = dir.join("genotype.json");
    fs::write(&file, genotype).unwrap();
    let shown = json(&["show", file.to_str().unwrap(), "--json"]);
    (shown["params"].as_u64().unwrap(), shown["macs"].as_u64().unwrap())
}

#[test]
fn a_limit_the_record_the_front_and_show_say_one_size() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("nb201.csv");
    nb201(&table);
    for method in ["random", "nsga2", "evolution", "local-search"] {
        let run = dir.path().join(method);
        let words =
            format!("search {method} --benchmark nb201 --max-params 150000 --trials 30 --seed 2 --json");
        let mut args: Vec<&str> = words.split(' ').collect();
        args.extend(["--table", table.to_str().unwrap(), "--run", run.to_str().unwrap()]);
        let result = json(&args);
        let records = records(&run);
        assert_eq!((records.len(), &result["failed"]), (30, &0.into()), "{method}");
        for (genotype, evaluation) in &records[..6] {
            let size = (evaluation.params.unwrap(), evaluation.macs.unwrap());
            assert_eq!(size, shown(dir.path(), genotype), "{method}: {genotype}");
        }
        assert!(
            records.iter().all(|(_, one)| one.params.unwrap() <= 150_000),
            "{method}"
        );
        // The file counts otherwise: that is another figure, under its own name.
        let published = |one: &nas_space::search::Evaluation| one.figures["published_params"];
        assert!(
            records
                .iter()
                .any(|(_, one)| published(one) != one.params.unwrap() as f64)
        );
        for point in result["pareto"].as_array().unwrap() {
            let (_, evaluation) = &records[point["trial"].as_u64().unwrap() as usize];
            assert_eq!(point["params"].as_u64(), evaluation.params);
            assert_eq!(point["figures"]["published_params"], published(evaluation));
        }
        let best = result["best"]["trial"].as_u64().unwrap() as usize;
        assert_eq!(result["final"]["params"].as_u64(), records[best].1.params);
        let best_shown = json(&["show", run.to_str().unwrap(), "--json"]);
        assert_eq!(best_shown["params"].as_u64(), records[best].1.params);
        assert_eq!(
            best_shown["figures"]["published_params"],
            published(&records[best].1)
        );
        assert!(nas(&["report", run.to_str().unwrap()]).status.success());
        let page = fs::read_to_string(run.join("report.html")).unwrap();
        assert!(page.contains("published_params"), "{method}");
    }
}

#[test]
fn a_named_figure_limits_and_is_an_objective_with_every_method() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("nb201.csv");
    nb201(&table);
    let search = |run: &Path, words: &str| -> Vec<String> {
        let words = format!("search {words} --benchmark nb201 --seed 1 --json");
        let words = words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let paths = ["--table", table.to_str().unwrap(), "--run", run.to_str().unwrap()];
        [words, paths.map(str::to_owned).to_vec()].concat()
    };
    for method in ["random", "nsga2", "evolution", "local-search", "rl"] {
        let run = dir.path().join(method);
        let words = format!("{method} --trials 12 --max published_params=75400");
        json(&borrowed(&search(&run, &words)));
        for record in Records::open(run.join("study.db")).unwrap().trials().unwrap() {
            match record.conclusion.unwrap().result {
                Ok(one) => assert!(one.figures["published_params"] <= 75_400.0, "{method}"),
                // A controller may propose what is refused.
                Err(failure) => assert!(failure.message.contains("at most 75400"), "{failure}"),
            }
        }
    }
    let run = dir.path().join("two");
    let words = "nsga2 --trials 60 --objectives accuracy,published_params --min published_params=74306";
    let result = json(&borrowed(&search(&run, words)));
    let front = result["pareto"].as_array().unwrap();
    let number = |point: &Value| point["figures"]["published_params"].as_f64().unwrap();
    let accuracy = |point: &Value| point["valid_accuracy"].as_f64().unwrap();
    assert!(front.len() > 1);
    for (one, other) in front.iter().flat_map(|a| front.iter().map(move |b| (a, b))) {
        let dominates = number(one) < number(other) && accuracy(one) >= accuracy(other);
        assert!(!dominates && number(one) >= 74_306.0, "{front:?}");
    }
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(
        config.contains("published_params") && config.contains("[limits.min]"),
        "{config}"
    );
    assert_eq!(json(&["resume", run.to_str().unwrap(), "--json"]), result);
    let svg = fs::read_to_string(run.join("pareto.svg")).unwrap();
    assert!(svg.contains("Validation accuracy and published_params"));

    for (words, named) in [
        ("random --max energy=3", "'energy'"),
        ("nsga2 --objectives accuracy,energy", "'energy'"),
    ] {
        let run = dir.path().join("refused");
        let message = refused(2, &borrowed(&search(&run, words)));
        let known = "params, macs, published_params";
        assert!(message.contains(named) && message.contains(known), "{message}");
        assert!(!run.exists());
    }
    let run = dir.path().join("refused");
    let message = refused(2, &borrowed(&search(&run, "random --max params=3")));
    assert!(message.contains("--max-params"), "{message}");
}

/// NAS-Bench-Macro's form: its networks are none of this toolkit, its columns know their sizes.
fn macro_bench(dir: &Path) -> String {
    let text = r#"{
        "00000000": {"test_acc": [80.0, 80.5, 80.2], "mean_acc": 80.233, "std": 0.2, "params": 700000, "flops": 25000000},
        "11111111": {"test_acc": [91.0, 91.5, 91.2], "mean_acc": 91.233, "std": 0.2, "params": 1400000, "flops": 60000000},
        "22222222": {"test_acc": [93.0, 92.5, 92.2], "mean_acc": 92.567, "std": 0.3, "params": 2600000, "flops": 99000000}
    }"#;
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    fs::write(path("macro.json"), text).unwrap();
    let import = ["table", "import", &path("macro.json"), "--format", "macro-json"];
    json(&[&import[..], &["--json", "-o", &path("macro.nastab")]].concat());
    path("macro.nastab")
}

#[test]
fn columns_are_the_sizes_where_a_table_has_no_networks_of_this_toolkit() {
    let dir = tempfile::tempdir().unwrap();
    let table = macro_bench(dir.path());
    let info = json(&["table", "info", &table, "--json"]);
    assert_eq!(info["datasets"][0]["sizes"]["params"]["counted"], false);
    let objectives = serde_json::json!(["accuracy", "params", "macs"]);
    assert_eq!(info["datasets"][0]["objectives"], objectives);
    for (words, least) in [
        ("nsga2 --population 2", 700_000),
        ("random --max-params 2600000 --max-macs 60000000", 700_000),
        (
            "nsga2 --population 2 --objectives accuracy,macs --max-params 1400000",
            700_000,
        ),
    ] {
        let run = dir.path().join(words.replace(' ', ""));
        let words = format!(
            "search {words} --trials 6 --json --table {table} --run {}",
            run.display()
        );
        let result = json(&words.split(' ').collect::<Vec<_>>());
        let front = result["pareto"].as_array().unwrap();
        assert_eq!(front[0]["params"], least, "{words}");
        let within = front
            .iter()
            .all(|point| !words.contains("--max") || point["params"].as_u64().unwrap() <= 1_400_000);
        assert!(within, "{words}: {front:?}");
        assert!(nas(&["report", run.to_str().unwrap()]).status.success());
    }
}

#[test]
fn a_size_that_some_rows_lack_is_refused_before_a_run_directory_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let csv = "depth,val,test,params\n1,50,51,0.5\n2,60,61,\n3,70,71,0.7\n";
    let mapping = r#"
        name = "three"
        origin = "made up for a test"
        [space]
        kind = "product"
        name = "three"
        decisions = [{ name = "depth", kind = "depth", options = ["1", "2", "3"] }]
        [architecture]
        columns = ["depth"]
        [[datasets]]
        name = "somewhere"
        search_epochs = 1
        report_epochs = 1
        columns = [
          { column = "val", figure = "valid", epochs = 1, unit = "percent" },
          { column = "test", figure = "test", epochs = 1, unit = "percent" },
        ]
        [[columns]]
        column = "params"
        figure = "params"
        unit = "millions"
    "#;
    fs::write(path("b.csv"), csv).unwrap();
    fs::write(path("map.toml"), mapping).unwrap();
    let table = path("t.nastab");
    let (csv, map) = (path("b.csv"), path("map.toml"));
    let import = ["table", "import", &csv, "--format", "csv", "--json"];
    json(&[&import[..], &["--mapping", &map, "-o", &table]].concat());
    let run = path("run");
    for words in ["nsga2", "random --max-params 600000", "random --max-macs 5"] {
        let words = format!("search {words} --trials 3 --table {table} --run {run}");
        let message = refused(2, &words.split(' ').collect::<Vec<_>>());
        let reason = match words.contains("macs") {
            true => "no such column",
            false => "2 of its 3 rows",
        };
        assert!(message.contains(reason) && message.contains("three"), "{message}");
        assert!(!Path::new(&run).exists());
    }
    let words = format!("search nsga2 --objectives accuracy --trials 3 --json --table {table} --run {run}");
    let result = json(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(result["best"]["valid_accuracy"], 0.7);
}

#[test]
fn extra_columns_of_a_mapping_are_limits_and_objectives_in_the_direction_that_the_table_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    // Depth 3 is the best and slow, depth 1 fast; depth 2 is in nothing the best.
    let csv = "depth,val,test,ms,score,some\n1,50,51,0.5,-3,1\n2,60,61,2.5,-4,\n3,70,71,2.25,1,1\n";
    let mapping = r#"
        name = "three"
        origin = "made up for a test"
        [space]
        kind = "product"
        name = "three"
        decisions = [{ name = "depth", kind = "depth", options = ["1", "2", "3"] }]
        [architecture]
        columns = ["depth"]
        [[datasets]]
        name = "somewhere"
        search_epochs = 1
        report_epochs = 1
        columns = [
          { column = "val", figure = "valid", epochs = 1, unit = "percent" },
          { column = "test", figure = "test", epochs = 1, unit = "percent" },
          { column = "ms", figure = "extra", name = "latency", symbol = "ms" },
          { column = "score", figure = "extra", direction = "higher" },
          { column = "some", figure = "extra" },
        ]
    "#;
    fs::write(path("b.csv"), csv).unwrap();
    fs::write(path("map.toml"), mapping).unwrap();
    let (table, csv, map) = (path("t.nastab"), path("b.csv"), path("map.toml"));
    let import = ["table", "import", &csv, "--format", "csv", "--json"];
    let info = json(&[&import[..], &["--mapping", &map, "-o", &table]].concat());
    let dataset = &info["datasets"][0];
    assert_eq!(
        (&dataset["objectives"], &dataset["partly"]),
        (
            &serde_json::json!(["accuracy", "latency", "score"]),
            &serde_json::json!(["some"])
        )
    );
    let search = |name: &str, words: &str| -> Vec<String> {
        let words = format!(
            "search {words} --trials 9 --json --table {table} --run {}",
            path(name)
        );
        words.split(' ').map(str::to_owned).collect()
    };
    let result = json(&borrowed(&search(
        "front",
        "nsga2 --population 3 --objectives accuracy,latency,score",
    )));
    let config = fs::read_to_string(dir.path().join("front/config.toml")).unwrap();
    assert!(
        config.contains("\"latency\"") && config.contains("\"score:max\""),
        "{config}"
    );
    let front = result["pareto"].as_array().unwrap();
    let latencies: Vec<f64> = front
        .iter()
        .map(|point| point["figures"]["latency"].as_f64().unwrap())
        .collect();
    assert_eq!(latencies, [0.5, 2.25]);
    assert_eq!(result["best"]["figures"]["score"], 1.0);
    assert_eq!(json(&["resume", &path("front"), "--json"]), result);
    let fast = json(&borrowed(&search(
        "fast",
        "random --max latency=2.5 --min score=-3.5",
    )));
    assert_eq!(fast["best"]["valid_accuracy"], 0.7);
    let slow = json(&borrowed(&search("slow", "random --max latency=1")));
    assert_eq!(slow["best"]["valid_accuracy"], 0.5);
    let message = refused(2, &borrowed(&search("some", "random --max some=3")));
    assert!(
        message.contains("2 of its 3 rows") && message.contains("latency, score"),
        "{message}"
    );
    assert!(!dir.path().join("some").exists());
    let compared = path("compared");
    let words = format!(
        "compare random,evolution --max latency=2.4 --seeds 2 --trials 3 --json --table {table} --run {compared}"
    );
    let compared = json(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(compared["methods"]["random"]["test_mean"], 0.71);
}

#[test]
fn show_measures_the_latency_where_that_is_asked_for() {
    let command = [
        "show",
        "NB201_RESNET",
        "--channels",
        "4",
        "--cells",
        "1",
        "--json",
    ];
    let shown = json(&command);
    assert!(shown.get("latency").is_none(), "{shown}");
    let measured = json(&[&command[..], &["--measure"]].concat());
    assert!(
        measured["latency"]["milliseconds"].as_f64().unwrap() > 0.0,
        "{measured}"
    );
    let one = &measured["latency_of_one_thread"];
    assert!(
        one["milliseconds"].as_f64().unwrap() > 0.0 && one["threads"] == 1,
        "{measured}"
    );
    assert_eq!(shown["params"], measured["params"]);
}

#[test]
fn a_latency_is_measured_once_and_limits_what_is_trained() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let search = |name: &str, more: &str| -> Vec<String> {
        let words = format!(
            "search random --space nb201 --channels 4 --cells 1 --limit 60 --epochs 1 --final-epochs 1 --workers 0 --trials 3 --json \
             --run {} {more}",
            path(name)
        );
        words.split_whitespace().map(str::to_owned).collect()
    };
    // The latencies of these operations come from a file, so that the limit is certain.
    let table = path("table.csv");
    json(&borrowed(&search("any", &format!("--latency-table {table}"))));
    let measured = fs::read_to_string(&table).unwrap();
    assert!(measured.starts_with("operation,milliseconds\n"), "{measured}");
    let any = records(&dir.path().join("any"));
    assert!(
        any.iter()
            .all(|(_, evaluation)| evaluation.figures["latency"] > 0.0)
    );
    let made_up: String = measured
        .lines()
        .skip(1)
        .map(|line| {
            let (operation, _) = line.rsplit_once(',').unwrap();
            let slow = operation.contains(" 3x3") && !operation.contains("stride");
            format!("{operation},{:?}\n", if slow { 10.0 } else { 0.25 })
        })
        .collect();
    fs::write(&table, format!("operation,milliseconds\n{made_up}")).unwrap();
    // The stem and what is between the stages take 30 ms for such convolutions, a cell with one 30 ms more.
    let more = format!("--latency-table {table} --max-latency 45000us --seed 3");
    let result = json(&borrowed(&search("fast", &more)));
    let fast = records(&dir.path().join("fast"));
    assert_eq!(fast.len(), 3);
    assert!(
        fast.iter()
            .all(|(_, evaluation)| evaluation.figures["latency"] <= 45.0),
        "{fast:?}"
    );
    let config = fs::read_to_string(dir.path().join("fast/config.toml")).unwrap();
    assert!(
        config.contains("latency = 45.0") && config.contains("[costs]\nlatency = true"),
        "{config}"
    );
    // The run keeps what it was found by: the table may be gone.
    fs::remove_file(&table).unwrap();
    let more = json(&["resume", &path("fast"), "--trials", "5", "--json"]);
    assert_eq!((&more["trials"], &result["trials"]), (&5.into(), &3.into()));
    let fast = records(&dir.path().join("fast"));
    assert!(
        fast.iter()
            .all(|(_, evaluation)| evaluation.figures["latency"] <= 45.0)
    );
    let message = refused(2, &borrowed(&search("never", "--max-latency 0ms")));
    assert!(message.contains("a time above 0, such as 20ms"), "{message}");
    let made = macro_bench(dir.path());
    let words = format!(
        "search random --table {made} --trials 2 --max-latency 3 --run {}",
        path("never")
    );
    let message = refused(2, &words.split(' ').collect::<Vec<_>>());
    assert!(
        message.contains("latency") && message.contains("no networks"),
        "{message}"
    );
    assert!(!dir.path().join("never").exists());
}

#[test]
fn costs_from_a_file_are_objectives_and_limits() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let rows = (0..15_625).map(|number| format!("{number},{},{}\n", number % 7 + 1, number % 3));
    let text = format!("index,phone,watch\n{}", rows.collect::<String>());
    fs::write(path("costs.csv"), &text).unwrap();
    let search = |name: &str, words: &str| -> Vec<String> {
        let words = format!(
            "search {words} --benchmark nb201 --trials 40 --json --cost {} --run {}",
            path("costs.csv"),
            path(name)
        );
        words.split(' ').map(str::to_owned).collect()
    };
    let result = json(&borrowed(&search("front", "nsga2 --objectives accuracy,phone")));
    let front = result["pareto"].as_array().unwrap();
    assert!(front.iter().all(|point| {
        let figures = &point["figures"];
        (1.0..=7.0).contains(&figures["phone"].as_f64().unwrap()) && figures["watch"].is_number()
    }));
    assert!(
        front.iter().any(|point| point["figures"]["phone"] == 1.0),
        "{front:?}"
    );
    assert_eq!(json(&["resume", &path("front"), "--json"]), result);
    json(&borrowed(&search("small", "random --max phone=2 --min watch=1")));
    for (_, evaluation) in records(&dir.path().join("small")) {
        assert!(evaluation.figures["phone"] <= 2.0 && evaluation.figures["watch"] >= 1.0);
    }
    // Other costs are another search.
    fs::write(path("costs.csv"), text.replace("15624,1,0", "15624,7,0")).unwrap();
    let message = refused(1, &["resume", &path("front"), "--trials", "50"]);
    assert!(
        message.contains("parameters is recorded as") && message.contains("costs"),
        "{message}"
    );
    let words = format!(
        "compare random,evolution --benchmark nb201 --cost {} --max phone=2 --seeds 2 --trials 5 --json --run {}",
        path("costs.csv"),
        path("compared")
    );
    json(&words.split(' ').collect::<Vec<_>>());
    fs::write(path("costs.csv"), "index,phone\n1,fast\n").unwrap();
    let message = refused(2, &borrowed(&search("never", "random --max phone=2")));
    assert!(message.contains("line 2: 'fast' is no number"), "{message}");
    assert!(!dir.path().join("never").exists());
}

#[test]
fn show_says_what_a_network_needs_on_a_small_device() {
    let shown = json(&["show", "RESNET8", "--json"]);
    assert_eq!(
        (&shown["params"], &shown["macs"]),
        (&78_186.into(), &12_501_632.into())
    );
    let memory = 3 * 16 * 32 * 32;
    assert_eq!(
        (&shown["memory"], &shown["memory_f32"]),
        (&memory.into(), &(4 * memory).into())
    );
    assert_eq!(shown["memory_exact"], true);
    // Two numbers of four bytes for each of 346 channels, and the weights.
    assert_eq!(shown["flash"], 77_360 + 2 * 4 * 346);
    let described = text(&nas(&["show", "RESNET8"]).stdout);
    assert!(
        described.contains("memory  49,152 bytes (48.0 KiB), most at step 3 of 14"),
        "{described}"
    );
    assert!(described.contains("▁▃▅█▅▄▅▅▂▂▂▂▁▁▁"), "{described}");
    let chart = text(&nas(&["show", "RESNET8", "--format", "memory"]).stdout);
    assert!(
        chart.starts_with("<svg") && chart.contains("16,384 bytes"),
        "{chart}"
    );
    let message = refused(2, &["show", "RESNET8", "--channels", "8"]);
    assert!(
        message.contains("--channels has no meaning for a network of blocks"),
        "{message}"
    );
    let words = "train RESNET8 --limit 60 --epochs 1";
    let trained = nas(&words.split(' ').collect::<Vec<_>>());
    let told = text(&trained.stdout);
    assert!(
        told.contains("images of 1x8x8, trained on digits") && told.contains("77,898 parameters"),
        "{told}"
    );
    // A whole network has the images it was made for.
    let words = json(&["show", "DS_CNN", "--json"]);
    assert_eq!(
        (&words["image"], &words["classes"]),
        (&"1x49x10".into(), &12.into())
    );
}
