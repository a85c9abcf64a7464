//! Findings about the images that were read.

use std::collections::BTreeMap;

use crate::arrange::Arrangement;
use crate::findings::{ClassCount, Findings, Origin, Skipped, Spread};
use crate::scan::{Image, Size};
use crate::source::{Listing, Side, Skip};
use crate::words::counted;

/// From this ratio of images on, classes are called uneven.
const UNEVEN: usize = 10;
/// Below this number of images, a test split is called small.
const SMALL_TEST: usize = 100;
/// The most classes that a warning names.
const MOST_NAMED: usize = 5;

/// All that was found, for images that become `size`.
pub(crate) fn survey(
    listing: &Listing,
    images: &[Option<Image>],
    skipped: &[&Skip],
    arrangement: &Arrangement,
    size: Size,
) -> Findings {
    let used: Vec<Image> = arrangement
        .sides
        .iter()
        .flatten()
        .filter_map(|&entry| images[entry])
        .collect();
    let grey = used.iter().filter(|image| image.is_grey).count();
    let mut findings = Findings {
        images: used.len(),
        classes: counts(listing, arrangement),
        test: if arrangement.test_is_given {
            Origin::Given
        } else {
            Origin::Drawn
        },
        width: Spread::of(used.iter().map(|image| image.width).collect()),
        height: Spread::of(used.iter().map(|image| image.height).collect()),
        grey,
        coloured: used.len() - grey,
        skipped: by_reason(skipped),
        duplicates: arrangement.duplicates.clone(),
        contradictions: arrangement.contradictions.clone(),
        leaks: arrangement.leaks.clone(),
        warnings: Vec::new(),
    };
    let mut warnings = listing.warnings.clone();
    warn_of_files(&findings, &mut warnings);
    warn_of_identical(&findings, arrangement, &mut warnings);
    warn_of_classes(&findings, arrangement, &mut warnings);
    warn_of_images(&findings, &used, size, &mut warnings);
    findings.warnings = warnings;
    findings
}

fn counts(listing: &Listing, arrangement: &Arrangement) -> Vec<ClassCount> {
    let mut counts: Vec<ClassCount> = listing
        .classes
        .iter()
        .map(|class| ClassCount {
            class: class.clone(),
            train: 0,
            valid: 0,
            test: 0,
        })
        .collect();
    for side in Side::ALL {
        for &entry in &arrangement.sides[side as usize] {
            let count = &mut counts[listing.entries[entry].label as usize];
            *match side {
                Side::Train => &mut count.train,
                Side::Valid => &mut count.valid,
                Side::Test => &mut count.test,
            } += 1;
        }
    }
    counts
}

/// Skipped files by reason, bad ones first.
fn by_reason(skipped: &[&Skip]) -> Vec<Skipped> {
    let mut reasons: BTreeMap<(bool, &str), Skipped> = BTreeMap::new();
    for skip in skipped {
        let of = reasons
            .entry((!skip.is_bad, skip.reason))
            .or_insert_with(|| Skipped {
                reason: skip.reason.to_owned(),
                bad: skip.is_bad,
                files: Default::default(),
            });
        of.files.push(match &skip.detail {
            Some(detail) => format!("{} ({detail})", skip.name),
            None => skip.name.clone(),
        });
    }
    reasons.into_values().collect()
}

fn warn_of_files(findings: &Findings, warnings: &mut Vec<String>) {
    let bad: usize = findings
        .skipped
        .iter()
        .filter(|skipped| skipped.bad)
        .map(|skipped| skipped.files.count)
        .sum();
    if bad > 0 {
        warnings.push(format!(
            "{} cannot be read and {} left out",
            counted(bad, "image"),
            is(bad)
        ));
    }
    let others: usize = findings
        .skipped
        .iter()
        .filter(|skipped| !skipped.bad && Skip::looks_like_an_image(&skipped.reason))
        .map(|skipped| skipped.files.count)
        .sum();
    if others > 0 {
        warnings.push(format!(
            "{} with the ending of an image {} empty or something else and left out",
            counted(others, "file"),
            is(others)
        ));
    }
}

