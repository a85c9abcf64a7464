//! Hyperband against algorithm 1 of Li et al. 2018, written out a second time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use nas_space::arch::Architecture;
use nas_space::search::{Ask, Fidelity, Outcome, Proposal, Strategy, StrategyError, Trial, TrialId};
use nas_space::seed::Seed;
use nas_space::testing::outcome;
use proptest::prelude::*;

use super::super::*;
use crate::{EvoError, RandomSearch, RandomSearchConfig};

/// What inner strategies were told: which one, the number it knows the configuration by, and the
/// epochs.
type Heard = Arc<Mutex<Vec<(usize, TrialId, u32)>>>;

/// Proposes [which, 0], [which, 1], … up to a limit, and keeps what it is told.
struct Counter {
    which: usize,
    limit: u64,
    asked: u64,
    heard: Heard,
}

impl Strategy for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        if self.asked == self.limit {
            return Ok(Ask::Finished);
        }
        self.asked += 1;
        let number = self.asked as usize - 1;
        Ok(Ask::Evaluate(Proposal::new(Architecture::new([
            self.which, number,
        ]))))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let Trial { id, fidelity, .. } = outcome.trial;
        assert_eq!(
            outcome.trial.architecture,
            Architecture::new([self.which, id as usize])
        );
        self.heard.lock().unwrap().push((self.which, id, fidelity.epochs));
        Ok(())
    }
}

fn config(max_epochs: u32, eta: u32) -> HalvingConfig {
    HalvingConfig {
        max_epochs,
        eta,
        schedule: Schedule::Hyperband {},
        ..HalvingConfig::default()
    }
}

fn hyperband(config: HalvingConfig, limit: u64) -> (Halving, Heard) {
    let heard = Heard::default();
    let inner = |which| -> Box<dyn Strategy> {
        Box::new(Counter {
            which,
            limit,
            asked: 0,
            heard: Arc::clone(&heard),
        })
    };
    let all = (0..config.strategies().unwrap()).map(inner).collect();
    (Halving::of_each(all, config).unwrap(), heard)
}

/// A trial: which configuration of which bottom rung, and its epochs.
type Asked = (usize, usize, u32);

/// A fixed accuracy for each configuration and number of epochs; one in eight fails.
fn accuracy((bottom, number, epochs): Asked, salt: u64) -> Option<f64> {
    let seed = Seed::new(salt)
        .derive("bottom", bottom as u64)
        .derive("number", number as u64);
    let value = seed.derive("epochs", u64::from(epochs)).value();
    (!value.is_multiple_of(8)).then_some((value >> 32) as f64 / f64::from(u32::MAX))
}

/// Asks with up to `window` trials outstanding until `trials` were told or nothing is left.
fn run(halving: &mut Halving, window: usize, trials: usize, salt: u64) -> Vec<Asked> {
    let (mut asked, mut outstanding) = (Vec::new(), VecDeque::new());
    let mut told = 0;
    while told < trials {
        while outstanding.len() < window {
            let Ask::Evaluate(proposal) = halving.ask().unwrap() else {
                break;
            };
            let choices = proposal.architecture.choices();
            let one = (choices[0], choices[1], proposal.fidelity.unwrap().epochs);
            asked.push(one);
            outstanding.push_back((proposal, one));
        }
        let Some((proposal, one)) = outstanding.pop_front() else {
            assert_eq!(halving.ask().unwrap(), Ask::Finished);
            break;
        };
        let id = told as TrialId;
        let fidelity = Fidelity { epochs: one.2 };
        let trial = Trial::new(id, proposal.architecture.clone(), fidelity, Seed::new(0));
        let result = outcome(id, proposal.architecture, accuracy(one, salt)).result;
        halving.tell(&Outcome { trial, result }).unwrap();
        told += 1;
    }
    asked.truncate(trials);
    asked
}

