//! Images that are unlike the others of their class.

use std::fs;
use std::path::Path;

use nas_data::{MOST_ODD, ReadOptions, Why, odd_ones, read};

/// A picture of 16 pixels a side: bars that lie or stand, with some noise.
fn bars(stand: bool, number: usize) -> Vec<u8> {
    let mut file = b"P5\n16 16\n255\n".to_vec();
    for row in 0..16 {
        for column in 0..16 {
            let bar = if stand { column } else { row } / 4 % 2;
            let noise = (row * 31 + column * 17 + number * 101 + row * column * number) % 40;
            file.push((60 + 100 * bar + noise + number % 7) as u8);
        }
    }
    file
}

/// Two classes of `images` images each.
fn classes(folder: &Path, images: usize) {
    for (class, stand) in [("lie", false), ("stand", true)] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..images {
            fs::write(
                folder.join(class).join(format!("{number:03}.pgm")),
                bars(stand, number),
            )
            .unwrap();
        }
    }
}

fn options(cache: &Path) -> ReadOptions {
    ReadOptions {
        cache: Some(cache.to_owned()),
        ..ReadOptions::default()
    }
}

#[test]
fn a_wrong_label_and_a_black_image_are_the_oddest_of_their_classes() {
    let (dir, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    classes(dir.path(), 40);
    fs::write(dir.path().join("lie/wrong.pgm"), bars(true, 1000)).unwrap();
    let black = [b"P5\n16 16\n255\n".as_slice(), &[0; 256]].concat();
    fs::write(dir.path().join("stand/black.pgm"), black).unwrap();
    let data = read(dir.path(), &options(cache.path()), &|_| {}).unwrap();
    let found = odd_ones(&data);
    let names: Vec<&str> = found.iter().map(|odd| odd.class.as_str()).collect();
    assert_eq!(names, ["lie", "stand"]);
    let first = &found[0].images[0];
    assert_eq!(
        (first.name.as_str(), &first.why),
        ("lie/wrong.pgm", &Why::MoreLike("stand".to_owned()))
    );
    assert_eq!(first.why.to_string(), "more like stand");
    let dark = &found[1].images[0];
    assert_eq!(dark.name, "stand/black.pgm");
    assert!(matches!(dark.why, Why::Darker | Why::Flatter), "{dark:?}");
    for odd in found.iter().flat_map(|class| &class.images) {
        let part = if odd.split == "test" {
            &data.test
        } else {
            &data.train
        };
        assert_eq!(part.names[odd.index], odd.name);
        assert!(odd.score >= 2.0);
    }
    assert!(found.iter().all(|class| class.images.len() <= MOST_ODD));
    assert!(
        found[0]
            .images
            .iter()
            .skip(1)
            .all(|odd| odd.score < first.score / 2.0),
        "the wrong one stands out: {found:?}"
    );
    // On one thread it is the same.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(alone.install(|| odd_ones(&data)), found);
}

#[test]
fn classes_that_are_small_or_all_alike_have_no_odd_ones() {
    let (dir, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (class, images) in [("few", 3), ("same", 30)] {
        fs::create_dir(dir.path().join(class)).unwrap();
        for number in 0..images {
            let mut image = bars(class == "few", 1);
            let end = image.len() - 1;
            image[end] = number as u8;
            fs::write(dir.path().join(class).join(format!("{number}.pgm")), image).unwrap();
        }
    }
    let data = read(dir.path(), &options(cache.path()), &|_| {}).unwrap();
    assert!(
        odd_ones(&data).iter().all(|class| class.images.is_empty()),
        "{:?}",
        odd_ones(&data)
    );
}
