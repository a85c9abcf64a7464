//! The area that points of two objectives dominate, as a measure of a search.

/// The area of what any of `points` dominates and `reference` is dominated by. Points that are not
/// better than `reference` in both objectives count nothing.
pub(super) fn hypervolume(points: &[Vec<f64>], reference: [f64; 2]) -> f64 {
    let mut inside: Vec<[f64; 2]> = points
        .iter()
        .map(|point| [point[0], point[1]])
        .filter(|point| point[0] < reference[0] && point[1] < reference[1])
        .collect();
    inside.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let mut area = 0.0;
    let mut lowest = reference[1];
    for [x, y] in inside {
        if y < lowest {
            area += (reference[0] - x) * (lowest - y);
            lowest = y;
        }
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_those_counted_by_hand() {
        let area = |points: &[[f64; 2]]| {
            let points: Vec<Vec<f64>> = points.iter().map(|point| point.to_vec()).collect();
            hypervolume(&points, [4.0, 4.0])
        };
        assert_eq!(area(&[]), 0.0);
        assert_eq!(area(&[[1.0, 1.0]]), 9.0);
        // Columns of 3 × 1 and 2 × 1 and 1 × 1 squares.
        assert_eq!(area(&[[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), 6.0);
        assert_eq!(
            area(&[[3.0, 1.0], [2.0, 2.0], [2.0, 2.0], [3.0, 3.0], [1.0, 3.0]]),
            6.0
        );
        assert_eq!(area(&[[5.0, 0.0], [0.0, 4.0]]), 0.0, "not better in both");
    }
}
