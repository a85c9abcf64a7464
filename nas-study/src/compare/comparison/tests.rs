use nas_space::arch::Architecture;
use nas_space::search::{Direction, Scale};

use super::*;
use crate::compare::{Finding, SIGNIFICANCE};

fn runs(tested: &[f64]) -> Vec<Run> {
    let run = |(seed, &test_accuracy): (u64, &f64)| Run {
        seed,
        valid_accuracy: Some(test_accuracy - 0.1),
        test_accuracy: Some(test_accuracy),
        trials: 10,
        failed: 0,
        epochs: 10,
        image_passes: None,
        trial_seconds: 20.0,
        strategy_seconds: 0.5,
        final_seconds: 0.0,
        incumbents: vec![Incumbent {
            trials: 1,
            epochs: 1,
            image_passes: None,
            seconds: 2.0,
            architecture: Architecture::new([]),
            valid_accuracy: Some(test_accuracy - 0.1),
            test_accuracy: Some(test_accuracy),
        }],
        failure: None,
    };
    (0..).zip(tested).map(run).collect()
}

fn task(name: &str, methods: &[(&str, &[f64])]) -> TaskRuns {
    TaskRuns {
        name: name.to_owned(),
        best_test: Some(1.0),
        metric: Metric::default(),
        note: None,
        uniform: Some(Uniform {
            draws: 8,
            test_mean: 0.5,
        }),
        test_images: None,
        runs: methods
            .iter()
            .map(|(name, tested)| ((*name).to_owned(), runs(tested)))
            .collect(),
    }
}

#[test]
fn figures_are_means_over_runs_and_pairs_are_corrected_together() {
    let a = [0.5, 0.625, 0.75, 0.875, 0.9375];
    let b = a.map(|test| test - 0.125);
    let methods: [(&str, &[f64]); 3] = [("a", &a), ("b", &b), ("c", &a)];
    let comparison = Comparison::new(vec![task("one", &methods)]).unwrap();
    let compared = &comparison.tasks["one"];
    let of_b = &compared.methods["b"];
    assert!((of_b.test_mean.unwrap() - 0.6125).abs() < 1e-12);
    assert!((of_b.regret_mean.unwrap() - 0.3875).abs() < 1e-12);
    assert!((of_b.relative_improvement.unwrap() - 0.225).abs() < 1e-12);
    assert!(of_b.test_low < of_b.test_mean && of_b.test_mean < of_b.test_high);
    // Squares of the deviations: 0.056406…, 0.012656…, 0.000156…, 0.018906…, 0.040625… = 0.128125.
    assert!((of_b.test_std.unwrap() - (0.128_125_f64 / 4.0).sqrt()).abs() < 1e-12);
    assert_eq!(of_b.seconds_per_trial, 0.05);
    let along: Vec<Currency> = of_b.test_curves.iter().map(|curve| curve.along).collect();
    assert_eq!(along, [Currency::Trials, Currency::Seconds]);
    let names: Vec<(&str, &str)> = compared.pairs.iter().map(|p| (&p.a[..], &p.b[..])).collect();
    assert_eq!(names, [("a", "b"), ("a", "c"), ("b", "c")]);
    // Five differences of one sign: 2 of 32 choices of signs are as uneven, of three pairs times 3
    // and 2.
    let p_values: Vec<f64> = compared.pairs.iter().map(|p| p.p_value).collect();
    assert_eq!(p_values, [3.0 / 16.0, 1.0, 3.0 / 16.0]);
    assert_eq!(compared.pairs[1].effect, 0.5);
    // A second task doubles the tests.
    let two = Comparison::new(vec![task("one", &methods), task("two", &methods)]).unwrap();
    assert_eq!(two.tasks["one"].pairs[0].p_value, 6.0 / 16.0);
    assert_eq!(two.ranks.unwrap().blocks, 10);
}

#[test]
fn what_is_no_comparison_is_refused() {
    let refused = |tasks| Comparison::new(tasks).unwrap_err().to_string();
    let message = refused(vec![task("t", &[("a", &[0.1, 0.2]), ("b", &[0.1])])]);
    assert!(message.contains("[0]") && message.contains("[0, 1]"), "{message}");
    assert!(refused(vec![task("t", &[("a", &[])])]).contains("no run"));
    assert!(refused(vec![task("t", &[("a", &[0.1]), ("a", &[0.1])])]).contains("twice"));
    let one = || task("t", &[("a", &[0.1])]);
    assert!(refused(vec![one(), one()]).contains("task t is given twice"));
    let message = refused(vec![one(), task("u", &[("b", &[0.1])])]);
    assert!(message.contains("task u has the methods b"), "{message}");
}

