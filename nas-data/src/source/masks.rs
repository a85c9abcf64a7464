//! Masks and other companion files of images, which lie among them and belong to no class.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use super::layout::Candidate;
use super::shown;
use crate::words::counted;

/// What follows an image's name in the name of its mask.
const ENDINGS: [&str; 11] = [
    "mask",
    "masks",
    "seg",
    "segmentation",
    "gt",
    "label",
    "labels",
    "annotation",
    "trimap",
    "matte",
    "overlay",
];
/// Folders of masks.
const FOLDERS: [&str; 6] = [
    "masks",
    "annotations",
    "segmentations",
    "trimaps",
    "ground_truth",
    "groundtruth",
];
/// Images with the same name and two endings are certainly pairs if at least one image in this
/// number is one.
const ONE_IN: usize = 20;

/// Images that may be masks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Masks {
    /// They are pairs, or enough of them look like pairs that the user must decide.
    Certain {
        /// Counts and an example.
        found: String,
    },
    /// A few look like it.
    Possible {
        /// A sentence.
        warning: String,
    },
}

/// Looks for images with a second one of the same name: `cat.jpg` with `cat_mask.png` or `cat.png`
/// in one folder, or with `masks/cat.png`.
pub(super) fn find(images: &[Candidate]) -> Option<Masks> {
    let all = counted(images.len(), "image");
    let (pairs, example) = by_ending(images);
    if let Some((image, mask)) = example {
        let found =
            format!("{all}, of which {pairs} may be a mask of another beside it, such as {mask} of {image}");
        return Some(Masks::Certain { found });
    }
    let (pairs, in_folders, example) = by_folder(images);
    if let Some(example) = example.filter(|_| 2 * pairs >= in_folders) {
        let found = format!(
            "{all}, of which {pairs} lie in a folder of masks and are named as another image, such as {example}"
        );
        return Some(Masks::Certain { found });
    }
    let (pairs, example) = by_stem(images);
    let (image, other) = example?;
    if pairs * ONE_IN >= images.len() {
        let found = format!(
            "{all}, of which {pairs} have a second one of the same name beside them, such as {image} and {other}: masks?"
        );
        return Some(Masks::Certain { found });
    }
    let warning = format!(
        "{} named as another beside {}, such as {image} and {other}; if these are masks, choose the images with --glob",
        if pairs == 1 {
            "1 image is".to_owned()
        } else {
            format!("{pairs} images are")
        },
        if pairs == 1 { "it" } else { "them" },
    );
    Some(Masks::Possible { warning })
}

/// Pairs of an image and its mask, with an example.
type Pairs<'a> = (usize, Option<(String, String)>);

/// The folder and the name without ending.
fn place(path: &Path) -> (Option<&Path>, String) {
    (
        path.parent(),
        path.file_stem().map(shown).unwrap_or_default().to_lowercase(),
    )
}

fn by_ending(images: &[Candidate]) -> Pairs<'_> {
    let places: BTreeMap<_, _> = images
        .iter()
        .map(|image| (place(&image.path), &image.path))
        .collect();
    let mut pairs: Pairs<'_> = (0, None);
    for image in images {
        let (folder, stem) = place(&image.path);
        let Some(of) = without_ending(&stem).and_then(|stem| places.get(&(folder, stem.to_owned()))) else {
            continue;
        };
        pairs.0 += 1;
        pairs
            .1
            .get_or_insert_with(|| (shown(of.as_os_str()), shown(image.path.as_os_str())));
    }
    pairs
}

/// The name of the image of which `stem` names the mask.
fn without_ending(stem: &str) -> Option<&str> {
    let (image, ending) = stem.rsplit_once(['_', '-', '.', ' '])?;
    (!image.is_empty() && ENDINGS.contains(&ending)).then_some(image)
}

fn by_stem(images: &[Candidate]) -> Pairs<'_> {
    let mut places: BTreeMap<_, &Path> = BTreeMap::new();
    let mut pairs: Pairs<'_> = (0, None);
    for image in images {
        if let Some(first) = places.insert(place(&image.path), &image.path) {
            pairs.0 += 1;
            pairs
                .1
                .get_or_insert_with(|| (shown(first.as_os_str()), shown(image.path.as_os_str())));
        }
    }
    pairs
}

/// Images in folders of masks that are named as one elsewhere; all images in such folders; an
/// example.
fn by_folder(images: &[Candidate]) -> (usize, usize, Option<String>) {
    let is_mask_folder = |name: &OsStr| {
        name.to_str()
            .is_some_and(|name| FOLDERS.contains(&name.to_ascii_lowercase().as_str()))
    };
    let (inside, outside): (Vec<_>, Vec<_>) = images.iter().partition(|image| {
        image
            .path
            .parent()
            .is_some_and(|folder| folder.iter().any(is_mask_folder))
    });
    if inside.is_empty() {
        return (0, 0, None);
    }
    let stems: BTreeSet<String> = outside.iter().map(|image| place(&image.path).1).collect();
    let mut named = inside.iter().filter(|image| {
        let stem = place(&image.path).1;
        stems.contains(&stem) || without_ending(&stem).is_some_and(|stem| stems.contains(stem))
    });
    let example = named.next().map(|image| shown(image.path.as_os_str()));
    (
        usize::from(example.is_some()) + named.count(),
        inside.len(),
        example,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::stamp::Stamp;

    fn found(paths: &[&str]) -> Option<Masks> {
        let dir = tempfile::tempdir().unwrap();
        let stamp = Stamp::of(&std::fs::metadata(dir.path()).unwrap());
        let images: Vec<Candidate> = paths
            .iter()
            .map(|path| Candidate {
                path: path.into(),
                stamp,
            })
            .collect();
        find(&images)
    }

    #[test]
    fn masks_beside_images_are_found_by_name() {
        for paths in [
            ["a/cat.jpg", "a/cat_mask.png", "b/1.jpg"],
            ["a/cat.jpg", "a/cat-seg.jpg", "b/1.jpg"],
            ["a/cat.jpg", "a/cat.png", "b/1.jpg"],
            ["images/cat.jpg", "masks/cat.png", "images/dog.jpg"],
            ["a/cat.jpg", "a/masks/cat_mask.png", "b/1.jpg"],
        ] {
            assert!(matches!(found(&paths), Some(Masks::Certain { .. })), "{paths:?}");
        }
    }

    #[test]
    fn names_that_images_merely_share_are_none() {
        for paths in [
            ["a/1.jpg", "b/1.jpg", "b/2.png"],
            ["mask/1.jpg", "no_mask/1.jpg", "mask/2.png"],
            ["a/mask.jpg", "a/1.jpg", "b/_mask.jpg"],
        ] {
            assert_eq!(found(&paths), None, "{paths:?}");
        }
    }

    #[test]
    fn a_few_equal_names_among_many_are_a_warning() {
        let mut names: Vec<String> = (0..100).map(|image| format!("a/{image}.jpg")).collect();
        names.push("a/7.png".to_owned());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(matches!(found(&names), Some(Masks::Possible { .. })));
    }
}
