//! The data sets there are.

use nas_space::shape::Shape;
use serde::Serialize;

use super::error::DataError;

/// A data set: the facts that are known before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetInfo {
    /// The name it is asked for by.
    pub name: &'static str,
    /// One line about its content.
    pub description: &'static str,
    /// Shape of an image.
    pub shape: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Number of training images in the official files, and the most that are accepted.
    pub train_images: usize,
    /// Number of test images in the official files, and the most that are accepted.
    pub test_images: usize,
    /// The page to get it from: the official one, or where that is gone a mirror.
    pub url: &'static str,
    /// What to download, from where; none if it is built in.
    pub downloads: &'static [Download],
    /// SHA-256 of the official files' content, unpacked, in 64 hexadecimal digits: of each file of
    /// the first layout, in its order.
    pub checksums: &'static [&'static str],
    /// The sets of files it may consist of, the official one first. Empty: it is built in.
    pub layouts: &'static [Layout],
    /// The folders below the data directory where the files may lie, in the order they are looked
    /// into. An empty text is the data directory itself.
    pub folders: &'static [&'static str],
}

/// A set of files that makes up a data set. Each file is given by the names it may have, the
/// official one first, and may be plain or gzipped, with or without `.gz` at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Files of the training images.
    pub train: &'static [&'static [&'static str]],
    /// Files of the test images.
    pub test: &'static [&'static [&'static str]],
}

/// A file to download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Download {
    /// Its name there.
    pub file: &'static str,
    /// SHA-256 of it as it is downloaded, still packed, in 64 hexadecimal digits.
    pub sha256: &'static str,
    /// The addresses of folders that have it; they end in a slash.
    pub folders: &'static [&'static str],
}

const MNIST_FOLDERS: &[&str] = &[
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
];

const FASHION_FOLDERS: &[&str] = &[
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
];

const CIFAR_FOLDERS: &[&str] = &["https://www.cs.toronto.edu/~kriz/"];

const IDX: &[Layout] = &[Layout {
    train: &[
        &["train-images-idx3-ubyte", "train-images.idx3-ubyte"],
        &["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"],
    ],
    test: &[
        &["t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"],
        &["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"],
    ],
}];

const ONE_FILE: Layout = Layout {
    train: &[&["train.bin"]],
    test: &[&["test.bin"]],
};

const FIVE_FILES: Layout = Layout {
    train: &[
        &["data_batch_1.bin"],
        &["data_batch_2.bin"],
        &["data_batch_3.bin"],
        &["data_batch_4.bin"],
        &["data_batch_5.bin"],
    ],
    test: &[&["test_batch.bin"]],
};

