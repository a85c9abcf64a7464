//! Halving against the papers' algorithms, written out a second time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use nas_space::arch::Architecture;
use nas_space::search::{
    Ask, Continued, Fidelity, Outcome, Proposal, Strategy, StrategyError, Trial, TrialId,
};
use nas_space::seed::Seed;
use nas_space::testing::{TinySpace, outcome};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

mod hyperband;

use super::*;
use crate::{EvolutionConfig, LocalSearch, RegularizedEvolution};

/// Proposes architecture i as its proposal i, up to a limit, and insists on being told of each as
/// such.
struct Counter {
    limit: u64,
    asked: u64,
    told: u64,
}

impl Counter {
    fn new(limit: u64) -> Box<Self> {
        let (asked, told) = (0, 0);
        Box::new(Self { limit, asked, told })
    }
}

impl Strategy for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        if self.asked == self.limit {
            return Ok(Ask::Finished);
        }
        let architecture = Architecture::new([self.asked as usize]);
        self.asked += 1;
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        assert_eq!(outcome.trial.id, self.told);
        assert_eq!(
            outcome.trial.architecture,
            Architecture::new([self.told as usize])
        );
        assert_eq!(outcome.trial.continues, None);
        self.told += 1;
        Ok(())
    }
}

fn config(rungs: u32, min_epochs: u32, eta: u32, s: u32, schedule: Schedule) -> HalvingConfig {
    HalvingConfig {
        min_epochs,
        // One less than the rung after the last.
        max_epochs: min_epochs * eta.pow(rungs + s) - 1,
        eta,
        early_stopping_rate: s,
        schedule,
        ..HalvingConfig::default()
    }
}

/// An evaluation as the tests see it: of a configuration at a rung, which ended so.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Evaluated {
    configuration: usize,
    rung: u32,
    accuracy: Option<f64>,
}

/// Tells outcomes in order, keeps a window of them outstanding, and checks that continuations are
/// what they should be.
struct Driver {
    halving: Halving,
    config: HalvingConfig,
    /// What was asked for, in order: the configuration, its rung, its trial of the rung before.
    asked: Vec<(usize, u32)>,
    outstanding: VecDeque<(TrialId, Trial)>,
    evaluated: Vec<Evaluated>,
}

impl Driver {
    fn new(inner: Box<dyn Strategy>, config: HalvingConfig) -> Self {
        Self {
            halving: Halving::new(inner, config.clone()).unwrap(),
            config,
            asked: Vec::new(),
            outstanding: VecDeque::new(),
            evaluated: Vec::new(),
        }
    }

    /// The configuration and rung asked for, or how it is answered otherwise.
    fn ask(&mut self) -> Result<(usize, u32), Ask> {
        let proposal = match self.halving.ask().unwrap() {
            Ask::Evaluate(proposal) => proposal,
            other => return Err(other),
        };
        let epochs = proposal.fidelity.unwrap().epochs;
        let HalvingConfig {
            min_epochs,
            eta,
            early_stopping_rate: s,
            ..
        } = self.config;
        let rung = (0..32)
            .find(|k| u64::from(min_epochs) * u64::from(eta).pow(s + k) == u64::from(epochs))
            .unwrap();
        let configuration = proposal.architecture.choices()[0];
        let before = rung.checked_sub(1).map(|rung| {
            self.asked
                .iter()
                .position(|&job| job == (configuration, rung))
                .unwrap()
        });
        assert_eq!(proposal.continues, before.map(|trial| trial as TrialId));
        let id = self.asked.len() as TrialId;
        self.asked.push((configuration, rung));
        let trial = Trial {
            id,
            architecture: proposal.architecture,
            fidelity: Fidelity { epochs },
            seed: Seed::new(0),
            continues: proposal.continues.map(|trial| Continued { trial, epochs: 0 }),
        };
        self.outstanding.push_back((id, trial));
        Ok((configuration, rung))
    }

    fn tell(&mut self, accuracy: Option<f64>) -> Evaluated {
        let (id, trial) = self.outstanding.pop_front().unwrap();
        let result = outcome(id, trial.architecture.clone(), accuracy).result;
        self.halving.tell(&Outcome { trial, result }).unwrap();
        let (configuration, rung) = self.asked[id as usize];
        let evaluated = Evaluated {
            configuration,
            rung,
            accuracy,
        };
        self.evaluated.push(evaluated);
        evaluated
    }

    /// Asks and tells until the end, one at a time.
    fn run(&mut self, mut accuracy: impl FnMut(usize, u32) -> Option<f64>) {
        loop {
            match self.ask() {
                Err(Ask::Finished) => return,
                Err(other) => panic!("{other:?} with nothing outstanding"),
                Ok((configuration, rung)) => self.tell(accuracy(configuration, rung)),
            };
        }
    }

