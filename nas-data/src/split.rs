//! Images divided in two, class by class.

use std::collections::BTreeMap;

use nas_space::seed::Seed;
use rand::seq::SliceRandom as _;

use crate::error::DataError;

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
    let mut division = Division::new(labels, groups, fraction)?;
    division.draw(seed)?;
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
}

impl Division {
    fn new(labels: &[u32], groups: &[u32], fraction: f64) -> Result<Self, DataError> {
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
            if class.groups.len() < 2 {
                return Err(DataError::TooFew {
                    class: label.to_string(),
                    images: class.images,
                    groups: class.groups.len(),
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
        })
    }

    /// Draws groups: first those that fit into what is wanted of each of their classes, then those
    /// that make the numbers of images deviate less, then what a class without any needs.
    fn draw(&mut self, seed: Seed) -> Result<(), DataError> {
        let mut order: Vec<usize> = (0..self.held.len()).collect();
        order.shuffle(&mut seed.derive("split", 0).rng());
        for &group in &order {
            if self.leaves_each_class(group)
                && self.of(group, |class, images| class.drawn + images <= class.wanted)
            {
                self.take(group);
            }
        }
        for &group in &order {
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

    /// Whether each class still has images that are not drawn once the group is.
    fn leaves_each_class(&self, group: usize) -> bool {
        self.of(group, |class, images| class.drawn + images < class.images)
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
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
                .collect::<std::collections::BTreeSet<_>>()
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
    fn the_numbers_of_groups_do_not_matter_and_the_seed_does() {
        let labels: Vec<u32> = (0..100).map(|image| image % 4).collect();
        let other: Vec<u32> = (0..100).map(|image| 1000 - image).collect();
        let first = split(&labels, &alone(100), 0.3, Seed::new(1)).unwrap();
        assert_eq!(first, split(&labels, &other, 0.3, Seed::new(1)).unwrap());
        assert_ne!(first, split(&labels, &other, 0.3, Seed::new(2)).unwrap());
    }

    /// A change of these numbers changes the test split of every data set.
    #[test]
    fn value_stability() {
        let labels: Vec<u32> = (0..20).map(|image| image % 2).collect();
        let (_, drawn) = split(&labels, &alone(20), 0.2, Seed::new(0)).unwrap();
        assert_eq!(drawn, [6, 7, 16, 17]);
    }

    #[test]
    fn what_cannot_be_split_is_refused_with_the_class() {
        let refused = split(&[0, 0, 1], &alone(3), 0.2, Seed::new(1)).unwrap_err();
        assert!(
            matches!(&refused, DataError::TooFew { class, images: 1, groups: 1 } if class == "1"),
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