/// All data sets.
pub const DATASETS: [DatasetInfo; 5] = [
    DatasetInfo {
        name: "digits",
        description: "handwritten digits in 17 grey levels",
        shape: Shape::new(1, 8, 8),
        classes: 10,
        train_images: 1438,
        test_images: 359,
        url: "https://archive.ics.uci.edu/dataset/80",
        downloads: &[],
        checksums: &[],
        layouts: &[],
        folders: &[],
    },
    DatasetInfo {
        name: "mnist",
        description: "handwritten digits",
        shape: Shape::new(1, 28, 28),
        classes: 10,
        train_images: 60_000,
        test_images: 10_000,
        url: "https://ossci-datasets.s3.amazonaws.com/mnist/",
        downloads: &[
            Download {
                file: "train-images-idx3-ubyte.gz",
                sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                folders: MNIST_FOLDERS,
            },
            Download {
                file: "train-labels-idx1-ubyte.gz",
                sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                folders: MNIST_FOLDERS,
            },
            Download {
                file: "t10k-images-idx3-ubyte.gz",
                sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                folders: MNIST_FOLDERS,
            },
            Download {
                file: "t10k-labels-idx1-ubyte.gz",
                sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                folders: MNIST_FOLDERS,
            },
        ],
        checksums: &[
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ],
        layouts: IDX,
        folders: &["mnist", "MNIST/raw", ""],
    },
    DatasetInfo {
        name: "fashion-mnist",
        description: "pieces of clothing in grey",
        shape: Shape::new(1, 28, 28),
        classes: 10,
        train_images: 60_000,
        test_images: 10_000,
        url: "https://github.com/zalandoresearch/fashion-mnist",
        downloads: &[
            Download {
                file: "train-images-idx3-ubyte.gz",
                sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                folders: FASHION_FOLDERS,
            },
            Download {
                file: "train-labels-idx1-ubyte.gz",
                sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                folders: FASHION_FOLDERS,
            },
            Download {
                file: "t10k-images-idx3-ubyte.gz",
                sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                folders: FASHION_FOLDERS,
            },
            Download {
                file: "t10k-labels-idx1-ubyte.gz",
                sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                folders: FASHION_FOLDERS,
            },
        ],
        checksums: &[
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ],
        layouts: IDX,
        folders: &["fashion-mnist", "fashion_mnist", "FashionMNIST/raw", ""],
    },
    DatasetInfo {
        name: "cifar10",
        description: "colour photographs of animals and vehicles",
        shape: Shape::new(3, 32, 32),
        classes: 10,
        train_images: 50_000,
        test_images: 10_000,
        url: "https://www.cs.toronto.edu/~kriz/cifar.html",
        downloads: &[Download {
            file: "cifar-10-binary.tar.gz",
            sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            folders: CIFAR_FOLDERS,
        }],
        checksums: &[
            "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        ],
        layouts: &[FIVE_FILES, ONE_FILE],
        folders: &["cifar-10-batches-bin", "cifar10", "cifar-10", "cifar_10", ""],
    },
    DatasetInfo {
        name: "cifar100",
        description: "colour photographs in a hundred fine classes",
        shape: Shape::new(3, 32, 32),
        classes: 100,
        train_images: 50_000,
        test_images: 10_000,
        url: "https://www.cs.toronto.edu/~kriz/cifar.html",
        downloads: &[Download {
            file: "cifar-100-binary.tar.gz",
            sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            folders: CIFAR_FOLDERS,
        }],
        checksums: &[
            "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
            "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
        ],
        layouts: &[ONE_FILE],
        folders: &["cifar-100-binary", "cifar100", "cifar-100", "cifar_100", ""],
    },
];

static ALL: [DatasetInfo; 5] = DATASETS;

impl DatasetInfo {
    /// The data set of this name.
    ///
    /// # Errors
    /// If there is none; the error lists the names there are.
    pub fn find(name: &str) -> Result<&'static Self, DataError> {
        ALL.iter()
            .find(|info| info.name == name)
            .ok_or_else(|| DataError::UnknownDataset {
                name: name.to_owned(),
                known: ALL.iter().map(|info| info.name).collect(),
            })
    }

    /// The data set whose official files one with this SHA-256 of its unpacked content belongs to.
    pub fn of_file(sha256: &str) -> Option<&'static Self> {
        ALL.iter().find(|info| info.checksums.contains(&sha256))
    }

    /// The official names of the files it needs; none if it is built in.
    pub fn files(&self) -> Vec<&'static str> {
        self.layouts
            .first()
            .map(Layout::official_names)
            .unwrap_or_default()
    }
}

impl Layout {
    /// The names each file may have, without `.gz`: those of the training images, then those of the
    /// test images.
    pub(super) fn roles(&self) -> impl Iterator<Item = &'static [&'static str]> {
        self.train.iter().chain(self.test).copied()
    }

    /// The first name of each file.
    pub(super) fn official_names(&self) -> Vec<&'static str> {
        self.roles().filter_map(|names| names.first().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_lists_the_right_ones() {
        assert_eq!(DatasetInfo::find("cifar10").unwrap().classes, 10);
        let message = DatasetInfo::find("cifar-10").unwrap_err().to_string();
        assert_eq!(
            message,
            "there is no data set 'cifar-10'; there are: digits, mnist, fashion-mnist, cifar10, cifar100"
        );
    }

    #[test]
    fn every_official_file_has_its_own_checksum_and_a_place_to_get_it_from() {
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut all = Vec::new();
        for info in &DATASETS {
            assert_eq!(info.checksums.len(), info.files().len(), "{}", info.name);
            assert_eq!(
                info.downloads.is_empty(),
                info.layouts.is_empty(),
                "{}",
                info.name
            );
            for download in info.downloads {
                assert!(is_digest(download.sha256), "{}", download.file);
                assert!(!download.folders.is_empty(), "{}", download.file);
                assert!(download.folders.iter().all(|folder| folder.ends_with('/')));
                all.push(download.sha256);
            }
            for &checksum in info.checksums {
                assert!(is_digest(checksum), "{}", info.name);
                assert_eq!(DatasetInfo::of_file(checksum), Some(info));
                all.push(checksum);
            }
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "no two are the same");
        assert_eq!(DatasetInfo::of_file("0"), None);
    }

    #[test]
    fn files_are_listed_by_their_official_names() {
        assert_eq!(DatasetInfo::find("digits").unwrap().files(), [""; 0]);
        assert_eq!(DatasetInfo::find("cifar10").unwrap().files().len(), 6);
        assert_eq!(
            DatasetInfo::find("mnist").unwrap().files()[2],
            "t10k-images-idx3-ubyte"
        );
    }
}
