//! Which classes a model takes for which.

/// Classes up to which it is counted which are taken for which: the numbers grow with their square.
const MOST_CLASSES: usize = 200;

/// Numbers of images by their class and by the class that a model gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// Images of each class.
    images: Vec<u64>,
    /// Those of them that were given their class.
    hits: Vec<u64>,
    /// A row for each class, with a number for each class that was given; none where it is not counted.
    rows: Option<Vec<Vec<u64>>>,
}

impl Confusion {
    /// For a number of classes, with no image counted yet. Beyond 200 classes, each class is counted by
    /// itself, and not each pair of classes.
    pub fn new(classes: usize) -> Self {
        Self {
            rows: (classes <= MOST_CLASSES).then(|| vec![vec![0; classes]; classes]),
            ..Self::hits_alone(classes)
        }
    }

    /// The same that counts only how many images of each class were given it.
    pub fn hits_alone(classes: usize) -> Self {
        Self {
            images: vec![0; classes],
            hits: vec![0; classes],
            rows: None,
        }
    }

    /// Counts images of these classes that were given those. What is no class is not counted.
    pub(crate) fn count(&mut self, labels: &[u32], given: &[u32]) {
        let classes = self.images.len();
        let places = labels.iter().zip(given);
        for (label, given) in places.map(|(&label, &given)| (label as usize, given as usize)) {
            if label >= classes || given >= classes {
                continue;
            }
            self.images[label] += 1;
            self.hits[label] += u64::from(label == given);
            if let Some(rows) = &mut self.rows {
                rows[label][given] += 1;
            }
        }
    }

    /// A row for each class, with a number for each class that was given, where that is counted.
    pub fn rows(&self) -> Option<&[Vec<u64>]> {
        self.rows.as_deref()
    }

    /// Share of all images that were given their class, in \[0, 1\]; NaN without images.
    pub fn accuracy(&self) -> f64 {
        let (hits, images): (u64, u64) = (self.hits.iter().sum(), self.images.iter().sum());
        hits as f64 / images as f64
    }

    /// The mean over the classes of the share of their images that were given their class, in \[0, 1\]:
    /// each class counts alike, however many images it has. Classes without images do not count; NaN
    /// where none has any.
    pub fn balanced_accuracy(&self) -> f64 {
        let of_class = |(&hits, &images): (&u64, &u64)| (images > 0).then(|| hits as f64 / images as f64);
        let recalls: Vec<f64> = self.hits.iter().zip(&self.images).filter_map(of_class).collect();
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
        assert_eq!(
            confusion.rows().unwrap(),
            [[3, 1, 0], [1, 1, 0], [0, 0, 0]].map(Vec::from)
        );
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
    fn of_many_classes_each_is_counted_and_not_each_pair() {
        for mut many in [Confusion::new(5_000), Confusion::hits_alone(2)] {
            many.count(&[0, 1, 1], &[0, 0, 1]);
            assert_eq!(many.rows(), None);
            assert_eq!(many.balanced_accuracy(), 0.75);
        }
    }
}
