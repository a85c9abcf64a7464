//! Which paths a step trains.

use nas_space::arch::Architecture;
use nas_space::spaces::Space;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// One path, drawn uniformly (Guo et al. 2020, section 3.3).
pub fn uniform(space: &dyn Space, rng: &mut ChaCha8Rng) -> Architecture {
    space.sample(rng)
}

/// Paths by which every option of every decision is trained equally often (Chu et al. 2021,
/// section 3.2): as many as the decision with most options has, K. For each decision its options
/// are dealt out to the paths in a random order. Those of a decision with n < K options are dealt
/// out again until all paths have one, so that each is in ⌊K / n⌋ or ⌈K / n⌉ paths.
pub fn fair(space: &dyn Space, rng: &mut ChaCha8Rng) -> Vec<Architecture> {
    let options = space.decisions().iter().map(|decision| decision.options.len());
    let paths = options.clone().max().unwrap_or(0);
    let mut choices = vec![Vec::new(); paths];
    for options in options {
        let mut dealt = Vec::new();
        for _ in 0..paths.div_ceil(options.max(1)) {
            let mut round: Vec<usize> = (0..options).collect();
            round.shuffle(rng);
            dealt.extend(round);
        }
        for (path, option) in choices.iter_mut().zip(dealt) {
            path.push(option);
        }
    }
    choices.into_iter().map(Architecture::new).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nas_space::seed::Seed;
    use nas_space::spaces::{darts, nb201};
    use nas_space::testing::TinySpace;

    use super::*;

    /// How often each option of a decision is in the paths.
    fn counts(paths: &[Architecture], decision: usize, options: usize) -> Vec<usize> {
        let mut counts = vec![0; options];
        for path in paths {
            counts[path.choices()[decision]] += 1;
        }
        counts
    }

    #[test]
    fn each_option_of_each_decision_is_in_exactly_one_path() {
        let space = nb201();
        let mut rng = Seed::new(1).rng();
        for _ in 0..50 {
            let paths = fair(&space, &mut rng);
            assert_eq!(paths.len(), 5);
            for decision in 0..6 {
                assert_eq!(counts(&paths, decision, 5), [1; 5]);
            }
            assert!(paths.iter().all(|path| space.validate(path).is_ok()));
        }
    }

    #[test]
    fn options_of_smaller_decisions_are_dealt_out_again() {
        let space = TinySpace::new(&[5, 2, 1]);
        let mut rng = Seed::new(2).rng();
        let mut remainders = [0_usize; 2];
        for _ in 0..400 {
            let paths = fair(&space, &mut rng);
            assert_eq!(counts(&paths, 0, 5), [1; 5]);
            assert_eq!(counts(&paths, 2, 1), [5]);
            let of_two = counts(&paths, 1, 2);
            assert!(of_two == [2, 3] || of_two == [3, 2], "{of_two:?}");
            remainders[usize::from(of_two == [2, 3])] += 1;
        }
        // The standard deviation is 10.
        assert!(remainders[0].abs_diff(200) < 50, "{remainders:?}");
        let space = darts();
        for path in fair(&space, &mut rng) {
            space.validate(&path).unwrap();
        }
    }

    /// Of two decisions in one path of a step, all pairs of options are as likely: χ² of 25 cells.
    #[test]
    fn fair_paths_are_uniform_one_by_one_and_decisions_are_independent() {
        let space = nb201();
        let mut rng = Seed::new(3).rng();
        let mut pairs = BTreeMap::new();
        for _ in 0..10_000 {
            let path = &fair(&space, &mut rng)[2];
            *pairs
                .entry((path.choices()[1], path.choices()[4]))
                .or_insert(0_u32) += 1;
        }
        // The 99.9th percentile of χ² with 24 degrees of freedom.
        let chi = chi_square(pairs.values().copied(), 25, 10_000);
        assert!(chi < 51.18, "{chi}");
    }

    /// Each option of each decision, and each pair of options of two decisions.
    #[test]
    fn uniform_paths_pass_a_chi_square_test() {
        let space = nb201();
        let mut rng = Seed::new(4).rng();
        let (mut options, mut pairs) = (vec![BTreeMap::new(); 6], BTreeMap::new());
        for _ in 0..10_000 {
            let path = uniform(&space, &mut rng);
            for (counts, &choice) in options.iter_mut().zip(path.choices()) {
                *counts.entry(choice).or_insert(0_u32) += 1;
            }
            *pairs
                .entry((path.choices()[0], path.choices()[5]))
                .or_insert(0_u32) += 1;
        }
        for (decision, counts) in options.iter().enumerate() {
            // The 99.9th percentile of χ² with 4 degrees of freedom.
            let chi = chi_square(counts.values().copied(), 5, 10_000);
            assert!(chi < 18.47, "decision {decision}: {chi}");
        }
        let chi = chi_square(pairs.values().copied(), 25, 10_000);
        assert!(chi < 51.18, "{chi}");
    }

    fn chi_square(counts: impl ExactSizeIterator<Item = u32>, cells: usize, draws: u32) -> f64 {
        assert_eq!(counts.len(), cells, "a cell is empty");
        let expected = f64::from(draws) / cells as f64;
        counts
            .map(|count| (f64::from(count) - expected).powi(2) / expected)
            .sum()
    }
}
