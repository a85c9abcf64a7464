use rand::RngExt;

use super::*;

fn pairs(scores: &[f64], accuracies: &[f64]) -> Vec<(f64, f64)> {
    scores.iter().copied().zip(accuracies.iter().copied()).collect()
}

fn close(figure: Option<Bounded>, expected: f64) {
    let value = figure.unwrap().value;
    assert!((value - expected).abs() < 1e-12, "{value}, expected {expected}");
}

/// Scores 1 2 2 3, accuracies 1 3 2 3. Of six pairs of architectures, four have the same order in
/// both: first and second, first and third, first and fourth, third and fourth. One has equal scores
/// and another equal accuracies, so τ-b = 4 / √(5 · 5). The ranks are 1, 2.5, 2.5, 4 and 1, 3.5, 2,
/// 3.5; less their mean, −1.5, 0, 0, 1.5 and −1.5, 1, −0.5, 1. So ρ = 3.75 / √(4.5 · 4.5).
#[test]
fn ties_are_counted_as_by_hand() {
    let ranking = Ranking::of(&pairs(&[1.0, 2.0, 2.0, 3.0], &[1.0, 3.0, 2.0, 3.0]));
    close(ranking.kendall, 0.8);
    close(ranking.spearman, 3.75 / 4.5);
    assert_eq!(ranking.kendall.unwrap().interval, None, "too few for an interval");
    assert_eq!(ranking.top, None);
}

/// ```python
/// x = [(7 * i * i + 3 * i) % 11 for i in range(40)]
/// y = [(5 * i + i * i) % 7 + i // 9 for i in range(40)]
/// scipy.stats.spearmanr(x, y).statistic, scipy.stats.kendalltau(x, y, variant="b").statistic
/// x = [i + 9 * ((i * 37) % 50) / 50 for i in range(200)]
/// y = [i + 40 * ((i * 73) % 101) / 101 for i in range(200)]
/// ```
#[test]
fn correlations_are_those_of_scipy() {
    let x: Vec<f64> = (0..40).map(|i| f64::from((7 * i * i + 3 * i) % 11)).collect();
    let y: Vec<f64> = (0..40).map(|i| f64::from((5 * i + i * i) % 7 + i / 9)).collect();
    let ranking = Ranking::of(&pairs(&x, &y));
    close(ranking.spearman, SCIPY_TIED.0);
    close(ranking.kendall, SCIPY_TIED.1);
    let x: Vec<f64> = (0..200)
        .map(|i| f64::from(i) + 9.0 * f64::from(i * 37 % 50) / 50.0)
        .collect();
    let y: Vec<f64> = (0..200)
        .map(|i| f64::from(i) + 40.0 * f64::from(i * 73 % 101) / 101.0)
        .collect();
    let ranking = Ranking::of(&pairs(&x, &y));
    close(ranking.spearman, SCIPY.0);
    close(ranking.kendall, SCIPY.1);
}

const SCIPY_TIED: (f64, f64) = (0.062_892_422_298_219_56, 0.047_285_981_906_130_356);
const SCIPY: (f64, f64) = (0.975_430_885_772_144_5, 0.844_924_623_115_577_8);

/// The same by comparing all pairs, with ties, infinities and both zeros.
#[test]
fn kendall_is_what_comparing_all_pairs_gives() {
    let mut rng = Seed::new(5).rng();
    for n in [3, 4, 9, 31, 64] {
        let drawn: Vec<(f64, f64)> = (0..n)
            .map(|_| {
                let score = match rng.random_range(0..8) {
                    0 => f64::NEG_INFINITY,
                    1 => -0.0,
                    other => f64::from(other - 2),
                };
                (score, f64::from(rng.random_range(0..5)))
            })
            .collect();
        let (mut difference, mut scores, mut accuracies) = (0.0, 0.0, 0.0);
        for (i, a) in drawn.iter().enumerate() {
            for b in &drawn[..i] {
                let sign = |x: f64, y: f64| f64::from(i8::from(x > y) - i8::from(x < y));
                let (by_score, by_accuracy) = (sign(a.0, b.0), sign(a.1, b.1));
                difference += by_score * by_accuracy;
                scores += by_score.abs();
                accuracies += by_accuracy.abs();
            }
        }
        let ranking = Ranking::of(&drawn);
        let expected: f64 = difference / f64::sqrt(scores * accuracies);
        match ranking.kendall {
            Some(found) => assert!((found.value - expected).abs() < 1e-12),
            None => assert!(expected.is_nan()),
        }
    }
}