    /// How many were asked for at each rung.
    fn per_rung(&self) -> Vec<usize> {
        let mut counts = BTreeMap::new();
        for (_, rung) in &self.asked {
            *counts.entry(*rung).or_insert(0) += 1;
        }
        counts.into_values().collect()
    }
}

/// Algorithm 2 of Li et al. 2020, `get_job`: from all evaluations and promotions so far, without
/// any memory of its own. What it gives is a configuration and its rung, or nothing for a new one
/// at the bottom.
fn get_job(evaluated: &[Evaluated], asked: &[(usize, u32)], rungs: u32, eta: usize) -> Option<(usize, u32)> {
    for k in (0..rungs - 1).rev() {
        let rung: Vec<&Evaluated> = evaluated.iter().filter(|e| e.rung == k).collect();
        // How many of the rung come before it.
        let rank = |e: &Evaluated| {
            let key = |e: &Evaluated| e.accuracy.unwrap_or(-1.0);
            let before = |other: &&&Evaluated| {
                key(other) > key(e) || (key(other) == key(e) && other.configuration < e.configuration)
            };
            rung.iter().filter(before).count()
        };
        let top = |e: &&&Evaluated| rank(e) < rung.len() / eta;
        let promoted = |e: &Evaluated| asked.contains(&(e.configuration, k + 1));
        let promotable = rung
            .iter()
            .filter(top)
            .filter(|e| !promoted(e) && e.accuracy.is_some());
        if let Some(best) = promotable.min_by_key(|e| rank(e)) {
            return Some((best.configuration, k + 1));
        }
    }
    None
}

/// Few different accuracies, so that ties are frequent, and some failures.
fn accuracies() -> impl proptest::strategy::Strategy<Value = Vec<Option<f64>>> {
    let one = prop_oneof![
        1 => Just(None),
        6 => (0..12_u32).prop_map(|twelfths| Some(f64::from(twelfths) / 12.0)),
    ];
    proptest::collection::vec(one, 150)
}

proptest! {
    #[test]
    fn asha_asks_for_what_algorithm_2_asks_for(
        accuracies in accuracies(),
        window in 1..8_usize,
        rungs in 1..5_u32,
        min_epochs in 1..4_u32,
        eta in 2..6_u32,
        s in 0..3_u32,
    ) {
        let config = config(rungs, min_epochs, eta, s, Schedule::Asynchronous {});
        let mut driver = Driver::new(Counter::new(u64::MAX), config);
        let mut drawn = 0;
        for accuracy in accuracies {
            while driver.outstanding.len() < window {
                let expected = get_job(&driver.evaluated, &driver.asked, rungs, eta as usize);
                let job = driver.ask().unwrap();
                prop_assert_eq!(job, expected.unwrap_or((drawn, 0)));
                drawn += usize::from(job.1 == 0);
            }
            driver.tell(accuracy);
        }
    }

    /// Algorithm 1: the next rung has the best ⌊n η^-i⌋ of those evaluated in the one before, and
    /// begins when it is complete.
    #[test]
    fn each_rung_of_a_bracket_has_the_best_of_the_one_before(
        accuracies in accuracies(),
        window in 1..8_usize,
        rungs in 1..4_u32,
        eta in 2..4_u32,
        more in 0..12_usize,
    ) {
        let size = (eta as usize).pow(rungs - 1) + more;
        let schedule = Schedule::Synchronous { configurations: size };
        let mut driver = Driver::new(Counter::new(u64::MAX), config(rungs, 1, eta, 0, schedule));
        for accuracy in accuracies {
            while driver.outstanding.len() < window && driver.ask().is_ok() {}
            prop_assert!(!driver.outstanding.is_empty());
            driver.tell(accuracy);
        }
        let brackets = driver.evaluated.iter().map(|e| e.configuration / size).max().unwrap();
        prop_assert!(brackets > 0);
        for bracket in 0..brackets {
            let all = driver.evaluated.iter().filter(|e| e.configuration / size == bracket);
            for i in 0..rungs {
                let at = |rung| all.clone().filter(move |e| e.rung == rung).copied();
                let mut sound: Vec<Evaluated> = at(i).filter(|e| e.accuracy.is_some()).collect();
                sound.sort_by(|a, b| b.accuracy.partial_cmp(&a.accuracy).unwrap().then(a.configuration.cmp(&b.configuration)));
                sound.truncate(size / (eta as usize).pow(i + 1));
                if i == rungs - 1 {
                    sound.clear();
                }
                let next: Vec<usize> = at(i + 1).map(|e| e.configuration).collect();
                let expected: Vec<usize> = sound.iter().map(|e| e.configuration).collect();
                prop_assert_eq!(next, expected);
            }
        }
    }
}

