//! The layout of a folder of images: which folders are splits and which are classes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::masks::{self, Masks};
use super::stamp::Stamp;
use super::{Entry, Side, Skip, shown};
use crate::error::DataError;
use crate::words::counted;

/// The file that may name the classes, one a line, in their order.
pub(super) const CLASSES_FILE: &str = "classes.txt";
/// The most bytes that it may have.
const LARGEST_CLASSES_FILE: u64 = 16 << 20;

/// A file that should be an image.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Its path below the folder, with `/`.
    pub(super) path: PathBuf,
    /// Its length and times.
    pub(super) stamp: Stamp,
}

/// A folder whose layout is known.
#[derive(Debug)]
pub(super) struct LaidOut {
    pub(super) classes: Vec<String>,
    pub(super) entries: Vec<Entry>,
    /// Of each entry.
    pub(super) stamps: Vec<Stamp>,
    pub(super) warnings: Vec<String>,
}

/// Finds splits and classes of the images of a folder: `path` is how the user calls it, `root`
/// where it is.
///
/// # Errors
/// [`DataError::Layout`] where there are no images, no classes, or more than one way to understand
/// what is there; [`DataError::ClassesFile`]; [`DataError::NotInTraining`].
pub(super) fn lay_out(
    path: &Path,
    root: &Path,
    images: Vec<Candidate>,
    folders: &[PathBuf],
    skipped: &[Skip],
    glob: Option<&str>,
) -> Result<LaidOut, DataError> {
    let refuse = |found: String, remedy: String| DataError::Layout {
        path: path.to_owned(),
        found,
        remedy,
    };
    if images.is_empty() {
        return Err(no_images(skipped, glob, &refuse));
    }
    let sides = sides(&images, folders).map_err(|(found, remedy)| refuse(found, remedy))?;
    let depth = usize::from(sides.is_some());
    check_loose(&images, depth, skipped).map_err(|(found, remedy)| refuse(found, remedy))?;
    let mut warnings = Vec::new();
    if glob.is_none() {
        match masks::find(&images) {
            Some(Masks::Certain { found }) => {
                let remedy = "choose the images with --glob, such as --glob '!*_mask.*' or --glob '*.jpg'; \
                              if all of them belong to the classes, use --glob '**'";
                return Err(refuse(found, remedy.to_owned()));
            }
            Some(Masks::Possible { warning }) => warnings.push(warning),
            None => {}
        }
    }
    let named: BTreeSet<&OsStr> = images
        .iter()
        .filter_map(|image| image.path.iter().nth(depth))
        .collect();
    let classes: Vec<OsString> = match read_classes(root)? {
        Some(listed) => {
            check_classes(&root.join(CLASSES_FILE), &listed, &named)?;
            listed.into_iter().map(OsString::from).collect()
        }
        None => named.iter().map(|&class| class.to_owned()).collect(),
    };
    if let ([only], 0) = (classes.as_slice(), depth) {
        let only = shown(only);
        let found = format!(
            "one class folder '{only}' with {}",
            counted(images.len(), "image")
        );
        let remedy = format!(
            "a data set has at least 2; if the classes are folders in '{only}', give {}",
            path.join(&only).display()
        );
        return Err(refuse(found, remedy));
    }
    warnings.extend(empty_folders(folders, depth, &named));
    let numbers: BTreeMap<&OsStr, u32> = classes.iter().map(OsString::as_os_str).zip(0..).collect();
    let (mut entries, mut stamps) = (Vec::with_capacity(images.len()), Vec::with_capacity(images.len()));
    for Candidate { path, stamp } in images {
        let mut parts = path.iter();
        let side = match &sides {
            Some(sides) => parts.next().and_then(|name| sides.get(name)).copied(),
            None => None,
        };
        let label = parts
            .next()
            .and_then(|class| numbers.get(class))
            .copied()
            .unwrap_or_default();
        stamps.push(stamp);
        entries.push(Entry {
            path,
            label,
            side,
            group: None,
        });
    }
    Ok(LaidOut {
        classes: classes.iter().map(|class| shown(class)).collect(),
        entries,
        stamps,
        warnings,
    })
}

