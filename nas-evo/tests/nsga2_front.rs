//! The front that NSGA-II finds in NAS-Bench-201 against the exact one of all 15,625 cells:
//! validation accuracy after 12 epochs on CIFAR-10, and the latency measured on a device
//! (HW-NAS-Bench and HELP).
//!
//! The latencies are not part of this repository: where they are not there, the test says so and
//! passes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that prints what it measured, or that it has nothing to measure"
)]

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use nas_evo::nsga2::first_front;
use nas_evo::{Nsga2, Nsga2Config, Objective, RandomSearch, RandomSearchConfig};
use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::search::{Ask, Evaluator, Fidelity, Outcome, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::sizes::{Figures, Sizes};
use nas_space::spaces::{Space, nb201, nb201_by_index};
use nas_tables::{TabularEvaluator, built_in};

const SEEDS: u64 = 20;
const TRIALS: u64 = 500;
/// A small computer, a phone, an accelerator and a GPU.
const DEVICES: [&str; 4] = ["raspi4", "pixel3", "eyeriss", "titan_rtx_256"];

/// The latency of every cell on one device.
#[derive(Debug)]
struct Latency(HashMap<Architecture, f64>);

impl Sizes for Latency {
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError> {
        Ok(Figures {
            named: [("latency".to_owned(), self.0[architecture])].into(),
            ..Figures::default()
        })
    }

    fn known(&self) -> Vec<String> {
        vec!["latency".to_owned()]
    }
}

/// The latencies on each of [`DEVICES`], if the file is there.
fn latencies() -> Option<Vec<Latency>> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/nb201/nb201_latency_help_ms.csv.gz");
    let Ok(file) = std::fs::File::open(path) else {
        eprintln!("nb201_latency_help_ms.csv.gz is not there: nothing to measure");
        return None;
    };
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let columns = DEVICES.map(|device| header.iter().position(|name| *name == device).unwrap());
    let mut all: Vec<Latency> = DEVICES.iter().map(|_| Latency(HashMap::new())).collect();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let architecture = nb201_by_index(fields[0].parse().unwrap()).unwrap();
        for (latency, column) in all.iter_mut().zip(columns) {
            latency
                .0
                .insert(architecture.clone(), fields[column].parse().unwrap());
        }
    }
    Some(all)
}

fn trial(id: u64, architecture: Architecture) -> Trial {
    Trial::new(id, architecture, Fidelity { epochs: 12 }, Seed::new(id))
}

/// What the points dominate of the accuracies and latencies between the best and `reference`; both
/// to be minimised.
fn hypervolume(points: &[[f64; 2]], reference: [f64; 2]) -> f64 {
    let mut front: Vec<[f64; 2]> = first_front(points).iter().map(|&place| points[place]).collect();
    front.sort_by(|a, b| a[1].total_cmp(&b[1]));
    let (mut volume, mut reached) = (0.0, reference[0]);
    for [accuracy, latency] in front {
        volume += (reached - accuracy).max(0.0) * (reference[1] - latency).max(0.0);
        reached = reached.min(accuracy);
    }
    volume
}

/// A device's table, and the hypervolumes of its exact front.
struct Device {
    latency: Arc<Latency>,
    /// From the worst accuracy and latency of all cells; and, narrower, from an accuracy of 80 % and
    /// the latency of the most accurate cell, which leaves out what every search finds.
    references: [[f64; 2]; 2],
    exact: [f64; 2],
}

impl Device {
    fn new(name: &str, latency: Latency, evaluator: &TabularEvaluator) -> Self {
        let all: Vec<[f64; 2]> = (0..15_625)
            .map(|index| {
                let architecture = nb201_by_index(index).unwrap();
                let milliseconds = latency.0[&architecture];
                let evaluation = evaluator.evaluate(&trial(0, architecture)).unwrap();
                [-evaluation.valid_accuracy, milliseconds]
            })
            .collect();
        let worst = |of: usize| all.iter().map(|point| point[of]).fold(f64::MIN, f64::max);
        let most_accurate = all.iter().min_by(|a, b| a[0].total_cmp(&b[0])).unwrap();
        let references = [[worst(0), worst(1)], [-0.8, most_accurate[1]]];
        println!("{name}: an exact front of {} cells", first_front(&all).len());
        Self {
            latency: Arc::new(latency),
            references,
            exact: references.map(|reference| hypervolume(&all, reference)),
        }
    }

