//! Dividing images so that every class keeps its share.

use std::collections::BTreeMap;

use nas_space::seed::Seed;
use rand::seq::SliceRandom;

use super::error::DataError;

/// Indices of the images to train on and of those to validate on: disjoint, together all, each in
/// ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What weights are fitted to.
    pub train: Vec<u32>,
    /// What architectures are judged by.
    pub valid: Vec<u32>,
}

/// Draws `fraction_valid` of the images of each class for validation.
///
/// `round(n · fraction_valid)` images are drawn in all. A class of `m` images gives the integer
/// part of its quota `m · fraction_valid`. The remaining images come from the classes with the
/// largest remainders, lower labels first. Every class with two images or more keeps at least one
/// on either side, even where that changes the total; the image of a class with one is trained on.
/// Which images of a class are drawn follows from the seed and the class alone.
///
/// # Errors
/// If there are no labels or more than a `u32` can number, the fraction does not lie strictly
/// between 0 and 1, or no class has two images.
pub fn stratified_split(labels: &[u32], fraction_valid: f64, seed: Seed) -> Result<Split, DataError> {
    if labels.is_empty() {
        return Err(DataError::Empty {
            what: "the list of labels",
        });
    }
    let images = labels.len();
    if u32::try_from(images).is_err() {
        return Err(DataError::TooManyImages { images });
    }
    if !(fraction_valid > 0.0 && fraction_valid < 1.0) {
        return Err(DataError::Fraction {
            fraction: fraction_valid,
        });
    }
    let classes = shuffled_classes(labels, 0..images as u32, seed.derive("split", 0));
    let sizes: Vec<usize> = classes.iter().map(|(_, members)| members.len()).collect();
    let counts = apportion(
        &sizes,
        (images as f64 * fraction_valid).round() as usize,
        fraction_valid,
    );

    let (mut train, mut valid) = (Vec::new(), Vec::new());
    for ((_, members), count) in classes.iter().zip(counts) {
        let (drawn, rest) = members.split_at(count);
        valid.extend_from_slice(drawn);
        train.extend_from_slice(rest);
    }
    if valid.is_empty() {
        let classes = classes.len();
        return Err(DataError::Unsplittable { images, classes });
    }
    train.sort_unstable();
    valid.sort_unstable();
    Ok(Split { train, valid })
}

/// The first `n` of `indices` in a random order in which every class appears at the rate of its
/// share, in ascending order.
///
/// Any `n` gives each class its share to within one image, and with the same seed a smaller
/// subsample lies within every larger one. `labels` are those of all images, by index.
///
/// # Errors
/// If `n` is 0 or more than there are indices, or if an index has no label.
pub fn subsample(labels: &[u32], indices: &[u32], n: usize, seed: Seed) -> Result<Vec<u32>, DataError> {
    let mut drawn = order(labels, indices, n, seed)?;
    drawn.truncate(n);
    drawn.sort_unstable();
    Ok(drawn)
}

/// As [`subsample`], of images in groups that a split does not divide: each class also has images
/// of two groups, as far as it has two. `groups` are those of all images, by index. If a
/// [`subsample`] already satisfies this, the result is the same.
///
/// # Errors
/// As [`subsample`]; if `n` is less than these images are.
pub(super) fn subsample_in_groups(
    labels: &[u32],
    groups: &[u32],
    indices: &[u32],
    n: usize,
    seed: Seed,
) -> Result<Vec<u32>, DataError> {
    let order = order(labels, indices, n, seed)?;
    // Of each class its first image, and the first of another group.
    let mut first: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let group = |index: u32| groups.get(index as usize);
    for &index in &order {
        let needed = first.entry(labels[index as usize]).or_default();
        if needed.len() < 2 && needed.iter().all(|&other| group(other) != group(index)) {
            needed.push(index);
        }
    }
    let classes = first.len();
    let mut drawn: Vec<u32> = first.into_values().flatten().collect();
    if n < drawn.len() {
        return Err(DataError::SubsampleOfGroups {
            wanted: n,
            classes,
            least: drawn.len(),
            available: indices.len(),
        });
    }
    drawn.sort_unstable();
    let needed = drawn.clone();
    let others = order
        .into_iter()
        .filter(|index| needed.binary_search(index).is_err());
    drawn.extend(others.take(n - needed.len()));
    drawn.sort_unstable();
    Ok(drawn)
}

