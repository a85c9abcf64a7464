//! The data sets there are.

use nas_space::shape::Shape;

use super::error::DataError;

/// A data set: what is known of it before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetInfo {
    /// The name it is asked for by.
    pub name: &'static str,
    /// One line on what it shows.
    pub description: &'static str,
    /// Shape of an image.
    pub shape: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Number of training images in the official files, and the most that are accepted.
    pub train_images: usize,
    /// Number of test images in the official files, and the most that are accepted.
    pub test_images: usize,
    /// The official page it can be had from.
    pub url: &'static str,
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
        layouts: &[ONE_FILE],
        folders: &["cifar-100-binary", "cifar100", "cifar-100", "cifar_100", ""],
    },
];

impl DatasetInfo {
    /// The data set of this name.
    ///
    /// # Errors
    /// If there is none; the error lists the names there are.
    pub fn find(name: &str) -> Result<&'static Self, DataError> {
        static ALL: [DatasetInfo; 5] = DATASETS;
        ALL.iter()
            .find(|info| info.name == name)
            .ok_or_else(|| DataError::UnknownDataset {
                name: name.to_owned(),
                known: ALL.iter().map(|info| info.name).collect(),
            })
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
    fn files_are_listed_by_their_official_names() {
        assert_eq!(DatasetInfo::find("digits").unwrap().files(), [""; 0]);
        assert_eq!(DatasetInfo::find("cifar10").unwrap().files().len(), 6);
        assert_eq!(
            DatasetInfo::find("mnist").unwrap().files()[2],
            "t10k-images-idx3-ubyte"
        );
    }
}
