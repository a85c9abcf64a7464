//! Fast non-dominated sort.

/// Whether `a` is smaller than `b` in one objective and larger in none. All objectives are
/// minimised.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let pairs = || a.iter().zip(b);
    pairs().all(|(a, b)| a <= b) && pairs().any(|(a, b)| a < b)
}

/// The indices of the points that no other dominates, in the given order: the first of the
/// [`fronts`].
///
/// # Complexity
/// O(M N F) for N points of M objectives, of which at most F at a time are not dominated by earlier
/// points. Suitable for the front of very many points.
pub fn first_front(points: &[impl AsRef<[f64]>]) -> Vec<usize> {
    let mut front: Vec<usize> = Vec::new();
    for (place, point) in points.iter().enumerate() {
        let point = point.as_ref();
        if front
            .iter()
            .any(|&other| dominates(points[other].as_ref(), point))
        {
            continue;
        }
        front.retain(|&other| !dominates(point, points[other].as_ref()));
        front.push(place);
    }
    front
}

/// The points, by their indices, in fronts. No point dominates one of the first front. Points of a
/// later front are dominated only by points of earlier fronts, and by at least one of the front
/// before. Within a front, they are in the given order.
///
/// # Complexity
/// O(M N²) for N points of M objectives.
pub fn fronts(points: &[impl AsRef<[f64]>]) -> Vec<Vec<usize>> {
    let n = points.len();
    // Whom each point dominates, and how many of those not yet in a front dominate it.
    let mut dominated = vec![Vec::new(); n];
    let mut above = vec![0_usize; n];
    for i in 0..n {
        for j in i + 1..n {
            let (a, b) = (points[i].as_ref(), points[j].as_ref());
            if dominates(a, b) {
                dominated[i].push(j);
                above[j] += 1;
            } else if dominates(b, a) {
                dominated[j].push(i);
                above[i] += 1;
            }
        }
    }
    let mut fronts = Vec::new();
    let mut front: Vec<usize> = (0..n).filter(|&i| above[i] == 0).collect();
    while !front.is_empty() {
        let mut next = Vec::new();
        for &i in &front {
            for &j in &dominated[i] {
                above[j] -= 1;
                if above[j] == 0 {
                    next.push(j);
                }
            }
        }
        next.sort_unstable();
        fronts.push(std::mem::replace(&mut front, next));
    }
    fronts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn domination_is_better_in_one_and_worse_in_none() {
        assert!(dominates(&[1.0, 2.0], &[1.0, 3.0]));
        assert!(dominates(&[0.0, 2.0], &[1.0, 3.0]));
        assert!(!dominates(&[1.0, 2.0], &[1.0, 2.0]), "equals");
        assert!(!dominates(&[0.0, 4.0], &[1.0, 3.0]));
        assert!(!dominates(&[1.0, 3.0], &[0.0, 4.0]));
    }

    #[test]
    fn points_with_known_ranks_are_in_their_fronts() {
        // Two staircases, one point behind both, and a twin of one in the first.
        let points = [
            [4.0, 4.0],
            [1.0, 5.0],
            [2.0, 3.0],
            [5.0, 1.0],
            [2.0, 6.0],
            [3.0, 4.0],
            [6.0, 2.0],
            [2.0, 3.0],
        ];
        assert_eq!(fronts(&points), [vec![1, 2, 3, 7], vec![4, 5, 6], vec![0]]);
        let chain = [[3.0], [1.0], [2.0], [1.0]];
        assert_eq!(fronts(&chain), [vec![1, 3], vec![2], vec![0]]);
        assert_eq!(fronts(&[] as &[[f64; 2]]), [] as [Vec<usize>; 0]);
    }

    #[test]
    fn a_third_objective_can_save_a_point() {
        let points = [[1.0, 1.0, 2.0], [2.0, 2.0, 1.0], [2.0, 2.0, 3.0]];
        assert_eq!(fronts(&points), [vec![0, 1], vec![2]]);
    }

    proptest! {
        #[test]
        fn the_first_front_alone_is_the_first_of_all(
            points in proptest::collection::vec(proptest::collection::vec(0_u8..6, 3), 0..40)
        ) {
            let points: Vec<Vec<f64>> = points.iter().map(|p| p.iter().map(|&v| f64::from(v)).collect()).collect();
            let first = fronts(&points).into_iter().next().unwrap_or_default();
            prop_assert_eq!(first_front(&points), first);
        }
    }

    /// The rank of a point: the length of the longest chain of points each of which dominates the
    /// next, up to it.
    fn rank(points: &[Vec<f64>], of: usize) -> usize {
        let above = (0..points.len()).filter(|&i| dominates(&points[i], &points[of]));
        above.map(|i| rank(points, i) + 1).max().unwrap_or(0)
    }

    proptest! {
        /// Small whole numbers, so that equal values and equal points are common.
        #[test]
        fn every_point_is_in_the_front_of_its_rank_by_definition(
            points in (1_usize..4).prop_flat_map(|m| {
                prop::collection::vec(prop::collection::vec((0_u8..5).prop_map(f64::from), m), 0..14)
            })
        ) {
            let mut ranks = vec![None; points.len()];
            for (rank, front) in fronts(&points).into_iter().enumerate() {
                prop_assert!(front.is_sorted());
                for place in front {
                    prop_assert_eq!(ranks[place].replace(rank), None, "twice");
                }
            }
            for (place, found) in ranks.into_iter().enumerate() {
                prop_assert_eq!(found, Some(rank(&points, place)));
            }
        }
    }
}
