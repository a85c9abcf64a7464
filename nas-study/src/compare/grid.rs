//! The steps in which accuracies differ.

/// Steps where accuracies are not known to be counts.
const FINE: f64 = 1e9;
/// How far from a whole number of images a count may be by rounding.
const TOLERANCE: f64 = 1e-4;
/// No difference of two results is larger, in steps.
const LARGEST: i64 = 1 << 57;
/// The difference between a result and none, in steps.
const FAR: i64 = 1 << 60;

/// The grid that differences of accuracies are rounded to before they are compared: 1/359 has many
/// values as a difference of two floating-point numbers, and they have to be one.
///
/// Where accuracies are counts of images, a step is an image; else it is 1e-9.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    per_unit: f64,
}

impl Grid {
    /// The grid of these accuracies. Where each of them is a count out of `images` images, its steps
    /// are those of such counts.
    pub fn new(images: Option<u64>, accuracies: impl IntoIterator<Item = f64>) -> Self {
        let per_unit = images
            .map(|images| images as f64)
            .filter(|images| (1.0..FINE).contains(images));
        let counts = |per_unit: &f64| {
            accuracies.into_iter().all(|accuracy| {
                let count = accuracy * per_unit;
                (count - count.round()).abs() <= TOLERANCE
            })
        };
        Self {
            per_unit: per_unit.filter(counts).unwrap_or(FINE),
        }
    }

    /// The steps from `b` to `a`. A run without a result is further below all others than these are
    /// from each other; two of them are equal.
    pub fn between(self, a: Option<f64>, b: Option<f64>) -> i64 {
        match (a, b) {
            (Some(a), Some(b)) => self.steps(a - b),
            (Some(_), None) => FAR,
            (None, Some(_)) => -FAR,
            (None, None) => 0,
        }
    }

    /// A difference in steps.
    pub fn steps(self, difference: f64) -> i64 {
        // A conversion that is out of range saturates.
        ((difference * self.per_unit).round() as i64).clamp(-LARGEST, LARGEST)
    }

    /// So many steps as a difference; none where only a run without a result is so far away.
    pub(super) fn difference(self, steps: f64) -> Option<f64> {
        (steps.abs() <= LARGEST as f64).then_some(steps / self.per_unit)
    }
}

impl Default for Grid {
    /// Steps of 1e-9.
    fn default() -> Self {
        Self { per_unit: FINE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_an_image_where_accuracies_are_counts() {
        let counts = [353.0 / 359.0, 358.0 / 359.0];
        let grid = Grid::new(Some(359), counts);
        assert_eq!(grid.between(Some(counts[1]), Some(counts[0])), 5);
        assert_eq!(grid.difference(2.5), Some(2.5 / 359.0));
        let other = Grid::new(Some(359), [0.5]);
        assert_eq!(other, Grid::default(), "half of 359 is no count");
        assert_eq!(other.steps(0.25), 250_000_000);
        assert_eq!(Grid::new(None, counts), Grid::default());
        assert_eq!(Grid::new(Some(0), counts), Grid::default());
    }

    #[test]
    fn no_result_is_worse_than_any() {
        let grid = Grid::default();
        assert!(grid.between(Some(-1e300), None) > grid.between(Some(1e300), Some(-1e300)));
        assert_eq!(grid.between(None, None), 0);
        assert_eq!(grid.between(None, Some(0.1)), -grid.between(Some(0.1), None));
        assert_eq!(grid.difference(grid.between(Some(0.5), None) as f64 / 2.0), None);
    }
}