/// All of `indices` in the order of [`subsample`], of which `n` are wanted.
fn order(labels: &[u32], indices: &[u32], n: usize, seed: Seed) -> Result<Vec<u32>, DataError> {
    if n == 0 || n > indices.len() {
        return Err(DataError::SubsampleSize {
            wanted: n,
            available: indices.len(),
        });
    }
    if let Some(&index) = indices.iter().find(|&&index| index as usize >= labels.len()) {
        return Err(DataError::IndexOutOfRange {
            index,
            images: labels.len(),
        });
    }
    let seed = seed.derive("subsample", 0);
    let mut classes = shuffled_classes(labels, indices.iter().copied(), seed);
    // If two classes are due at the same time, a fixed random order decides which one is first.
    classes.shuffle(&mut seed.derive("ties", 0).rng());

    // Member j of a class of m is due at (j + 1/2) / m of the way: the fraction (2j + 1) / m,
    // doubled.
    let mut order: Vec<(u64, u64, usize, u32)> = Vec::with_capacity(indices.len());
    for (rank, (_, members)) in classes.iter().enumerate() {
        let due = members.iter().enumerate();
        order.extend(due.map(|(j, &index)| (2 * j as u64 + 1, members.len() as u64, rank, index)));
    }
    order.sort_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)).then(a.2.cmp(&b.2)));
    Ok(order.into_iter().map(|(.., index)| index).collect())
}

/// The indices of each class that has any, in the order of the labels; each class in a random order
/// of its own.
fn shuffled_classes(
    labels: &[u32],
    indices: impl IntoIterator<Item = u32>,
    seed: Seed,
) -> Vec<(u32, Vec<u32>)> {
    let mut classes = BTreeMap::<u32, Vec<u32>>::new();
    for index in indices {
        if let Some(&label) = labels.get(index as usize) {
            classes.entry(label).or_default().push(index);
        }
    }
    for (&label, members) in &mut classes {
        members.shuffle(&mut seed.derive("class", label.into()).rng());
    }
    classes.into_iter().collect()
}

