//! Images that are the same, and splits that keep them together.

use std::collections::BTreeSet;

use image::ImageFormat;

use crate::images::{Folder, counts, encoded, picture, png};

#[test]
fn copies_are_on_one_side_whatever_their_format() {
    let folder = Folder::of(&[("a", 20), ("b", 20)]);
    // Ten pictures, each as PNG twice and as BMP.
    for number in 0..10 {
        let image = picture(8, 8, 5000 + number);
        folder.write(format!("a/x{number}.png"), encoded(&image, ImageFormat::Png));
        folder.write(format!("a/y{number}.png"), encoded(&image, ImageFormat::Png));
        folder.write(format!("a/z{number}.bmp"), encoded(&image, ImageFormat::Bmp));
    }
    let data = folder.read().unwrap();
    assert_eq!(counts(&data), [("a", [40, 0, 10]), ("b", [16, 0, 4])]);
    let duplicates = &data.findings.duplicates;
    assert_eq!(
        (duplicates.images, duplicates.dropped, duplicates.sets.count),
        (30, 0, 10)
    );
    let names: Vec<&str> = duplicates.sets.first[0]
        .iter()
        .map(|named| named.name.as_str())
        .collect();
    assert_eq!(names, ["a/x0.png", "a/y0.png", "a/z0.bmp"]);
    let groups = |groups: &[u32]| groups.iter().copied().collect::<BTreeSet<u32>>();
    let (train, test) = (groups(&data.train.groups), groups(&data.test.groups));
    assert!(train.is_disjoint(&test));
    assert_eq!(train.len() + test.len(), 20 + 20 + 10);
}

#[test]
fn an_image_of_two_classes_is_used_in_none() {
    let folder = Folder::of(&[("a", 10), ("b", 10), ("c", 10)]);
    let same = png(8, 8, 7);
    folder.write("a/same.png", &same);
    folder.write("b/same.png", &same);
    folder.write("b/again.png", &same);
    folder.write("c/other.bmp", encoded(&picture(8, 8, 7), ImageFormat::Bmp));
    let data = folder.read().unwrap();
    assert_eq!(data.findings.images, 30);
    let found = &data.findings.contradictions;
    assert_eq!((found.images, found.dropped, found.sets.count), (4, 4, 1));
    let named: Vec<(&str, &str)> = found.sets.first[0]
        .iter()
        .map(|named| (named.name.as_str(), named.class.as_str()))
        .collect();
    assert_eq!(
        named,
        [
            ("a/same.png", "a"),
            ("b/again.png", "b"),
            ("b/same.png", "b"),
            ("c/other.bmp", "c")
        ]
    );
    assert!(
        data.findings
            .warnings
            .iter()
            .any(|warning| warning.contains("another class")),
        "{:?}",
        data.findings.warnings
    );
}

#[test]
fn images_of_test_and_validation_are_left_out_of_training() {
    let folder = Folder::of(&[
        ("train/a", 5),
        ("train/b", 5),
        ("val/a", 3),
        ("val/b", 3),
        ("test/a", 3),
        ("test/b", 3),
    ]);
    for (number, splits) in [
        (1, &["train", "test"][..]),
        (2, &["train", "val"]),
        (3, &["val", "test"]),
        (4, &["train", "val", "test"]),
    ] {
        for split in splits {
            folder.write(format!("{split}/a/leak{number}.png"), png(8, 8, number));
        }
    }
    let data = folder.read().unwrap();
    assert_eq!(counts(&data), [("a", [5, 6, 6]), ("b", [5, 3, 3])]);
    let leaks = &data.findings.leaks;
    assert_eq!((leaks.images, leaks.dropped, leaks.sets.count), (9, 3, 4));
    let warnings = data.findings.warnings.join("\n");
    assert!(
        warnings.contains("4 images are in several of the splits")
            && warnings.contains("3 copies are left out"),
        "{warnings}"
    );
    assert!(
        warnings.contains("2 images are in both the validation and the test split"),
        "{warnings}"
    );
}

