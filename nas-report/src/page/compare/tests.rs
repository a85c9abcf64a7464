use super::*;
use crate::plot::{Bar, Curve, Dimension, Joined, Point, Ranked, Sample, Scale};

const NAMES: [&str; 5] = [
    "random",
    "evolution",
    "regularized-evolution, population 50, tournament 10",
    "rl",
    "pnas <mlp>",
];

/// Accuracies of a method after each trial, as percents with a band.
fn points(method: usize, regret: bool) -> Vec<Point> {
    let trials = (1..=100_u32).filter(|trial| trial % 3 == 1);
    let point = |trial: u32| {
        let gap = 6.0 / f64::from(trial).powf(0.4 + 0.1 * method as f64) + 0.4 - 0.1 * method as f64;
        let (mean, band) = (gap.max(0.0), 0.2 * gap);
        let (low, high) = ((mean - band).max(0.0), mean + band);
        match regret {
            true => Point {
                x: f64::from(trial),
                mean,
                low,
                high,
            },
            false => Point {
                x: f64::from(trial),
                mean: 94.4 - mean,
                low: 94.4 - high,
                high: 94.4 - low,
            },
        }
    };
    trials.map(point).collect()
}

fn chart(regret: bool) -> CurveChart {
    let curve = |(method, name): (usize, &&str)| Curve {
        name: (*name).to_owned(),
        points: points(method, regret),
    };
    let (title, y) = match regret {
        true => (
            "Regret",
            Dimension::percent("regret of the test accuracy", Scale::Logarithmic),
        ),
        false => (
            "Test accuracy",
            Dimension::percent("test accuracy", Scale::Linear),
        ),
    };
    CurveChart {
        title: title.to_owned(),
        subtitle: "Mean over 200 runs; bands: 95 % by the bootstrap.".to_owned(),
        x: Dimension::count("trials", Scale::Logarithmic),
        y,
        curves: NAMES.iter().enumerate().map(curve).collect(),
        dots: Vec::new(),
    }
}

fn task(name: &str) -> Task {
    let methods = NAMES.iter().enumerate().map(|(place, name)| MethodRow {
        name: (*name).to_owned(),
        runs: 200,
        with_result: 200 - place,
        test: format!("93.{} ± 0.36 %", 70 + 10 * place),
        valid: "91.00 ± 0.20 %".to_owned(),
        regret: Some("0.40 %".to_owned()),
        effect: (place > 0).then_some(0.6),
        relative_improvement: Some(0.0712),
        trials: 100.0,
        image_passes: None,
        failed: 0,
        strategy_seconds: 0.02 * place as f64,
    });
    let sample = |(place, name): (usize, &&str)| Sample {
        name: (*name).to_owned(),
        values: (0..40)
            .map(|i| 93.0 + 0.03 * f64::from(i * 11 % 37) + 0.1 * place as f64)
            .collect(),
    };
    Task {
        name: name.to_owned(),
        figure: Metric::default(),
        methods: methods.collect(),
        pairs: vec![PairRow {
            a: NAMES[0].to_owned(),
            b: NAMES[4].to_owned(),
            difference: "-0.21".to_owned(),
            interval: "-0.50 to +0.10".to_owned(),
            p_value: "0.20".to_owned(),
            effect: 0.44,
            won: "80, 10, 110".to_owned(),
            seeds_needed: Some(480),
        }],
        curves: vec![
            (chart(false), "Higher is better.".to_owned()),
            (chart(true), "Lower is better.".to_owned()),
        ],
        boxes: Some(BoxChart {
            title: "Final test accuracy".to_owned(),
            subtitle: "After 100 trials.".to_owned(),
            x: Dimension::percent("test accuracy", Scale::Linear),
            samples: NAMES.iter().enumerate().map(sample).collect(),
        }),
        costs: Some(BarChart {
            title: "Seconds of a run".to_owned(),
            subtitle: String::new(),
            parts: ["trials", "the method itself"].map(str::to_owned).to_vec(),
            bars: (0..5)
                .map(|place| Bar {
                    name: NAMES[place].to_owned(),
                    seconds: vec![100.0, 30.0 * place as f64],
                })
                .collect(),
        }),
    }
}

fn data() -> CompareData {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    CompareData {
        title: "Five methods on NAS-Bench-201".to_owned(),
        lead: "The same space, table, budget and seeds for all.".to_owned(),
        verdict: vec!["Nothing here is better than random search & luck.".to_owned()],
        warnings: vec!["Only <3> seeds.".to_owned()],
        conditions: [("Budget", "100 trials"), ("Seeds", "0 to 199")]
            .map(pair)
            .to_vec(),
        tasks: ["cifar10", "cifar100"].map(task).to_vec(),
        ranks: Some(RankChart {
            title: "Mean ranks".to_owned(),
            subtitle: "Over 2 tasks".to_owned(),
            methods: (0..5)
                .map(|place| Ranked {
                    name: NAMES[place].to_owned(),
                    mean_rank: 1.0 + 0.9 * place as f64,
                })
                .collect(),
            joined: Joined::Distance(2.0),
        }),
        statistics: vec!["Wilcoxon's signed-rank test, corrected by Holm's method.".to_owned()],
        environment: [("Program", "nas 0.1.0")].map(pair).to_vec(),
        command: "nas compare random,evolution --seeds 200".to_owned(),
        settings: "trials = 100".to_owned(),
    }
}

#[test]
fn all_of_a_comparison_is_on_its_page() {
    let data = data();
    let text = page(&data);
    assert_eq!(text, page(&data));
    // Ranks once; of each task two curves, boxes and bars.
    assert_eq!(text.matches("<svg ").count(), 1 + 2 * 4);
    for part in [
        "<h1>Five methods on NAS-Bench-201</h1>",
        "<p class=\"note\">Only &lt;3&gt; seeds.</p>",
        "random search &amp; luck",
        "Results on cifar100",
        "93.70 ± 0.36 %",
        "+7.12 %",
        ">-0.21<",
        "-0.50 to +0.10",
        "200, 196 with a result",
        "about 480 seeds",
        "critical difference 2.00",
        "Regret, in numbers",
        "nas compare random,evolution --seeds 200",
        "pnas &lt;mlp&gt;",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("<mlp>") && !text.contains("NaN"));
}

#[test]
fn what_is_not_known_is_left_out() {
    let mut data = data();
    data.tasks.truncate(1);
    data.ranks = None;
    data.settings.clear();
    let task = &mut data.tasks[0];
    (task.boxes, task.costs) = (None, None);
    task.curves.clear();
    task.pairs.clear();
    task.methods[0].regret = None;
    let text = page(&data);
    assert!(!text.contains("<svg") && !text.contains("<h3>") && !text.contains("Every setting"));
    assert!(text.contains("<h2 id=\"section-2\">Results</h2>"), "{text}");
}