#[test]
fn the_verdict_says_no_more_than_the_numbers() {
    let random: Vec<f64> = (0..20).map(|i| 0.9 + 0.001 * f64::from(i)).collect();
    let better: Vec<f64> = random.iter().map(|test| test + 0.01).collect();
    let alike: Vec<f64> = (0..20)
        .map(|i| random[i] + if i % 2 == 0 { 0.002 } else { -0.0019 })
        .collect();
    let methods: [(&str, &[f64]); 3] = [("random", &random), ("good", &better), ("alike", &alike)];
    let verdict = Comparison::new(vec![task("t", &methods)]).unwrap().verdict;
    assert!(
        verdict[0].starts_with("good found better architectures than random: +1.00 points"),
        "{verdict:#?}"
    );
    assert!(
        verdict[1].starts_with("No difference between alike and random could be shown with 20 seeds"),
        "{verdict:#?}"
    );
    assert!(verdict[1].contains("seeds would show it"), "{verdict:#?}");
    assert!(
        verdict[2].contains("good has the highest mean test accuracy; it is significantly better than alike")
    );
    assert!(verdict[3].contains("Friedman") && verdict[3].contains("not to other tasks"));
    // The other way round, the sentence turns.
    let methods: [(&str, &[f64]); 2] = [("random", &better), ("bad", &random)];
    let verdict = Comparison::new(vec![task("t", &methods)]).unwrap().verdict;
    assert!(
        verdict[0].starts_with("random found better architectures than bad: +1.00 points"),
        "{verdict:#?}"
    );
    // Five seeds cannot show anything: the smallest p-value there is is 1/16.
    let methods: [(&str, &[f64]); 2] = [("random", &random[..5]), ("good", &better[..5])];
    let verdict = Comparison::new(vec![task("t", &methods)]).unwrap().verdict;
    assert!(
        verdict.iter().all(|sentence| !sentence.contains("better than")),
        "{verdict:#?}"
    );
}

/// A comparison of methods by their test accuracies, where none stands for a run without a result.
fn with_missing(methods: &[(&str, &[Option<f64>])]) -> Comparison {
    let of = |tested: &[Option<f64>]| -> Vec<Run> {
        let found: Vec<f64> = tested.iter().map(|test| test.unwrap_or(0.0)).collect();
        let mut runs = runs(&found);
        // Curves take long and are not asked for.
        runs.iter_mut().for_each(|run| run.incumbents.clear());
        for (run, _) in runs.iter_mut().zip(tested).filter(|(_, test)| test.is_none()) {
            (run.valid_accuracy, run.test_accuracy) = (None, None);
            (run.failed, run.failure) = (run.trials, Some("no".to_owned()));
        }
        runs
    };
    let mut task = task("t", &[]);
    task.runs = methods
        .iter()
        .map(|(name, tested)| ((*name).to_owned(), of(tested)))
        .collect();
    Comparison::new(vec![task]).unwrap()
}

#[test]
fn a_run_without_a_result_counts_as_worse_than_any() {
    let good: Vec<Option<f64>> = (0..12).map(|i| Some(0.8 + 0.01 * f64::from(i))).collect();
    // Better in every seed that it gets through, which are too few to win by.
    let fragile: Vec<Option<f64>> = good.iter().map(|test| Some(test.unwrap() + 0.01)).collect();
    let fragile: Vec<Option<f64>> = (0..12).map(|i| fragile[i].filter(|_| i % 2 == 0)).collect();
    let comparison = with_missing(&[("random", &good), ("fragile", &fragile)]);
    let (of, pair) = (
        &comparison.tasks["t"].methods["fragile"],
        &comparison.tasks["t"].pairs[0],
    );
    assert_eq!((of.runs_without_result, of.failed, of.trials), (6, 60, 120));
    assert!(
        (of.test_mean.unwrap() - 0.86).abs() < 1e-12,
        "of the six that there are"
    );
    assert_eq!((pair.won, pair.lost, pair.equal), (6, 6, 0));
    assert!(
        pair.effect > 0.5,
        "the seeds that it lost outrank those that it won: {}",
        pair.effect
    );
    assert_eq!(
        (pair.low.is_some(), pair.high, pair.seeds_needed),
        (true, None, None)
    );
    let said = comparison.verdict.join("\n");
    assert!(
        said.contains("60 of the 120 trials of fragile failed; 6 of its 12 runs have no result"),
        "{said}"
    );
    assert!(!said.contains("fragile found better"), "{said}");
    assert!(comparison.ranks.unwrap().mean[0] == 1.5);
    // Nothing at all, on one side and on both.
    let nothing = vec![None; 12];
    let comparison = with_missing(&[("random", &good), ("broken", &nothing), ("broken-too", &nothing)]);
    let task = &comparison.tasks["t"];
    assert_eq!(
        (task.methods["broken"].test_mean, task.pairs[0].difference),
        (None, None)
    );
    assert!(task.pairs[0].p_value < SIGNIFICANCE && task.pairs[0].effect == 1.0);
    assert_eq!((task.pairs[2].p_value, task.pairs[2].equal), (1.0, 12));
    assert!(
        comparison.verdict[0]
            .starts_with("random found better architectures than broken: in a typical seed one")
    );
    let comparison = with_missing(&[("random", &nothing), ("broken", &nothing)]);
    assert!(
        comparison
            .verdict
            .iter()
            .any(|said| said.contains("No run of any method has a result"))
    );
}

