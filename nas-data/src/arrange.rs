//! Which images are used, and on which side of which split.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nas_space::seed::Seed;

use crate::error::DataError;
use crate::findings::{Duplicates, MOST_EXAMPLES, Named};
use crate::identical::identical;
use crate::scan::{Digest, Image};
use crate::source::{Entry, Listing, Side};
use crate::split::{split, split_by_content};
use crate::words::counted;

/// The seed of every test split. It is no run's: all runs on the same images are tested on the same
/// ones.
const TEST_SEED: Seed = Seed::new(0x007e_5700_0000_0001);

/// The share of a validation split that is drawn to see whether one can be.
const VALIDATION: f64 = 0.25;
/// How many classes an error names.
const NAMED_CLASSES: usize = 10;

/// Which images are used, and where.
#[derive(Debug)]
pub(crate) struct Arrangement {
    /// The entries of each [`Side`], ascending.
    pub(crate) sides: [Vec<usize>; 3],
    /// The group of each entry, numbered by first appearance in `sides`.
    pub(crate) groups: Vec<u32>,
    /// Whether the source gives the test split.
    pub(crate) test_is_given: bool,
    /// Whether the source gives a validation split.
    pub(crate) valid_is_given: bool,
    /// Images that are the same and of one class and split.
    pub(crate) duplicates: Duplicates,
    /// Images that are the same and of several classes.
    pub(crate) contradictions: Duplicates,
    /// Images that are the same and in several given splits.
    pub(crate) leaks: Duplicates,
    /// Sets of `leaks` that are in both validation and test.
    pub(crate) leaks_in_judging: usize,
    /// Groups that the source gives and that are in several given splits.
    pub(crate) divided_groups: usize,
}

/// Decides where each image belongs.
///
/// # Errors
/// A class without images to train on; classes with too few for the splits that are drawn; groups
/// of several classes that leave no way to draw them.
pub(crate) fn arrange(
    listing: &Listing,
    images: &[Option<Image>],
    test_fraction: f64,
) -> Result<Arrangement, DataError> {
    let entries = &listing.entries;
    let mut is_used: Vec<bool> = images.iter().map(Option::is_some).collect();
    let mut sets = identical(images);
    let gives = |side| entries.iter().any(|entry| entry.side == Some(side));
    let mut arrangement = Arrangement {
        sides: Default::default(),
        groups: vec![0; entries.len()],
        test_is_given: gives(Side::Test),
        valid_is_given: gives(Side::Valid),
        duplicates: Duplicates::default(),
        contradictions: Duplicates::default(),
        leaks: Duplicates::default(),
        leaks_in_judging: 0,
        divided_groups: 0,
    };
    for set in sets.several() {
        arrangement.judge(&set, listing, &mut is_used);
    }
    sets.join_equal(entries.iter().map(|entry| entry.group.as_deref()));
    let first: Vec<usize> = (0..entries.len()).map(|entry| sets.first(entry)).collect();
    let mut side: Vec<Side> = entries
        .iter()
        .map(|entry| entry.side.unwrap_or(Side::Train))
        .collect();
    check_classes(listing, &is_used, |entry| side[entry] == Side::Train)?;
    let mut drawn = vec!["training"];
    drawn.extend((!arrangement.valid_is_given).then_some("validation"));
    drawn.extend((!arrangement.test_is_given).then_some("test"));
    check_groups(
        listing,
        &first,
        |entry| is_used[entry] && side[entry] == Side::Train,
        drawn,
    )?;
    if !arrangement.test_is_given {
        for entry in draw_test(
            listing,
            images,
            &first,
            |entry| is_used[entry] && side[entry] == Side::Train,
            test_fraction,
            1 + usize::from(!arrangement.valid_is_given),
        )? {
            side[entry] = Side::Test;
        }
    }
    arrangement.divided_groups = divided_groups(entries, &is_used);
    for entry in (0..entries.len()).filter(|&entry| is_used[entry]) {
        arrangement.sides[side[entry] as usize].push(entry);
    }
    for side in [Side::Valid, Side::Test] {
        if gives(side) && arrangement.sides[side as usize].is_empty() {
            return Err(DataError::TooSmall {
                what: format!("no image of the {} split can be read", side.name()),
                remedy: "repair them, or remove the split".to_owned(),
            });
        }
    }
    let mut numbers = HashMap::new();
    for &entry in arrangement.sides.iter().flatten() {
        let next = numbers.len() as u32;
        arrangement.groups[entry] = *numbers.entry(first[entry]).or_insert(next);
    }
    if !arrangement.valid_is_given {
        check_validation(listing, &arrangement)?;
    }
    Ok(arrangement)
}

impl Arrangement {
    /// Judges images that are the same: those of several classes are not used; those of several
    /// splits not for training.
    fn judge(&mut self, set: &[usize], listing: &Listing, is_used: &mut [bool]) {
        let entry = |&place: &usize| &listing.entries[place];
        let side = |place: &usize| entry(place).side.unwrap_or(Side::Train);
        let labels: BTreeSet<u32> = set.iter().map(|place| entry(place).label).collect();
        let sides: BTreeSet<Side> = set.iter().map(side).collect();
        let (of, dropped): (_, Vec<usize>) = if labels.len() > 1 {
            (&mut self.contradictions, set.to_vec())
        } else if sides.len() > 1 {
            self.leaks_in_judging += usize::from(sides.contains(&Side::Valid) && sides.contains(&Side::Test));
            let of_train = set.iter().copied().filter(|place| side(place) == Side::Train);
            (&mut self.leaks, of_train.collect())
        } else {
            (&mut self.duplicates, Vec::new())
        };
        of.images += set.len();
        of.dropped += dropped.len();
        let named = set.iter().take(MOST_EXAMPLES).map(|place| Named {
            name: entry(place).name(),
            class: listing.classes[entry(place).label as usize].clone(),
        });
        of.sets.push(named.collect());
        for place in dropped {
            is_used[place] = false;
        }
    }
}