/// How many to draw from each class so that the sum is `total`, by largest remainder, within
/// 1..=size-1 (0 for a class of one).
fn apportion(sizes: &[usize], total: usize, fraction: f64) -> Vec<usize> {
    let bounds = |size: usize| (usize::from(size >= 2), size.saturating_sub(1));
    let quota = |class: usize| sizes[class] as f64 * fraction;
    let mut counts: Vec<usize> = (0..sizes.len())
        .map(|class| {
            let (least, most) = bounds(sizes[class]);
            (quota(class).floor() as usize).clamp(least, most)
        })
        .collect();
    loop {
        let drawn: usize = counts.iter().sum();
        // How much a class is owed; the first of several that are owed the same comes first.
        let owed = |class: usize, counts: &[usize]| quota(class) - counts[class] as f64;
        let by_owed = |&a: &usize, &b: &usize| owed(a, &counts).total_cmp(&owed(b, &counts));
        let classes = 0..sizes.len();
        let change = match drawn.cmp(&total) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Less => classes
                .rev()
                .filter(|&class| counts[class] < bounds(sizes[class]).1)
                .max_by(by_owed),
            std::cmp::Ordering::Greater => classes
                .filter(|&class| counts[class] > bounds(sizes[class]).0)
                .min_by(by_owed),
        };
        match change {
            Some(class) if drawn < total => counts[class] += 1,
            Some(class) => counts[class] -= 1,
            None => return counts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(labels: &[u32], indices: &[u32], class: u32) -> usize {
        indices
            .iter()
            .filter(|&&index| labels[index as usize] == class)
            .count()
    }

    #[test]
    fn half_of_balanced_classes_is_half_of_each() {
        let labels: Vec<u32> = (0..1000).map(|i| i % 10).collect();
        let split = stratified_split(&labels, 0.5, Seed::new(3)).unwrap();
        for class in 0..10 {
            assert_eq!(count(&labels, &split.train, class), 50);
            assert_eq!(count(&labels, &split.valid, class), 50);
        }
        assert_ne!(split, stratified_split(&labels, 0.5, Seed::new(4)).unwrap());
    }

    /// Quotas 1.5, 1.5, 1.2 and a total of round(4.2) = 4: one each, and the last to the first of
    /// the largest remainders.
    #[test]
    fn what_rounding_leaves_goes_to_the_largest_remainders() {
        assert_eq!(apportion(&[5, 5, 4], 4, 0.3), [2, 1, 1]);
        assert_eq!(apportion(&[4, 5, 5], 4, 0.3), [1, 2, 1]);
        // Each class keeps one image on either side, even if this changes the total.
        assert_eq!(apportion(&[2, 2, 2, 1], 1, 0.1), [1, 1, 1, 0]);
        assert_eq!(apportion(&[2, 30, 2], 31, 0.9), [1, 29, 1]);
    }

    /// A change of these numbers changes every study that was ever recorded.
    #[test]
    fn value_stability() {
        let labels: Vec<u32> = (0..20).map(|i| i % 3).collect();
        let split = stratified_split(&labels, 0.25, Seed::new(42)).unwrap();
        assert_eq!(split.valid, [0, 4, 7, 17, 18]);
        let all: Vec<u32> = (0..20).collect();
        assert_eq!(
            subsample(&labels, &all, 6, Seed::new(42)).unwrap(),
            [1, 5, 9, 10, 15, 17]
        );
    }

    #[test]
    fn what_cannot_be_split_is_refused() {
        assert!(matches!(
            stratified_split(&[], 0.5, Seed::new(0)),
            Err(DataError::Empty { .. })
        ));
        assert!(matches!(
            stratified_split(&[0, 1], 0.5, Seed::new(0)),
            Err(DataError::Unsplittable {
                images: 2,
                classes: 2
            })
        ));
        for fraction in [0.0, 1.0, -0.5, f64::NAN, f64::INFINITY] {
            let split = stratified_split(&[0, 0], fraction, Seed::new(0));
            assert!(matches!(split, Err(DataError::Fraction { .. })), "{fraction}");
        }
        assert!(subsample(&[0, 0], &[0, 1], 0, Seed::new(0)).is_err());
        assert!(subsample(&[0, 0], &[0, 1], 3, Seed::new(0)).is_err());
        assert!(subsample(&[0, 0], &[0, 2], 1, Seed::new(0)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

        #[test]
        fn a_split_is_a_partition_with_every_class_on_both_sides(
            labels in prop::collection::vec(0_u32..6, 2..200),
            fraction in 0.01_f64..0.99,
            seed in any::<u64>(),
        ) {
            let Ok(split) = stratified_split(&labels, fraction, Seed::new(seed)) else {
                prop_assert!((0..6).all(|class| labels.iter().filter(|&&label| label == class).count() < 2));
                return Ok(());
            };
            let mut all = [split.train.clone(), split.valid.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len() as u32).collect::<Vec<_>>());
            let mut bound = false;
            for class in 0..6 {
                let (train, valid) = (count(&labels, &split.train, class), count(&labels, &split.valid, class));
                let size = train + valid;
                prop_assert!(size < 2 || (train > 0 && valid > 0));
                let quota = size as f64 * fraction;
                bound |= size > 0 && (quota < 1.0 || quota > size as f64 - 1.0);
            }
            // Unless a class is too small for its share, the total and every share are exact to
            // within one.
            if !bound {
                prop_assert_eq!(split.valid.len(), (labels.len() as f64 * fraction).round() as usize);
                for class in 0..6 {
                    let size = labels.iter().filter(|&&label| label == class).count() as f64;
                    prop_assert!((count(&labels, &split.valid, class) as f64 - size * fraction).abs() < 1.0);
                }
            }
        }

        #[test]
        fn a_subsample_of_groups_keeps_two_of_each_class_and_is_the_plain_one_where_that_does(
            labels in prop::collection::vec(0_u32..4, 40..100),
            large in 1_u32..30,
            seed in any::<u64>(),
        ) {
            // One large group, and images alone.
            let groups: Vec<u32> = (0..labels.len() as u32).map(|image| image.saturating_sub(large)).collect();
            let of = |drawn: &[u32], class: u32| -> std::collections::BTreeSet<u32> {
                let of = drawn.iter().filter(|&&index| labels[index as usize] == class);
                of.map(|&index| groups[index as usize]).collect()
            };
            let indices: Vec<u32> = (0..labels.len() as u32).collect();
            prop_assume!((0..4).all(|class| of(&indices, class).len() >= 2));
            let mut smaller: Vec<u32> = Vec::new();
            for n in 1..=indices.len() {
                let drawn = subsample_in_groups(&labels, &groups, &indices, n, Seed::new(seed));
                if n < 8 {
                    prop_assert!(matches!(drawn, Err(DataError::SubsampleOfGroups { least: 8, .. })), "{drawn:?}");
                    continue;
                }
                let drawn = drawn.unwrap();
                prop_assert_eq!(drawn.len(), n);
                prop_assert!(drawn.is_sorted_by(|a, b| a < b));
                prop_assert!((0..4).all(|class| of(&drawn, class).len() >= 2));
                prop_assert!(smaller.iter().all(|index| drawn.contains(index)));
                let plain = subsample(&labels, &indices, n, Seed::new(seed)).unwrap();
                if (0..4).all(|class| of(&plain, class).len() >= 2) {
                    prop_assert_eq!(&drawn, &plain);
                }
                smaller = drawn;
            }
        }

        #[test]
        fn a_subsample_is_stratified_and_lies_within_every_larger_one(
            labels in prop::collection::vec(0_u32..5, 2..150),
            seed in any::<u64>(),
        ) {
            let indices: Vec<u32> = (0..labels.len() as u32).filter(|i| i % 7 != 3).collect();
            let mut smaller: Vec<u32> = Vec::new();
            for n in 1..=indices.len() {
                let drawn = subsample(&labels, &indices, n, Seed::new(seed)).unwrap();
                prop_assert_eq!(drawn.len(), n);
                prop_assert!(smaller.iter().all(|index| drawn.contains(index)));
                for class in 0..5 {
                    let share = count(&labels, &indices, class) as f64 * n as f64 / indices.len() as f64;
                    prop_assert!((count(&labels, &drawn, class) as f64 - share).abs() <= 1.5);
                }
                smaller = drawn;
            }
            prop_assert_eq!(smaller, indices);
        }
    }
}
