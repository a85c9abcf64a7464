//! Where the files of a data set lie.

use std::path::{Path, PathBuf};

use super::error::DataError;
use super::registry::{DatasetInfo, Layout};

/// Where a data set was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// Inside the program.
    BuiltIn,
    /// In files of one folder.
    Files {
        /// The folder.
        folder: PathBuf,
        /// Files of the training images, in the order of the layout.
        train: Vec<PathBuf>,
        /// Files of the test images, in the order of the layout.
        test: Vec<PathBuf>,
    },
}

impl DatasetInfo {
    /// Looks for the data set's files without reading them.
    ///
    /// All files must lie in one folder; the first of [`DatasetInfo::folders`] that holds a
    /// complete layout is taken. A folder named after the data set comes before the data directory
    /// itself, since MNIST and Fashion-MNIST use the same file names. Which of the two lies in the
    /// data directory itself cannot be told, and is not.
    ///
    /// # Errors
    /// If there is no data directory and the data set is not built in, or if no folder holds all
    /// the files.
    pub fn locate(&self, data_dir: Option<&Path>) -> Result<Location, DataError> {
        if self.layouts.is_empty() {
            return Ok(Location::BuiltIn);
        }
        let Some(data_dir) = data_dir else {
            return Err(DataError::NoDataDir {
                dataset: self.name,
                files: self.files(),
                url: self.url,
            });
        };

        // The layout that is most nearly complete decides which file is called missing.
        let mut best: Option<(usize, &'static str)> = None;
        for folder in self.places(data_dir) {
            for layout in self.layouts {
                match find_layout(&folder, layout) {
                    Ok((train, test)) => return Ok(Location::Files { folder, train, test }),
                    Err((found, missing)) => {
                        if best.is_none_or(|(most, _)| found > most) {
                            best = Some((found, missing));
                        }
                    }
                }
            }
        }
        Err(DataError::MissingFile {
            dataset: self.name,
            file: best.map_or("a file", |(_, missing)| missing),
            needed: describe(self.layouts),
            looked: self.places(data_dir),
            url: self.url,
        })
    }
}

/// The training and test files of `layout` in `folder`; else how many of them are there, and the
/// first that is not.
#[expect(clippy::type_complexity, reason = "used once, above")]
fn find_layout(
    folder: &Path,
    layout: &Layout,
) -> Result<(Vec<PathBuf>, Vec<PathBuf>), (usize, &'static str)> {
    let mut paths = Vec::new();
    let mut missing = None;
    for names in layout.roles() {
        match find_file(folder, names) {
            Some(path) => paths.push(path),
            None => missing = missing.or(names.first().copied()),
        }
    }
    match missing {
        Some(missing) => Err((paths.len(), missing)),
        None => {
            let test = paths.split_off(layout.train.len());
            Ok((paths, test))
        }
    }
}

/// The first of `names` that is a file in `folder`, each tried as it is and with `.gz`.
fn find_file(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}

/// `a or b, c; or d`: the files of each layout with their other names.
fn describe(layouts: &[Layout]) -> String {
    let layouts: Vec<String> = layouts
        .iter()
        .map(|layout| {
            layout
                .roles()
                .map(|names| names.join(" or "))
                .collect::<Vec<_>>()
                .join(", ")
        })
        .collect();
    layouts.join("; or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn touch(dir: &Path, files: &[&str]) {
        for file in files {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
    }

    const FASHION: [&str; 4] = [
        "train-images-idx3-ubyte.gz",
        "train-labels.idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];

    #[test]
    fn every_folder_and_name_variant_is_found_and_the_specific_folder_comes_first() {
        let info = DatasetInfo::find("fashion-mnist").unwrap();
        let dir = tempfile::tempdir().unwrap();
        for folder in ["", "FashionMNIST/raw", "fashion_mnist", "fashion-mnist"] {
            let expected = dir.path().join(folder);
            touch(&expected, &FASHION);
            let Location::Files {
                folder: found,
                train,
                test,
            } = info.locate(Some(dir.path())).unwrap()
            else {
                panic!("not built in")
            };
            assert_eq!(
                found.components().collect::<PathBuf>(),
                expected.components().collect::<PathBuf>()
            );
            assert_eq!(train, [found.join(FASHION[0]), found.join(FASHION[1])]);
            assert_eq!(test, [found.join(FASHION[2]), found.join(FASHION[3])]);
        }
    }

    #[test]
    fn cifar10_is_found_in_both_layouts() {
        let info = DatasetInfo::find("cifar10").unwrap();
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), &["train.bin", "test.bin.gz"]);
        assert!(
            matches!(info.locate(Some(dir.path())), Ok(Location::Files { train, .. }) if train.len() == 1)
        );
        let official = info
            .files()
            .iter()
            .map(|file| format!("cifar-10-batches-bin/{file}"))
            .collect::<Vec<_>>();
        touch(
            dir.path(),
            &official.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        assert!(
            matches!(info.locate(Some(dir.path())), Ok(Location::Files { train, .. }) if train.len() == 5)
        );
    }

    #[test]
    fn a_missing_file_is_named_with_the_places_the_origin_and_the_way_to_say_where_it_is() {
        let info = DatasetInfo::find("fashion-mnist").unwrap();
        let dir = tempfile::tempdir().unwrap();
        touch(&dir.path().join("fashion_mnist"), &FASHION[..3]);
        let error = info.locate(Some(dir.path())).unwrap_err();
        let DataError::MissingFile { file, looked, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*file, "t10k-labels-idx1-ubyte");
        assert_eq!(looked.len(), 4);
        let message = error.to_string();
        for part in [
            "FashionMNIST/raw",
            "t10k-labels.idx1-ubyte",
            info.url,
            "--data-dir",
            "NAS_DATA_DIR",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }

    #[test]
    fn without_a_directory_only_what_is_built_in_is_found() {
        assert_eq!(
            DatasetInfo::find("digits").unwrap().locate(None).unwrap(),
            Location::BuiltIn
        );
        let message = DatasetInfo::find("cifar100")
            .unwrap()
            .locate(None)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("train.bin") && message.contains("--data-dir"),
            "{message}"
        );
    }
}
