//! Images divided in two, class by class.

use std::collections::BTreeMap;

use nas_space::seed::Seed;
use rand::seq::SliceRandom as _;
use sha2::{Digest as _, Sha256};

use crate::error::DataError;
use crate::scan::Digest;

/// How many orders are tried, where groups of several classes leave a class without a side in one.
const ORDERS: u64 = 16;

/// Divides images: the first list is the images that remain, the second about `fraction` of them,
/// both ascending places in `labels`.
///
/// Each class is divided by itself, to the image where every image is a group of its own: the
/// second list has `fraction` of its images, rounded, but at least one, and leaves at least one. A
/// group is never divided; where groups are large, a class may thus have some images more or less
/// than its share. The division follows from the arguments alone: the numbers of the groups do not
/// matter, only which images share one.
///
/// # Errors
/// [`DataError::Option`] unless `fraction` is above 0 and below 1, and `labels` and `groups` are
/// equally long; [`DataError::TooFew`] for a class all of whose images are one group;
/// [`DataError::Entangled`] where groups hold several classes such that some class cannot be on
/// both sides; [`DataError::TooSmall`] without images.
pub fn split(
    labels: &[u32],
    groups: &[u32],
    fraction: f64,
    seed: Seed,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    divide(labels, groups, fraction, 1, |number, group_of| {
        let mut order: Vec<usize> = (0..count(group_of)).collect();
        order.shuffle(&mut seed.derive("split", number).rng());
        order
    })
}

/// Divides images as [`split`] does, in an order that follows from their contents: `contents` has
/// the digest of each image, and images of different groups have different digests.
///
/// The place of a group in the order depends on its own images alone. Adding or removing an image
/// thus changes the draw of its classes only as much as their shares change: by at most 2 images of
/// its class, if every image is its own group.
///
/// `least_left` groups of each class or more, at least 1, are in the first list.
///
/// # Errors
/// As [`split`]; [`DataError::TooFew`] for a class of `least_left` groups or fewer.
pub(crate) fn split_by_content(
    labels: &[u32],
    groups: &[u32],
    contents: &[Digest],
    fraction: f64,
    least_left: usize,
    seed: Seed,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    divide(labels, groups, fraction, least_left, |number, group_of| {
        let mut smallest: Vec<Option<&Digest>> = vec![None; count(group_of)];
        for (&group, content) in group_of.iter().zip(contents) {
            let least = smallest[group].get_or_insert(content);
            *least = (*least).min(content);
        }
        // Hashed, because a group of many images has a small smallest digest.
        let rank = |content: Option<&Digest>| -> Digest {
            let mut hash = Sha256::new_with_prefix("nas-data split");
            hash.update(seed.value().wrapping_add(number).to_le_bytes());
            hash.update(content.copied().unwrap_or_default());
            hash.finalize().into()
        };
        let mut order: Vec<(Digest, usize)> = smallest.into_iter().map(rank).zip(0..).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, group)| group).collect()
    })
}

/// The number of groups, of which each image has one, numbered by first appearance.
fn count(group_of: &[usize]) -> usize {
    group_of.iter().max().map_or(0, |last| last + 1)
}

/// Divides images: see [`split`] and [`split_by_content`]. `order` gives orders in which groups are
/// considered, by a number and from the group of each image; the first that gives a division does.
fn divide(
    labels: &[u32],
    groups: &[u32],
    fraction: f64,
    least_left: usize,
    order: impl Fn(u64, &[usize]) -> Vec<usize>,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::Option {
            option: "the fraction of a split",
            got: fraction.to_string(),
            expected: "a number above 0 and below 1".to_owned(),
        });
    }
    if labels.len() != groups.len() || u32::try_from(labels.len()).is_err() {
        return Err(DataError::Option {
            option: "the number of groups of a split",
            got: groups.len().to_string(),
            expected: format!(
                "one for each of the {} images, at most {} in all",
                labels.len(),
                u32::MAX
            ),
        });
    }
    if labels.is_empty() {
        return Err(DataError::TooSmall {
            what: "there are no images to split".to_owned(),
            remedy: "each class needs 2".to_owned(),
        });
    }
    let mut division = Division::new(labels, groups, fraction, least_left)?;
    let mut outcome = division.draw(&order(0, &division.group_of));
    for number in 1..ORDERS {
        if outcome.is_ok() {
            break;
        }
        division.undo();
        outcome = division.draw(&order(number, &division.group_of));
    }
    outcome?;
    let (mut rest, mut drawn) = (Vec::new(), Vec::new());
    for (image, &group) in (0..).zip(&division.group_of) {
        if division.is_drawn[group] {
            &mut drawn
        } else {
            &mut rest
        }
        .push(image);
    }
    Ok((rest, drawn))
}

