//! Pixels that are kept.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use nas_data::{OwnData, Stage};

use crate::images::{Folder, contents, png};

fn small() -> Folder {
    Folder::of(&[("a", 10), ("b", 10)])
}

/// Reads, and gives the stages that were told.
fn stages(folder: &Folder) -> (OwnData, Vec<Stage>) {
    let told = Mutex::new(Vec::new());
    let data = nas_data::read(folder.path(), &folder.options(), &|progress| {
        told.lock().unwrap().push(progress.stage)
    })
    .unwrap();
    let mut told = told.into_inner().unwrap();
    told.dedup();
    (data, told)
}

/// Everything of two data sets is the same.
pub(crate) fn assert_same(one: &OwnData, other: &OwnData) {
    assert_eq!(one.fingerprint, other.fingerprint);
    assert_eq!(
        (one.shape, &one.classes, &one.findings),
        (other.shape, &other.classes, &other.findings)
    );
    for (one, other) in [(&one.train, &other.train), (&one.test, &other.test)] {
        assert_eq!(one.pixels[..], other.pixels[..]);
        assert_eq!(
            (&one.labels, &one.groups, &one.names),
            (&other.labels, &other.groups, &other.names)
        );
    }
}

fn folder_of(folder: &Folder, data: &OwnData) -> PathBuf {
    folder.cache().join(&data.fingerprint)
}

#[test]
fn what_was_read_is_opened_the_next_time() {
    let folder = small();
    let (first, told) = stages(&folder);
    assert_eq!(
        told,
        [Stage::Listing, Stage::Measuring, Stage::Reading, Stage::Writing]
    );
    let (second, told) = stages(&folder);
    assert_eq!(told, [Stage::Listing]);
    assert_same(&first, &second);
    let mut left: Vec<String> = fs::read_dir(folder.cache())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let mut expected = [first.fingerprint, "keys".to_owned(), "locks".to_owned()];
    expected.sort();
    assert_eq!(left, expected);
}

#[test]
fn what_changes_is_read_again_and_what_only_looks_changed_has_the_same_fingerprint() {
    let folder = small();
    let first = folder.read().unwrap();
    let path = folder.path().join("a/0000.png");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    let (touched, told) = stages(&folder);
    assert!(told.contains(&Stage::Reading), "times are looked at");
    assert_same(&first, &touched);
    fs::copy(folder.path().join("b/0000.png"), folder.path().join("b/new.png")).unwrap();
    let more = folder.read().unwrap();
    assert_ne!(more.fingerprint, first.fingerprint);
    assert_eq!(more.findings.images, 21);
}

#[test]
fn a_copied_folder_has_the_same_fingerprint() {
    let (one, other) = (small(), Folder::new());
    for (path, bytes) in contents(one.path())
        .into_iter()
        .rev()
        .filter(|(path, _)| path.is_file())
    {
        other.write(path.strip_prefix(one.path()).unwrap(), bytes);
    }
    assert_eq!(one.read().unwrap().fingerprint, other.read().unwrap().fingerprint);
    // Junk beside images changes findings alone.
    other.write("notes.txt", "x");
    let data = other.read().unwrap();
    assert_eq!(one.read().unwrap().fingerprint, data.fingerprint);
    assert_eq!(data.findings.skipped.len(), 1);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = small();
    let read = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let cache = tempfile::tempdir().unwrap();
        let data = pool
            .install(|| folder.read_with(|options| options.cache = Some(cache.path().to_owned())))
            .unwrap();
        (data, cache)
    };
    let (one, _cache) = read(1);
    for threads in [2, 5] {
        let (other, _cache) = read(threads);
        assert_same(&one, &other);
    }
}

