//! How busy workers are whose trials take very different times, in simulated time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::f64::consts::TAU;
use std::sync::Arc;

use nas_evo::{EvolutionConfig, RegularizedEvolution};
use nas_space::arch::Architecture;
use nas_space::search::{Budget, Evaluation, Evaluator, Failure, Fidelity, Stop, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::{Space, nb201};

use super::simulated::{Run, Simulated, uniform};
use crate::testing::{Evaluate, timeless};
use crate::{Commit, Store, StudyConfig, TellOrder};

const SLOTS: usize = 64;
const TRIALS: u64 = 5_000;

/// Nanoseconds, log-normal: the logarithm has the standard deviation 1; the mean is a minute.
fn length(trial: &Trial) -> u64 {
    let draw = |which| 1.0 - uniform(trial.seed.derive("length", which));
    let normal = (-2.0 * draw(0).ln()).sqrt() * (TAU * draw(1)).cos();
    (60e9 * (normal - 0.5).exp()) as u64
}

fn evaluate(trial: &Trial) -> Result<Evaluation, Failure> {
    let sum: usize = trial.architecture.choices().iter().sum();
    let noise = uniform(trial.seed.derive("noise", 0));
    Ok(Evaluation {
        cost_seconds: length(trial) as f64 / 1e9,
        ..Evaluation::new((sum as f64 + noise) / 40.0, trial.fidelity.epochs)
    })
}

struct Measured {
    /// Of the time of all slots until the last trial ends.
    whole: f64,
    /// Of their time until the last trial begins.
    while_there_are_trials: f64,
    makespan: u64,
}

/// Runs regularized evolution, and checks that its records are those of its replay.
fn measure(seed: u64, tell: TellOrder, batch: u32) -> Measured {
    let space: Arc<dyn Space> = Arc::new(nb201());
    let evolution = || {
        RegularizedEvolution::new(Arc::clone(&space), EvolutionConfig::default(), Seed::new(seed)).unwrap()
    };
    let evaluator = Evaluate(evaluate);
    let config = StudyConfig {
        budget: Budget::trials(TRIALS),
        batch,
        tell,
        ..StudyConfig::new(
            evolution().name(),
            space.name(),
            evaluator.description(),
            Seed::new(seed),
        )
    };
    let run = |store: &mut Store, evaluator: &dyn Evaluator, slots| {
        let mut strategy = evolution();
        let mut crew = Simulated::new(evaluator, slots, &length);
        Run {
            space: space.as_ref(),
            strategy: &mut strategy,
            evaluator,
            stop: Stop::new(),
            commit: Commit::EveryStep,
        }
        .silently(store, &config, &mut crew)
        .unwrap();
        (crew.now, crew.busy, crew.at_last)
    };
    let mut store = Store::in_memory().unwrap();
    let (makespan, busy, at_last) = run(&mut store, &evaluator, SLOTS);
    let records = timeless(&store);
    assert_eq!(records.len() as u64, TRIALS);
    let nobody = Evaluate(|_: &Trial| panic!("everything is on record"));
    run(&mut store, &nobody, 1);
    assert_eq!(timeless(&store), records);
    Measured {
        whole: busy as f64 / (SLOTS as u64 * makespan) as f64,
        while_there_are_trials: at_last.1 as f64 / (SLOTS as u64 * at_last.0) as f64,
        makespan,
    }
}

/// The shortest time for these trials in their order, if none waits for the outcome of another.
fn ideal(seed: u64) -> u64 {
    let mut free: BinaryHeap<Reverse<u64>> = (0..SLOTS).map(|_| Reverse(0)).collect();
    let mut end = 0;
    for id in 0..TRIALS {
        let Reverse(now) = free.pop().unwrap();
        let trial_seed = Seed::new(seed).derive("trial", id);
        let trial = Trial::new(id, Architecture::new([]), Fidelity { epochs: 1 }, trial_seed);
        free.push(Reverse(now + length(&trial)));
        end = end.max(now + length(&trial));
    }
    end
}

/// With the order of completion, no worker waits for another's trial: the study ends when it would
/// if proposals did not depend on outcomes. What is missing to 100 % is the end, when no trial is
/// left and the longest one still runs.
#[test]
fn workers_are_busy_whatever_their_trials_take() {
    println!("busy until the last trial begins | until it ends; 5,000 trials on 64 slots, log-normal, σ = 1");
    for seed in 1..=3 {
        let completion = measure(seed, TellOrder::Completion, SLOTS as u32);
        assert_eq!(completion.makespan, ideal(seed));
        assert!(completion.while_there_are_trials >= 0.95);
        let share = |measured: &Measured| {
            let [all, until] = [measured.whole, measured.while_there_are_trials].map(|share| 100.0 * share);
            format!(
                "{until:.1} % | {all:.1} % ({:.1} h)",
                measured.makespan as f64 / 3600e9
            )
        };
        println!("seed {seed}, completion, batch 64: {}", share(&completion));
        for batch in [64, 256] {
            let trial = measure(seed, TellOrder::Trial, batch);
            println!("seed {seed}, trial, batch {batch}: {}", share(&trial));
            assert!(trial.whole < completion.whole);
        }
    }
}
