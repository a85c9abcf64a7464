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
        warnings.contains("4 images are in several of the given splits")
            && warnings.contains("3 copies are left out"),
        "{warnings}"
    );
    assert!(
        warnings.contains("2 images are in both the given validation and the given test split"),
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
fn classes_that_are_too_small_are_refused_at_once_with_what_would_do() {
    let folder = Folder::of(&[("many", 20), ("one", 1), ("two", 2), ("three", 3)]);
    let refusal = folder.refusal();
    assert!(
        refusal.contains("too few images of 2 classes to divide into training, validation and test")
            && refusal.contains("'one' (1 image), 'two' (2 images). Each class needs 3")
            && refusal.contains("--glob")
            && !refusal.contains("'three'"),
        "{refusal}"
    );
    // Copies of one image do not make a class.
    let copied = |from: &str, to: &str| {
        folder.write(to, std::fs::read(folder.path().join(from)).unwrap());
    };
    copied("one/0000.png", "one/copy.png");
    copied("one/0000.png", "one/again.png");
    let refusal = folder.refusal();
    assert!(refusal.contains("'one' (3 images in 1 group)"), "{refusal}");
    // Nor do images of other classes.
    std::fs::remove_dir_all(folder.path().join("one")).unwrap();
    folder.image("one/0000.png");
    copied("one/0000.png", "many/copy.png");
    let refusal = folder.refusal();
    assert!(
        refusal.contains("class 'one' has no image to train on"),
        "{refusal}"
    );
    // Without these classes the rest is read.
    let data = folder
        .read_with(|options| options.glob = Some("!{one,two}/**".to_owned()))
        .unwrap();
    assert_eq!(counts(&data), [("many", [17, 0, 4]), ("three", [2, 0, 1])]);
}

#[test]
fn the_first_ten_classes_that_are_too_small_are_named() {
    let folder = Folder::of(&[("z", 5)]);
    for class in 0..12 {
        folder.image(&format!("c{class:02}/0.png"));
    }
    let refusal = folder.refusal();
    assert!(
        refusal.contains("12 classes")
            && refusal.contains("'c09' (1 image), …")
            && !refusal.contains("'c10'"),
        "{refusal}"
    );
}

/// Whether a validation split of any share can be drawn from what was read.
fn assert_validation_can_be_drawn(data: &nas_data::OwnData) {
    for fraction in [0.01, 0.5, 0.99] {
        for seed in 0..20 {
            nas_data::split(
                &data.train.labels,
                &data.train.groups,
                fraction,
                nas_space::seed::Seed::new(seed),
            )
            .unwrap();
        }
    }
}

#[test]
fn a_class_needs_an_image_for_each_split_that_is_drawn() {
    let folder = Folder::of(&[("many", 20), ("few", 3)]);
    for fraction in [0.01, 0.5, 0.99] {
        let data = folder
            .read_with(|options| options.test_fraction = fraction)
            .unwrap();
        assert_eq!(counts(&data)[0], ("few", [2, 0, 1]), "{fraction}");
        assert_validation_can_be_drawn(&data);
    }
    for (given, enough) in [("test", 2), ("val", 2), ("val test", 1)] {
        let folder = Folder::of(&[("train/many", 20), ("train/few", enough - 1)]);
        for split in given.split_whitespace() {
            for class in ["many", "few"] {
                folder.image(&format!("{split}/{class}/0.png"));
            }
        }
        if enough > 1 {
            let refusal = folder.refusal();
            assert!(
                refusal.contains("'few' (1 image). Each class needs 2"),
                "{given}: {refusal}"
            );
        }
        folder.image("train/few/more.png");
        let data = folder.read().unwrap();
        if given == "test" {
            assert_eq!(counts(&data)[0], ("few", [2, 0, 1]));
            assert_validation_can_be_drawn(&data);
        }
    }
}

#[test]
fn groups_of_several_classes_that_cannot_be_divided_are_refused_on_reading() {
    let folder = Folder::new();
    let mut list = "path,label,split,group\n".to_owned();
    let mut image = 0;
    let mut line = |class: &str, split: &str, group: &str| {
        folder.image(&format!("{image}.png"));
        list.push_str(&format!("{image}.png,{class},{split},{group}\n"));
        image += 1;
    };
    for (group, classes) in [("1", "ab"), ("2", "bc"), ("3", "ca")] {
        for class in classes.split("").filter(|class| !class.is_empty()) {
            line(class, "train", group);
        }
    }
    for class in ["a", "b", "c"] {
        line(class, "test", "4");
    }
    let refusal = folder.read_list("list.csv", &list).unwrap_err().to_string();
    assert!(
        refusal.contains("class '") && refusal.contains("groups also contain images of other classes"),
        "{refusal}"
    );
    // One more group with an image of each class is enough.
    for class in ["a", "b", "c"] {
        folder.image(&format!("{class}.png"));
        list.push_str(&format!("{class}.png,{class},train,5\n"));
    }
    assert_validation_can_be_drawn(&folder.read_list("list.csv", &list).unwrap());
}