#[test]
fn a_damaged_cache_is_made_again() {
    let folder = small();
    let first = folder.read().unwrap();
    let whole = folder_of(&folder, &first);
    let (pixels, index) = (whole.join("pixels"), whole.join("index.json"));
    let flip = |path: &PathBuf, at: usize| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 1;
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let damages: [&dyn Fn(); 9] = [
        &|| flip(&pixels, 0),
        &|| flip(&pixels, 20),
        &|| flip(&pixels, 1000),
        &|| flip(&index, 30),
        &|| fs::remove_file(&pixels).unwrap(),
        &|| fs::remove_file(&index).unwrap(),
        &|| {
            let bytes = fs::read(&pixels).unwrap();
            fs::remove_file(&pixels).unwrap();
            fs::write(&pixels, &bytes[..bytes.len() - 1]).unwrap();
        },
        &|| {
            fs::remove_file(&pixels).unwrap();
            fs::write(&pixels, "").unwrap();
        },
        &|| fs::remove_dir_all(&whole).unwrap(),
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage();
        let (again, told) = stages(&folder);
        assert!(told.contains(&Stage::Reading), "{number}");
        assert_same(&first, &again);
        assert_eq!(stages(&folder).1, [Stage::Listing], "{number}");
    }
    // A key that leads elsewhere leads nowhere.
    let key = fs::read_dir(folder.cache().join("keys"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let record = fs::read_to_string(&key).unwrap();
    let elsewhere = record.replace(&first.fingerprint, "../..");
    assert_ne!(record, elsewhere);
    for text in ["{", &elsewhere] {
        fs::write(&key, text).unwrap();
        assert_same(&first, &folder.read().unwrap());
    }
}

#[test]
fn folders_that_were_left_half_made_are_removed_and_never_opened() {
    let folder = small();
    let first = folder.read().unwrap();
    let keys: Vec<PathBuf> = fs::read_dir(folder.cache().join("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let key = keys[0].file_stem().unwrap().to_str().unwrap().to_owned();
    let own = folder.cache().join(format!(".making-{key}"));
    let other = folder.cache().join(format!(".making-{}", "0".repeat(64)));
    for half in [&own, &other] {
        fs::create_dir(half).unwrap();
        fs::write(half.join("scratch"), "x").unwrap();
    }
    fs::remove_dir_all(folder_of(&folder, &first)).unwrap();
    assert_same(&first, &folder.read().unwrap());
    assert!(!own.exists() && !other.exists());
}

#[test]
fn a_refused_source_leaves_nothing_half_made() {
    let folder = Folder::of(&[("a", 10), ("one", 1)]);
    folder.refusal();
    let left: Vec<_> = fs::read_dir(folder.cache())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().starts_with(".making")),
        "{left:?}"
    );
}

#[test]
fn a_cache_in_the_folder_of_images_is_refused_before_anything_is_made() {
    let folder = small();
    let before = contents(folder.path());
    for cache in ["cache", "a/deeper/cache", ""] {
        let cache = folder.path().join(cache);
        let refusal = folder
            .read_with(|options| options.cache = Some(cache))
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains("choose another folder: set XDG_CACHE_HOME"),
            "{refusal}"
        );
    }
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn findings_are_up_to_date_where_only_the_allowance_changes() {
    let folder = small();
    folder.write("a/bad.png", &png(8, 8, 1)[..40]);
    folder.read_with(|options| options.max_bad = 0.5).unwrap();
    assert!(folder.read_with(|options| options.max_bad = 0.0).is_err());
}

/// A change of these digits makes every data set another one: runs on it cannot be resumed.
#[test]
fn value_stability() {
    let folder = Folder::new();
    for image in 0..8 {
        folder.write(
            format!("{}/{image}.pgm", image % 2),
            format!("P2 2 1 255 {image} 9"),
        );
    }
    let data = folder.read().unwrap();
    assert_eq!(data.test.names, ["0/6.pgm", "1/5.pgm"]);
    assert_eq!(
        data.fingerprint,
        "f4d3db8d757d195e8870412279c1e00f343e7c6b59ce8169dc1758bcd4598682"
    );
}
