//! What is lost by trusting scores.

use super::{Bounded, DRAWS, LEAST, interval, redraw};

/// What is lost by looking only at the `k` architectures with the best scores: the best accuracy of
/// all less the best accuracy of these, in units of accuracy, at least 0.
///
/// Of pairs of a score and an accuracy, one of each architecture; higher is better for both. Pairs
/// with a NaN are left out. Where equal scores lie on the border, it is the mean over all ways to
/// break the tie. The interval is that of [`Ranking`](super::Ranking), for at least [`LEAST`]
/// architectures. None where there are no more than `k`, or `k` is 0: nothing is chosen then.
///
/// # Complexity
/// O(n log n) for each of the [`DRAWS`] draws.
pub fn top_regret(pairs: &[(f64, f64)], k: usize) -> Option<Bounded> {
    let mut pairs: Vec<(f64, f64)> = pairs
        .iter()
        .copied()
        .filter(|(score, accuracy)| !score.is_nan() && !accuracy.is_nan())
        .collect();
    let n = pairs.len();
    if k == 0 || n <= k {
        return None;
    }
    let value = regret(&mut pairs.clone(), k);
    let mut drawn = Vec::new();
    if n >= LEAST {
        // The order of equal ones changes nothing.
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut draw = Vec::with_capacity(n);
        redraw(n, DRAWS, |times| {
            draw.clear();
            for (&pair, &times) in pairs.iter().zip(times) {
                draw.extend(std::iter::repeat_n(pair, times as usize));
            }
            drawn.push(regret(&mut draw, k));
        });
    }
    Some(Bounded {
        value,
        interval: interval(drawn, value),
    })
}

/// That of these pairs, of which there are more than `k`; they are sorted.
fn regret(pairs: &mut [(f64, f64)], k: usize) -> f64 {
    // The best scores first, and of equal ones the best accuracy; zeros have no sign.
    pairs.sort_by(|a, b| (b.0 + 0.0).total_cmp(&(a.0 + 0.0)).then(b.1.total_cmp(&a.1)));
    let best = |pairs: &[(f64, f64)]| {
        let accuracies = pairs.iter().map(|pair| pair.1);
        accuracies.fold(f64::NEG_INFINITY, f64::max)
    };
    let border = pairs[k - 1].0;
    let above = pairs.partition_point(|pair| pair.0 > border);
    let tied = pairs.partition_point(|pair| pair.0 >= border) - above;
    let (surely, room) = (best(&pairs[..above]), k - above);
    // The best of `room` of the tied, drawn without replacement: from the best downwards, the first
    // one that is drawn.
    let (mut expected, mut none_so_far) = (0.0, 1.0);
    for (place, pair) in pairs[above..above + tied].iter().enumerate() {
        let left = tied - place;
        // Where as many are left as there is room for, all are drawn.
        let drawn = (room as f64 / left as f64).min(1.0);
        expected += none_so_far * drawn * pair.1.max(surely);
        none_so_far *= 1.0 - drawn;
        if none_so_far == 0.0 {
            break;
        }
    }
    (best(pairs) - expected).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(pairs: &[(f64, f64)], k: usize) -> f64 {
        top_regret(pairs, k).unwrap().value
    }

    #[test]
    fn it_is_the_best_of_all_less_the_best_of_those_with_the_best_scores() {
        let pairs = [(0.1, 0.9), (0.2, 0.5), (0.3, 0.8), (0.4, 0.6)];
        for (k, expected) in [(1, 0.3), (2, 0.1), (3, 0.1)] {
            assert!((value(&pairs, k) - expected).abs() < 1e-12, "{k}");
        }
        assert_eq!(top_regret(&pairs, 4), None, "all are chosen");
        assert_eq!(top_regret(&pairs, 0), None);
        assert_eq!(top_regret(&[(0.5, 1.0), (f64::NAN, 1.0)], 1), None);
        assert_eq!(top_regret(&pairs, 2).unwrap().interval, None, "too few");
    }

    /// Two of four tied ones are chosen, besides the first: of 6 pairs, 3 have the 0.9, 2 have 0.7
    /// as their best and 1 has 0.4, but the 0.6 is chosen anyway.
    #[test]
    fn ties_on_the_border_are_broken_in_all_ways() {
        let pairs = [
            (0.9, 0.6),
            (0.5, 0.9),
            (0.5, 0.7),
            (0.5, 0.4),
            (0.5, 0.3),
            (0.1, 1.0),
        ];
        let expected = 1.0 - (3.0 * 0.9 + 2.0 * 0.7 + 0.6) / 6.0;
        assert!((value(&pairs, 3) - expected).abs() < 1e-12);
        // A tie that is chosen as a whole is none.
        assert!((value(&pairs, 5) - 0.1).abs() < 1e-12);
        // The same by listing all ways, with zeros of both signs.
        let tied = [(0.0, 3.0), (-0.0, 1.0), (0.0, 2.0), (-1.0, 5.0)];
        assert!((value(&tied, 1) - (5.0 - 2.0)).abs() < 1e-12);
    }

    #[test]
    fn the_interval_contains_the_figure_and_is_the_same_each_time() {
        let pairs: Vec<(f64, f64)> = (0..40)
            .map(|i| (f64::from(i * 17 % 40), f64::from(i * i % 23)))
            .collect();
        let bounded = top_regret(&pairs, 5).unwrap();
        let [low, high] = bounded.interval.unwrap();
        assert!(low >= 0.0 && low <= bounded.value && bounded.value <= high && low < high);
        let mut turned = pairs.clone();
        turned.reverse();
        assert_eq!(top_regret(&turned, 5), Some(bounded));
    }
}
