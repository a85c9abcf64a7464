//! What was found on reading images.

use serde::{Deserialize, Serialize};

/// The most examples that are kept of anything that is found.
pub const MOST_EXAMPLES: usize = 20;

/// All that is worth knowing of a data set before it is trained on. Everything is counted; of what
/// there may be much, the first [`MOST_EXAMPLES`] in the order of their names are named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Images that are used, in all splits.
    pub images: usize,
    /// Images of each class and split, in the order of the classes.
    pub classes: Vec<ClassCount>,
    /// Where the test split comes from.
    pub test: Origin,
    /// Widths of the images before they are resized, in pixels.
    pub width: Spread,
    /// Heights of the images before they are resized, in pixels.
    pub height: Spread,
    /// Images whose pixels are all grey.
    pub grey: usize,
    /// Images with colours.
    pub coloured: usize,
    /// Files that are not used, by reason.
    pub skipped: Vec<Skipped>,
    /// Images that are the same as another of their class. They are used, on one side of any split.
    pub duplicates: Duplicates,
    /// Images that are the same as one of another class. None of them is used.
    pub contradictions: Duplicates,
    /// Images that are the same as one of another split that the source gives. They are left out of
    /// training.
    pub leaks: Duplicates,
    /// What should be known before training, in sentences.
    pub warnings: Vec<String>,
}

/// Images of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Its name.
    pub class: String,
    /// Images to train on.
    pub train: usize,
    /// Images to validate on, where the source gives some.
    pub valid: usize,
    /// Images to test on.
    pub test: usize,
}

/// Where a split comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The source gives it.
    Given,
    /// It was drawn from all images: stratified, and always the same for the same images.
    Drawn,
}

/// How a number is distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min: u32,
    /// The one in the middle; of two the lower.
    pub median: u32,
    /// The largest.
    pub max: u32,
}

/// Files that are not used for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Why.
    pub reason: String,
    /// Whether they should be images and cannot be read. Such files count towards
    /// [`max_bad`](crate::ReadOptions::max_bad).
    pub bad: bool,
    /// The files.
    pub files: Listed<String>,
}

/// Sets of images that are the same, in their bytes or in all pixels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Duplicates {
    /// All images in these sets.
    pub images: usize,
    /// Images that were left out for that.
    pub dropped: usize,
    /// The sets: of each the first [`MOST_EXAMPLES`] images that are the same, by name and class.
    pub sets: Listed<Vec<Named>>,
}

/// An image, as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its path in the source.
    pub name: String,
    /// Its class.
    pub class: String,
}

/// A list of which all are counted and the first are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// How many there are.
    pub count: usize,
    /// The first [`MOST_EXAMPLES`].
    pub first: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}

impl<T> Listed<T> {
    /// Counts one more, and keeps it where it is one of the first.
    pub(crate) fn push(&mut self, item: T) {
        self.count += 1;
        if self.first.len() < MOST_EXAMPLES {
            self.first.push(item);
        }
    }
}

impl Spread {
    /// The spread of these numbers; all 0 where there are none.
    pub(crate) fn of(mut numbers: Vec<u32>) -> Self {
        numbers.sort_unstable();
        let (Some(&min), Some(&max)) = (numbers.first(), numbers.last()) else {
            return Self::default();
        };
        Self {
            min,
            median: numbers[(numbers.len() - 1) / 2],
            max,
        }
    }
}
