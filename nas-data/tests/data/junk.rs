//! What lies among images.

use crate::images::{Folder, contents, counts, png};

/// The files that were skipped for a reason with this word.
fn skipped(data: &nas_data::OwnData, word: &str) -> Vec<String> {
    let of = data
        .findings
        .skipped
        .iter()
        .filter(|skipped| skipped.reason.contains(word));
    of.flat_map(|skipped| skipped.files.first.clone()).collect()
}

#[test]
fn junk_is_skipped_with_its_reason_and_counts_for_nothing() {
    let folder = Folder::of(&[("cats", 10), ("dogs", 10)]);
    for path in [
        "cats/._0001.png",
        "cats/.DS_Store",
        "cats/Thumbs.db",
        "desktop.ini",
        "__MACOSX/cats/._1.png",
        "cats/@eaDir/1.png",
        ".ipynb_checkpoints/1.png",
        "README.txt",
        "dogs/notes.csv",
        "dogs/boxes.json",
    ] {
        folder.write(path, "junk");
    }
    let before = contents(folder.path());
    let data = folder.read_with(|options| options.max_bad = 0.0).unwrap();
    assert_eq!(counts(&data), [("cats", [8, 0, 2]), ("dogs", [8, 0, 2])]);
    assert_eq!(skipped(&data, "hidden"), [".ipynb_checkpoints", "cats/.DS_Store"]);
    assert_eq!(skipped(&data, "macOS"), ["cats/._0001.png"]);
    assert_eq!(
        skipped(&data, "by another program"),
        ["__MACOSX", "cats/@eaDir", "cats/Thumbs.db", "desktop.ini"]
    );
    assert_eq!(
        skipped(&data, "no image"),
        ["README.txt", "dogs/boxes.json", "dogs/notes.csv"]
    );
    assert!(data.findings.skipped.iter().all(|skipped| !skipped.bad));
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn unreadable_images_are_left_out_up_to_a_share_and_named() {
    let folder = Folder::of(&[("cats", 50), ("dogs", 50)]);
    folder.write("cats/text.jpg", "this is no image");
    folder.write("cats/empty.jpg", "");
    folder.write("dogs/phone.heic", "x");
    let cut = png(8, 8, 1);
    folder.write("dogs/cut.png", &cut[..cut.len() / 2]);
    let refusal = folder.refusal();
    for word in [
        "2 of 102 images cannot be read",
        "1 %",
        "dogs/phone.heic",
        "dogs/cut.png",
        "--max-bad",
    ] {
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
    let data = folder.read_with(|options| options.max_bad = 0.02).unwrap();
    assert_eq!(data.findings.images, 100);
    let bad: usize = data
        .findings
        .skipped
        .iter()
        .filter(|skipped| skipped.bad)
        .map(|skipped| skipped.files.count)
        .sum();
    assert_eq!(bad, 2);
    assert_eq!(
        skipped(&data, "not an image, in spite of its name"),
        ["cats/text.jpg"]
    );
    assert_eq!(skipped(&data, "empty: it has zero bytes"), ["cats/empty.jpg"]);
    assert!(
        data.findings
            .warnings
            .iter()
            .any(|warning| warning.contains("2 images cannot be read")),
        "{:?}",
        data.findings.warnings
    );
    // The names of the good ones are the same whatever is allowed.
    assert!(folder.read_with(|options| options.max_bad = 0.01).is_err());
}

#[test]
fn an_error_names_ten_unreadable_images_and_findings_twenty() {
    let folder = Folder::of(&[("cats", 50), ("dogs", 50)]);
    for image in 0..30 {
        folder.write(format!("cats/bad{image:02}.png"), &png(8, 8, 1)[..40]);
    }
    let refusal = folder.refusal();
    assert!(
        refusal.contains("bad09.png") && !refusal.contains("bad10.png"),
        "{refusal}"
    );
    let data = folder.read_with(|options| options.max_bad = 0.5).unwrap();
    let bad = &data.findings.skipped[0];
    assert_eq!((bad.files.count, bad.files.first.len()), (30, 20));
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf_8_are_opened_exactly_and_shown_escaped() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    let folder = Folder::of(&[("cats", 4)]);
    for image in 0..4_u8 {
        let name = [b"d\xf6gs/", [0xff, b'0' + image].as_slice(), b".png"].concat();
        folder.write(
            Path::new(OsStr::from_bytes(&name)),
            png(8, 8, 1000 + u32::from(image)),
        );
    }
    let data = folder.read().unwrap();
    assert_eq!(data.classes, ["cats", "d\\xf6gs"]);
    assert_eq!(counts(&data)[1].1, [3, 0, 1]);
    let mut names = [data.train.names, data.test.names].concat();
    names.sort();
    assert_eq!(names[4], "d\\xf6gs/\\xff0.png");
    assert_eq!(folder.read().unwrap().classes, data.classes);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_end() {
    use std::os::unix::fs::symlink;

    let (folder, elsewhere) = (Folder::of(&[("cats", 5)]), Folder::of(&[("pack", 5)]));
    symlink(elsewhere.path().join("pack"), folder.path().join("dogs")).unwrap();
    symlink(folder.path(), folder.path().join("cats/loop")).unwrap();
    symlink(elsewhere.path().join("pack"), elsewhere.path().join("pack/loop")).unwrap();
    symlink("nowhere", folder.path().join("cats/dangling.png")).unwrap();
    let single = elsewhere.image("single.png");
    symlink(single, folder.path().join("cats/single.png")).unwrap();
    let data = folder.read_with(|options| options.max_bad = 0.1).unwrap();
    assert_eq!(counts(&data), [("cats", [5, 0, 1]), ("dogs", [4, 0, 1])]);
    assert_eq!(skipped(&data, "nowhere").len(), 1);
    assert_eq!(skipped(&data, "already being read"), ["cats/loop", "dogs/loop"]);
}