fn warn_of_identical(findings: &Findings, arrangement: &Arrangement, warnings: &mut Vec<String>) {
    let Findings {
        contradictions,
        leaks,
        duplicates,
        ..
    } = findings;
    if contradictions.images > 0 {
        warnings.push(format!(
            "{} in {} are the same as an image of another class; none of them is used",
            counted(contradictions.images, "image"),
            counted(contradictions.sets.count, "set")
        ));
    }
    if leaks.images > 0 {
        warnings.push(format!(
            "{} are in several of the given splits; {} left out of training",
            counted(leaks.sets.count, "image"),
            match leaks.dropped {
                1 => "1 copy is".to_owned(),
                copies => format!("{copies} copies are"),
            }
        ));
    }
    if arrangement.leaks_in_judging > 0 {
        warnings.push(format!(
            "{} in both the given validation and the given test split: test accuracies will be slightly too high",
            are(arrangement.leaks_in_judging, "image")
        ));
    }
    if arrangement.divided_groups > 0 {
        warnings.push(format!(
            "{} in several of the given splits: accuracies may be too high",
            are(arrangement.divided_groups, "group")
        ));
    }
    if duplicates.images > 0 {
        warnings.push(format!(
            "{} of one class and split show {}; copies stay on one side of a split that is drawn",
            counted(duplicates.images, "image"),
            counted(duplicates.sets.count, "different picture")
        ));
    }
}

fn warn_of_classes(findings: &Findings, arrangement: &Arrangement, warnings: &mut Vec<String>) {
    let all = |count: &ClassCount| count.train + count.valid + count.test;
    let (least, most) = (
        findings.classes.iter().min_by_key(|count| all(count)),
        findings.classes.iter().max_by_key(|count| all(count)),
    );
    if let (Some(least), Some(most)) = (least, most)
        && all(most) >= UNEVEN * all(least)
    {
        warnings.push(format!(
            "classes are uneven: '{}' has {}, '{}' has {}; a high accuracy may say little about the small ones",
            most.class,
            counted(all(most), "image"),
            least.class,
            counted(all(least), "image")
        ));
    }
    let without = |split: &str, has: &dyn Fn(&ClassCount) -> usize, warnings: &mut Vec<String>| {
        let classes: Vec<&str> = findings
            .classes
            .iter()
            .filter(|count| has(count) == 0)
            .map(|count| count.class.as_str())
            .collect();
        if !classes.is_empty() {
            warnings.push(format!("no image of {} is in the {split} split", named(&classes)));
        }
    };
    if arrangement.valid_is_given {
        without("validation", &|count| count.valid, warnings);
    }
    if arrangement.test_is_given {
        without("test", &|count| count.test, warnings);
    }
    let test = arrangement.sides[Side::Test as usize].len();
    if (1..SMALL_TEST).contains(&test) {
        warnings.push(format!(
            "the test split has {}: each is {:.1} points of test accuracy",
            counted(test, "image"),
            100.0 / test as f64
        ));
    }
}

fn warn_of_images(findings: &Findings, used: &[Image], size: Size, warnings: &mut Vec<String>) {
    if findings.grey > 0 && findings.coloured > 0 {
        warnings.push(format!(
            "{} grey and {} coloured; if one class has mostly grey ones, a network may learn that instead",
            are(findings.grey, "image"),
            findings.coloured
        ));
    }
    let small = used
        .iter()
        .filter(|image| image.width < size.width && image.height < size.height)
        .count();
    if 2 * small > used.len() {
        warnings.push(format!(
            "{} smaller than {}x{} pixels and enlarged; that adds no detail",
            are(small, "image"),
            size.width,
            size.height
        ));
    }
}

/// The first names, and how many there are.
fn named(classes: &[&str]) -> String {
    let first: Vec<String> = classes
        .iter()
        .take(MOST_NAMED)
        .map(|class| format!("'{class}'"))
        .collect();
    let all = if classes.len() == 1 {
        "class".to_owned()
    } else {
        format!("{} classes:", classes.len())
    };
    let more = if classes.len() > MOST_NAMED { ", …" } else { "" };
    format!("{all} {}{more}", first.join(", "))
}

/// `1 image is`, `2 images are`.
fn are(number: usize, thing: &str) -> String {
    format!("{} {}", counted(number, thing), is(number))
}

const fn is(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}
