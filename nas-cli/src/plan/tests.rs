use std::fs;

use clap::Parser;
use nas_darts::stop::StopRule;
use nas_darts::{DartsConfig, Order, RelaxationConfig, Selection};
use nas_eval::train::TrainConfig;
use nas_evo::{Objective, Removal, Tournament};
use nas_pnas::surrogate::SurrogateConfig;
use nas_pnas::{Exploration, FirstLevel};
use nas_space::spaces::PnasConfig;

use super::*;
use crate::args::{Cli, Command};

/// What `nas search` with these words means, with `config` as its `--config`.
pub(super) fn resolved(config: &str, words: &str) -> Result<RunConfig> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), config).unwrap();
    let mut args = vec!["nas", "search", "--config", file.path().to_str().unwrap()];
    args.extend(words.split_whitespace());
    match Cli::try_parse_from(args).unwrap().command {
        Command::Search(args) => resolve(&args),
        other => panic!("{other:?} is no search"),
    }
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
    for (words, named) in [
        ("random --benchmark nb201", "--table FILE"),
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

fn darts(config: &str, words: &str) -> DartsConfig {
    resolved(config, words).unwrap().supernet.unwrap().darts.unwrap()
}

#[test]
fn nothing_typed_is_one_search_by_darts_on_digits_in_space_darts() {
    let config = resolved("", "").unwrap();
    assert_eq!(
        (config.method, &config.space),
        (Method::Darts, &SpaceConfig::Darts {})
    );
    assert_eq!(config.budget, Budget::trials(1));
    assert_eq!(config.images().unwrap().data, "digits");
    let supernet = config.supernet.clone().unwrap();
    assert_eq!(supernet.images, None, "they are those of the trials");
    assert_eq!(
        supernet.darts.unwrap().network.image,
        config.training().unwrap().evaluator.network.image
    );
    let written = toml::to_string_pretty(&config).unwrap();
    assert_eq!(toml::from_str::<RunConfig>(&written).unwrap(), config);
    assert_eq!(resolved(&written, "").unwrap(), config, "a run's file repeats it");
    let random = resolved("", "random").unwrap();
    assert_eq!((random.space, random.supernet), (SpaceConfig::Nb201 {}, None));
}

#[test]
fn every_data_set_and_relaxation_has_a_supernet() {
    for data in nas_eval::data::DATASETS {
        for relaxation in ["darts", "pc-darts", "gdas"] {
            for space in ["darts", "nb201"] {
                let words = format!("--data {} --relaxation {relaxation} --space {space}", data.name);
                let darts = darts("", &words);
                assert_eq!(
                    (darts.network.image, darts.network.classes),
                    (data.shape, data.classes)
                );
                assert!(darts.frozen_epochs < darts.epochs, "{words}");
            }
        }
    }
    // At the paper's scale the published schedules are themselves.
    let published = DartsConfig::pc_darts();
    let ours = darts("", "--data cifar10 --relaxation pc-darts");
    assert_eq!(
        (ours.epochs, ours.frozen_epochs),
        (published.epochs, published.frozen_epochs)
    );
    assert_eq!(
        ours.learning_rate / ours.batch_size as f64,
        published.learning_rate / 256.0
    );
    assert_eq!(
        darts("", "--data cifar10 --relaxation gdas").epochs,
        DartsConfig::gdas().epochs
    );
    assert_eq!(darts("", "--data cifar10"), DartsConfig::default());
}

#[test]
fn what_is_typed_of_a_supernet_wins_over_the_file() {
    let file = "[supernet.darts]\nepochs = 4\nalpha_learning_rate = 0.01\nrelaxation = { kind = 'gdas' }";
    let of_file = darts(file, "");
    assert_eq!((of_file.epochs, of_file.alpha_learning_rate), (4, 0.01));
    assert!(matches!(of_file.relaxation, RelaxationConfig::Gdas { .. }));
    assert_eq!(of_file.batch_size, darts("", "--relaxation gdas").batch_size);
    let words = "--relaxation pc-darts --order 2 --stop robust --search-epochs 30 --search-channels 16 --search-cells 4 \
                 --search-batch 32";
    let typed = darts(file, words);
    assert_eq!(typed.relaxation, RelaxationConfig::PcDarts { parts: 4 });
    assert_eq!(
        (typed.order, typed.epochs, typed.frozen_epochs),
        (Order::Second, 30, 7)
    );
    let perturbed = darts(
        file,
        "--relaxation darts --selection perturbation --search-epochs 30",
    );
    assert_eq!(perturbed.selection, Selection::Perturbation { tuning_epochs: 3 });
    assert_eq!(
        (typed.stop, typed.hessian_every),
        (StopRule::Robust(Default::default()), 1)
    );
    assert_eq!(
        (typed.network.channels, typed.network.cells, typed.batch_size),
        (16, 4, 32)
    );
    assert_eq!(typed.alpha_learning_rate, 0.01, "not typed");
    // Frozen epochs keep their share: 15 of 50 in the paper, 3 of 12 here.
    let frozen = |file, words| darts(file, words).frozen_epochs;
    let words = "--relaxation pc-darts";
    assert_eq!(
        (frozen("", words), frozen("[supernet.darts]\nepochs = 40", words)),
        (3, 12)
    );
    assert_eq!(frozen("", "--relaxation pc-darts --search-epochs 2"), 0);
    // What is typed as it was keeps its settings.
    let parts = "[supernet.darts]\nrelaxation = { kind = 'pc-darts', parts = 2 }";
    let kept = darts(parts, "--relaxation pc-darts").relaxation;
    assert_eq!(kept, RelaxationConfig::PcDarts { parts: 2 });
}

#[test]
fn another_data_set_or_method_takes_the_supernets_settings_with_it() {
    let digits = toml::to_string(&resolved("", "--search-channels 12 --limit 200").unwrap()).unwrap();
    let other = resolved(&digits, "--data cifar100").unwrap();
    let images = other.images().unwrap();
    assert_eq!((images.data, images.limit), ("cifar100", Some(200)));
    let supernet = other.supernet.unwrap().darts.unwrap();
    assert_eq!((supernet.network.classes, supernet.network.channels), (100, 12));
    let fresh = TrainConfig::quick("cifar100").unwrap();
    assert_eq!(supernet.augmentation, fresh.augmentation);
    assert_eq!(resolved(&digits, "random").unwrap().supernet, None);
    let random = toml::to_string(&resolved("", "random --epochs 7").unwrap()).unwrap();
    let darts = resolved(&random, "darts").unwrap();
    assert_eq!(
        (darts.space, darts.supernet.is_some()),
        (SpaceConfig::Nb201 {}, true)
    );
}

#[test]
fn enas_has_a_section_of_its_own_that_its_options_reach() {
    let config = resolved(
        "",
        "enas --search-epochs 9 --candidates 7 --audit 5 --entropy 0.5",
    )
    .unwrap();
    assert_eq!(config.space, SpaceConfig::Nb201 {});
    let supernet = config.supernet.clone().unwrap();
    let enas = supernet.enas.unwrap();
    assert_eq!(
        (enas.epochs, enas.candidates, enas.rl.entropy_weight),
        (9, 7, 0.5)
    );
    assert_eq!((supernet.darts, supernet.audit, &config.rl), (None, 5, &None));
    let written = toml::to_string(&config).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), config);
    assert_eq!(
        resolved(&written, "enas").unwrap(),
        config,
        "typed again, all is kept"
    );
    let darts = resolved(&written, "darts").unwrap().supernet.unwrap();
    assert_eq!((darts.enas, darts.audit), (None, 0));
    assert!(darts.darts.is_some());
    assert_eq!(resolved(&written, "rl").unwrap().supernet, None);
    let both = written.replace("[supernet.enas]", "[supernet.darts]\n[supernet.enas]");
    let message = resolved(&both, "").unwrap_err().to_string();
    assert!(message.contains("both"), "{message}");
}