/// Refuses a class without an image that is used and in training.
fn check_classes(
    listing: &Listing,
    is_used: &[bool],
    is_in_training: impl Fn(usize) -> bool,
) -> Result<(), DataError> {
    let mut counts = vec![(0, 0); listing.classes.len()];
    for (place, entry) in listing.entries.iter().enumerate() {
        let count = &mut counts[entry.label as usize];
        count.0 += 1;
        count.1 += usize::from(is_used[place] && is_in_training(place));
    }
    match listing
        .classes
        .iter()
        .zip(counts)
        .find(|(_, (_, left))| *left == 0)
    {
        None => Ok(()),
        Some((class, (listed, _))) => Err(DataError::TooSmall {
            what: format!(
                "class '{class}' has no image to train on: its {listed} images cannot be read, are the \
                 same as images of other classes, or are in other splits"
            ),
            remedy: "add images to it, or leave the class out".to_owned(),
        }),
    }
}

/// Refuses classes that have not one group for each of `splits`, into which the candidates have to
/// be divided.
fn check_groups(
    listing: &Listing,
    first: &[usize],
    is_candidate: impl Fn(usize) -> bool,
    splits: Vec<&'static str>,
) -> Result<(), DataError> {
    let mut held = vec![(0, BTreeSet::new()); listing.classes.len()];
    for (place, entry) in listing.entries.iter().enumerate() {
        if is_candidate(place) {
            let (images, groups) = &mut held[entry.label as usize];
            *images += 1;
            groups.insert(first[place]);
        }
    }
    let classes = listing.classes.iter().zip(held);
    let few: Vec<String> = classes
        .filter(|(_, (_, groups))| groups.len() < splits.len())
        .map(|(class, (images, groups))| match groups.len() {
            alone if alone == images => format!("'{class}' ({})", counted(images, "image")),
            groups => format!(
                "'{class}' ({} in {})",
                counted(images, "image"),
                counted(groups, "group")
            ),
        })
        .collect();
    if few.is_empty() {
        return Ok(());
    }
    let more = if few.len() > NAMED_CLASSES { ", …" } else { "" };
    Err(DataError::FewOfClasses {
        number: few.len(),
        classes: few[..few.len().min(NAMED_CLASSES)].join(", ") + more,
        needed: splits.len(),
        splits,
    })
}

/// Refuses groups of several classes of which no validation split can be drawn.
fn check_validation(listing: &Listing, arrangement: &Arrangement) -> Result<(), DataError> {
    let entries = &arrangement.sides[Side::Train as usize];
    let labels: Vec<u32> = entries
        .iter()
        .map(|&entry| listing.entries[entry].label)
        .collect();
    let groups: Vec<u32> = entries.iter().map(|&entry| arrangement.groups[entry]).collect();
    let mut class_of = HashMap::new();
    let is_of_one_class = |(&group, &label)| *class_of.entry(group).or_insert(label) == label;
    if groups.iter().zip(&labels).all(is_of_one_class) {
        // There are enough groups, so each class can be divided by itself.
        return Ok(());
    }
    split(&labels, &groups, VALIDATION, TEST_SEED)
        .map(|_| ())
        .map_err(|error| named(error, &listing.classes))
}

/// The entries of the test split. They follow from the contents of the images, not from their
/// names, and an image more or less changes few of them.
fn draw_test(
    listing: &Listing,
    images: &[Option<Image>],
    first: &[usize],
    is_candidate: impl Fn(usize) -> bool,
    fraction: f64,
    least_left: usize,
) -> Result<Vec<usize>, DataError> {
    let digest = |entry: usize| images[entry].map(|image| image.bytes).unwrap_or_default();
    let mut candidates: Vec<(Digest, usize)> = (0..listing.entries.len())
        .filter(|&entry| is_candidate(entry))
        .map(|entry| (digest(entry), entry))
        .collect();
    candidates.sort_unstable();
    let (contents, entries): (Vec<Digest>, Vec<usize>) = candidates.into_iter().unzip();
    let labels: Vec<u32> = entries
        .iter()
        .map(|&entry| listing.entries[entry].label)
        .collect();
    let groups: Vec<u32> = entries.iter().map(|&entry| first[entry] as u32).collect();
    let (_, drawn) = split_by_content(&labels, &groups, &contents, fraction, least_left, TEST_SEED)
        .map_err(|error| named(error, &listing.classes))?;
    Ok(drawn.into_iter().map(|place| entries[place as usize]).collect())
}

/// The error with the name of the class for its number.
fn named(error: DataError, classes: &[String]) -> DataError {
    let name = |number: String| {
        let place = number.parse().ok().and_then(|place: usize| classes.get(place));
        place.map_or(number, |name| format!("'{name}'"))
    };
    match error {
        DataError::TooFew {
            class,
            images,
            groups,
            needed,
        } => DataError::TooFew {
            class: name(class),
            images,
            groups,
            needed,
        },
        DataError::Entangled { class } => DataError::Entangled { class: name(class) },
        other => other,
    }
}

/// How many groups that the source gives are in several splits that it gives.
fn divided_groups(entries: &[Entry], is_used: &[bool]) -> usize {
    let mut sides: BTreeMap<&str, BTreeSet<Side>> = BTreeMap::new();
    for (entry, _) in entries.iter().zip(is_used).filter(|(_, is_used)| **is_used) {
        if let (Some(group), Some(side)) = (&entry.group, entry.side) {
            sides.entry(group).or_default().insert(side);
        }
    }
    sides.values().filter(|sides| sides.len() > 1).count()
}
