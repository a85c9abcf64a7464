use std::fs;

use clap::{CommandFactory as _, Parser};
use nas_eval::train::TrainConfig;
use nas_space::search::{Direction, Scale};

use super::*;
use crate::args::{SEARCH_EXAMPLES, SearchArgs};
use crate::watch::Unwatched;

/// The options of a search as a command line has them.
#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    search: SearchArgs,
}

/// What `nas search` with these words means, with `config` as its `--config`.
pub(crate) fn resolved(config: &str, words: &str) -> Result<RunConfig> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), config).unwrap();
    let before = ["search", "--config", file.path().to_str().unwrap()];
    let words = before.into_iter().chain(words.split_whitespace());
    resolve(&Typed::try_parse_from(words).unwrap().search, &Unwatched)
}

fn plan(config: &str, words: &str) -> TrainingPlan {
    match resolved(config, words).unwrap().estimation {
        Estimation::Training(plan) => *plan,
        other => panic!("{other:?} trains nothing"),
    }
}

const TABLE: &str =
    "[budget]\ntrials = 7\n[estimation]\nkind = 'table'\nbenchmark = 'nb201'\ntable = '/t.csv'";

#[test]
fn a_typed_data_set_takes_the_place_of_the_files_and_its_other_settings_stay() {
    let digits =
        toml::to_string(&resolved("", "random --channels 6 --epochs 3 --limit 200").unwrap()).unwrap();
    let same = plan(&digits, "--data digits");
    assert_eq!(
        (same.data.as_str(), same.evaluator.network.channels),
        ("digits", 6)
    );
    let other = plan(&digits, "--data cifar100 --epochs 4");
    let network = other.evaluator.network;
    assert_eq!(other.data, "cifar100");
    assert_eq!(
        (network.image.to_string().as_str(), network.classes),
        ("3x32x32", 100)
    );
    assert_eq!((network.channels, other.epochs, other.limit), (6, 4, Some(200)));
    let fresh = TrainConfig::quick("cifar100").unwrap();
    assert_eq!(other.evaluator.train.augmentation, fresh.augmentation);
}

#[test]
fn a_typed_kind_of_estimation_takes_the_place_of_the_files() {
    let trained = resolved(TABLE, "random --data digits").unwrap();
    assert_eq!(trained.budget.trials, Some(7));
    assert_eq!(plan(TABLE, "random --data digits"), plan("", "random"));
    let digits = toml::to_string(&resolved("", "random --epochs 3").unwrap()).unwrap();
    let table = resolved(&digits, "random --benchmark nb201 --table /other.csv").unwrap();
    let Estimation::Table(lookup) = &table.estimation else {
        panic!("expected a table");
    };
    assert_eq!(lookup.benchmark.as_deref(), Some("nb201"));
    assert_eq!(lookup.table, Some(PathBuf::from("/other.csv")));
    assert_eq!((lookup.data.as_str(), lookup.epochs), ("cifar10", None));
    let written = toml::to_string(&table).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), table);
    let again = resolved(TABLE, "random --trials 9").unwrap();
    assert!(matches!(again.estimation, Estimation::Table(_)));
    assert_eq!(again.budget.trials, Some(9));
}