    /// By both references, the shares of the exact hypervolume that a search finds: the mean over
    /// the seeds, and the worst.
    fn shares(
        &self,
        evaluator: &TabularEvaluator,
        make: impl Fn(Seed) -> Box<dyn Strategy>,
    ) -> [(f64, f64); 2] {
        let of_seed = |seed| {
            let points = search(make(Seed::new(seed)).as_mut(), evaluator, &self.latency);
            [0, 1].map(|which| hypervolume(&points, self.references[which]) / self.exact[which])
        };
        let shares: Vec<[f64; 2]> = (0..SEEDS).map(of_seed).collect();
        [0, 1].map(|which| {
            let shares = shares.iter().map(|share| share[which]);
            let mean = shares.clone().sum::<f64>() / SEEDS as f64;
            (mean, shares.fold(f64::MAX, f64::min))
        })
    }

    fn nsga2(&self, space: &Arc<dyn Space>, population: usize, offspring: usize, seed: Seed) -> Nsga2 {
        let config = Nsga2Config {
            population,
            offspring,
            objectives: vec![Objective::Accuracy, "latency".parse().unwrap()],
        };
        Nsga2::new(Arc::clone(space), config, self.latency.clone(), seed).unwrap()
    }
}

/// The points of `TRIALS` trials.
fn search(strategy: &mut dyn Strategy, evaluator: &TabularEvaluator, latency: &Latency) -> Vec<[f64; 2]> {
    let trials = (0..TRIALS).map(|id| {
        let Ask::Evaluate(proposal) = strategy.ask().unwrap() else {
            panic!("no method waits or ends here")
        };
        let trial = trial(id, proposal.architecture);
        let result = evaluator.evaluate(&trial);
        let point = [
            -result.as_ref().unwrap().valid_accuracy,
            latency.0[&trial.architecture],
        ];
        strategy.tell(&Outcome { trial, result }).unwrap();
        point
    });
    trials.collect()
}

/// The program's default, in 500 trials. 97 % of the whole volume is what random search finds on most
/// devices, too; the narrow one tells them apart.
#[test]
fn nsga2_finds_nearly_all_of_the_exact_front_of_accuracy_and_measured_latency() {
    let Some(latencies) = latencies() else {
        return;
    };
    let evaluator = TabularEvaluator::new(Arc::new(built_in("nb201").unwrap()), "cifar10").unwrap();
    let space: Arc<dyn Space> = Arc::new(nb201());
    for (name, latency) in DEVICES.into_iter().zip(latencies) {
        let device = Device::new(name, latency, &evaluator);
        let measure = |what: &str, make: &dyn Fn(Seed) -> Box<dyn Strategy>| {
            let [whole, narrow] = device.shares(&evaluator, make);
            println!(
                "{name}, {what}: mean {:.4}, worst {:.4} of the hypervolume; narrow {:.4}, {:.4}",
                whole.0, whole.1, narrow.0, narrow.1
            );
            [whole, narrow]
        };
        let [_, random] = measure("random search", &|seed| {
            Box::new(RandomSearch::new(Arc::clone(&space), RandomSearchConfig::default(), seed).unwrap())
        });
        let nsga2 = |what: &str, population, offspring| {
            measure(what, &|seed| {
                Box::new(device.nsga2(&space, population, offspring, seed))
            })
        };
        let small = Nsga2Config::small();
        let [whole, narrow] = nsga2("the default", small.population, small.offspring);
        nsga2("population 30", 30, 1);
        let published = Nsga2Config::default();
        nsga2(
            "the published settings",
            published.population,
            published.offspring,
        );
        assert!(whole.0 >= 0.97 && whole.1 >= 0.97, "{name}: {whole:?}");
        assert!(
            narrow.0 >= 0.92 && narrow.0 >= random.0 + 0.05,
            "{name}: {narrow:?}, random search {random:?}"
        );
    }
}
