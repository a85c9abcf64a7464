//! Lists of images.

use std::collections::BTreeSet;

use nas_data::ImageSize;

use crate::images::{Folder, counts, png};

/// A folder with `images/0.png` to `images/19.png`.
fn twenty() -> Folder {
    let folder = Folder::new();
    for image in 0..20 {
        folder.image(&format!("images/{image}.png"));
    }
    folder
}

/// The images `0..20` with classes in turn, after a line of `header`, and what `more` gives of each
/// behind.
fn list(header: &str, delimiter: &str, more: impl Fn(usize) -> String) -> String {
    let line = |image: usize| {
        let class = ["cat", "dog"][image % 2];
        format!("images/{image}.png{delimiter}{class}{}\n", more(image))
    };
    header.to_owned() + &(0..20).map(line).collect::<String>()
}

#[test]
fn lists_of_all_forms_are_read() {
    let folder = twenty();
    let none = |_| String::new();
    let mut fingerprints = BTreeSet::new();
    for text in [
        list("path,label\n", ",", none),
        list("", ",", none),
        list("", "\t", none),
        list("", "  ", none),
        list("\u{feff}File;Class\r\n", ";", none).replace('\n', "\r\n"),
        list("filename,Target,width\n", ",", |image| format!(",{image}")),
        list("", ",", none).replace('/', "\\"),
        list("", ",", none).replace("images", "./images"),
        list("", ",", none)
            .replace("images", "\"images")
            .replace(".png", ".png\""),
        list("", ",", none).lines().rev().collect::<Vec<_>>().join("\n"),
    ] {
        let data = folder.read_list("list.csv", &text).unwrap();
        assert_eq!(counts(&data), [("cat", [8, 0, 2]), ("dog", [8, 0, 2])], "{text}");
        assert_eq!(data.name, "list");
        fingerprints.insert(data.fingerprint);
    }
    assert_eq!(fingerprints.len(), 1, "all are the same data");
}

#[test]
fn columns_are_named_where_the_header_does_not() {
    let folder = twenty();
    let text = list("id,breed,who\n", ",", |image| format!(",{}", image / 4));
    let refusal = folder.read_list("list.csv", &text).unwrap_err().to_string();
    assert!(
        refusal.contains("id, breed, who") && refusal.contains("--columns"),
        "{refusal}"
    );
    let read = |columns: &str| {
        let columns = columns.split(',').map(str::to_owned).collect();
        let options = nas_data::ReadOptions {
            columns: Some(columns),
            ..folder.options()
        };
        nas_data::read(&folder.path().join("list.csv"), &options, &|_| {})
    };
    assert_eq!(
        counts(&read("path,label").unwrap()),
        [("cat", [8, 0, 2]), ("dog", [8, 0, 2])]
    );
    assert_eq!(read("path,_,label").unwrap().classes, ["0", "1", "2", "3", "4"]);
    let refusal = read("path,breed").unwrap_err().to_string();
    assert!(refusal.contains("'breed' is no column"), "{refusal}");
}

#[test]
fn splits_and_groups_of_a_list_are_kept() {
    let folder = twenty();
    let split = |image: usize| ["train", "Train", "VAL", "test"][image / 2 % 4];
    let data = folder
        .read_list(
            "list.csv",
            &list("path,label,split\n", ",", |image| format!(",{}", split(image))),
        )
        .unwrap();
    assert_eq!(counts(&data), [("cat", [6, 2, 2]), ("dog", [6, 2, 2])]);
    // Without a header, the third column is a split, too.
    let same = folder
        .read_list("other.csv", &list("", ",", |image| format!(",{}", split(image))))
        .unwrap();
    assert_eq!(same.fingerprint, data.fingerprint);

    let data = folder
        .read_list(
            "groups.tsv",
            &list("path\tlabel\tgroup\n", "\t", |image| {
                format!("\tpatient {}", image / 4)
            }),
        )
        .unwrap();
    let groups = |part: &nas_data::Part| part.groups.iter().copied().collect::<BTreeSet<u32>>();
    assert_eq!((groups(&data.train).len(), groups(&data.test).len()), (4, 1));
    assert_eq!(counts(&data), [("cat", [8, 0, 2]), ("dog", [8, 0, 2])]);

    let text = list("path,label,split,group\n", ",", |image| {
        format!(",{},{}", split(image), image / 10)
    });
    let warnings = folder
        .read_list("divided.csv", &text)
        .unwrap()
        .findings
        .warnings
        .join("\n");
    assert!(
        warnings.contains("2 groups are in several of the given splits"),
        "{warnings}"
    );
}

#[test]
fn copies_join_the_groups_that_are_given() {
    let folder = twenty();
    folder.write(
        "images/4.png",
        std::fs::read(folder.path().join("images/0.png")).unwrap(),
    );
    let data = folder
        .read_list(
            "list.csv",
            &list("path,label,group\n", ",", |image| format!(",{}", image / 4)),
        )
        .unwrap();
    let all: BTreeSet<u32> = [data.train.groups, data.test.groups]
        .concat()
        .into_iter()
        .collect();
    assert_eq!(all.len(), 4, "patients 0 and 1 share an image");
}

