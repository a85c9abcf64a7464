//! All of a cache but its pixels.

use nas_space::shape::Shape;
use serde::{Deserialize, Serialize};

/// Name of the file.
pub(super) const NAME: &str = "index.json";

/// All of a cache but its pixels.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    /// Of each image.
    pub(crate) shape: Shape,
    /// Names of the classes.
    pub(crate) classes: Vec<String>,
    /// The images to train on.
    pub(crate) train: PartIndex,
    /// The images to validate on, where the source gives some.
    pub(crate) valid: Option<PartIndex>,
    /// The images to test on.
    pub(crate) test: PartIndex,
}

/// Images in the order of their pixels.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartIndex {
    pub(crate) labels: Vec<u32>,
    pub(crate) groups: Vec<u32>,
    pub(crate) names: Vec<String>,
}

impl Index {
    /// The parts in the order of their pixels.
    fn parts(&self) -> impl Iterator<Item = &PartIndex> {
        [Some(&self.train), self.valid.as_ref(), Some(&self.test)]
            .into_iter()
            .flatten()
    }

    /// Whether everything is there of every image, and every label is a class.
    pub(super) fn is_consistent(&self) -> bool {
        self.parts().all(|part| {
            let images = part.labels.len();
            part.groups.len() == images
                && part.names.len() == images
                && part
                    .labels
                    .iter()
                    .all(|&label| (label as usize) < self.classes.len())
        })
    }

    /// Bytes of all pixels; `None` where these are more than can be.
    pub(super) fn bytes(&self) -> Option<u64> {
        let images: usize = self.parts().map(|part| part.labels.len()).sum();
        (images as u64).checked_mul(self.shape.numel() as u64)
    }
}
