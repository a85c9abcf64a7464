//! What lies in a cache, and its removal.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nas_data::{CachedData, Forget, OwnData, ReadOptions, cached, forget};

use crate::cache::assert_same;
use crate::images::{Folder, contents};

fn small(images: usize) -> Folder {
    Folder::of(&[("a", images), ("b", images)])
}

/// Reads a folder into the cache of another.
fn read(folder: &Folder, cache: &Path) -> OwnData {
    folder
        .read_with(|options| options.cache = Some(cache.to_owned()))
        .unwrap()
}

fn stock(cache: &Path) -> Vec<CachedData> {
    cached(Some(cache)).unwrap()
}

fn path_of(folder: &Folder) -> String {
    fs::canonicalize(folder.path())
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// Sets when everything in the cache was last used.
fn set_used(cache: &Path, time: SystemTime) {
    for folder in ["locks", "keys"] {
        for file in fs::read_dir(cache.join(folder)).unwrap() {
            let file = File::options().write(true).open(file.unwrap().path()).unwrap();
            file.set_modified(time).unwrap();
        }
    }
}

#[test]
fn what_was_read_is_listed_with_its_places_and_bytes() {
    let (one, other) = (small(5), small(6));
    let cache = one.cache();
    assert_eq!(stock(&cache.join("missing")), []);
    assert_eq!(stock(cache), []);
    let first = read(&one, cache);
    let second = read(&other, cache);
    let listed = stock(cache);
    let mut expected = [
        (first.fingerprint, path_of(&one)),
        (second.fingerprint, path_of(&other)),
    ];
    expected.sort();
    let found: Vec<(String, String)> = listed
        .iter()
        .map(|data| (data.fingerprint.clone(), data.sources.join("; ")))
        .collect();
    assert_eq!(found, expected);
    for data in &listed {
        let files = contents(&cache.join(&data.fingerprint));
        let bytes: usize = files.values().map(Vec::len).sum();
        assert_eq!(data.bytes, bytes as u64);
    }
}

#[test]
fn images_in_two_places_are_one_entry_with_the_last_place_first() {
    let (one, other) = (small(5), Folder::new());
    let cache = one.cache();
    for (path, bytes) in contents(one.path()) {
        if path.is_file() {
            other.write(path.strip_prefix(one.path()).unwrap(), bytes);
        }
    }
    read(&one, cache);
    set_used(cache, SystemTime::UNIX_EPOCH);
    read(&other, cache);
    let sources = || {
        stock(cache)
            .into_iter()
            .map(|data| data.sources)
            .collect::<Vec<_>>()
    };
    assert_eq!(sources(), [[path_of(&other), path_of(&one)]]);
    // Opening counts as use.
    set_used(cache, SystemTime::UNIX_EPOCH);
    assert_eq!(stock(cache)[0].last_used, SystemTime::UNIX_EPOCH);
    read(&one, cache);
    assert!(stock(cache)[0].last_used > SystemTime::UNIX_EPOCH);
    assert_eq!(sources(), [[path_of(&one), path_of(&other)]]);
}

#[test]
fn what_was_not_used_for_long_is_removed_and_read_again() {
    let (one, other) = (small(5), small(6));
    let cache = one.cache();
    let first = read(&one, cache);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    set_used(cache, long_ago);
    let second = read(&other, cache);
    let none = forget(Some(cache), Forget::UnusedSince(long_ago)).unwrap();
    assert_eq!((none.removed.len(), none.kept.len(), none.leftovers), (0, 0, 0));
    let later = long_ago + Duration::from_secs(1);
    let forgotten = forget(Some(cache), Forget::UnusedSince(later)).unwrap();
    assert_eq!(forgotten.removed.len(), 1);
    assert_eq!(forgotten.removed[0].fingerprint, first.fingerprint);
    assert_eq!(forgotten.removed[0].sources, [path_of(&one)]);
    assert_eq!(stock(cache).len(), 1);
    assert_eq!(
        fs::read_dir(cache.join("keys")).unwrap().count(),
        1,
        "no record of nothing"
    );
    assert_same(&first, &read(&one, cache));
    assert_same(&second, &read(&other, cache));
    let forgotten = forget(Some(cache), Forget::Fingerprint(&second.fingerprint)).unwrap();
    assert_eq!(forgotten.removed.len(), 1);
    assert_eq!(stock(cache)[0].fingerprint, first.fingerprint);
    assert_eq!(forget(Some(cache), Forget::All).unwrap().removed.len(), 1);
    assert_eq!(stock(cache), []);
    assert_same(&second, &read(&other, cache));
}

#[cfg(unix)]
#[test]
fn pixels_that_are_in_use_stay_whole_while_they_are_removed() {
    let folder = small(20);
    let data = read(&folder, folder.cache());
    let before = data.train.pixels.to_vec();
    assert_eq!(
        forget(Some(folder.cache()), Forget::All).unwrap().removed.len(),
        1
    );
    assert!(!folder.cache().join(&data.fingerprint).exists());
    assert_eq!(data.train.pixels[..], before[..]);
}

#[test]
fn what_is_being_made_stays_and_what_killed_processes_left_goes() {
    let folder = small(5);
    let cache = folder.cache();
    let data = read(&folder, cache);
    let (alive, dead) = ("1".repeat(64), "2".repeat(64));
    for key in [&alive, &dead] {
        fs::create_dir(cache.join(format!(".making-{key}"))).unwrap();
        fs::write(cache.join(format!(".making-{key}/scratch")), "x").unwrap();
    }
    // A removal that was killed, and a record that was being written.
    let halfway = cache.join(format!(".making-{dead}.forgotten"));
    fs::create_dir(&halfway).unwrap();
    let temporary = cache.join(format!("keys/.{dead}.json.4194304.tmp"));
    fs::write(&temporary, "{").unwrap();
    let lock = |name: &str| {
        let file = File::create(cache.join("locks").join(name)).unwrap();
        file.try_lock().unwrap();
        file
    };
    let (made, installed) = (lock(&alive), lock(&data.fingerprint));
    let forgotten = forget(Some(cache), Forget::All).unwrap();
    assert_eq!(
        (forgotten.removed.len(), forgotten.kept.len(), forgotten.leftovers),
        (0, 1, 2)
    );
    assert!(cache.join(format!(".making-{alive}/scratch")).exists());
    assert!(!halfway.exists() && !temporary.exists());
    assert!(!cache.join(format!(".making-{dead}")).exists());
    assert_same(&data, &read(&folder, cache));
    drop((made, installed));
    let forgotten = forget(Some(cache), Forget::All).unwrap();
    assert_eq!((forgotten.removed.len(), forgotten.leftovers), (1, 1));
    let left: Vec<_> = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "keys and locks: {left:?}");
}

#[test]
fn reading_and_forgetting_at_the_same_time_both_end_well() {
    let folder = small(8);
    let reference = read(&folder, tempfile::tempdir().unwrap().path());
    let options = ReadOptions {
        cache: Some(folder.cache().to_owned()),
        ..ReadOptions::default()
    };
    std::thread::scope(|scope| {
        let readers = [(); 3].map(|()| {
            scope.spawn(|| {
                (0..30)
                    .map(|_| nas_data::read(folder.path(), &options, &|_| {}).unwrap())
                    .collect::<Vec<_>>()
            })
        });
        let mut removed = 0;
        while !readers.iter().all(|reader| reader.is_finished()) {
            removed += forget(Some(folder.cache()), Forget::All).unwrap().removed.len();
        }
        assert!(removed > 0);
        for data in readers.into_iter().flat_map(|reader| reader.join().unwrap()) {
            assert_same(&reference, &data);
        }
    });
}
