//! How folders are understood.

use crate::images::{Folder, contents, counts};

#[test]
fn a_folder_of_classes_is_read_and_a_test_split_is_drawn() {
    let folder = Folder::of(&[("cats", 10), ("dogs", 20)]);
    folder.image("dogs/deeper/1/x.PNG");
    let before = contents(folder.path());
    let data = folder.read().unwrap();
    assert_eq!(data.classes, ["cats", "dogs"]);
    assert_eq!(counts(&data), [("cats", [8, 0, 2]), ("dogs", [17, 0, 4])]);
    assert_eq!(data.shape.to_string(), "3x8x8");
    assert_eq!(data.name, folder.path().file_name().unwrap().to_str().unwrap());
    for part in [&data.train, &data.test] {
        assert_eq!(part.pixels.len(), part.len() * data.shape.numel());
        assert!(part.names.is_sorted());
        for (name, &label) in part.names.iter().zip(&part.labels) {
            assert!(name.starts_with(&data.classes[label as usize]), "{name}");
        }
    }
    assert!(data.valid.is_none());
    assert_eq!(
        contents(folder.path()),
        before,
        "nothing is written to the folder"
    );
}

#[test]
fn the_pixels_are_those_of_the_images_channel_by_channel() {
    let folder = Folder::of(&[("a", 4), ("b", 4)]);
    let data = folder.read().unwrap();
    for (image, name) in data.train.names.iter().enumerate() {
        let picture = image::open(folder.path().join(name)).unwrap().to_rgb8();
        let pixels = &data.train.pixels[image * 192..][..192];
        for (at, pixel) in picture.pixels().enumerate() {
            assert_eq!(pixel.0, [pixels[at], pixels[64 + at], pixels[128 + at]], "{name}");
        }
    }
}

#[test]
fn splits_are_kept_in_all_spellings() {
    for [train, valid, test] in [
        ["train", "val", "test"],
        ["Train", "VALIDATION", "Test"],
        ["training", "valid", "testing"],
    ] {
        let folder = Folder::new();
        for (split, images) in [(train, 4), (valid, 3), (test, 2)] {
            for class in ["a", "b"] {
                for image in 0..images {
                    folder.image(&format!("{split}/{class}/{image}.png"));
                }
            }
        }
        let data = folder.read().unwrap();
        assert_eq!(counts(&data), [("a", [4, 3, 2]), ("b", [4, 3, 2])], "{train}");
        assert!(
            data.valid
                .unwrap()
                .names
                .iter()
                .all(|name| name.starts_with(valid))
        );
    }
}

#[test]
fn where_validation_alone_is_given_the_test_split_is_drawn_from_training() {
    let folder = Folder::of(&[("train/a", 10), ("train/b", 10), ("val/a", 3), ("val/b", 3)]);
    assert_eq!(
        counts(&folder.read().unwrap()),
        [("a", [8, 3, 2]), ("b", [8, 3, 2])]
    );
}

#[test]
fn train_may_be_a_class() {
    let folder = Folder::of(&[("bus", 4), ("car", 4), ("train", 4)]);
    assert_eq!(folder.read().unwrap().classes, ["bus", "car", "train"]);
}

#[test]
fn what_is_not_clear_is_refused_with_what_was_found() {
    for (images, words) in [
        (
            &["a/1.png", "b/1.png", "b/2.png", "1.png"][..],
            &[
                "1 image in the folder itself",
                "2 class folders",
                "3 images",
                "--glob",
            ][..],
        ),
        (
            &["1.png", "2.png"],
            &["2 images in the folder itself", "no class folders"],
        ),
        (
            &["train/1.png", "test/2.png"],
            &["2 images directly in a split", "no class folders"],
        ),
        (
            &["train/a/1.png", "train/b/1.png", "test/3.png"],
            &["1 image directly in a split"],
        ),
        (
            &["train/a/1.png", "train/b/1.png", "more/a/1.png"],
            &["'train' (2 images)", "'more' (1 image)", "--glob"],
        ),
        (&["test/a/1.png", "val/b/1.png"], &["no 'train'"]),
        (
            &["train/a/1.png", "val/a/1.png", "valid/a/2.png"],
            &["two folders for one split", "'val'", "'valid'"],
        ),
        (
            &["archive/a/1.png", "archive/b/1.png"],
            &["one class folder 'archive'", "/archive"],
        ),
        (
            &["train/a/1.png", "train/b/1.png", "test/c/1.png"],
            &["class 'c'", "1 image in test", "none in train"],
        ),
        (
            &["train/a/1.png", "train/b/1.png", "val/c/1.png"],
            &["class 'c'", "1 image in valid"],
        ),
        (
            &["a/cat.png", "a/cat_mask.png", "b/1.png"],
            &["3 images", "1 may be a mask", "a/cat_mask.png", "--glob"],
        ),
        (
            &["a/cat.png", "a/cat.jpg", "b/1.png"],
            &["same name", "a/cat.png", "--glob"],
        ),
        (&["a/1.png"], &["one class folder 'a'", "at least 2"]),
        (&[], &["an empty folder"]),
    ] {
        let folder = Folder::new();
        for path in images {
            folder.image(path);
        }
        let refusal = folder.refusal();
        for word in words {
            assert!(
                refusal.contains(word),
                "{images:?}: expected '{word}' in: {refusal}"
            );
        }
    }
}