/// Figure 1 of Li et al. 2020 for the brackets of R = 9 (n = 9 each), the first bracket of
/// Hyperband's table for R = 81, and a number that η does not divide.
#[test]
fn a_bracket_has_as_many_trials_in_each_rung_as_the_paper_says() {
    type Case = (usize, u32, u32, u32, &'static [(u32, usize)]);
    let cases: [Case; 6] = [
        (9, 9, 3, 0, &[(1, 9), (3, 3), (9, 1)]),
        (9, 9, 3, 1, &[(3, 9), (9, 3)]),
        (9, 9, 3, 2, &[(9, 9)]),
        (81, 81, 3, 0, &[(1, 81), (3, 27), (9, 9), (27, 3), (81, 1)]),
        (256, 256, 4, 0, &[(1, 256), (4, 64), (16, 16), (64, 4), (256, 1)]),
        (100, 64, 4, 0, &[(1, 100), (4, 25), (16, 6), (64, 1)]),
    ];
    for (configurations, max_epochs, eta, early_stopping_rate, expected) in cases {
        let config = HalvingConfig {
            min_epochs: 1,
            max_epochs,
            eta,
            early_stopping_rate,
            schedule: Schedule::Synchronous { configurations },
            ..HalvingConfig::default()
        };
        let mut driver = Driver::new(Counter::new(configurations as u64), config.clone());
        driver.run(|configuration, _| Some((configuration * 7 % 101) as f64 / 101.0));
        let rungs = config.rung_epochs().unwrap();
        let counted: Vec<(u32, usize)> = rungs.into_iter().zip(driver.per_rung()).collect();
        assert_eq!(counted, expected);
    }
}

/// 27 configurations, told one by one: a third of each rung is promoted, as in a bracket that
/// waits, plus those that were promoted early and would not be now.
#[test]
fn asha_finishes_when_its_configurations_do_and_no_promotion_is_left() {
    let mut driver = Driver::new(Counter::new(27), config(3, 1, 3, 0, Schedule::Asynchronous {}));
    driver.run(|configuration, _| Some(configuration as f64 / 27.0));
    let counts = driver.per_rung();
    assert_eq!(counts[0], 27);
    assert!(counts[1] >= 9 && counts[2] >= 3, "{counts:?}");
    assert!(driver.asked.contains(&(26, 2)), "the best reaches the top");
    let mut driver = Driver::new(Counter::new(2), config(2, 1, 2, 0, Schedule::Asynchronous {}));
    driver.ask().unwrap();
    driver.ask().unwrap();
    assert_eq!(driver.ask(), Err(Ask::Wait), "an outcome may bring a promotion");
    driver.tell(Some(0.1));
    driver.tell(Some(0.2));
    assert_eq!(driver.ask(), Ok((1, 1)));
    driver.tell(Some(0.3));
    assert_eq!(driver.ask(), Err(Ask::Finished));
}

#[test]
fn a_bracket_waits_for_the_last_outcome_of_a_rung() {
    let schedule = Schedule::Synchronous { configurations: 4 };
    let mut driver = Driver::new(Counter::new(u64::MAX), config(2, 1, 2, 0, schedule));
    for configuration in 0..4 {
        assert_eq!(driver.ask(), Ok((configuration, 0)));
    }
    for accuracy in [0.4, 0.1, 0.2] {
        assert_eq!(driver.ask(), Err(Ask::Wait));
        driver.tell(Some(accuracy));
    }
    assert_eq!(driver.ask(), Err(Ask::Wait));
    driver.tell(Some(0.3));
    assert_eq!((driver.ask(), driver.ask()), (Ok((0, 1)), Ok((3, 1))));
    assert_eq!(driver.ask(), Err(Ask::Wait));
    driver.tell(Some(0.5));
    driver.tell(Some(0.5));
    assert_eq!(driver.ask(), Ok((4, 0)), "another bracket begins");
}

#[test]
fn a_bracket_of_failures_ends_and_the_next_one_begins() {
    let schedule = Schedule::Synchronous { configurations: 3 };
    let mut driver = Driver::new(Counter::new(6), config(2, 1, 3, 0, schedule));
    driver.run(|configuration, _| (configuration >= 3).then_some(0.5));
    let expected = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (3, 1)];
    assert_eq!(driver.asked, expected);
}

