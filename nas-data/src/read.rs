//! A path made to images.

use std::path::Path;
use std::sync::Arc;

use nas_files::fingerprint::hex;
use nas_space::shape::Shape;
use sha2::{Digest as _, Sha256};

use crate::arrange::{Arrangement, arrange};
use crate::cache::index::{Index, PartIndex};
use crate::cache::{Cache, Making, Opened};
use crate::data::{OwnData, Part, Pixels};
use crate::error::DataError;
use crate::findings::Findings;
use crate::options::ReadOptions;
use crate::progress::{Progress, Stage};
use crate::resize::Resize;
use crate::scan::{Counter, Image, Scan, Size, scan};
use crate::source::{self, Listing, Side, Skip, Source, shown};
use crate::survey::survey;

/// Raised when the same files give other pixels, splits or findings than before.
const READING: u32 = 2;
/// How many unreadable images an error names.
const NAMED_BAD: usize = 10;

/// Reads the images of a folder, a list, a file of arrays or Parquet files; or opens them in the cache, where they
/// lie from the first time.
///
/// A folder has a folder for each class, or `train`, `val` and `test` with these; a list has a path
/// and a class on each line, and perhaps a split and a group; arrays are `x` and `y`, or `x_train`,
/// `y_train`, `x_test` and `y_test`; Parquet files, with the feature `parquet`, have a column of
/// image files' bytes and one of labels. Splits that a source gives are kept. Where it gives no test
/// split, one is drawn: stratified, groups and copies of an image on one side, and always the same
/// for the same images.
///
/// # Errors
/// [`DataError`] says what was wrong, what was expected, and what to do.
pub fn read(
    path: &Path,
    options: &ReadOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<OwnData, DataError> {
    options.validate()?;
    progress(Progress {
        stage: Stage::Listing,
        done: 0,
        total: 0,
    });
    let mut source = source::open(path, options, progress)?;
    let cache = Cache::locate(options.cache.as_deref(), source.folder())?;
    let key = key(source.as_ref(), options)?;
    let name = name(path);
    if let Some((opened, findings)) = cache.find(&key) {
        return Ok(data(name, options.resize, opened, findings));
    }
    let lock = cache.lock(&key, || {
        progress(Progress {
            stage: Stage::Waiting,
            done: 0,
            total: 0,
        })
    })?;
    if let Some((opened, findings)) = cache.find(&key) {
        return Ok(data(name, options.resize, opened, findings));
    }
    cache.sweep(Some(&key));
    source.load(progress)?;
    let making = Making::begin(&cache, &key, &lock)?;
    let (opened, findings) = make(path, source.as_ref(), options, making, progress)?;
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    cache.remember(&key, shown(place.as_os_str()), &opened.fingerprint, &findings)?;
    Ok(data(name, options.resize, opened, findings))
}

/// A quick test whether a source was read before: its stamp and all settings.
fn key(source: &dyn Source, options: &ReadOptions) -> Result<String, DataError> {
    let settings = ReadOptions {
        cache: None,
        ..options.clone()
    };
    let settings = serde_json::to_string(&settings).map_err(|error| DataError::Option {
        option: "the options of reading",
        got: error.to_string(),
        expected: "options that can be written down".to_owned(),
    })?;
    let mut hash = Sha256::new_with_prefix("nas-data key");
    hash.update(READING.to_le_bytes());
    hash.update((settings.len() as u64).to_le_bytes());
    hash.update(settings);
    source.stamp(&mut hash);
    Ok(hex(hash))
}

fn name(path: &Path) -> String {
    let canonical = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = if canonical.is_dir() {
        canonical.file_name()
    } else {
        canonical.file_stem()
    };
    name.map_or_else(|| "images".to_owned(), shown)
}

/// Reads the source and makes its cache.
fn make(
    path: &Path,
    source: &dyn Source,
    options: &ReadOptions,
    making: Making<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Opened, Findings), DataError> {
    let listing = source.listing();
    let size = Size::choose(source, options.image_size, progress);
    let scanned = scan(source, size, options.resize, making.scratch()?, progress)
        .map_err(|reason| making.scratch_error(reason))?;
    let skipped: Vec<&Skip> = listing.skipped.iter().chain(&scanned.bad).collect();
    check_bad(path, &skipped, listing, options.max_bad)?;
    let Scan { images, .. } = &scanned;
    let arrangement = arrange(listing, images, options.test_fraction)?;
    let used: Vec<(usize, Image)> = arrangement
        .sides
        .iter()
        .flatten()
        .filter_map(|&entry| images[entry].map(|image| (entry, image)))
        .collect();
    let channels = if used.iter().all(|(_, image)| image.is_grey) {
        1
    } else {
        3
    };
    let shape = Shape::new(channels, size.height as usize, size.width as usize);
    let index = index(shape, listing, &arrangement);
    let findings = survey(listing, images, &skipped, &arrangement, size);
    let fingerprint = fingerprint(listing, options, shape, &arrangement, &used);
    let counter = Counter::new(Stage::Writing, used.len(), progress);
    making.write(
        &index,
        used.iter().map(|(_, image)| (image.at, image.is_grey)),
        || counter.count(),
    )?;
    Ok((making.install(&fingerprint)?, findings))
}

/// Refuses more unreadable images than allowed.
fn check_bad(path: &Path, skipped: &[&Skip], listing: &Listing, max_bad: f64) -> Result<(), DataError> {
    let bad: Vec<&&Skip> = skipped.iter().filter(|skip| skip.is_bad).collect();
    let listed = listing.skipped.iter().filter(|skip| skip.is_bad).count();
    let others = skipped.iter().filter(|skip| skip.reason == Skip::OTHER_CONTENT);
    let all = listing.entries.len() + listed - others.count();
    if bad.len() as f64 <= max_bad * all as f64 {
        return Ok(());
    }
    let first = bad.iter().take(NAMED_BAD).map(|skip| match &skip.detail {
        Some(detail) => format!("{} ({}: {detail})", skip.name, skip.reason),
        None => format!("{} ({})", skip.name, skip.reason),
    });
    let mut first = first.collect::<Vec<_>>().join("; ");
    if bad.len() > NAMED_BAD {
        first.push_str("; …");
    }
    Err(DataError::TooManyBad {
        path: path.to_owned(),
        bad: bad.len(),
        all,
        max_bad,
        first,
    })
}

fn index(shape: Shape, listing: &Listing, arrangement: &Arrangement) -> Index {
    let part = |side: Side| {
        let entries = &arrangement.sides[side as usize];
        PartIndex {
            labels: entries
                .iter()
                .map(|&entry| listing.entries[entry].label)
                .collect(),
            groups: entries.iter().map(|&entry| arrangement.groups[entry]).collect(),
            names: entries
                .iter()
                .map(|&entry| listing.entries[entry].name())
                .collect(),
        }
    };
    Index {
        shape,
        classes: listing.classes.clone(),
        train: part(Side::Train),
        valid: arrangement.valid_is_given.then(|| part(Side::Valid)),
        test: part(Side::Test),
    }
}

/// What the images are: see [`OwnData::fingerprint`].
fn fingerprint(
    listing: &Listing,
    options: &ReadOptions,
    shape: Shape,
    arrangement: &Arrangement,
    used: &[(usize, Image)],
) -> String {
    let mut hash = Sha256::new_with_prefix("nas-data images");
    let text = |hash: &mut Sha256, text: &[u8]| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    hash.update(READING.to_le_bytes());
    text(&mut hash, format!("{shape} {:?}", options.resize).as_bytes());
    hash.update((listing.classes.len() as u64).to_le_bytes());
    for class in &listing.classes {
        text(&mut hash, class.as_bytes());
    }
    for side in &arrangement.sides {
        hash.update((side.len() as u64).to_le_bytes());
    }
    hash.update([u8::from(arrangement.valid_is_given)]);
    for (place, image) in used {
        let entry = &listing.entries[*place];
        text(&mut hash, entry.path.as_os_str().as_encoded_bytes());
        hash.update(image.bytes);
        hash.update(entry.label.to_le_bytes());
        hash.update(arrangement.groups[*place].to_le_bytes());
    }
    hex(hash)
}

/// What was opened, as users have it.
fn data(name: String, resize: Resize, opened: Opened, findings: Findings) -> OwnData {
    let Opened {
        fingerprint,
        index,
        pixels,
    } = opened;
    let numel = index.shape.numel();
    let mut begin = Opened::BEGIN;
    let mut part = |index: PartIndex| {
        let end = begin + index.labels.len() * numel;
        let pixels = Pixels::new(Arc::clone(&pixels), begin..end);
        begin = end;
        Part {
            pixels,
            labels: index.labels,
            groups: index.groups,
            names: index.names,
        }
    };
    OwnData {
        name,
        fingerprint,
        shape: index.shape,
        resize,
        classes: index.classes,
        train: part(index.train),
        valid: index.valid.map(&mut part),
        test: part(index.test),
        findings,
    }
}
