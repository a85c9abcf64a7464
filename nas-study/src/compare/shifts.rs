//! How far differences can be moved.

/// The means of two of some differences, those of each with itself included, as the function that
/// counts how many of them are above a shift.
///
/// Twice such a mean is a whole number of steps, and is taken to be spread evenly over one step
/// around it: so the function falls continuously, and half of those that are equal to a whole or
/// half step count.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shifts {
    /// Growing.
    differences: Vec<i64>,
}

impl Shifts {
    pub(super) fn new(mut differences: Vec<i64>) -> Self {
        differences.sort_unstable();
        Self { differences }
    }

    /// The smallest and the largest shift with this number of means above it. 0 without
    /// differences.
    ///
    /// # Complexity
    /// Linear in the number of differences.
    pub(super) fn at(&self, count: f64) -> (f64, f64) {
        let (Some(first), Some(last)) = (self.differences.first(), self.differences.last()) else {
            return (0.0, 0.0);
        };
        let range = (2 * first, 2 * last);
        // The largest sum with at least `count` sums at or above it.
        let sum = last_where(range, |sum| self.from(sum) as f64 >= count);
        let (above, from) = (self.from(sum + 1) as f64, self.from(sum) as f64);
        let largest = sum as f64 + 0.5 - (count - above) / (from - above);
        let smallest = if count < from {
            largest
        } else {
            last_where(range, |sum| self.from(sum) as f64 > count) as f64 + 0.5
        };
        (smallest / 2.0, largest / 2.0)
    }

    /// How many pairs of differences, each with itself included and each pair once, have a sum of
    /// at least this.
    fn from(&self, sum: i64) -> u64 {
        let n = self.differences.len();
        let mut count = 0;
        // The larger of the two grows, and the smaller one that is enough falls.
        let mut start = n;
        for (j, &larger) in self.differences.iter().enumerate() {
            while start > 0 && self.differences[start - 1] + larger >= sum {
                start -= 1;
            }
            count += (j + 1).saturating_sub(start);
        }
        count as u64
    }
}

/// The last number of the range for which this holds, if it holds up to some number; the first
/// where it never does.
fn last_where((first, last): (i64, i64), holds: impl Fn(i64) -> bool) -> i64 {
    let (mut low, mut high) = (first, last);
    while low < high {
        let middle = low + (high - low + 1) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_counted_as_by_hand() {
        let shifts = Shifts::new(vec![3, -1, 1]);
        // Sums: -2, 0, 2, 2, 4, 6.
        for (sum, expected) in [
            (-3, 6),
            (-2, 6),
            (-1, 5),
            (0, 5),
            (1, 4),
            (2, 4),
            (3, 2),
            (6, 1),
            (7, 0),
        ] {
            assert_eq!(shifts.from(sum), expected, "{sum}");
        }
        // Of the two sums of 2 one half is passed at a shift of 1.
        assert_eq!(shifts.at(3.0), (1.0, 1.0));
        // Nothing is between the sums 2 and 4.
        assert_eq!(shifts.at(2.0), (1.25, 1.75));
        assert_eq!(shifts.at(0.5), (3.0, 3.0));
        assert_eq!(shifts.at(5.5), (-1.0, -1.0));
        assert_eq!(Shifts::new(Vec::new()).at(0.0), (0.0, 0.0));
    }
}