#[test]
fn the_same_order_is_1_and_the_opposite_one_minus_1() {
    let x: Vec<f64> = (0..20).map(f64::from).collect();
    let opposite: Vec<f64> = x.iter().map(|value| (-value).exp()).collect();
    let same = Ranking::of(&pairs(&x, &x));
    for figure in [same.spearman, same.kendall, same.top] {
        assert_eq!(
            (figure.unwrap().value, figure.unwrap().interval),
            (1.0, Some([1.0, 1.0]))
        );
    }
    let ranking = Ranking::of(&pairs(&opposite, &x));
    assert_eq!(ranking.spearman.unwrap().value, -1.0);
    assert_eq!(ranking.kendall.unwrap().value, -1.0);
    assert_eq!(ranking.top.unwrap().value, 0.0);
}

#[test]
fn the_top_counts_what_is_best_by_both_and_shares_ties() {
    // Two of 20 are the best: by accuracy 18 and 19, by score 19 and 0.
    let x: Vec<f64> = (0..20).map(f64::from).collect();
    let mut scores = x.clone();
    scores[0] = 100.0;
    close(Ranking::of(&pairs(&scores, &x)).top, 0.5);
    // By score, 19 is the best, and each of the others is the second best with probability 1/19.
    let tied: Vec<f64> = (0..20).map(|i| f64::from(u8::from(i == 19))).collect();
    close(Ranking::of(&pairs(&tied, &x)).top, (1.0 + 1.0 / 19.0) / 2.0);
    // 21 architectures have three best ones, which are at least 10 %.
    let x: Vec<f64> = (0..21).map(f64::from).collect();
    let mut scores = x.clone();
    scores[18] = -1.0;
    close(Ranking::of(&pairs(&scores, &x)).top, 2.0 / 3.0);
}

#[test]
fn what_has_no_order_has_no_correlation() {
    let constant = Ranking::of(&pairs(&[1.0; 12], &[0.5; 12]));
    assert_eq!((constant.spearman, constant.kendall), (None, None));
    close(constant.top, 2.0 / 12.0);
    assert_eq!(Ranking::of(&[]).architectures, 0);
    let two = Ranking::of(&pairs(&[1.0, 2.0], &[1.0, 2.0]));
    assert_eq!((two.spearman, two.kendall, two.top), (None, None, None));
    let with_nan = Ranking::of(&pairs(&[f64::NAN, 1.0, 2.0, 3.0], &[0.0, 1.0, 2.0, 3.0]));
    assert_eq!(with_nan.architectures, 3);
}

/// Of normal numbers with correlation r, ρ is 6/π · asin(r/2) and τ is 2/π · asin(r). Of 200 samples
/// of 60, the intervals hold them in about 95 %.
#[test]
fn intervals_cover_the_true_correlations_about_as_often_as_they_say() {
    let r: f64 = 0.7;
    let spearman = 6.0 / std::f64::consts::PI * (r / 2.0).asin();
    let kendall = 2.0 / std::f64::consts::PI * r.asin();
    let mut rng = Seed::new(9).rng();
    // The sum of twelve uniform numbers is nearly normal.
    let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    let (mut of_spearman, mut of_kendall) = (0, 0);
    for _ in 0..200 {
        let sample: Vec<(f64, f64)> = (0..60)
            .map(|_| {
                let (a, b) = (normal(), normal());
                (a, r * a + (1.0 - r * r).sqrt() * b)
            })
            .collect();
        let ranking = Ranking::of(&sample);
        let covers = |figure: Option<Bounded>, value: f64| {
            let [low, high] = figure.unwrap().interval.unwrap();
            u32::from((low..=high).contains(&value))
        };
        of_spearman += covers(ranking.spearman, spearman);
        of_kendall += covers(ranking.kendall, kendall);
    }
    for covered in [of_spearman, of_kendall] {
        assert!((178..=199).contains(&covered), "{covered}");
    }
}

#[test]
fn equal_values_share_the_mean_of_their_ranks() {
    let found = ranks(&[3.0, f64::NEG_INFINITY, 0.0, f64::NAN, -0.0, 3.0]);
    assert!(found[3].is_nan());
    let others = [found[0], found[1], found[2], found[4], found[5]];
    assert_eq!(others, [4.5, 1.0, 2.5, 2.5, 4.5]);
}
