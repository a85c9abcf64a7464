//! What was found on reading images, as a page: what is shown, and in which words.

use std::path::Path;

use nas_data::{Duplicates, Origin, OwnData, ReadOptions};
use nas_report::number::{counted, grouped, mebibytes};
use nas_report::page::images::{
    self, ClassRow, Identical, ImagesData, LeftOut, MOST_CLASSES, MOST_OF_SET, MOST_ON_SHEET, spread,
};
use nas_report::page::{Shown, short};

use super::check::{Checked, search, split};
use super::pictures::Pictures;

/// Numbers of classes, each with the longest side of pictures, in pixels, up to that number.
const SIDES: [(usize, usize); 3] = [(12, 64), (24, 48), (usize::MAX, 32)];

/// The page as one HTML document. `next` is the command to type next.
pub(super) fn page(checked: &Checked, data: &OwnData, read: &ReadOptions, next: &str) -> String {
    let classes = data.classes.len();
    let side = SIDES
        .iter()
        .find(|(most, _)| classes <= *most)
        .map_or(32, |(_, side)| *side);
    let pictures = Pictures::new(data, Path::new(&checked.data), read, side);
    let found = &checked.findings;
    let spread =
        |spread: nas_data::Spread| format!("{} to {}, median {}", spread.min, spread.max, spread.median);
    images::page(&ImagesData {
        title: format!("The images of {}", short(&checked.name)),
        lead: format!(
            "{} images in {}, as they were found before anything is trained on them.",
            grouped(found.images as u64),
            many(classes)
        ),
        figures: vec![
            (
                "Images",
                grouped(found.images as u64),
                format!("{} of pixels", mebibytes(checked.bytes as u64)),
            ),
            ("Classes", grouped(classes as u64), uneven(checked)),
            (
                "Size",
                checked.shape.clone(),
                "channels, height and width of each".to_owned(),
            ),
            (
                "To test on",
                grouped(checked.test as u64),
                match found.test {
                    Origin::Given => "given".to_owned(),
                    Origin::Drawn => "drawn, always the same".to_owned(),
                },
            ),
        ],
        warnings: found.warnings.clone(),
        facts: vec![
            ("Read from", checked.data.clone()),
            ("Split", split(checked)),
            ("Width before", format!("{} pixels", spread(found.width))),
            ("Height before", format!("{} pixels", spread(found.height))),
            (
                "Grey and coloured",
                format!(
                    "{} and {}",
                    grouped(found.grey as u64),
                    grouped(found.coloured as u64)
                ),
            ),
            ("Fingerprint", checked.fingerprint.clone()),
        ],
        search: search(checked)
            .into_iter()
            .map(|(name, what)| match name {
                "memory" => ("Memory", what),
                "time" => ("Time", what),
                _ => ("Search", what),
            })
            .collect(),
        classes: rows(checked, data, &pictures),
        pictures: match pictures.are_reduced() {
            true => format!(
                "Training images, spread evenly over each class; the network sees them as {}, here they are smaller.",
                checked.shape
            ),
            false => "Training images as the network sees them, spread evenly over each class.".to_owned(),
        },
        left_out: found
            .skipped
            .iter()
            .map(|skipped| LeftOut {
                reason: match skipped.bad {
                    true => format!("unreadable: {}", skipped.reason),
                    false => skipped.reason.clone(),
                },
                files: skipped.files.count,
                named: skipped.files.first.iter().map(|name| short(name)).collect(),
            })
            .collect(),
        identical: vec![
            identical(
                "Contradictory",
                &found.contradictions,
                &pictures,
                |images, sets| {
                    format!(
                        "{images} in {sets} are the same as an image of another class. None of them is used: one of the classes is wrong."
                    )
                },
            ),
            identical("In two splits", &found.leaks, &pictures, |images, sets| {
                format!(
                    "{images} in {sets} are the same as an image of another split. They are left out of training: a network that has \
                     seen an image in training cannot be tested on it."
                )
            }),
            identical(
                "The same in one class",
                &found.duplicates,
                &pictures,
                |images, sets| {
                    format!(
                        "{images} in {sets} are the same as another of their class. They are used, on one side of any split."
                    )
                },
            ),
        ],
        command: next.to_owned(),
    })
}

fn rows(checked: &Checked, data: &OwnData, pictures: &Pictures<'_>) -> Vec<ClassRow> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); data.classes.len()];
    for (index, &label) in data.train.labels.iter().enumerate() {
        if let Some(members) = members.get_mut(label as usize) {
            members.push(index);
        }
    }
    let counts = checked.findings.classes.iter().zip(&members).enumerate();
    let rows = counts.map(|(number, (count, members))| {
        let is_shown = number < MOST_CLASSES;
        let wanted = if is_shown { MOST_ON_SHEET } else { 0 };
        let sample =
            spread(members.len(), wanted).filter_map(|place| pictures.of(&data.train, members[place]));
        let odd = checked
            .odd
            .iter()
            .find(|odd| is_shown && odd.class == count.class);
        ClassRow {
            name: short(&count.class),
            train: count.train,
            valid: checked.valid.map(|_| count.valid),
            test: count.test,
            sample: sample.collect(),
            odd: odd
                .iter()
                .flat_map(|odd| &odd.images)
                .map(|odd| Shown::new(pictures.named(&odd.name), &odd.name, &odd.why.to_string()))
                .collect(),
        }
    });
    rows.collect()
}

fn identical(
    title: &str,
    found: &Duplicates,
    pictures: &Pictures<'_>,
    lead: impl Fn(&str, &str) -> String,
) -> Identical {
    let sets = found.sets.first.iter().map(|set| {
        // All of them have the same pixels: what one has not, as its file was not used, another may
        // have.
        let mut picture = None;
        let images = set.iter().take(MOST_OF_SET).map(|image| {
            picture = picture.take().or_else(|| pictures.named(&image.name));
            Shown::new(picture.clone(), &image.name, &format!("class {}", image.class))
        });
        (images.collect(), set.len())
    });
    Identical {
        title: title.to_owned(),
        lead: lead(&counted(found.images, "image"), &counted(found.sets.count, "set")),
        sets: found.sets.count,
        shown: sets.collect(),
    }
}

/// How uneven classes are.
fn uneven(checked: &Checked) -> String {
    let counts = || checked.findings.classes.iter().map(|class| class.train);
    match (counts().min(), counts().max()) {
        (Some(least), Some(most)) => format!(
            "of {} to {} training images",
            grouped(least as u64),
            grouped(most as u64)
        ),
        _ => String::new(),
    }
}

fn many(classes: usize) -> String {
    match classes {
        1 => "1 class".to_owned(),
        _ => format!("{} classes", grouped(classes as u64)),
    }
}