#[test]
fn with_a_table_the_supernet_has_images_of_its_own() {
    let table = "--benchmark nb201 --table /t.csv";
    let config = resolved("", &format!("{table} --data cifar10 --data-dir /d --limit 500")).unwrap();
    assert_eq!(config.space, SpaceConfig::Nb201 {});
    let images = config.images().unwrap();
    assert_eq!((images.data, images.limit), ("cifar10", Some(500)));
    assert_eq!(images.data_dir, Some(std::path::Path::new("/d")));
    let written = toml::to_string(&config).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), config);
    let other = resolved(&written, "--data digits").unwrap();
    assert!(matches!(other.estimation, Estimation::Table(_)));
    assert_eq!(other.images().unwrap().data, "digits");
    assert_eq!(
        other.supernet.unwrap().darts.unwrap().network.image.to_string(),
        "1x8x8"
    );
    // From a file of a search that trains: its images are kept.
    let trained =
        toml::to_string(&resolved("", "--space nb201 --data mnist --data-dir /m").unwrap()).unwrap();
    let looked_up = resolved(&trained, table).unwrap();
    assert_eq!(looked_up.images().unwrap().data, "mnist");
    assert_eq!(
        looked_up.images().unwrap().data_dir,
        Some(std::path::Path::new("/m"))
    );
}

