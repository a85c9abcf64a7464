//! A data set in memory.

use std::path::Path;
use std::sync::Arc;

use nas_data::Resize;
use nas_space::seed::Seed;

use super::error::DataError;
use super::images::Images;
use super::location::Location;
use super::registry::DatasetInfo;
use super::split::{subsample, subsample_in_groups};
use super::{cifar, digits, idx};

/// The training and the test images of a data set.
///
/// The images are shared, so a data set is cheap to clone and to hand to a
/// [`Batcher`](super::Batcher).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The identity of the data set: its name in the registry; for the user's own data, `own-` and
    /// the first 12 hexadecimal digits of its fingerprint.
    pub name: String,
    /// Its display name: its name in the registry; for the user's own data, the name of its folder
    /// or file. Nothing depends on it.
    pub title: String,
    /// How images of other sizes are brought to the size of these.
    pub resize: Resize,
    /// The whole fingerprint of the user's own data.
    pub fingerprint: Option<String>,
    /// Names of the classes, by label.
    pub classes: Vec<String>,
    /// What networks are trained and validated on.
    pub train: Arc<Images>,
    /// What the final network is tested on, once.
    pub test: Arc<Images>,
    /// Names of the test images of the user's own data, by index, as in the source; they may
    /// contain anything. Empty for other data.
    pub test_names: Arc<[String]>,
    /// Which of the training images are held out to validate on.
    pub held_out: HeldOut,
}

/// Which of the training images are held out to validate on, where a share of them is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldOut {
    /// A share of each class, drawn.
    Drawn,
    /// The same, but images of one group, by number, stay together. One number for each image.
    DrawnInGroups(Arc<[u32]>),
    /// These, by index in ascending order, whatever the share; all others are trained on.
    Given(Arc<[u32]>),
}

impl HeldOut {
    /// What of it holds for the images with these indices, in ascending order.
    fn subset(&self, indices: &[u32]) -> Self {
        match self {
            Self::Drawn => Self::Drawn,
            Self::DrawnInGroups(groups) => {
                let of = |&index: &u32| groups.get(index as usize).copied();
                Self::DrawnInGroups(indices.iter().filter_map(of).collect())
            }
            Self::Given(valid) => {
                let places = (0..).zip(indices);
                let given = places.filter(|(_, index)| valid.binary_search(index).is_ok());
                Self::Given(given.map(|(place, _)| place).collect())
            }
        }
    }
}

impl Dataset {
    /// Bytes of memory that its images take, those of the test among them.
    pub fn bytes(&self) -> u64 {
        self.train.bytes() + self.test.bytes()
    }

    /// Reads the data set of this name, from files below `data_dir` unless it is built in.
    ///
    /// # Errors
    /// If there is no such data set, or a file is missing or invalid; see [`DataError`].
    pub fn load(name: &str, data_dir: Option<&Path>) -> Result<Self, DataError> {
        Self::load_noting(name, data_dir, &mut |_| {})
    }

    /// As [`Dataset::load`]. Calls `note` for each file whose content is not the official one. This
    /// is known for MNIST and Fashion-MNIST, by a SHA-256 of the unpacked file. Files of MNIST
    /// given as Fashion-MNIST are refused, and the other way round.
    ///
    /// # Errors
    /// As [`Dataset::load`].
    pub fn load_noting(
        name: &str,
        data_dir: Option<&Path>,
        note: &mut dyn FnMut(&Path),
    ) -> Result<Self, DataError> {
        let info = DatasetInfo::find(name)?;
        match info.locate(data_dir)? {
            Location::BuiltIn => digits::load(info),
            Location::Files { folder, train, test } => match info.name {
                "cifar10" | "cifar100" => cifar::load(info, &folder, &train, &test),
                _ => idx::load(info, &train, &test, note),
            },
        }
    }

    /// The same data set with only `n` of its training images, drawn evenly from the classes; the
    /// test images stay, and so do validation images that are given. Where images are in groups,
    /// each class keeps images of two groups, so that a validation split can be drawn.
    ///
    /// # Errors
    /// If `n` is 0, more than there are, or too few for the groups.
    pub fn with_training_images(mut self, n: usize, seed: Seed) -> Result<Self, DataError> {
        let mut all = self.train.indices();
        let mut kept = Vec::new();
        if let HeldOut::Given(valid) = &self.held_out {
            all.retain(|index| valid.binary_search(index).is_err());
            kept.extend_from_slice(valid);
        }
        let labels = self.train.labels();
        let mut indices = match &self.held_out {
            HeldOut::DrawnInGroups(groups) => subsample_in_groups(labels, groups, &all, n, seed)?,
            HeldOut::Drawn | HeldOut::Given(_) => subsample(labels, &all, n, seed)?,
        };
        indices.extend(kept);
        indices.sort_unstable();
        self.train = Arc::new(self.train.subset(&indices)?);
        self.held_out = self.held_out.subset(&indices);
        if let HeldOut::DrawnInGroups(groups) = &self.held_out {
            // Groups of several classes may leave no way to draw a split: better said now.
            nas_data::split(self.train.labels(), groups, 0.5, seed)?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use nas_space::shape::Shape;

    use super::*;

    /// 40 images of class 0, and 4 of class 1, of which the first 3 are one group.
    fn grouped() -> Dataset {
        let labels: Vec<u32> = (0..44).map(|image| u32::from(image >= 40)).collect();
        let groups: Vec<u32> = (0..44)
            .map(|image| if image < 40 { image } else { 40 + image / 43 })
            .collect();
        let images = Arc::new(Images::new(Shape::new(1, 1, 1), 2, (0..44).collect(), labels).unwrap());
        Dataset {
            name: "grouped".to_owned(),
            title: "grouped".to_owned(),
            resize: Resize::Pad,
            fingerprint: None,
            classes: vec!["many".to_owned(), "few".to_owned()],
            train: Arc::clone(&images),
            test: images,
            test_names: Arc::default(),
            held_out: HeldOut::DrawnInGroups(groups.into()),
        }
    }

    #[test]
    fn a_limit_leaves_two_groups_of_each_class_or_says_the_smallest() {
        for seed in (0..20).map(Seed::new) {
            for limit in 4..=44 {
                let limited = grouped().with_training_images(limit, seed).unwrap();
                assert_eq!(limited.train.len(), limit);
                let HeldOut::DrawnInGroups(groups) = &limited.held_out else {
                    panic!("groups stay groups");
                };
                let (train, valid) = nas_data::split(limited.train.labels(), groups, 0.3, seed).unwrap();
                assert_eq!(train.len() + valid.len(), limit);
            }
            let refused = grouped().with_training_images(3, seed).unwrap_err().to_string();
            assert!(refused.contains("expected 4 to 44"), "{refused}");
        }
    }
}
