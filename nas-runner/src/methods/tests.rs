//! What is typed, and what a file says, of each method.

use nas_darts::stop::StopRule;
use nas_darts::{CostFigure, DartsConfig, FirstStep, Order, RelaxationConfig, Selection};
use nas_eval::data::DataFacts;
use nas_eval::train::TrainConfig;
use nas_evo::{Nsga2Config, Objective, Removal, Tournament};
use nas_pnas::bananas::BananasConfig;
use nas_pnas::surrogate::{Encoding, GaussianProcessConfig, SurrogateConfig};
use nas_pnas::{Exploration, FirstLevel};
use nas_rl::RlConfig;
use nas_space::search::Budget;
use nas_space::spaces::{PnasConfig, SpaceConfig};

use toml::Table;

use super::{Defaults, Method, MethodArgs, MethodConfig};
use crate::plan::tests::resolved;
use crate::plan::{Estimation, RunConfig};

/// The settings of a method in a configuration, which has to be of that one.
macro_rules! settings {
    ($config:expr, $method:ident) => {
        match $config.method {
            MethodConfig::$method(settings) => settings,
            other => panic!("{other}"),
        }
    };
}

mod single_paths;

fn darts(config: &str, words: &str) -> DartsConfig {
    settings!(resolved(config, words).unwrap(), Darts)
}

#[test]
fn nothing_typed_is_one_search_by_darts_on_digits_in_space_darts() {
    let config = resolved("", "").unwrap();
    assert_eq!(
        (config.method.method(), &config.space),
        (Method::Darts, &SpaceConfig::Darts {})
    );
    assert_eq!(config.budget, Budget::trials(1));
    assert_eq!(config.images().unwrap().data, "digits");
    assert_eq!(config.images, None, "they are those of the trials");
    assert_eq!(
        settings!(config.clone(), Darts).network.image,
        config.training().unwrap().evaluator.network.image
    );
    let written = toml::to_string_pretty(&config).unwrap();
    assert_eq!(toml::from_str::<RunConfig>(&written).unwrap(), config);
    assert_eq!(resolved(&written, "").unwrap(), config, "a run's file repeats it");
    let random = resolved("", "random").unwrap();
    assert_eq!((random.space, random.images), (SpaceConfig::Nb201 {}, None));
}