/// What was found, and what to do about it.
type Found = (String, String);

/// The folders that are splits, if there are splits.
fn sides(images: &[Candidate], folders: &[PathBuf]) -> Result<Option<BTreeMap<OsString, Side>>, Found> {
    let mut tops: BTreeMap<&OsStr, usize> = BTreeMap::new();
    for image in images {
        let mut parts = image.path.iter();
        if let (Some(top), Some(_)) = (parts.next(), parts.next()) {
            *tops.entry(top).or_default() += 1;
        }
    }
    let mut sides: BTreeMap<OsString, Side> = BTreeMap::new();
    for &top in tops.keys() {
        if let Some(side) = top.to_str().and_then(Side::of_name) {
            sides.insert(top.to_owned(), side);
        }
    }
    let list = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
    let others: Vec<&OsStr> = tops
        .keys()
        .copied()
        .filter(|&top| !sides.contains_key(top))
        .collect();
    let found = |name: &OsStr| format!("'{}' ({})", shown(name), counted(tops[name], "image"));
    if !sides.values().any(|&side| side == Side::Train) {
        if others.is_empty() && !sides.is_empty() {
            return Err((
                format!(
                    "{} and no 'train'",
                    list(&mut sides.keys().map(|name| found(name)))
                ),
                "a folder of splits needs 'train'; a folder of classes has one folder for each class"
                    .to_owned(),
            ));
        }
        return Ok(None);
    }
    if !others.is_empty() {
        // 'train' may be a class, beside 'bus' and 'car'.
        let holds_folders = sides.keys().any(|side| {
            folders
                .iter()
                .any(|folder| folder.parent() == Some(Path::new(side)))
        });
        if !holds_folders {
            return Ok(None);
        }
        let some = others.iter().take(5).map(|name| found(name));
        let more = if others.len() > 5 { ", …" } else { "" };
        return Err((
            format!(
                "{} beside {}{more}",
                list(&mut sides.keys().map(|name| found(name))),
                list(&mut some.into_iter())
            ),
            "a folder has either splits (train, valid, test) or classes; choose one with --glob, such as --glob '{train,test}/**'"
                .to_owned(),
        ));
    }
    for side in Side::ALL {
        let mut names = sides
            .iter()
            .filter(|&(_, &of)| of == side)
            .map(|(name, _)| found(name));
        if let (Some(first), Some(second)) = (names.next(), names.next()) {
            return Err((
                format!("two folders for one split, {first} and {second}"),
                "keep one of them".to_owned(),
            ));
        }
    }
    Ok(Some(sides))
}

/// Refuses images that are in no class folder.
fn check_loose(images: &[Candidate], depth: usize, skipped: &[Skip]) -> Result<(), Found> {
    let is_loose = |image: &&Candidate| image.path.iter().count() <= depth + 1;
    let Some(first) = images.iter().find(is_loose) else {
        return Ok(());
    };
    let loose = images.iter().filter(is_loose).count();
    let place = if depth == 0 {
        "in the folder itself"
    } else {
        "directly in a split's folder"
    };
    let example = shown(first.path.as_os_str());
    let among = images.len() - loose;
    let classes: BTreeSet<_> = images
        .iter()
        .filter(|image| !is_loose(image))
        .map(|image| image.path.iter().nth(depth))
        .collect();
    if among > 0 {
        return Err((
            format!(
                "{} {place} (such as {example}) beside {} with {}",
                counted(loose, "image"),
                counted(classes.len(), "class folder"),
                counted(among, "image")
            ),
            format!(
                "move them into class folders, or choose the images with --glob, such as --glob '{}'",
                "*/".repeat(depth + 1) + "*"
            ),
        ));
    }
    let list = skipped
        .iter()
        .map(|skip| &skip.name)
        .find(|name| ends_with(name, &[".csv", ".tsv"]));
    let remedy = match list {
        Some(list) => format!(
            "expected a folder for each class; if {list} lists them with their classes, give that file"
        ),
        None => "expected a folder for each class; or write a list of paths and classes (CSV) and give that"
            .to_owned(),
    };
    Err((
        format!(
            "{} {place} (such as {example}) and no class folders",
            counted(loose, "image")
        ),
        remedy,
    ))
}