/// Over random comparisons of several methods, on counts of few images: whether an interval
/// excludes 0 is whether the corrected p-value is significant, and the sentence is of the same
/// side.
#[test]
fn no_interval_contradicts_its_verdict() {
    use rand::RngExt;
    let mut rng = nas_space::seed::Seed::new(8).rng();
    let mut findings = [0; 3];
    for _ in 0..300 {
        let images = [20_u64, 359, 10_000][rng.random_range(0..3)];
        let seeds = rng.random_range(2..30);
        let names = ["random", "b", "c", "d"];
        let methods: Vec<(&str, Vec<Option<f64>>)> = names
            .iter()
            .map(|name| {
                let (worst, spread) = (
                    rng.random_range(0..images / 10 + 1),
                    rng.random_range(1..images / 8),
                );
                let tested = (0..seeds).map(|_| {
                    let hits = images - worst - rng.random_range(0..spread);
                    (rng.random_range(0..40) > 0).then_some(hits as f64 / images as f64)
                });
                (*name, tested.collect())
            })
            .collect();
        let methods: Vec<(&str, &[Option<f64>])> = methods
            .iter()
            .map(|(name, tested)| (*name, &tested[..]))
            .collect();
        let comparison = with_missing(&methods);
        for pair in &comparison.tasks["t"].pairs {
            let finding = pair.finding();
            let (above, below) = (
                pair.low.is_some_and(|low| low > 0.0),
                pair.high.is_some_and(|high| high < 0.0),
            );
            assert_eq!(
                (above, below),
                (finding == Finding::First, finding == Finding::Second),
                "{pair:?}"
            );
            let side = pair.difference.map_or(0.0, f64::signum);
            assert!(side * (pair.effect - 0.5) >= 0.0, "{pair:?}");
            findings[finding as usize] += 1;
        }
    }
    assert!(findings.iter().all(|&count| count > 50), "{findings:?}");
}

#[test]
fn a_loss_is_compared_by_its_score_and_told_in_its_own_numbers() {
    let good = [2.0, 2.5, 1.5, 2.25, 1.75, 2.5, 2.0, 1.25];
    let bad = good.map(|loss| loss + 0.5);
    let (good, bad) = (good.map(|loss| -loss), bad.map(|loss| -loss));
    let methods: [(&str, &[f64]); 2] = [("random", &bad), ("rl", &good)];
    let task = TaskRuns {
        best_test: Some(-1.0),
        metric: Metric::new("loss", Direction::Lower, Scale::Plain).unwrap(),
        note: Some("Both are one figure.".to_owned()),
        ..task("one", &methods)
    };
    let scores = Comparison::new(vec![task]).unwrap();
    let values = scores.in_values();
    let (of_scores, of_values) = (&scores.tasks["one"], &values.tasks["one"]);
    let (rl, told) = (&of_scores.methods["rl"], &of_values.methods["rl"]);
    assert_eq!(told.test_mean, Some(1.96875));
    assert_eq!(rl.test_mean, Some(-1.96875));
    assert_eq!(told.test_low, rl.test_high.map(|score| -score));
    assert_eq!((told.regret_mean, rl.regret_mean), (Some(0.96875), Some(0.96875)));
    assert_eq!(told.relative_improvement, None);
    assert_eq!(told.runs[0].test_accuracy, Some(2.0));
    assert_eq!(told.runs[0].incumbents[0].test_accuracy, Some(2.0));
    assert_eq!(of_values.best_test, Some(1.0));
    let curve = &told.test_curves[0].estimates[0];
    assert!(curve.low <= curve.mean && curve.mean <= curve.high);
    // The second is better: its loss is lower by a half with every seed.
    let (pair, told) = (&of_scores.pairs[0], &of_values.pairs[0]);
    assert_eq!(pair.finding(), Finding::Second);
    assert_eq!((pair.difference, told.difference), (Some(-0.5), Some(0.5)));
    assert_eq!((told.p_value, told.effect), (pair.p_value, pair.effect));
    let said = &scores.verdict;
    assert_eq!(
        said[0],
        "rl found better architectures than random: -0.50000 in test loss (lower is better) in a typical seed (corrected 95 % \
         interval -0.50000 to -0.50000), p = 0.0078; rl is better with 8 of 8 seeds."
    );
    assert!(said.contains(&"Both are one figure.".to_owned()), "{said:?}");
}
