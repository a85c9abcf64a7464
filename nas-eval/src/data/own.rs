//! The user's own data: turns what `nas-data` has read into a data set.

use std::collections::BTreeSet;
use std::sync::Arc;

use nas_data::OwnData;

use super::dataset::{Dataset, HeldOut};
use super::error::DataError;
use super::images::{Images, Pixels};

/// Hexadecimal digits of the fingerprint that are part of the name.
const DIGITS: usize = 12;

impl Dataset {
    /// The data set of these images. Validation images that the source gives are among the training
    /// images, and held out where there is validation; otherwise they are drawn, and where every
    /// image is a group of its own, as they are of data sets with names. Its name follows from the fingerprint alone:
    /// other images have another name, and a folder that is renamed keeps it.
    ///
    /// # Errors
    /// [`DataError`] for a part without images.
    pub fn own(data: &OwnData) -> Result<Self, DataError> {
        let classes = data.classes.len();
        let images = |pixels, labels| {
            let pixels = Pixels::Mapped(pixels);
            Images::of_pixels(data.shape, classes, pixels, labels).map(Arc::new)
        };
        let trained = data.train.len() as u32;
        let (train, held_out) = match &data.valid {
            Some(valid) => {
                let pixels = data.train.pixels.joined(&valid.pixels);
                let labels = data.train.labels.iter().chain(&valid.labels).copied().collect();
                let given = (trained..trained + valid.len() as u32).collect();
                (images(pixels, labels)?, HeldOut::Given(given))
            }
            None => (
                images(data.train.pixels.clone(), data.train.labels.clone())?,
                drawn(&data.train.groups),
            ),
        };
        let digits: String = data.fingerprint.chars().take(DIGITS).collect();
        Ok(Self {
            name: format!("own-{digits}"),
            title: data.name.clone(),
            resize: data.resize,
            fingerprint: Some(data.fingerprint.clone()),
            classes: data.classes.clone(),
            train,
            test: images(data.test.pixels.clone(), data.test.labels.clone())?,
            test_names: data.test.names.as_slice().into(),
            held_out,
        })
    }
}

/// How validation images are drawn from images in these groups.
fn drawn(groups: &[u32]) -> HeldOut {
    let different: BTreeSet<&u32> = groups.iter().collect();
    if different.len() == groups.len() {
        HeldOut::Drawn
    } else {
        HeldOut::DrawnInGroups(groups.into())
    }
}