#[test]
fn evolution_takes_its_numbers_from_defaults_file_and_words_in_that_order() {
    let numbers = |file, words| {
        let evolution = resolved(file, words).unwrap().evolution.unwrap();
        match evolution.tournament {
            Tournament::Members(members) => (evolution.population, members),
            Tournament::Share { share } => panic!("{share} of them"),
        }
    };
    assert_eq!(numbers("", "evolution"), (10, 3));
    let file = "method = 'evolution'\n[evolution]\npopulation = 50\ntournament = 10";
    assert_eq!(numbers(file, ""), (50, 10));
    assert_eq!(numbers(file, "--tournament 7"), (50, 7));
    assert_eq!(
        numbers("", "evolution --population 100 --tournament 25"),
        (100, 25)
    );
    let growing = resolved(file, "--removal none --tournament-share 0.05").unwrap();
    let evolution = growing.evolution.unwrap();
    assert_eq!(evolution.tournament, Tournament::Share { share: 0.05 });
    assert_eq!((evolution.population, evolution.removal), (50, Removal::None));
    let written = toml::to_string_pretty(&growing).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), growing, "{written}");
    assert_eq!(numbers(&written, "--tournament 4"), (50, 4));
    assert_eq!(resolved(file, "random").unwrap().evolution, None);
    assert_eq!(
        resolved("method = 'local-search'", "").unwrap().method,
        Method::LocalSearch
    );
    for (file, words, named) in [
        ("", "random --population 5", "--population"),
        ("", "--tournament 5", "--tournament"),
        (
            "method = 'random'\n[evolution]\npopulation = 5",
            "",
            "[evolution]",
        ),
        (
            "method = 'evolution'\n[evolution]\npopulation = 0",
            "",
            "population is 0",
        ),
        ("method = 'evolution'\n[evolution]\npop = 5", "", "pop"),
        (
            "method = 'evolution'\n[evolution]\npopulation = 2\ndraws = 'without'",
            "",
            "tournament is 3",
        ),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn nsga2_takes_population_and_objectives_and_every_method_limits() {
    let nsga2 = |file, words| resolved(file, words).unwrap().nsga2.unwrap();
    assert_eq!(nsga2("", "nsga2"), Nsga2Config::small());
    let typed = nsga2("", "nsga2 --population 20 --objectives macs,accuracy,params");
    assert_eq!(typed.population, 20);
    assert_eq!(
        typed.objectives,
        [Objective::Macs, Objective::Accuracy, Objective::Params]
    );
    let file = "method = 'nsga2'\n[nsga2]\noffspring = 5\n[limits]\nmax_macs = 900";
    assert_eq!((nsga2(file, "").offspring, nsga2(file, "").population), (5, 10));
    assert_eq!(resolved(file, "evolution").unwrap().nsga2, None);
    let limits = |words| resolved(file, words).unwrap().limits.unwrap();
    assert_eq!((limits("").max_params, limits("").max_macs), (None, Some(900)));
    let both = limits("random --max-params 7 --max-macs 8");
    assert_eq!((both.max_params, both.max_macs), (Some(7), Some(8)));
    let darts = resolved("", "--max-params 70000").unwrap();
    assert_eq!(darts.limits.as_ref().unwrap().max_params, Some(70_000));
    let written = toml::to_string_pretty(&darts).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), darts);
    assert_eq!(resolved("", "").unwrap().limits, None);
    for (file, words, named) in [
        ("", "random --objectives accuracy", "--objectives"),
        ("", "nsga2 --tournament 2", "--tournament has no meaning"),
        ("", "nsga2 --removal none", "--removal"),
        ("", "local-search --tournament-share 0.5", "--tournament-share"),
        ("", "nsga2 --objectives params,params", "params, params"),
        ("", "nsga2 --objectives macs:max", "expected macs alone"),
        (
            "",
            "nsga2 --objectives accuracy,latency",
            "Known of every architecture: params, macs",
        ),
        (
            "",
            "random --max latency=2 --benchmark digits",
            "Known of every architecture: params, macs",
        ),
        ("[limits.max]\nmacs = 3.0", "random", "max_macs"),
        ("method = 'random'\n[nsga2]\npopulation = 5", "", "[nsga2]"),
        ("[limits]", "random", "max_params"),
        ("[limits]\nmax_params = 0", "random", "max_params is 0"),
        ("[limits]\nmax_seconds = 1", "random", "max_seconds"),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn progressive_search_takes_its_settings_from_defaults_file_and_words_in_that_order() {
    let pnas = |file, words| resolved(file, words).unwrap().pnas.unwrap();
    // What the trials have room for.
    assert_eq!(pnas("", "pnas --trials 100").beam, [47, 48]);
    let typed = resolved("", "pnas --space pnas --blocks 3 --first-level all --trials 168").unwrap();
    assert_eq!(typed.space, SpaceConfig::Pnas(PnasConfig { blocks: 3 }));
    let typed = typed.pnas.unwrap();
    assert_eq!(
        (typed.first_level, &typed.beam[..]),
        (FirstLevel::All, &[16, 16][..])
    );
    let refused = resolved("", "random --space chain --blocks 3")
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("space chain; it is for pnas and nasnet"),
        "{refused}"
    );
    let file = "method = 'pnas'\n[budget]\ntrials = 60\n[space]\nkind = 'pnas'\nblocks = 3\n[pnas]\nbeam = [16]\n\
                [pnas.surrogate]\nkind = 'forest'\ntrees = 7";
    let read = pnas(file, "");
    assert_eq!(
        (&read.beam[..], read.first_level),
        (&[16][..], FirstLevel::AtMost(20))
    );
    assert!(matches!(read.surrogate, SurrogateConfig::Forest(forest) if forest.trees == 7));
    let typed = pnas(file, "--beam 4,5 --surrogate gaussian-process --exploration ucb");
    assert_eq!(
        (&typed.beam[..], typed.exploration),
        (&[4, 5][..], Exploration::Ucb(1.0))
    );
    assert!(matches!(typed.surrogate, SurrogateConfig::GaussianProcess(_)));
    let written = toml::to_string(&resolved(file, "").unwrap()).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), resolved(file, "").unwrap());
    assert_eq!(resolved(file, "random").unwrap().pnas, None);
    for (file, words, named) in [
        ("", "random --beam 5", "--beam"),
        ("", "--surrogate lstm", "--surrogate"),
        ("method = 'random'\n[pnas]\nbeam = [5]", "", "[pnas]"),
        ("method = 'pnas'\n[pnas]\nbeam = []", "", "beam is []"),
        ("method = 'pnas'\n[pnas]\nbeem = [3]", "", "beem"),
        ("method = 'pnas'\n[pnas.surrogate]\nkind = 'magic'", "", "magic"),
        ("", "pnas --space darts", "does not grow"),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn a_supernet_that_cannot_be_is_refused_with_the_reason() {
    let images = "[supernet.images]\ndata = 'digits'\ndevice = 'cpu'";
    for (file, words, named) in [
        ("", "--space pnas", "read one state twice"),
        ("", "--space chain", "no cells"),
        ("", "--relaxation pc-darts --search-channels 6", "parts"),
        ("", "--relaxation gdas --stop robust", "hessian_every"),
        ("", "--stop robust --hessian-every 0", "hessian_every"),
        ("", "--stop darts-plus --selection perturbation", "stop rule"),
        ("[supernet.darts]\nalpha_lr = 1", "", "alpha_lr"),
        (images, "", "supernet.images"),
        ("method = 'random'\n[supernet.darts]\nepochs = 3", "", "supernet"),
        (
            "method = 'magic'",
            "",
            "darts, random, evolution, nsga2, local-search, pnas, rl",
        ),
        ("", "random --order 2", "--order"),
        ("", "random --hessian-every 0", "--hessian-every"),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn halving_takes_its_numbers_from_defaults_file_and_words_in_that_order() {
    let rungs = |file, words| {
        let config = resolved(file, words).unwrap();
        let halving = config.halving().unwrap().unwrap();
        halving.rung_epochs().unwrap()
    };
    assert_eq!(rungs("", "random --halving asha"), [1, 4, 16]);
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
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn a_controller_takes_its_settings_from_a_preset_the_file_and_words_in_that_order() {
    use nas_rl::{Algorithm, Reward, RlConfig};
    let rl = |file, words| resolved(file, words).unwrap().rl.unwrap();
    assert_eq!(rl("", "rl"), RlConfig::small_budget());
    assert_eq!(rl("", "rl --preset nasnet"), RlConfig::nasnet_2018());
    let file = "method = 'rl'\n[rl]\nlearning_rate = 0.5\nbatch = 3";
    assert_eq!((rl(file, "").learning_rate, rl(file, "").batch), (0.5, 3));
    let typed = rl(
        file,
        "--controller-rate 0.25 --entropy 0.5 --reward cubed --algorithm reinforce",
    );
    assert_eq!(
        (typed.learning_rate, typed.entropy_weight, typed.batch),
        (0.25, 0.5, 3)
    );
    assert_eq!(
        (typed.reward, typed.algorithm),
        (Reward::Cubed, Algorithm::Reinforce {})
    );
    assert_eq!(rl(file, "--preset zoph-le"), RlConfig::zoph_le_2017());
    let ppo = rl("", "rl --preset zoph-le --algorithm ppo");
    assert_eq!(ppo.algorithm, RlConfig::nasnet_2018().algorithm);
    assert_eq!(resolved(file, "random").unwrap().rl, None);
    for (file, words, named) in [
        ("", "evolution --reward cubed", "--reward"),
        ("method = 'random'\n[rl]\nbatch = 5", "", "[rl]"),
        ("method = 'rl'\n[rl]\nbatch = 0", "", "batch is 0"),
        ("method = 'rl'\n[rl]\nrate = 5", "", "rate"),
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
    assert!(looked_up.supernet.unwrap().images.unwrap().tf32);
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
fn an_audit_in_a_file_has_the_bound_of_the_option() {
    let mut config = resolved("", "enas --audit 3").unwrap();
    config.supernet.as_mut().unwrap().audit = MOST_AUDITED + 1;
    let text = toml::to_string(&config).unwrap();
    let refused = resolved(&text, "").unwrap_err().to_string();
    assert!(refused.contains("audit is 100001"), "{refused}");
}
