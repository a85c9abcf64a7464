//! Quantiles of numbers, and what lies far from all others.

/// The numbers that can be compared, in order.
pub(super) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The number below which this share of sorted numbers lies, interpolated between neighbours (type 7 of Hyndman and Fan, as
/// R and NumPy have it); nothing for none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (place - below as f64) * (sorted[above] - sorted[below]))
}

/// The lower limit for drawing numbers to scale; smaller ones would squeeze all others together. It
/// is three interquartile ranges below the first quartile, as usual for outliers. 0 without
/// numbers.
pub(super) fn far_below(sorted: &[f64]) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let (low, high) = (sorted[last / 4], sorted[last * 3 / 4]);
    low - 3.0 * (high - low)
}

/// Above this, the same.
pub(super) fn far_above(sorted: &[f64]) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let (low, high) = (sorted[last / 4], sorted[last * 3 / 4]);
    high + 3.0 * (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = sorted([4.0, 1.0, f64::NAN, 2.0, 10.0].into_iter());
        let of = |share| quantile(&values, share).unwrap();
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(of), [1.0, 1.75, 3.0, 5.5, 10.0]);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[7.0], 0.9), Some(7.0));
    }
}
