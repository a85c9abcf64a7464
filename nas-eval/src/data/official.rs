//! Whether files are the official ones, by their checksums.

use std::path::{Path, PathBuf};

use nas_files::fingerprint::hex;
use nas_files::read_unpacked;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::DataError;
use super::location::Location;
use super::registry::DatasetInfo;

/// Bytes beside the pixels that a file may have: its header, and a label or two for each image.
const BESIDE: u64 = 1 << 20;

/// A file of a data set that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileState {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its content, unpacked, in 64 hexadecimal digits.
    pub sha256: String,
    /// Whether that is the official one. Files of another layout than the official one never are.
    pub official: bool,
}

impl DatasetInfo {
    /// Reads the files of a location whole, and compares their checksums with the official ones;
    /// none where the data set is built in.
    ///
    /// # Errors
    /// [`DataError::File`] for a file that cannot be read, or is longer than any of this data set.
    pub fn states(&self, location: &Location) -> Result<Vec<FileState>, DataError> {
        let Location::Files { train, test, .. } = location else {
            return Ok(Vec::new());
        };
        let most = (self.train_images.max(self.test_images) * (self.shape.numel() + 2)) as u64 + BESIDE;
        let files: Vec<&PathBuf> = train.iter().chain(test).collect();
        let mut states = Vec::with_capacity(files.len());
        for (place, path) in files.iter().enumerate() {
            let sha256 = sha256(&read_unpacked(path.as_path(), most)?);
            states.push(FileState {
                official: files.len() == self.checksums.len()
                    && self
                        .checksums
                        .get(place)
                        .is_some_and(|official| *official == sha256),
                path: path.to_path_buf(),
                sha256,
            });
        }
        Ok(states)
    }

    /// The folders that are looked into for its files, in this order, where `data_dir` is the
    /// folder of data.
    pub fn places(&self, data_dir: &Path) -> Vec<PathBuf> {
        let place = |folder: &&str| match *folder {
            "" => data_dir.to_owned(),
            folder => data_dir.join(folder),
        };
        self.folders.iter().map(place).collect()
    }
}

/// The SHA-256 of these bytes, in 64 hexadecimal digits.
pub(super) fn sha256(content: &[u8]) -> String {
    hex(Sha256::new_with_prefix(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Below the folder of data beside the checkout, which is not there everywhere.
    #[test]
    fn the_official_files_are_known_whatever_their_gzip_and_one_byte_makes_another() {
        let info = DatasetInfo::find("fashion-mnist").unwrap();
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fashion_mnist");
        if !shared.exists() {
            println!("skipped: there is no {}", shared.display());
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        for file in info.files() {
            let content = read_unpacked(&shared.join(format!("{file}.gz")), 1 << 26).unwrap();
            fs::write(dir.path().join(file), content).unwrap();
        }
        let location = info.locate(Some(dir.path())).unwrap();
        let states = info.states(&location).unwrap();
        assert_eq!(states.len(), 4);
        assert!(states.iter().all(|state| state.official), "{states:?}");
        let labels = dir.path().join("t10k-labels-idx1-ubyte");
        let mut content = fs::read(&labels).unwrap();
        content[100] ^= 1;
        fs::write(&labels, content).unwrap();
        let changed = info.states(&location).unwrap();
        let official: Vec<bool> = changed.iter().map(|state| state.official).collect();
        assert_eq!(official, [true, true, true, false]);
    }

    #[test]
    fn another_layout_is_never_official_and_what_is_built_in_has_no_files() {
        let info = DatasetInfo::find("cifar10").unwrap();
        let dir = tempfile::tempdir().unwrap();
        for file in ["train.bin", "test.bin"] {
            fs::write(dir.path().join(file), [0; 3073]).unwrap();
        }
        let states = info.states(&info.locate(Some(dir.path())).unwrap()).unwrap();
        assert_eq!(states.len(), 2);
        assert!(states.iter().all(|state| !state.official), "{states:?}");
        let digits = DatasetInfo::find("digits").unwrap();
        assert_eq!(digits.states(&Location::BuiltIn).unwrap(), []);
    }
}
