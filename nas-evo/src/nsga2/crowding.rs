//! Crowding distances.

/// How far the neighbours of each point of a front are from each other, summed over the objectives,
/// each in units of its range in the front; infinite for those that are first or last in an
/// objective. In the order of `front`, which holds places in `points`. Of equal values the one that
/// comes first in `front` is the smaller. An objective in which all are equal adds nothing.
///
/// # Complexity
/// O(M N log N) for N points of M objectives.
pub fn crowding_distances(points: &[impl AsRef<[f64]>], front: &[usize]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    let Some(&first) = front.first() else {
        return distances;
    };
    if front.len() == 1 {
        return vec![f64::INFINITY];
    }
    for objective in 0..points[first].as_ref().len() {
        let value = |place: usize| points[front[place]].as_ref()[objective];
        let mut order: Vec<usize> = (0..front.len()).collect();
        // Stable: equal values stay in the order of the front.
        order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
        let (least, largest) = (order[0], order[order.len() - 1]);
        let range = value(largest) - value(least);
        if range == 0.0 {
            continue;
        }
        distances[least] = f64::INFINITY;
        distances[largest] = f64::INFINITY;
        for triple in order.windows(3) {
            distances[triple[1]] += (value(triple[2]) - value(triple[0])) / range;
        }
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFINITE: f64 = f64::INFINITY;

    #[test]
    fn distances_are_those_worked_out_by_hand() {
        // Ranges 10 and 20. Point 1: (4 − 0) / 10 + (20 − 6) / 20; point 2: (10 − 1) / 10 + (10
        // − 0) / 20.
        let points = [[0.0, 20.0], [1.0, 10.0], [4.0, 6.0], [10.0, 0.0]];
        assert_eq!(
            crowding_distances(&points, &[0, 1, 2, 3]),
            [INFINITE, 0.4 + 0.7, 0.9 + 0.5, INFINITE]
        );
        // In the order of the front, and of its members alone: (10 − 0) / 10 + (20 − 0) / 20.
        assert_eq!(crowding_distances(&points, &[3, 2, 0]), [INFINITE, 2.0, INFINITE]);
    }

    #[test]
    fn one_and_two_points_are_all_at_the_ends() {
        let points = [[0.0, 1.0], [1.0, 0.0]];
        assert_eq!(crowding_distances(&points, &[]), [] as [f64; 0]);
        assert_eq!(crowding_distances(&points, &[1]), [INFINITE]);
        assert_eq!(crowding_distances(&points, &[0, 1]), [INFINITE, INFINITE]);
    }

    #[test]
    fn twins_are_crowded_and_equal_objectives_add_nothing() {
        let twins = [[1.0, 1.0], [1.0, 1.0]];
        assert_eq!(crowding_distances(&twins, &[0, 1]), [0.0, 0.0]);
        // The first of the least and the last of the largest are at the ends; their twins are not.
        let points = [[0.0, 5.0], [0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [2.0, 5.0]];
        assert_eq!(
            crowding_distances(&points, &[0, 1, 2, 3, 4]),
            [INFINITE, 0.5, 1.0, 0.5, INFINITE]
        );
    }
}