#[test]
fn a_table_that_is_built_in_brings_its_space_along() {
    let config = resolved("", "evolution --benchmark digits --epochs 2").unwrap();
    assert!(matches!(&config.space, SpaceConfig::Custom(custom) if custom.name == "digit-cells"));
    let Estimation::Table(lookup) = &config.estimation else {
        panic!("expected a table");
    };
    assert_eq!(
        (lookup.data.as_str(), lookup.epochs, &lookup.table),
        ("digits", Some(2), &None)
    );
    let written = toml::to_string(&config).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), config);
    // The other benchmark replaces all of it.
    let other = resolved(&written, "--benchmark nb201 --table /t.csv").unwrap();
    assert_eq!(other.space, SpaceConfig::Nb201 {});
    let Estimation::Table(lookup) = &other.estimation else {
        panic!("expected a table");
    };
    assert_eq!((lookup.data.as_str(), lookup.epochs), ("cifar10", None));
    let built_in = resolved("", "random --benchmark nb201").unwrap();
    assert_eq!(built_in.space, SpaceConfig::Nb201 {});
    for (words, named) in [
        ("random --benchmark digits --table /t.csv", "built in"),
        ("random --benchmark digits --epochs 3", "1, 2, 4"),
        (
            "random --benchmark digits --space darts",
            "its own space digit-cells",
        ),
        ("random --benchmark digits --table-data mnist", "it has: digits"),
        ("random --benchmark digits --channels 4", "--channels"),
    ] {
        let error = format!("{:#}", resolved("", words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
    // Its trainings have costs, so that seconds end a search.
    let seconds = resolved("", "random --benchmark digits --budget-seconds 9").unwrap();
    assert_eq!(seconds.budget.seconds, Some(9.0));
}

#[test]
fn a_folder_on_record_is_kept_and_made_absolute() {
    let config = "[estimation]\nkind = 'training'\ndata = 'mnist'\ndata_dir = 'here'";
    let here = std::env::current_dir().unwrap();
    assert_eq!(plan(config, "").data_dir, Some(here.join("here")));
    assert_eq!(
        plan(config, "--data-dir there").data_dir,
        Some(here.join("there"))
    );
}

#[test]
fn halving_takes_its_numbers_from_defaults_file_and_words_in_that_order() {
    let rungs = |file, words| {
        let config = resolved(file, words).unwrap();
        let halving = config.halving().unwrap().unwrap();
        halving.rung_epochs().unwrap()
    };
    assert_eq!(rungs("", "random --halving asha"), [1, 4, 16]);
    assert_eq!(rungs("", "random --halving hyperband --eta 2"), [1, 2, 4, 8, 16]);
    assert_eq!(rungs("", "random --halving asha --rungs 3,5 --epochs 5"), [3, 5]);
    let named =
        "method = 'random'\n[estimation]\nkind = 'training'\nepochs = 20\n[halving]\nrungs = [2, 7, 20]";
    assert_eq!(rungs(named, ""), [2, 7, 20]);
    assert_eq!(rungs(named, "--rungs 1,20"), [1, 20]);
    assert_eq!(rungs(named, "--min-epochs 5"), [5, 20]);
    // BOHB is always halved; what is typed or in a file holds for it as well.
    assert_eq!(rungs("", "bohb"), [1, 4, 16]);
    assert_eq!(rungs("", "bohb --benchmark digits"), [1, 2, 4]);
    assert_eq!(
        rungs("", "bohb --benchmark nb201"),
        [12],
        "the table has no others"
    );
    let file =
        "method = 'random'\n[estimation]\nkind = 'training'\nepochs = 20\n[halving]\nmin_epochs = 2\neta = 3";
    assert_eq!(rungs(file, ""), [2, 6, 18]);
    assert_eq!(rungs(file, "--eta 2 --epochs 8 --early-stopping-rate 1"), [4, 8]);
    let plan = |words| resolved(file, words).unwrap().halving.unwrap();
    assert_eq!(plan("--bracket 9 --halving sync").min_epochs, 2);
    let written = toml::to_string(&resolved(file, "--halving sync --bracket 12").unwrap()).unwrap();
    assert!(written.contains("bracket = 12"), "{written}");
    assert_eq!(
        toml::to_string(&resolved(&written, "").unwrap()).unwrap(),
        written
    );
    assert_eq!(resolved(file, "darts").unwrap().halving, None);
    // As many epochs as trials without halving get.
    let budget = |words| resolved("", words).unwrap().budget;
    let epochs = |epochs| Budget {
        epochs: Some(epochs),
        ..Budget::default()
    };
    assert_eq!(budget("random --halving asha --epochs 9"), epochs(20 * 9));
    assert_eq!(budget("random --halving asha --trials 9"), Budget::trials(9));
    assert_eq!(budget("random --budget-epochs 40"), epochs(40));
    for (file, words, named) in [
        ("[halving]\nr = 3", "random", "unknown field `r`"),
        (
            "[estimation.evaluator]\nspan = { epochs = 9 }",
            "random --halving asha",
            "span",
        ),
        ("method = 'darts'\n[halving]", "", "method darts"),
        ("", "pnas --halving asha", "method pnas"),
        (
            "",
            "random --halving hyperband --bracket 3",
            "--halving hyperband",
        ),
        ("", "random --halving asha --rungs 4,2", "increasing"),
        ("", "random --halving asha --rungs 4,40", "at most max_epochs"),
        ("", "random --rungs 4,40", "--rungs has no meaning without"),
        ("", "bohb --evaluator true", "cannot continue a training"),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn tf32_is_kept_with_the_device_and_refused_where_it_has_no_meaning() {
    let chosen = resolved("", "random --device cuda:1 --tf32").unwrap();
    assert!(chosen.training().unwrap().tf32);
    let written = toml::to_string(&chosen).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), chosen);
    assert!(!plan(&written, "--tf32=false").tf32);
    // A configuration in f32 is written as it was before there was a choice.
    let plain = resolved("", "random --device cuda:1").unwrap();
    assert!(!toml::to_string(&plain).unwrap().contains("tf32"));

    // A supernet beside a table has images of its own; the choice moves with them.
    let searched = resolved("", "--device cuda --tf32").unwrap();
    let file = toml::to_string(&searched).unwrap();
    let looked_up = resolved(&file, "--space nb201 --benchmark nb201 --table /t.csv").unwrap();
    assert!(looked_up.images.unwrap().tf32);
    let parameters = serde_json::to_string(&searched.images()).unwrap();
    assert!(parameters.contains(r#""tf32":true"#), "{parameters}");
    let parameters = serde_json::to_string(&plain.images()).unwrap();
    assert!(!parameters.contains("tf32"), "{parameters}");

    for (file, words, named) in [
        ("", "random --tf32", "the device is cpu"),
        ("", "--device metal --tf32", "the device is metal"),
        (&written, "--device cpu", "the device is cpu"),
        (
            TABLE,
            "random --tf32",
            "--tf32 has no meaning with a benchmark table",
        ),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn the_examples_of_the_help_are_searches() {
    let mut count = 0;
    for line in SEARCH_EXAMPLES.lines() {
        let Some(words) = line.strip_prefix("  nas search ") else {
            continue;
        };
        // The shell takes the quotes away; what is in them is one word here.
        let words = words.replace("'python3 mine.py'", "mine.py");
        match resolved("", &words) {
            Ok(_) => count += 1,
            // There is no such folder here.
            Err(error) => assert!(words.contains("--data photos/"), "{words}: {error:#}"),
        }
    }
    assert!(count >= 6, "{count}");
}

#[test]
fn soft_limits_are_typed_over_those_of_a_file() {
    let soft = |file, words| resolved(file, words).unwrap().soft_limits.unwrap();
    let typed = soft("", "evolution --soft-max macs=20e6 --soft-max params=3e5");
    let targets = [("macs".to_owned(), 2e7), ("params".to_owned(), 3e5)].into();
    assert_eq!(
        (typed.targets, typed.weight, typed.weight_below),
        (targets, -0.07, None)
    );
    let file = "method = 'evolution'\n[soft_limits]\nweight = -1\nweight_below = 0\ntargets = { macs = 5 }";
    let of_file = soft(file, "");
    assert_eq!((of_file.weight, of_file.weight_below), (-1.0, Some(0.0)));
    let over = soft(file, "--soft-weight -0.5 --soft-max macs=7 --soft-below -0.2");
    assert_eq!(
        (over.weight, over.weight_below, over.targets["macs"]),
        (-0.5, Some(-0.2), 7.0)
    );
    let config = resolved("", "evolution --soft-max macs=20e6").unwrap();
    let written = toml::to_string(&config).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), config);
    assert_eq!(config.ranked_by(), Some("reward"));
    // Rewards of networks below the target are above their accuracies: strategies that need shares have a range.
    let best = config.range().unwrap().unwrap().score(1.0);
    assert!((1.0..2.0).contains(&best), "{best}");
    let hard = resolved("", "evolution --soft-max macs=20e6 --soft-below 0").unwrap();
    assert_eq!(hard.range().unwrap(), None);
}

#[test]
fn soft_limits_are_refused_where_nothing_learns_from_rewards() {
    for (words, why) in [
        ("nsga2 --soft-max macs=1e6", "--objectives"),
        ("darts --soft-max macs=1e6", "--expected-cost"),
        ("enas --soft-max macs=1e6", "shared weights"),
        ("evolution --soft-max energy=3", "there is no such figure"),
        ("evolution --soft-below 0", "--soft-below has no meaning without"),
    ] {
        let error = format!("{:#}", resolved("", words).unwrap_err());
        assert!(error.contains(why), "{words}: {error}");
    }
    let mut config = resolved("", "evolution --benchmark digits --epochs 2").unwrap();
    let Estimation::Table(plan) = &mut config.estimation else {
        panic!("expected a table");
    };
    plan.metric = Metric::new("loss", Direction::Lower, Scale::Plain).unwrap();
    config.soft_limits = resolved("", "evolution --soft-max macs=1e6").unwrap().soft_limits;
    let error = config.validate().unwrap_err().to_string();
    assert!(error.contains("compares by loss"), "{error}");
}

#[test]
fn a_proxy_is_an_evaluator_and_no_command() {
    let scored = resolved("", "random --evaluator proxy:nwot --final-epochs 3").unwrap();
    let plan = scored.proxy().unwrap();
    assert_eq!(
        (plan.proxy.name(), plan.seeds, plan.batch_size),
        ("naswot", 1, 64)
    );
    assert_eq!(scored.budget.trials, Some(100));
    assert_eq!(scored.metric().name(), "score by naswot");
    assert!(scored.test_metric().is_accuracy());
    let written = toml::to_string(&scored).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), scored);
    // Another proxy replaces it; settings beside it stay.
    let more = "[estimation.proxy]\nproxy = 'synflow'\nseeds = 4";
    let from_file = resolved(more, "random").unwrap();
    assert_eq!(from_file.budget.trials, Some(100));
    let other = resolved(more, "random --evaluator proxy:snip").unwrap();
    let plan = other.proxy().unwrap();
    assert_eq!((plan.proxy.name(), plan.seeds), ("snip", 4));
    // It takes the place of a table and of a command.
    assert!(
        resolved(TABLE, "random --evaluator proxy:snip")
            .unwrap()
            .proxy()
            .is_some()
    );
    let command = toml::to_string(&resolved("", "random --evaluator true").unwrap()).unwrap();
    let replaced = resolved(&command, "random --evaluator proxy:snip").unwrap();
    assert!(replaced.proxy().is_some());
    // And a command takes its.
    let back = resolved(&written, "random --evaluator true").unwrap();
    assert!(matches!(back.estimation, Estimation::Command(_)));
    for wrong in ["seeds = 0", "batch_size = 1"] {
        let text = format!("[estimation.proxy]\nproxy = 'synflow'\n{wrong}");
        assert!(resolved(&text, "random").is_err(), "{wrong}");
    }
}

/// The number after `[default: ` in the help of an option.
fn documented(option: &str) -> f64 {
    let command = Typed::command();
    let mut arguments = command.get_arguments();
    let argument = arguments
        .find(|argument| argument.get_long() == Some(option))
        .unwrap_or_else(|| panic!("there is no --{option}"));
    let help = argument.get_help().unwrap().to_string();
    let (_, default) = help
        .split_once("[default: ")
        .unwrap_or_else(|| panic!("{option}: {help}"));
    let default = default.split([']', ':', ';']).next().unwrap();
    match default.split_once('/') {
        Some((above, below)) => above.parse::<f64>().unwrap() / below.parse::<f64>().unwrap(),
        None => default.parse().unwrap_or_else(|_| panic!("{option}: {help}")),
    }
}

#[test]
fn help_says_the_defaults_that_searches_have() {
    for (words, options) in [
        (
            "evolution --proxy naswot",
            &[
                ("seed", "/seed"),
                ("batch", "/batch"),
                ("proxy-draws", "/screening/draws"),
                ("proxy-mutants", "/screening/mutants"),
                ("proxy-seeds", "/screening/scores/seeds"),
                ("population", "/method/population"),
                ("tournament", "/method/tournament"),
            ][..],
        ),
        (
            "random --soft-max macs=1e6",
            &[("soft-weight", "/soft_limits/weight")],
        ),
        (
            "random --halving asha",
            &[
                ("min-epochs", "/halving/min_epochs"),
                ("eta", "/halving/eta"),
                ("early-stopping-rate", "/halving/early_stopping_rate"),
            ],
        ),
        (
            "bohb",
            &[
                ("num-samples", "/method/num_samples"),
                ("random-fraction", "/method/random_fraction"),
                ("top-n-percent", "/method/top_n_percent"),
                ("bandwidth-factor", "/method/bandwidth_factor"),
                ("min-bandwidth", "/method/min_bandwidth"),
            ],
        ),
        (
            "bananas",
            &[
                ("initial", "/method/initial"),
                ("round", "/method/round"),
                ("candidates", "/method/candidates"),
                ("incumbents", "/method/incumbents"),
                ("edits", "/method/edits"),
            ],
        ),
        (
            "darts --expected-cost macs",
            &[
                ("cost-weight", "/method/expected_cost/weight"),
                ("hessian-every", "/method/hessian_every"),
            ],
        ),
    ] {
        let config = serde_json::to_value(resolved("", words).unwrap()).unwrap();
        for (option, key) in options {
            let used = config.pointer(key).and_then(serde_json::Value::as_f64);
            assert_eq!(
                used,
                Some(documented(option)),
                "{words}: --{option}, {key} of {config}"
            );
        }
    }
}