/// Whether a name has one of these endings, in any case.
fn ends_with(name: &str, endings: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    endings.iter().any(|ending| name.ends_with(ending))
}

/// Why there is no image.
fn no_images(
    skipped: &[Skip],
    glob: Option<&str>,
    refuse: &impl Fn(String, String) -> DataError,
) -> DataError {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for skip in skipped {
        *reasons.entry(skip.reason).or_default() += 1;
    }
    let reasons: Vec<String> = reasons
        .into_iter()
        .map(|(reason, files)| format!("{}: {reason}", counted(files, "file")))
        .collect();
    let found = match reasons.as_slice() {
        [] => "an empty folder".to_owned(),
        reasons => format!("no images ({})", reasons.join("; ")),
    };
    let list_or_arrays = skipped
        .iter()
        .find(|skip| ends_with(&skip.name, &[".npz", ".csv", ".tsv"]));
    let remedy = match glob {
        None if list_or_arrays.is_some() => format!(
            "expected a folder for each class; for a list or arrays give the file itself, such as {}",
            list_or_arrays.map_or("", |skip| &skip.name)
        ),
        Some(glob) => format!("expected images that --glob '{glob}' chooses, by their paths in the folder"),
        None => {
            "expected a folder for each class with PNG, JPEG, WebP, BMP, GIF, TIFF or PNM images".to_owned()
        }
    };
    refuse(found, remedy)
}

/// The names in the file of classes, if there is one.
fn read_classes(root: &Path) -> Result<Option<Vec<String>>, DataError> {
    let file = root.join(CLASSES_FILE);
    let text = match nas_files::read_text(&file, LARGEST_CLASSES_FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(reason) => {
            return Err(DataError::Io {
                path: file,
                action: "read",
                reason,
            });
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(Some(names.map(str::to_owned).collect()))
}

/// Refuses a file of classes that does not name each class folder once.
fn check_classes(file: &Path, listed: &[String], found: &BTreeSet<&OsStr>) -> Result<(), DataError> {
    let refuse = |problem: String| {
        Err(DataError::ClassesFile {
            path: file.to_owned(),
            problem,
        })
    };
    let mut names = BTreeSet::new();
    for name in listed {
        if !names.insert(OsStr::new(name)) {
            return refuse(format!(
                "class '{name}' is listed twice; expected each class once"
            ));
        }
        if !found.contains(OsStr::new(name)) {
            return refuse(format!(
                "class '{name}' is listed but has no folder with images; add images, or remove the line"
            ));
        }
    }
    match found.iter().find(|&&name| !names.contains(name)) {
        Some(name) => refuse(format!(
            "the class folder '{}' is not listed; add a line for it, or remove the folder or the file",
            shown(name)
        )),
        None => Ok(()),
    }
}

/// Warns of folders that are in the place of classes but have no images.
fn empty_folders(folders: &[PathBuf], depth: usize, classes: &BTreeSet<&OsStr>) -> Option<String> {
    let empty: BTreeSet<String> = folders
        .iter()
        .filter(|folder| folder.iter().count() == depth + 1)
        .filter_map(|folder| folder.file_name())
        .filter(|name| !classes.contains(name))
        .map(shown)
        .collect();
    let first: Vec<String> = empty.iter().take(5).map(|name| format!("'{name}'")).collect();
    let (number, more) = (empty.len(), if empty.len() > 5 { ", …" } else { "" });
    (number > 0).then(|| {
        format!(
            "{} without images, which {} no class: {}{more}",
            counted(number, "folder"),
            if number == 1 { "is" } else { "are" },
            first.join(", ")
        )
    })
}