#[test]
fn every_data_set_and_relaxation_has_a_supernet() {
    for data in nas_eval::data::DATASETS {
        for relaxation in ["darts", "pc-darts", "gdas", "drnas"] {
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
    assert_eq!(
        darts("", "--data cifar10 --relaxation drnas"),
        DartsConfig::drnas()
    );
    assert_eq!(darts("", "--data cifar10"), DartsConfig::default());
}

#[test]
fn the_expected_cost_has_a_figure_and_a_weight() {
    let term = |file, words| darts(file, words).expected_cost.unwrap();
    assert_eq!(darts("", "").expected_cost, None);
    let typed = term("", "--expected-cost macs");
    assert_eq!((typed.figure, typed.weight), (CostFigure::Macs, 0.01));
    let file = "[method]\nname = 'darts'\nexpected_cost = { figure = 'params', weight = 2.0 }";
    let over = term(file, "--cost-weight 0.5");
    assert_eq!((over.figure, over.weight), (CostFigure::Params, 0.5));
    assert_eq!(term(file, "--expected-cost macs").weight, 2.0);
    let error = resolved("", "--cost-weight 3").unwrap_err().to_string();
    assert!(error.contains("without --expected-cost"), "{error}");
}

#[test]
fn what_is_typed_of_a_supernet_wins_over_the_file() {
    let file = "[method]\nepochs = 4\nalpha_learning_rate = 0.01\nrelaxation = { kind = 'gdas' }";
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
        (frozen("", words), frozen("[method]\nepochs = 40", words)),
        (3, 12)
    );
    assert_eq!(frozen("", "--relaxation pc-darts --search-epochs 2"), 0);
    // What is typed as it was keeps its settings.
    let parts = "[method]\nrelaxation = { kind = 'pc-darts', parts = 2 }";
    let kept = darts(parts, "--relaxation pc-darts").relaxation;
    assert_eq!(kept, RelaxationConfig::PcDarts { parts: 2 });
}

#[test]
fn another_data_set_or_method_takes_the_supernets_settings_with_it() {
    let digits = toml::to_string(&resolved("", "--search-channels 12 --limit 200").unwrap()).unwrap();
    let other = resolved(&digits, "--data cifar100").unwrap();
    let images = other.images().unwrap();
    assert_eq!((images.data, images.limit), ("cifar100", Some(200)));
    let supernet = settings!(other, Darts);
    assert_eq!((supernet.network.classes, supernet.network.channels), (100, 12));
    let fresh = TrainConfig::quick("cifar100").unwrap();
    assert_eq!(supernet.augmentation, fresh.augmentation);
    assert_eq!(
        resolved(&digits, "random").unwrap().method.method(),
        Method::Random
    );
    let random = toml::to_string(&resolved("", "random --epochs 7").unwrap()).unwrap();
    let darts = resolved(&random, "darts").unwrap();
    assert_eq!(
        (darts.space, darts.method.method()),
        (SpaceConfig::Nb201 {}, Method::Darts)
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
    let enas = settings!(config.clone(), Enas);
    assert_eq!(
        (
            enas.search.epochs,
            enas.search.candidates,
            enas.search.rl.entropy_weight
        ),
        (9, 7, 0.5)
    );
    assert_eq!(enas.audit, 5);
    let written = toml::to_string(&config).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), config);
    assert_eq!(
        resolved(&written, "enas").unwrap(),
        config,
        "typed again, all is kept"
    );
    for other in ["darts", "rl"] {
        let resolved = resolved(&written, other).unwrap();
        assert_eq!(resolved.method.method().name(), other);
    }
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
    assert_eq!(settings!(other, Darts).network.image.to_string(), "1x8x8");
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
        let evolution = settings!(resolved(file, words).unwrap(), Evolution);
        match evolution.tournament {
            Tournament::Members(members) => (evolution.population, members),
            Tournament::Share { share } => panic!("{share} of them"),
        }
    };
    assert_eq!(numbers("", "evolution"), (10, 3));
    let file = "[method]\nname = 'evolution'\npopulation = 50\ntournament = 10";
    assert_eq!(numbers(file, ""), (50, 10));
    assert_eq!(numbers(file, "--tournament 7"), (50, 7));
    assert_eq!(
        numbers("", "evolution --population 100 --tournament 25"),
        (100, 25)
    );
    let growing = resolved(file, "--removal none --tournament-share 0.05").unwrap();
    let evolution = settings!(growing.clone(), Evolution);
    assert_eq!(evolution.tournament, Tournament::Share { share: 0.05 });
    assert_eq!((evolution.population, evolution.removal), (50, Removal::None));
    let written = toml::to_string_pretty(&growing).unwrap();
    assert_eq!(resolved(&written, "").unwrap(), growing, "{written}");
    assert_eq!(numbers(&written, "--tournament 4"), (50, 4));
    let other = resolved(file, "random").unwrap();
    assert_eq!(other.method.method().name(), "random");
    assert_eq!(
        resolved("method = 'local-search'", "").unwrap().method.method(),
        Method::LocalSearch
    );
    for (file, words, named) in [
        ("", "random --population 5", "--population"),
        ("", "--tournament 5", "--tournament"),
        ("method = 'random'\n[evolution]\npopulation = 5", "", "evolution"),
        (
            "[method]\nname = 'evolution'\npopulation = 0",
            "",
            "population is 0",
        ),
        ("[method]\nname = 'evolution'\npop = 5", "", "pop"),
        (
            "[method]\nname = 'evolution'\npopulation = 2\ndraws = 'without'",
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
    let nsga2 = |file, words| settings!(resolved(file, words).unwrap(), Nsga2);
    assert_eq!(nsga2("", "nsga2"), Nsga2Config::small());
    let typed = nsga2("", "nsga2 --population 20 --objectives macs,accuracy,params");
    assert_eq!(typed.population, 20);
    assert_eq!(
        typed.objectives,
        [Objective::Macs, Objective::Accuracy, Objective::Params]
    );
    let file = "[method]\nname = 'nsga2'\noffspring = 5\n[limits]\nmax_macs = 900";
    assert_eq!((nsga2(file, "").offspring, nsga2(file, "").population), (5, 10));
    let other = resolved(file, "evolution").unwrap();
    assert_eq!(other.method.method().name(), "evolution");
    let limits = |words| resolved(file, words).unwrap().limits.unwrap();
    assert_eq!((limits("").max_params, limits("").max_macs), (None, Some(900)));
    let both = limits("random --max-params 7 --max-macs 8");
    assert_eq!((both.max_params, both.max_macs), (Some(7), Some(8)));
    let needs = limits("random --max-memory 256KiB --max-flash 1MiB --max memory=9");
    assert_eq!(needs.max.len(), 2);
    assert_eq!(
        (needs.max["memory"], needs.max["flash"]),
        (262_144.0, 1_048_576.0)
    );
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
            "nsga2 --objectives accuracy,energy",
            "Known for every architecture: params, macs",
        ),
        (
            "",
            "random --max energy=2 --benchmark digits",
            "Known for every architecture: params, macs",
        ),
        ("[limits.max]\nmacs = 3.0", "random", "max_macs"),
        ("[method]\nname = 'random'\npopulation = 5", "", "population"),
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
    let pnas = |file, words| settings!(resolved(file, words).unwrap(), Pnas);
    // What the trials have room for.
    assert_eq!(pnas("", "pnas --trials 100").beam, [47, 48]);
    let typed = resolved("", "pnas --space pnas --blocks 3 --first-level all --trials 168").unwrap();
    assert_eq!(typed.space, SpaceConfig::Pnas(PnasConfig { blocks: 3 }));
    let typed = settings!(typed, Pnas);
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
    let file = "[budget]\ntrials = 60\n[space]\nkind = 'pnas'\nblocks = 3\n[method]\nname = 'pnas'\nbeam = [16]\n\
                [method.surrogate]\nkind = 'forest'\ntrees = 7";
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
    let other = resolved(file, "random").unwrap();
    assert_eq!(other.method.method().name(), "random");
    for (file, words, named) in [
        ("", "random --beam 5", "--beam"),
        ("", "--surrogate lstm", "--surrogate"),
        ("[method]\nname = 'random'\nbeam = [5]", "", "beam"),
        ("[method]\nname = 'pnas'\nbeam = []", "", "beam is []"),
        ("[method]\nname = 'pnas'\nbeem = [3]", "", "beem"),
        (
            "[method]\nname = 'pnas'\n[method.surrogate]\nkind = 'magic'",
            "",
            "magic",
        ),
        ("", "pnas --space darts", "does not grow"),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn bananas_takes_its_settings_from_defaults_file_and_words_in_that_order() {
    let bananas = |file: &str, words: &str| settings!(resolved(file, words).unwrap(), Bananas);
    let default = bananas("", "bananas");
    assert_eq!(default, BananasConfig::default(), "cells have paths");
    let surrogate = bananas("", "bananas --space chain").surrogate;
    let SurrogateConfig::FeatureMlp(network) = surrogate else {
        panic!("{surrogate:?}")
    };
    assert_eq!((network.encoding, network.members), (Encoding::OneHot, 5));

    let file = "[method]\nname = 'bananas'\nround = 3\nincumbents = 2\n[method.surrogate]\nkind = 'forest'\ntrees = 7\n";
    let read = bananas(file, "");
    assert_eq!((read.round, read.incumbents, read.initial), (3, 2, 10));
    let forest = |surrogate: SurrogateConfig| match surrogate {
        SurrogateConfig::Forest(forest) => forest,
        other => panic!("{other:?}"),
    };
    assert_eq!(forest(read.surrogate).trees, 7);
    let typed = bananas(
        file,
        "--round 4 --initial 5 --edits 2 --candidates 50 --exploration ucb --surrogate forest",
    );
    assert_eq!(
        (
            typed.round,
            typed.initial,
            typed.edits,
            typed.candidates,
            typed.incumbents
        ),
        (4, 5, 2, 50, 2)
    );
    assert_eq!(typed.acquisition, Exploration::Ucb(1.0));
    assert_eq!(forest(typed.surrogate).trees, 7, "typed again as it was");
    let other = bananas(file, "--surrogate gaussian-process").surrogate;
    let paths = GaussianProcessConfig {
        encoding: Encoding::Paths,
    };
    assert_eq!(other, SurrogateConfig::GaussianProcess(paths));

    for (words, named) in [
        ("random --incumbents 3", "--incumbents"),
        ("bananas --beam 3", "--beam"),
    ] {
        let message = format!("{:#}", resolved("", words).unwrap_err());
        assert!(message.contains(named), "{words}: {message}");
    }
}

#[test]
fn a_supernet_that_cannot_be_is_refused_with_the_reason() {
    let images = "[images]\ndata = 'digits'\ndevice = 'cpu'";
    for (file, words, named) in [
        ("", "--space pnas", "read one state twice"),
        ("", "--space chain", "no cells"),
        ("", "--relaxation pc-darts --search-channels 6", "parts"),
        ("", "--relaxation gdas --stop robust", "hessian_every"),
        ("", "--stop robust --hessian-every 0", "hessian_every"),
        ("", "--stop darts-plus --selection perturbation", "stop rule"),
        ("[method]\nalpha_lr = 1", "", "alpha_lr"),
        (images, "", "[images]"),
        ("[method]\nname = 'random'\nepochs = 3", "", "epochs"),
        ("method = 3", "", "expected the name of a method"),
        (
            "method = 'magic'",
            "",
            "darts, random, evolution, nsga2, local-search, bohb, bananas, pnas, rl",
        ),
        ("", "random --order 2", "--order"),
        ("", "random --hessian-every 0", "--hessian-every"),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn a_controller_takes_its_settings_from_a_preset_the_file_and_words_in_that_order() {
    use nas_rl::{Algorithm, Reward};
    let rl = |file, words| settings!(resolved(file, words).unwrap(), Rl);
    assert_eq!(rl("", "rl"), RlConfig::small_budget());
    assert_eq!(rl("", "rl --preset nasnet"), RlConfig::nasnet_2018());
    let file = "[method]\nname = 'rl'\nlearning_rate = 0.5\nbatch = 3";
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
    let other = resolved(file, "random").unwrap();
    assert_eq!(other.method.method().name(), "random");
    for (file, words, named) in [
        ("", "evolution --reward cubed", "--reward"),
        ("[method]\nname = 'random'\nbatch = 5", "", "batch"),
        ("[method]\nname = 'rl'\nbatch = 0", "", "batch is 0"),
        ("[method]\nname = 'rl'\nrate = 5", "", "rate"),
    ] {
        let error = format!("{:#}", resolved(file, words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}

#[test]
fn an_audit_in_a_file_has_the_bound_of_the_option() {
    let mut config = resolved("", "enas --audit 3").unwrap();
    let MethodConfig::Enas(enas) = &mut config.method else {
        panic!("{}", config.method)
    };
    enas.audit = 100_001;
    let text = toml::to_string(&config).unwrap();
    let refused = resolved(&text, "").unwrap_err().to_string();
    assert!(refused.contains("audit is 100001"), "{refused}");
}

#[test]
fn a_method_has_one_name_wherever_it_is_named() {
    for method in Method::ALL {
        let of = Defaults {
            space: &SpaceConfig::by_name(method.default_space(None)).unwrap(),
            data: &DataFacts::named("digits").unwrap(),
            trials: None,
            preset: None,
            file: &Table::new(),
        };
        let config = method.defaults(&of, &MethodArgs::default()).unwrap();
        let written = Table::try_from(&config).unwrap();
        assert_eq!(written["name"].as_str(), Some(method.name()));
        let again: MethodConfig = written.try_into().unwrap();
        assert_eq!((again.method(), &again), (method, &config));
        assert_eq!(Method::named(method.name()).unwrap(), method);
    }
    assert_eq!(Method::default(), Method::Darts);
    assert!(
        Method::named("magic")
            .unwrap_err()
            .to_string()
            .contains("darts, random")
    );
}

#[test]
fn the_preset_of_nb201_is_the_published_search_and_what_is_typed_wins_over_it() {
    let preset = darts("", "darts --preset nb201 --data fashion-mnist");
    let published = DartsConfig::nb201(RelaxationConfig::Darts {}, Order::First).unwrap();
    assert_eq!((preset.network.channels, preset.network.cells), (16, 5));
    assert_eq!(preset.network.image.channels, 1);
    assert_eq!((preset.epochs, preset.batch_size), (50, 64));
    assert_eq!(
        (preset.weights, preset.schedule),
        (published.weights, published.schedule)
    );
    assert_eq!(
        (preset.alpha_learning_rate, preset.first_step),
        (3e-4, FirstStep::Weights)
    );
    let gdas = darts("", "--preset nb201 --relaxation gdas");
    assert_eq!(
        (gdas.epochs, gdas.relaxation),
        (250, DartsConfig::gdas().relaxation)
    );
    let drnas = darts("", "--preset nb201 --relaxation drnas");
    let of_authors = DartsConfig::drnas();
    assert_eq!((drnas.epochs, drnas.relaxation), (100, of_authors.relaxation));
    assert_eq!((drnas.network.cells, drnas.weights), (5, of_authors.weights));
    let second = darts("", "--preset nb201 --order 2");
    assert_eq!(
        (second.order, second.first_step),
        (Order::Second, FirstStep::Architecture)
    );
    let words = "--preset nb201 --search-epochs 7 --search-channels 4 --search-cells 1 --search-batch 32";
    let typed = darts("", words);
    assert_eq!((typed.epochs, typed.batch_size), (7, 32));
    assert_eq!((typed.network.channels, typed.network.cells), (4, 1));
    assert_eq!(typed.weights, published.weights);
    // It replaces the file's settings, and is on record as what it means.
    let file = "[method]\nname = 'darts'\nepochs = 3\nclip_norm = 1.0";
    let over = darts(file, "--preset nb201");
    assert_eq!((over.epochs, over.clip_norm), (50, 5.0));
    let whole = resolved("", "darts --preset nb201").unwrap();
    assert_eq!(whole.space.build().unwrap().name(), "nb201");
    let written = toml::to_string(&whole).unwrap();
    assert!(written.contains("first_step = \"weights\""), "{written}");
    assert_eq!(resolved(&written, "").unwrap(), whole);
    for (words, named) in [
        ("--preset nb201 --space darts", "skeleton of NAS-Bench-201"),
        ("--preset nb201 --relaxation pc-darts", "darts, gdas or drnas"),
        ("rl --preset nb201", "it is for darts"),
        ("darts --preset nasnet", "it is for rl"),
    ] {
        let error = format!("{:#}", resolved("", words).unwrap_err());
        assert!(error.contains(named), "{words}: {error}");
    }
}
