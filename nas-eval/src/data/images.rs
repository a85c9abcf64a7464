//! Images with labels.

use std::ops::Deref;

use nas_files::fingerprint;
use nas_space::shape::Shape;
use sha2::{Digest, Sha256};

use super::error::DataError;
#[cfg(any(feature = "cuda", test))]
use super::on_device::PixelsOnDevice;

/// Labelled images of one shape, as bytes.
///
/// Image `i` is `channels` planes of `height` rows of `width` pixels, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    shape: Shape,
    classes: usize,
    pixels: Pixels,
    labels: Vec<u32>,
    #[cfg(any(feature = "cuda", test))]
    on_device: PixelsOnDevice,
}

/// Where pixels are.
#[derive(Debug, Clone)]
pub(super) enum Pixels {
    /// In memory.
    Owned(Vec<u8>),
    /// In a file that the system reads on access.
    Mapped(nas_data::Pixels),
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(pixels) => pixels,
            Self::Mapped(pixels) => pixels,
        }
    }
}

impl PartialEq for Pixels {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Pixels {}

impl Images {
    /// Bytes of memory that they take.
    pub fn bytes(&self) -> u64 {
        (self.pixels.len() + size_of::<u32>() * self.labels.len()) as u64
    }

    /// One image per label, with labels below `classes`.
    ///
    /// # Errors
    /// If there is no image or no pixel in one, if the number of pixels is not that of the labels
    /// times that of the shape, if a label is `classes` or more, or if there are more images than a
    /// `u32` can number.
    pub fn new(shape: Shape, classes: usize, pixels: Vec<u8>, labels: Vec<u32>) -> Result<Self, DataError> {
        Self::of_pixels(shape, classes, Pixels::Owned(pixels), labels)
    }

    /// The same of pixels that may lie in a file.
    pub(super) fn of_pixels(
        shape: Shape,
        classes: usize,
        pixels: Pixels,
        labels: Vec<u32>,
    ) -> Result<Self, DataError> {
        let images = labels.len();
        if images == 0 {
            return Err(DataError::Empty {
                what: "the set of images",
            });
        }
        if u32::try_from(images).is_err() {
            return Err(DataError::TooManyImages { images });
        }
        let numel = shape
            .channels
            .checked_mul(shape.height)
            .and_then(|n| n.checked_mul(shape.width));
        match numel {
            Some(0) => return Err(DataError::Empty { what: "an image" }),
            Some(n) if images.checked_mul(n) == Some(pixels.len()) => {}
            _ => {
                return Err(DataError::PixelCount {
                    images,
                    shape,
                    pixels: pixels.len(),
                });
            }
        }
        if let Some((index, &label)) = labels
            .iter()
            .enumerate()
            .find(|&(_, &label)| label as usize >= classes)
        {
            return Err(DataError::Label {
                index,
                label,
                classes,
            });
        }
        Ok(Self {
            shape,
            classes,
            pixels,
            labels,
            #[cfg(any(feature = "cuda", test))]
            on_device: PixelsOnDevice::default(),
        })
    }

    /// Shape of each image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of classes; labels lie below it.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of images, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Labels of all images.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Pixels of all images, one image after the other.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Pixels of one image, or `None` if there are fewer images.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let numel = self.shape.numel();
        let start = index.checked_mul(numel)?;
        self.pixels.get(start..start.checked_add(numel)?)
    }

    /// A short fingerprint of everything here, pixels and labels included: 16 hexadecimal digits of
    /// a SHA-256.
    ///
    /// # Complexity
    /// All pixels are hashed anew each time.
    pub fn fingerprint(&self) -> String {
        // Shape and number of images say where the pixels end and the labels begin.
        let mut hash = Sha256::new();
        hash.update(format!("{} {} {}\n", self.shape, self.classes, self.len()));
        hash.update(&*self.pixels);
        for label in &self.labels {
            hash.update(label.to_le_bytes());
        }
        fingerprint::short(hash)
    }