/// Algorithm 1, round after round, with everything evaluated at once.
fn algorithm_1(max_epochs: u32, eta: u32, trials: usize, salt: u64) -> Vec<Asked> {
    let s_max = (0..).take_while(|&s| eta.pow(s) <= max_epochs).count() as u32 - 1;
    let mut drawn = vec![0; s_max as usize + 1];
    let mut asked = Vec::new();
    while asked.len() < trials {
        for s in (0..=s_max).rev() {
            let bottom = (s_max - s) as usize;
            let n = (f64::from((s_max + 1) * eta.pow(s)) / f64::from(s + 1)).ceil() as usize;
            let mut configurations: Vec<usize> = (drawn[bottom]..drawn[bottom] + n).collect();
            drawn[bottom] += n;
            for i in 0..=s {
                let epochs = eta.pow(s_max - s + i);
                let evaluated = configurations.iter().map(|&number| (bottom, number, epochs));
                let evaluated: Vec<Asked> = evaluated.collect();
                asked.extend(evaluated.iter().copied());
                let mut sound: Vec<Asked> = evaluated;
                sound.retain(|&one| accuracy(one, salt).is_some());
                sound.sort_by(|&a, &b| accuracy(b, salt).partial_cmp(&accuracy(a, salt)).unwrap());
                sound.truncate(n / (eta.pow(i + 1) as usize));
                configurations = sound.into_iter().map(|(_, number, _)| number).collect();
            }
        }
    }
    asked.truncate(trials);
    asked
}

proptest! {
    #[test]
    fn hyperband_asks_for_what_algorithm_1_asks_for(
        max_epochs in 1..90_u32,
        eta in 2..5_u32,
        window in 1..9_usize,
        salt in any::<u64>(),
    ) {
        let (mut halving, _) = hyperband(config(max_epochs, eta), u64::MAX);
        let asked = run(&mut halving, window, 400, salt);
        prop_assert_eq!(asked, algorithm_1(max_epochs, eta, 400, salt));
    }
}

#[test]
fn each_bracket_has_an_inner_strategy_that_hears_of_its_bottom_rung_alone() {
    let (mut halving, heard) = hyperband(config(9, 3), u64::MAX);
    assert_eq!(halving.name(), "counter+hyperband");
    // Brackets of 9, 5 and 3 configurations: 9 + 3 + 1, 5 + 1 and 3 trials a round.
    run(&mut halving, 4, 2 * (13 + 6 + 3), 1);
    for (which, (per_round, epochs)) in [(9, 1), (5, 3), (3, 9)].into_iter().enumerate() {
        let heard = heard.lock().unwrap();
        let of_it: Vec<_> = heard.iter().filter(|one| one.0 == which).collect();
        assert_eq!(of_it.len(), 2 * per_round);
        for (number, &&(_, id, after)) in of_it.iter().enumerate() {
            assert_eq!((id, after), (number as TrialId, epochs));
        }
    }
}

#[test]
fn hyperband_ends_when_all_of_its_strategies_do_and_goes_on_with_those_that_do_not() {
    let (mut halving, heard) = hyperband(config(9, 3), 4);
    run(&mut halving, 3, usize::MAX, 2);
    let heard = heard.lock().unwrap();
    for which in 0..3 {
        assert_eq!(heard.iter().filter(|one| one.0 == which).count(), 4);
    }
}

#[test]
fn rungs_that_are_named_are_those_of_the_brackets() {
    let config = HalvingConfig {
        rungs: vec![12, 200],
        ..config(200, 4)
    };
    let (mut halving, _) = hyperband(config, u64::MAX);
    let asked = run(&mut halving, 1, 7, 3);
    let epochs: Vec<u32> = asked.iter().map(|one| one.2).collect();
    // Four at 12, one of them at 200, two at 200 at once.
    assert_eq!(epochs, [12, 12, 12, 12, 200, 200, 200]);
    assert_eq!(asked[5].0, 1, "of the second strategy");
}

#[test]
fn another_number_of_strategies_than_there_are_bottom_rungs_is_refused() {
    let space = Arc::new(nas_space::testing::TinySpace::new(&[3]));
    let random = RandomSearch::new(space, RandomSearchConfig::default(), Seed::new(1)).unwrap();
    let error = Halving::new(Box::new(random), config(9, 3)).unwrap_err();
    assert_eq!(error, EvoError::Strategies { expected: 3, got: 1 });
    assert!(
        error
            .to_string()
            .contains("1 inner strategies were given; expected 3")
    );
}
