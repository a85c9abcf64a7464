//! Which classes a model takes for which.

use serde::{Deserialize, Serialize};

/// Numbers of images by their class and by the class that a model gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    /// A row for each class, with a number for each class that was given.
    rows: Vec<Vec<u64>>,
}

impl Confusion {
    /// Of so many classes, without images.
    pub fn new(classes: usize) -> Self {
        Self {
            rows: vec![vec![0; classes]; classes],
        }
    }

    /// Counts images of these classes that were given those. What is no class is not counted.
    pub(crate) fn count(&mut self, labels: &[u32], given: &[u32]) {
        for (&label, &given) in labels.iter().zip(given) {
            let row = self.rows.get_mut(label as usize);
            if let Some(number) = row.and_then(|row| row.get_mut(given as usize)) {
                *number += 1;
            }
        }
    }

    /// A row for each class, with a number for each class that was given.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.rows
    }

    /// Share of all images that were given their class, in \[0, 1\]; NaN without images.
    pub fn accuracy(&self) -> f64 {
        let hits: u64 = (0..self.rows.len()).map(|class| self.rows[class][class]).sum();
        let images: u64 = self.rows.iter().flatten().sum();
        hits as f64 / images as f64
    }

    /// The mean over the classes of the share of their images that were given their class, in \[0, 1\]:
    /// each class counts alike, however many images it has. Classes without images do not count; NaN
    /// where none has any.
    pub fn balanced_accuracy(&self) -> f64 {
        let recall = |(class, row): (usize, &Vec<u64>)| {
            let images: u64 = row.iter().sum();
            (images > 0).then(|| row[class] as f64 / images as f64)
        };
        let recalls: Vec<f64> = self.rows.iter().enumerate().filter_map(recall).collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balanced_accuracy_counts_each_class_alike() {
        let mut confusion = Confusion::new(3);
        confusion.count(&[0, 0, 0, 0, 1, 1], &[0, 0, 0, 1, 1, 0]);
        assert_eq!(confusion.rows(), [[3, 1, 0], [1, 1, 0], [0, 0, 0]]);
        assert_eq!(confusion.accuracy(), 4.0 / 6.0);
        assert_eq!(
            confusion.balanced_accuracy(),
            (0.75 + 0.5) / 2.0,
            "the third has no images"
        );
        confusion.count(&[7, 0], &[0, 7]);
        assert_eq!(confusion.accuracy(), 4.0 / 6.0, "what is no class");
        assert!(Confusion::new(2).balanced_accuracy().is_nan());
    }

    #[test]
    fn it_is_written_as_its_rows() {
        let mut confusion = Confusion::new(2);
        confusion.count(&[0, 1, 1], &[0, 0, 1]);
        let text = serde_json::to_string(&confusion).unwrap();
        assert_eq!(text, "[[1,0],[1,1]]");
        assert_eq!(serde_json::from_str::<Confusion>(&text).unwrap(), confusion);
    }
}