#[test]
fn strategies_that_learn_are_halved() {
    let space = Arc::new(TinySpace::new(&[5, 4, 3]));
    let evolution =
        RegularizedEvolution::new(space.clone(), EvolutionConfig::NATS_BENCH, Seed::new(1)).unwrap();
    let local = LocalSearch::new(space, Seed::new(1)).unwrap();
    let inner: [Box<dyn Strategy>; 2] = [Box::new(evolution), Box::new(local)];
    for (inner, name) in inner.into_iter().zip(["evolution+asha", "local-search+asha"]) {
        let mut halving = Halving::new(inner, config(3, 1, 3, 0, Schedule::Asynchronous {})).unwrap();
        assert_eq!(halving.name(), name);
        let mut at_the_top = 0;
        // The space has 60 architectures, which is as many as local search can propose.
        for id in 0..60 {
            let Ask::Evaluate(proposal) = halving.ask().unwrap() else {
                panic!("everything was told")
            };
            at_the_top += u32::from(proposal.fidelity == Some(Fidelity { epochs: 9 }));
            let sum: usize = proposal.architecture.choices().iter().sum();
            let told = outcome(id, proposal.architecture, Some(sum as f64 / 10.0));
            halving.tell(&told).unwrap();
        }
        assert!(at_the_top > 2, "{name}: {at_the_top}");
    }
}

/// Configurations are told in another order than proposed; the inner strategy hears of each by its
/// own number, and promotions are those of what was told.
#[test]
fn outcomes_in_any_order_reach_the_configuration_that_they_are_of() {
    /// Proposes architecture i as proposal i, and notes what it is told.
    #[derive(Default)]
    struct Noting {
        asked: usize,
        heard: Arc<Mutex<Vec<(u64, Architecture)>>>,
    }
    impl Strategy for Noting {
        fn name(&self) -> &str {
            "noting"
        }
        fn ask(&mut self) -> Result<Ask, StrategyError> {
            self.asked += 1;
            Ok(Ask::Evaluate(Proposal::new(Architecture::new([self.asked - 1]))))
        }
        fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
            let Trial { id, architecture, .. } = &outcome.trial;
            self.heard.lock().unwrap().push((*id, architecture.clone()));
            Ok(())
        }
        fn any_order(&self) -> bool {
            true
        }
    }
    let heard = Arc::default();
    let inner = Noting {
        asked: 0,
        heard: Arc::clone(&heard),
    };
    let asha = config(2, 1, 2, 0, Schedule::Asynchronous {});
    let mut halving = Halving::new(Box::new(inner), asha.clone()).unwrap();
    assert!(halving.any_order());
    assert!(!Halving::new(Counter::new(9), asha).unwrap().any_order());
    let architecture = |number| Architecture::new([number]);
    for _ in 0..4 {
        halving.ask().unwrap();
    }
    let tell = |halving: &mut Halving, id: u64, number, accuracy| {
        halving
            .tell(&outcome(id, architecture(number), Some(accuracy)))
            .unwrap();
    };
    tell(&mut halving, 3, 3, 0.5);
    tell(&mut halving, 1, 1, 0.9);
    // Of two, one is promoted: the better, in trial 4.
    let Ask::Evaluate(promoted) = halving.ask().unwrap() else {
        panic!("it never waits")
    };
    assert_eq!(
        (promoted.continues, promoted.architecture),
        (Some(1), architecture(1))
    );
    let Ask::Evaluate(drawn) = halving.ask().unwrap() else {
        panic!("it never waits")
    };
    assert_eq!((drawn.continues, drawn.architecture), (None, architecture(4)));
    // The promoted one is told before older ones, and the one drawn after it too.
    tell(&mut halving, 4, 1, 0.95);
    tell(&mut halving, 5, 4, 0.1);
    tell(&mut halving, 0, 0, 0.2);
    assert!(
        halving.tell(&outcome(5, architecture(4), Some(0.1))).is_err(),
        "told twice"
    );
    let heard = heard.lock().unwrap();
    assert_eq!(
        *heard,
        [3, 1, 4, 0].map(|number| (number, architecture(number as usize)))
    );
}

#[test]
fn outcomes_out_of_turn_and_strategies_that_decide_fidelities_are_refused() {
    let asha = config(2, 1, 2, 0, Schedule::Asynchronous {});
    let mut halving = Halving::new(Counter::new(9), asha.clone()).unwrap();
    let told = outcome(0, Architecture::new([0]), Some(0.5));
    assert!(halving.tell(&told).is_err(), "not asked for");
    halving.ask().unwrap();
    halving.ask().unwrap();
    let unasked = outcome(2, Architecture::new([2]), Some(0.5));
    assert!(matches!(
        halving.tell(&unasked),
        Err(StrategyError::Unexpected { expected: 0, got: 2 })
    ));
    halving.tell(&told).unwrap();
    assert!(halving.tell(&told).is_err(), "told twice");
    let twice = Halving::new(Box::new(halving), asha).unwrap().ask().unwrap_err();
    assert!(
        twice.to_string().contains("'counter+asha' decides itself"),
        "{twice}"
    );
}