#[test]
fn the_test_split_follows_from_contents_and_not_from_names() {
    let (one, other) = (Folder::new(), Folder::new());
    for image in 0..40_u32 {
        let class = if image % 2 == 0 { "a" } else { "b" };
        one.write(format!("{class}/{image:02}.png"), png(8, 8, 100 * image));
        other.write(format!("{class}/{:02}.png", 99 - image), png(8, 8, 100 * image));
    }
    let tested = |folder: &Folder| -> BTreeSet<Vec<u8>> {
        let data = folder.read().unwrap();
        data.test
            .pixels
            .chunks(data.shape.numel())
            .map(<[u8]>::to_vec)
            .collect()
    };
    assert_eq!(tested(&one), tested(&other));
    assert_ne!(one.read().unwrap().fingerprint, other.read().unwrap().fingerprint);
}

#[test]
fn an_image_more_or_less_changes_at_most_two_images_of_the_test_split() {
    let folder = Folder::of(&[("a", 80), ("b", 60), ("c", 40), ("d", 20)]);
    // Of each test image its content, which no other image has.
    let tested = || -> BTreeSet<Vec<u8>> {
        let data = folder.read().unwrap();
        assert_eq!(data.findings.duplicates.images, 0);
        data.test
            .pixels
            .chunks(data.shape.numel())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let all = tested();
    assert_eq!(all.len(), 40);
    for number in 0..20 {
        let more = folder.image(&format!("b/more{number}.png"));
        let with_one_more = tested();
        assert!(all.symmetric_difference(&with_one_more).count() <= 2, "{number}");
        std::fs::remove_file(more).unwrap();
        let less = folder.path().join(format!("a/{number:04}.png"));
        let bytes = std::fs::read(&less).unwrap();
        std::fs::remove_file(&less).unwrap();
        let with_one_less = tested();
        assert!(all.symmetric_difference(&with_one_less).count() <= 2, "{number}");
        std::fs::write(&less, bytes).unwrap();
    }
    assert_eq!(tested(), all);
}

#[test]
fn uneven_classes_are_on_both_sides_and_warned_of() {
    let folder = Folder::of(&[("many", 300), ("few", 10)]);
    let data = folder.read().unwrap();
    assert_eq!(counts(&data), [("few", [8, 0, 2]), ("many", [240, 0, 60])]);
    let warnings = data.findings.warnings.join("\n");
    assert!(
        warnings.contains("'many' has 300 images, 'few' has 10 images"),
        "{warnings}"
    );
}

#[test]
fn classes_that_are_too_small_are_refused_with_what_would_do() {
    let folder = Folder::of(&[("many", 20), ("one", 1)]);
    let refusal = folder.refusal();
    assert!(
        refusal.contains("class 'one' has 1 image in 1 group") && refusal.contains("add images"),
        "{refusal}"
    );
    // Copies of one image do not make a class.
    folder.write(
        "one/copy.png",
        std::fs::read(folder.path().join("one/0000.png")).unwrap(),
    );
    let refusal = folder.refusal();
    assert!(
        refusal.contains("class 'one' has 2 images in 1 group"),
        "{refusal}"
    );
    // Nor do images of other classes.
    std::fs::remove_file(folder.path().join("one/copy.png")).unwrap();
    folder.write(
        "many/copy.png",
        std::fs::read(folder.path().join("one/0000.png")).unwrap(),
    );
    let refusal = folder.refusal();
    assert!(
        refusal.contains("class 'one' has no image to train on"),
        "{refusal}"
    );
}

#[test]
fn a_class_of_two_is_split_and_the_missing_validation_is_warned_of() {
    let folder = Folder::of(&[("many", 20), ("two", 2)]);
    let data = folder.read().unwrap();
    assert_eq!(counts(&data)[1], ("two", [1, 0, 1]));
    let warnings = data.findings.warnings.join("\n");
    assert!(
        warnings.contains("no validation split can be drawn") && warnings.contains("'two'"),
        "{warnings}"
    );
}