    /// All indices, in order.
    pub fn indices(&self) -> Vec<u32> {
        (0..self.len() as u32).collect()
    }

    /// The images with these indices, in this order.
    ///
    /// # Errors
    /// If an index is no image's or there are none.
    pub fn subset(&self, indices: &[u32]) -> Result<Self, DataError> {
        self.check_indices(indices)?;
        let numel = self.shape.numel();
        let mut pixels = Vec::with_capacity(indices.len() * numel);
        let mut labels = Vec::with_capacity(indices.len());
        for &index in indices {
            let start = index as usize * numel;
            pixels.extend_from_slice(&self.pixels[start..start + numel]);
            labels.push(self.labels[index as usize]);
        }
        Ok(Self {
            shape: self.shape,
            classes: self.classes,
            pixels: Pixels::Owned(pixels),
            labels,
            #[cfg(any(feature = "cuda", test))]
            on_device: PixelsOnDevice::default(),
        })
    }

    /// The pixels on a device: moved there once, and kept as long as these images.
    #[cfg(any(feature = "cuda", test))]
    pub(crate) fn pixels_on(&self, device: &candle_core::Device) -> candle_core::Result<candle_core::Tensor> {
        self.on_device.on(device, &self.pixels)
    }

    /// Refuses the indices if one is no image's or if there are none.
    pub(super) fn check_indices(&self, indices: &[u32]) -> Result<(), DataError> {
        if indices.is_empty() {
            return Err(DataError::Empty {
                what: "the list of image indices",
            });
        }
        match indices.iter().find(|&&index| index as usize >= self.len()) {
            Some(&index) => Err(DataError::IndexOutOfRange {
                index,
                images: self.len(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_belong_to_the_image_they_are_asked_for() {
        let images = Images::new(Shape::new(1, 1, 2), 3, vec![1, 2, 3, 4], vec![2, 0]).unwrap();
        assert_eq!(images.image(1), Some(&[3, 4][..]));
        assert_eq!(images.image(2), None);
        assert_eq!(images.image(usize::MAX), None);
        assert_eq!(images.indices(), [0, 1]);
    }

    #[test]
    fn the_fingerprint_tells_pixels_labels_classes_and_shapes_apart() {
        let of = |shape, classes, pixels: [u8; 4], labels: [u32; 2]| {
            let images = Images::new(shape, classes, pixels.to_vec(), labels.to_vec());
            images.unwrap().fingerprint()
        };
        let (wide, tall) = (Shape::new(1, 1, 2), Shape::new(1, 2, 1));
        let all = [
            of(wide, 3, [1, 2, 3, 4], [2, 0]),
            of(wide, 3, [1, 2, 3, 5], [2, 0]),
            of(wide, 3, [1, 2, 3, 4], [2, 1]),
            of(wide, 4, [1, 2, 3, 4], [2, 0]),
            of(tall, 3, [1, 2, 3, 4], [2, 0]),
        ];
        assert_eq!(all[0], of(wide, 3, [1, 2, 3, 4], [2, 0]));
        let different: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let shape = Shape::new(1, 1, 2);
        assert!(matches!(
            Images::new(shape, 2, vec![], vec![]),
            Err(DataError::Empty { .. })
        ));
        assert!(matches!(
            Images::new(Shape::new(0, 1, 1), 2, vec![], vec![0]),
            Err(DataError::Empty { .. })
        ));
        assert!(matches!(
            Images::new(shape, 2, vec![1, 2, 3], vec![0, 1]),
            Err(DataError::PixelCount {
                images: 2,
                pixels: 3,
                ..
            })
        ));
        assert!(matches!(
            Images::new(shape, 2, vec![1, 2, 3, 4], vec![0, 2]),
            Err(DataError::Label {
                index: 1,
                label: 2,
                classes: 2
            })
        ));
        let huge = Shape::new(usize::MAX, 2, 2);
        assert!(Images::new(huge, 2, vec![0; 4], vec![0]).is_err());
    }
}