/// A division that is being made.
struct Division {
    /// The group of each image, numbered by first appearance.
    group_of: Vec<usize>,
    /// Of each group its images by class.
    held: Vec<Vec<(u32, usize)>>,
    /// Whether the group is drawn.
    is_drawn: Vec<bool>,
    /// By class.
    classes: BTreeMap<u32, Class>,
    /// Groups of each class that are not drawn, at least.
    least_left: usize,
}

/// Where a class is.
#[derive(Default)]
struct Class {
    /// All its images.
    images: usize,
    /// Groups with images of it.
    groups: Vec<usize>,
    /// Images that are to be drawn.
    wanted: usize,
    /// Images that are drawn.
    drawn: usize,
    /// Groups that are drawn.
    groups_drawn: usize,
}

impl Division {
    fn new(labels: &[u32], groups: &[u32], fraction: f64, least_left: usize) -> Result<Self, DataError> {
        let mut numbers = BTreeMap::new();
        let mut group_of = Vec::with_capacity(labels.len());
        let mut held: Vec<BTreeMap<u32, usize>> = Vec::new();
        for (label, group) in labels.iter().zip(groups) {
            let next = held.len();
            let number = *numbers.entry(group).or_insert(next);
            if number == next {
                held.push(BTreeMap::new());
            }
            *held[number].entry(*label).or_default() += 1;
            group_of.push(number);
        }
        let mut classes: BTreeMap<u32, Class> = BTreeMap::new();
        for (group, labels) in held.iter().enumerate() {
            for (&label, &images) in labels {
                let class = classes.entry(label).or_default();
                class.images += images;
                class.groups.push(group);
            }
        }
        for (label, class) in &mut classes {
            if class.groups.len() <= least_left {
                return Err(DataError::TooFew {
                    class: label.to_string(),
                    images: class.images,
                    groups: class.groups.len(),
                    needed: least_left + 1,
                });
            }
            let share = (class.images as f64 * fraction).round() as usize;
            class.wanted = share.clamp(1, class.images - 1);
        }
        Ok(Self {
            is_drawn: vec![false; held.len()],
            group_of,
            held: held
                .into_iter()
                .map(|labels| labels.into_iter().collect())
                .collect(),
            classes,
            least_left,
        })
    }

    /// Nothing is drawn any more.
    fn undo(&mut self) {
        self.is_drawn.fill(false);
        for class in self.classes.values_mut() {
            (class.drawn, class.groups_drawn) = (0, 0);
        }
    }