#[test]
fn lines_that_are_wrong_are_named() {
    let folder = twenty();
    for (wrong, line, word) in [
        (
            "images/1.png,cat,extra",
            22,
            "expected 2 fields as on line 1, got 3",
        ),
        ("images/1.png", 22, "got 1"),
        ("images/1.png,", 22, "no label"),
        (",cat", 22, "no path"),
    ] {
        let text = list("path,label\n", ",", |_| String::new()) + wrong;
        let refusal = folder.read_list("list.csv", &text).unwrap_err().to_string();
        assert!(
            refusal.contains(&format!("line {line}")) && refusal.contains(word),
            "{wrong}: {refusal}"
        );
    }
    let text = list("path,label,split\n", ",", |image| {
        format!(",{}", if image == 6 { "holdout" } else { "train" })
    });
    let refusal = folder.read_list("list.csv", &text).unwrap_err().to_string();
    assert!(
        refusal.contains("line 8") && refusal.contains("'holdout' is no split"),
        "{refusal}"
    );
    assert!(
        folder
            .read_list("list.csv", "\n\n")
            .unwrap_err()
            .to_string()
            .contains("no lines")
    );
    assert!(
        folder
            .read_list("list.csv", "path,label\nimages/1.png,a\n")
            .unwrap_err()
            .to_string()
            .contains("1 class")
    );
    let text = list("path,label,split\n", ",", |image| {
        format!(",{}", if image % 2 == 0 { "train" } else { "test" })
    });
    let refusal = folder.read_list("list.csv", &text).unwrap_err().to_string();
    assert!(
        refusal.contains("class 'dog' has 10 images in test and none in train"),
        "{refusal}"
    );
}

#[test]
fn missing_files_are_bad_and_have_their_lines() {
    let folder = twenty();
    let text = list("path,label\n", ",", |_| String::new()) + "images/none.png,cat\nimages,dog\n";
    let refusal = folder.read_list("list.csv", &text).unwrap_err().to_string();
    for word in [
        "2 of 22",
        "images/none.png (missing: line 22)",
        "images (not a file: line 23)",
    ] {
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
}

#[test]
fn labels_that_are_all_numbers_are_sorted_as_numbers() {
    let folder = twenty();
    let text: String = (0..20)
        .map(|image| format!("images/{image}.png,{}\n", image % 6 + 6))
        .collect();
    let data = folder.read_list("list.csv", &text).unwrap();
    assert_eq!(data.classes, ["6", "7", "8", "9", "10", "11"]);
}

#[test]
fn paths_may_be_absolute_or_lead_upwards() {
    let folder = twenty();
    let absolute = folder.path().join("images").display().to_string();
    let text = list("", ",", |_| String::new());
    for prefix in [absolute.as_str(), "../images"] {
        let data = folder
            .read_list("lists/list.csv", &text.replace("images", prefix))
            .unwrap();
        assert_eq!(data.findings.images, 20, "{prefix}");
    }
}

#[test]
fn a_file_listed_twice_with_two_classes_is_a_contradiction() {
    let folder = twenty();
    let text = list("", ",", |_| String::new()) + "images/0.png,dog\n";
    let data = folder.read_list("list.csv", &text).unwrap();
    assert_eq!(data.findings.contradictions.dropped, 2);
    assert_eq!(data.findings.images, 19);
}

#[test]
fn what_is_neither_folder_nor_list_nor_arrays_is_refused() {
    let folder = twenty();
    for (name, word) in [
        ("a.zip", "unpack it"),
        ("a.png", "a single image"),
        ("a.npy", "without labels"),
        ("a.bin", "another kind"),
    ] {
        let refusal = nas_data::read(&folder.write(name, "x"), &folder.options(), &|_| {})
            .unwrap_err()
            .to_string();
        assert!(refusal.contains(word), "{refusal}");
    }
    let refusal = nas_data::read(&folder.path().join("none"), &folder.options(), &|_| {})
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("no such file or folder"), "{refusal}");
}

#[test]
fn options_out_of_range_are_refused() {
    let folder = twenty();
    folder.write("a/1.png", png(8, 8, 1));
    for (change, word) in [
        (
            (|options| options.image_size = ImageSize::Side(0)) as fn(&mut nas_data::ReadOptions),
            "1024",
        ),
        (|options| options.image_size = ImageSize::Side(5000), "5000"),
        (|options| options.max_bad = 1.5, "1.5"),
        (|options| options.max_bad = f64::NAN, "NaN"),
        (|options| options.test_fraction = 0.0, "above 0"),
        (|options| options.test_fraction = 1.0, "below 1"),
    ] {
        let refusal = folder.read_with(change).unwrap_err().to_string();
        assert!(refusal.contains(word), "{refusal}");
    }
}