#[test]
fn a_list_in_the_folder_is_pointed_to() {
    let folder = Folder::new();
    folder.image("1.png");
    folder.write("labels.csv", "1.png,a");
    assert!(
        folder.refusal().contains("give that file"),
        "{}",
        folder.refusal()
    );
}

#[test]
fn a_pattern_chooses_images_by_their_paths() {
    let folder = Folder::of(&[("cats", 5), ("dogs", 5)]);
    for image in 0..5 {
        folder.image(&format!("cats/{image:04}_mask.png"));
        folder.image(&format!("loose{image}.png"));
    }
    for (pattern, images) in [
        ("*/0*[0-9].png", 10),
        ("**/*_mask.png", 0),
        ("{cats,dogs}/???[0-3].png", 8),
    ] {
        let read = folder.read_with(|options| options.glob = Some(pattern.to_owned()));
        if images == 0 {
            let refusal = read.unwrap_err().to_string();
            assert!(refusal.contains("one class"), "{refusal}");
        } else {
            assert_eq!(read.unwrap().findings.images, images, "{pattern}");
        }
    }
    std::fs::remove_file(folder.path().join("loose0.png")).unwrap();
    for image in 1..5 {
        std::fs::remove_file(folder.path().join(format!("loose{image}.png"))).unwrap();
    }
    let read = |pattern: &str| folder.read_with(|options| options.glob = Some(pattern.to_owned()));
    assert_eq!(read("!*_mask.png").unwrap().findings.images, 10);
    assert_eq!(read("**").unwrap().findings.images, 15);
    let refusal = read("[").unwrap_err().to_string();
    assert!(refusal.contains("'['"), "{refusal}");
    let refusal = read("none").unwrap_err().to_string();
    assert!(refusal.contains("--glob 'none'"), "{refusal}");
}

#[test]
fn a_file_of_classes_gives_their_order_and_must_name_them_all() {
    let folder = Folder::of(&[("cats", 5), ("dogs", 5), ("eels", 5)]);
    folder.write("classes.txt", "\u{feff}eels\r\n\r\ncats\r\ndogs\r\n");
    let data = folder.read().unwrap();
    assert_eq!(data.classes, ["eels", "cats", "dogs"]);
    assert!(
        data.train
            .names
            .iter()
            .zip(&data.train.labels)
            .all(|(name, &label)| name.starts_with(&data.classes[label as usize]))
    );
    assert!(data.findings.skipped.is_empty(), "{:?}", data.findings.skipped);
    for (text, word) in [
        ("eels\ncats\ndogs\nfish\n", "'fish' is listed but has no folder"),
        ("eels\ncats\n", "the class folder 'dogs' is not listed"),
        ("eels\ncats\ndogs\ncats", "'cats' is listed twice"),
    ] {
        folder.write("classes.txt", text);
        assert!(folder.refusal().contains(word), "{}", folder.refusal());
    }
}

#[test]
fn five_thousand_classes_are_read() {
    let folder = Folder::new();
    for image in 0..15_000_u16 {
        let bytes = [b"P5 2 1 255\n".as_slice(), &image.to_be_bytes()].concat();
        folder.write(format!("{:04}/{image}.pgm", image / 3), bytes);
    }
    let data = folder
        .read_with(|options| options.image_size = nas_data::ImageSize::Side(2))
        .unwrap();
    assert_eq!(
        (data.classes.len(), data.train.len(), data.test.len()),
        (5000, 10_000, 5000)
    );
    assert!(data.train.labels.is_sorted());
}