    /// Draws groups: first those that fit into what is wanted of each of their classes, then those
    /// that make the numbers of images deviate less, then what a class without any needs.
    fn draw(&mut self, order: &[usize]) -> Result<(), DataError> {
        for &group in order {
            if self.leaves_each_class(group)
                && self.of(group, |class, images| class.drawn + images <= class.wanted)
            {
                self.take(group);
            }
        }
        for &group in order {
            if !self.is_drawn[group] && self.leaves_each_class(group) && self.brings_nearer(group) {
                self.take(group);
            }
        }
        let mut place = vec![0; order.len()];
        for (position, &group) in order.iter().enumerate() {
            place[group] = position;
        }
        let labels: Vec<u32> = self.classes.keys().copied().collect();
        for label in labels {
            let Some(class) = self.classes.get(&label).filter(|class| class.drawn == 0) else {
                continue;
            };
            let smallest = class
                .groups
                .iter()
                .copied()
                .filter(|&group| self.leaves_each_class(group))
                .min_by_key(|&group| {
                    (
                        self.held[group].iter().map(|&(_, images)| images).sum::<usize>(),
                        place[group],
                    )
                });
            match smallest {
                Some(group) => self.take(group),
                None => {
                    return Err(DataError::Entangled {
                        class: label.to_string(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Whether `holds` of each class of the group, with the group's images of it.
    fn of(&self, group: usize, holds: impl Fn(&Class, usize) -> bool) -> bool {
        self.held[group]
            .iter()
            .all(|(label, images)| self.classes.get(label).is_some_and(|class| holds(class, *images)))
    }

    /// Whether each class still has enough groups that are not drawn once this one is.
    fn leaves_each_class(&self, group: usize) -> bool {
        self.of(group, |class, _| {
            class.groups_drawn + 1 + self.least_left <= class.groups.len()
        })
    }

    /// Whether the classes' numbers of drawn images are nearer to what is wanted with the group
    /// than without.
    fn brings_nearer(&self, group: usize) -> bool {
        let (mut with, mut without) = (0.0, 0.0);
        for (label, images) in &self.held[group] {
            if let Some(class) = self.classes.get(label) {
                let wanted = class.wanted as f64;
                with += ((class.drawn + images) as f64 - wanted).abs() / wanted;
                without += (class.drawn as f64 - wanted).abs() / wanted;
            }
        }
        with < without
    }

    fn take(&mut self, group: usize) {
        self.is_drawn[group] = true;
        for (label, images) in &self.held[group] {
            if let Some(class) = self.classes.get_mut(label) {
                class.drawn += images;
                class.groups_drawn += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn alone(images: usize) -> Vec<u32> {
        (0..images as u32).collect()
    }

    #[test]
    fn every_class_is_divided_by_itself_to_the_image() {
        let labels: Vec<u32> = (0..3000).map(|image| u32::from(image % 30 == 0)).collect();
        let (rest, drawn) = split(&labels, &alone(3000), 0.2, Seed::new(1)).unwrap();
        assert_eq!((rest.len(), drawn.len()), (2400, 600));
        assert_eq!(
            drawn.iter().filter(|&&image| labels[image as usize] == 1).count(),
            20
        );
        let mut all = [rest, drawn].concat();
        all.sort_unstable();
        assert_eq!(all, alone(3000));
    }

    #[test]
    fn two_images_are_one_on_each_side_whatever_the_fraction() {
        for fraction in [0.01, 0.5, 0.99] {
            let (rest, drawn) = split(&[0, 0, 7, 7], &alone(4), fraction, Seed::new(3)).unwrap();
            assert_eq!((rest.len(), drawn.len()), (2, 2), "{fraction}");
        }
    }

    #[test]
    fn groups_stay_whole_and_shares_are_near() {
        // Groups of 1 to 7 images, of several classes.
        let (mut labels, mut groups) = (Vec::new(), Vec::new());
        for group in 0..200 {
            for image in 0..=group % 7 {
                labels.push((group + image) % 5);
                groups.push(group);
            }
        }
        let (rest, drawn) = split(&labels, &groups, 0.25, Seed::new(5)).unwrap();
        let of = |side: &[u32]| {
            side.iter()
                .map(|&image| groups[image as usize])
                .collect::<BTreeSet<_>>()
        };
        assert!(of(&rest).is_disjoint(&of(&drawn)));
        for class in 0..5 {
            let count = |side: &[u32]| {
                side.iter()
                    .filter(|&&image| labels[image as usize] == class)
                    .count()
            };
            let share = count(&drawn) as f64 / (count(&drawn) + count(&rest)) as f64;
            assert!((share - 0.25).abs() < 0.02, "{class}: {share}");
        }
    }

    #[test]
    fn large_groups_of_all_classes_are_divided_too() {
        let (rest, drawn) = split(&[0, 1, 0, 1], &[4, 4, 9, 9], 0.2, Seed::new(0)).unwrap();
        assert_eq!((rest.len(), drawn.len()), (2, 2));
    }

    #[test]
    fn as_many_groups_are_left_as_asked_for() {
        let (labels, groups) = ([0, 0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 2, 3, 4, 5, 6]);
        let contents: Vec<Digest> = (0..9).map(content).collect();
        for fraction in [0.01, 0.5, 0.99] {
            for least_left in [1, 2] {
                let (rest, _) =
                    split_by_content(&labels, &groups, &contents, fraction, least_left, Seed::new(1))
                        .unwrap();
                for label in 0..2 {
                    let of = rest.iter().filter(|&&image| labels[image as usize] == label);
                    let left: BTreeSet<u32> = of.map(|&image| groups[image as usize]).collect();
                    assert!(left.len() >= least_left, "{fraction} {least_left}: {left:?}");
                }
            }
        }
        let refused = split_by_content(&labels, &groups, &contents, 0.5, 3, Seed::new(1)).unwrap_err();
        assert!(
            matches!(
                refused,
                DataError::TooFew {
                    groups: 3,
                    needed: 4,
                    ..
                }
            ),
            "{refused}"
        );
    }

    #[test]
    fn the_numbers_of_groups_do_not_matter_and_the_seed_does() {
        let labels: Vec<u32> = (0..100).map(|image| image % 4).collect();
        let other: Vec<u32> = (0..100).map(|image| 1000 - image).collect();
        let first = split(&labels, &alone(100), 0.3, Seed::new(1)).unwrap();
        assert_eq!(first, split(&labels, &other, 0.3, Seed::new(1)).unwrap());
        assert_ne!(first, split(&labels, &other, 0.3, Seed::new(2)).unwrap());
    }

    /// A change of these numbers changes the validation split of every data set with groups.
    #[test]
    fn value_stability() {
        let labels: Vec<u32> = (0..20).map(|image| image % 2).collect();
        let (_, drawn) = split(&labels, &alone(20), 0.2, Seed::new(0)).unwrap();
        assert_eq!(drawn, [6, 7, 16, 17]);
    }

    fn content(number: u32) -> Digest {
        Sha256::digest(number.to_le_bytes()).into()
    }

    /// A change of these numbers changes the test split of every data set that gives none.
    #[test]
    fn value_stability_by_content() {
        let labels: Vec<u32> = (0..20).map(|image| image % 2).collect();
        let contents: Vec<Digest> = (0..20).map(content).collect();
        let (_, drawn) = split_by_content(&labels, &alone(20), &contents, 0.2, 1, Seed::new(0)).unwrap();
        assert_eq!(drawn, [1, 2, 5, 14]);
    }

    /// An image with its class, its group and its content.
    type Known = (u32, u32, u32);

    /// The contents of the images that are drawn, a fifth of all, by class.
    fn drawn_of(images: &[Known]) -> BTreeSet<(u32, u32)> {
        let labels: Vec<u32> = images.iter().map(|image| image.0).collect();
        let groups: Vec<u32> = images.iter().map(|image| image.1).collect();
        let contents: Vec<Digest> = images.iter().map(|image| content(image.2)).collect();
        let (_, drawn) = split_by_content(&labels, &groups, &contents, 0.2, 1, Seed::new(9)).unwrap();
        let known = |place: u32| (images[place as usize].0, images[place as usize].2);
        drawn.into_iter().map(known).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        /// The bound is that of the rule. Let `g` be the largest group. Once one of the two draws
        /// takes a group that does not fit into the other, both lack less than `3 g` images of a
        /// class, and neither overshoots by more than a group.
        #[test]
        fn an_image_less_changes_its_class_alone_and_little_of_that(
            sizes in prop::collection::vec(1_u32..=3, 300),
            without in 0_usize..300,
            first in any::<u32>(),
        ) {
            let mut images: Vec<Known> = Vec::new();
            for (group, &size) in (0..).zip(&sizes) {
                for _ in 0..size {
                    images.push((group % 3, group, first.wrapping_add(images.len() as u32)));
                }
            }
            let all = drawn_of(&images);
            let (label, ..) = images.remove(without);
            let changed: Vec<(u32, u32)> = all.symmetric_difference(&drawn_of(&images)).copied().collect();
            prop_assert!(changed.iter().all(|&(of, _)| of == label));
            prop_assert!(changed.len() <= 8 * 3, "{}", changed.len());
        }

        #[test]
        fn of_images_without_groups_at_most_two_change(
            labels in prop::collection::vec(0_u32..4, 100..200),
            without in 0_usize..100,
            first in any::<u32>(),
        ) {
            let known = |(place, &label): (u32, &u32)| (label, place, first.wrapping_add(place));
            let mut images: Vec<Known> = (0..).zip(&labels).map(known).collect();
            let all = drawn_of(&images);
            images.remove(without);
            let other = drawn_of(&images);
            prop_assert!(all.symmetric_difference(&other).count() <= 2);
        }
    }

    #[test]
    fn what_cannot_be_split_is_refused_with_the_class() {
        let refused = split(&[0, 0, 1], &alone(3), 0.2, Seed::new(1)).unwrap_err();
        assert!(
            matches!(&refused, DataError::TooFew { class, images: 1, groups: 1, needed: 2 } if class == "1"),
            "{refused}"
        );
        let refused = split(&[0, 0, 1, 1], &[0, 1, 2, 2], 0.2, Seed::new(1)).unwrap_err();
        assert!(
            matches!(
                &refused,
                DataError::TooFew {
                    images: 2,
                    groups: 1,
                    ..
                }
            ),
            "{refused}"
        );
        // Each group holds one of the two images of two classes.
        let refused = split(&[0, 1, 0, 2, 1, 2], &[0, 0, 1, 1, 2, 2], 0.2, Seed::new(1)).unwrap_err();
        assert!(matches!(&refused, DataError::Entangled { .. }), "{refused}");
        for fraction in [0.0, 1.0, f64::NAN, -0.5] {
            assert!(
                split(&[0, 0], &[0, 1], fraction, Seed::new(1)).is_err(),
                "{fraction}"
            );
        }
        assert!(split(&[0, 0], &[0], 0.5, Seed::new(1)).is_err());
        assert!(split(&[], &[], 0.5, Seed::new(1)).is_err());
    }
}
