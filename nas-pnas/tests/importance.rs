//! The importance of decisions on functions whose answer is known.

use nas_pnas::PnasError;
use nas_pnas::importance::{Importance, LEAST, MOST, Repeated, importance as of_references};
use nas_space::arch::{Architecture, Decision};
use nas_space::seed::Seed;
use rand::RngExt;

/// So many decisions between so many options.
fn decisions(count: usize, options: usize) -> Vec<Decision> {
    (0..count)
        .map(|place| {
            let names: Vec<String> = (0..options).map(|option| format!("option {option}")).collect();
            Decision::new(format!("decision {place}"), "kind", names)
        })
        .collect()
}

/// Architectures drawn uniformly, with their scores.
fn samples(
    decisions: &[Decision],
    count: usize,
    seed: u64,
    mut score: impl FnMut(&[usize], f64) -> f64,
) -> Vec<(Architecture, f64)> {
    let mut rng = Seed::new(seed).rng();
    (0..count)
        .map(|_| {
            let choices: Vec<usize> = decisions
                .iter()
                .map(|decision| rng.random_range(0..decision.options.len()))
                .collect();
            let noise: f64 = rng.random();
            let score = score(&choices, noise);
            (Architecture::new(choices), score)
        })
        .collect()
}

fn importance(
    decisions: &[Decision],
    samples: &[(Architecture, f64)],
    seed: Seed,
) -> Result<Importance, PnasError> {
    let samples: Vec<(&Architecture, f64)> = samples.iter().map(|(one, score)| (one, *score)).collect();
    of_references(decisions, &samples, seed)
}

fn known(found: &Importance) -> Option<(Repeated, &[Repeated])> {
    match found {
        Importance::Known { r_squared, falls, .. } => Some((*r_squared, falls)),
        _ => None,
    }
}

#[test]
fn a_decision_that_explains_all_is_the_only_one_of_importance() {
    let decisions = decisions(6, 5);
    let samples = samples(&decisions, 200, 1, |choices, _| {
        [0.1, 0.9, 0.3, 0.5, 0.7][choices[0]]
    });
    let found = importance(&decisions, &samples, Seed::new(7)).unwrap();
    let (r_squared, falls) = known(&found).unwrap();
    assert!(r_squared.low > 0.9 && r_squared.high <= 1.0, "{r_squared:?}");
    assert!(
        falls[0].low > 1.0,
        "shuffled, the forest is worse than the mean: {falls:?}"
    );
    for other in &falls[1..] {
        assert!(other.mean.abs() < 0.02 * falls[0].mean, "{falls:?}");
    }
    for fall in falls {
        assert!(fall.low <= fall.mean && fall.mean <= fall.high);
    }
}

/// Neither says anything alone: the score is whether both have the same option.
#[test]
fn two_decisions_that_interact_are_both_important() {
    let decisions = decisions(6, 2);
    let all = (0..64_usize).map(|code| {
        let choices: Vec<usize> = (0..6).map(|place| code >> place & 1).collect();
        let score = f64::from(u8::from(choices[1] == choices[4]));
        (Architecture::new(choices), score)
    });
    let samples: Vec<(Architecture, f64)> = all.collect();
    let found = importance(&decisions, &samples, Seed::new(3)).unwrap();
    let (r_squared, falls) = known(&found).unwrap();
    assert!(r_squared.low > 0.0, "{r_squared:?}");
    let others = [0, 2, 3, 5].map(|place| falls[place].high);
    let most = others.into_iter().fold(f64::NEG_INFINITY, f64::max);
    for place in [1, 4] {
        assert!(falls[place].low > 0.1 && falls[place].low > most, "{falls:?}");
    }
}

#[test]
fn of_noise_alone_nothing_is_known() {
    let decisions = decisions(6, 5);
    let mut shown = 0;
    for seed in 0..40 {
        let count = if seed % 2 == 0 { 40 } else { 300 };
        let samples = samples(&decisions, count, seed, |_, noise| noise);
        match importance(&decisions, &samples, Seed::new(seed)).unwrap() {
            Importance::Unexplained { r_squared } => assert!(r_squared.low <= 0.0),
            other => {
                println!("{seed}: {other:?}");
                shown += 1;
            }
        }
    }
    println!("{shown} of 40 have an R² above 0 by chance");
    assert!(shown <= 2, "{shown} of 40");
}

#[test]
fn the_same_samples_give_the_same_bits_with_any_number_of_threads() {
    let decisions = decisions(5, 3);
    let samples = samples(&decisions, 120, 5, |choices, noise| {
        choices[2] as f64 + 0.5 * choices[3] as f64 + 0.2 * noise
    });
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let several = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let of = || importance(&decisions, &samples, Seed::new(2)).unwrap();
    let (first, second) = (alone.install(of), several.install(of));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    let other = importance(&decisions, &samples, Seed::new(3)).unwrap();
    assert_ne!(first, other, "the seed matters");
}

#[test]
fn few_equal_and_many_samples_are_told_apart() {
    let decisions = decisions(6, 5);
    let few = samples(&decisions, LEAST - 1, 1, |choices, _| choices[0] as f64);
    let of = |samples: &[(Architecture, f64)]| importance(&decisions, samples, Seed::new(1)).unwrap();
    assert_eq!(of(&few), Importance::TooFew { distinct: LEAST - 1 });
    // The same architectures over again are not more.
    let again: Vec<(Architecture, f64)> = (0..10).flat_map(|_| few.clone()).collect();
    assert_eq!(of(&again), Importance::TooFew { distinct: LEAST - 1 });
    let equal = samples(&decisions, 100, 1, |_, _| 0.5);
    assert_eq!(of(&equal), Importance::Alike);
    let many = samples(&decisions, 3_000, 1, |choices, _| choices[0] as f64);
    let Importance::Known { used, distinct, .. } = of(&many) else {
        panic!("nothing is known");
    };
    assert!(used == MOST && distinct > 2_000, "{used}, {distinct}");
}
