//! Which classes a model takes for which.

use nas_space::search::ClassFigures;

/// Classes up to which it is counted which are taken for which: the numbers grow with their square.
const MOST_CLASSES: usize = 200;

/// Numbers of images by their class and by the class that a model gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// Images of each class.
    images: Vec<u64>,
    /// Those of them that were given their class.
    hits: Vec<u64>,
    /// Images of any class that were given each class.
    given: Vec<u64>,
    /// A row for each class, with a number for each class that was given; none where it is not counted.
    rows: Option<Vec<Vec<u64>>>,
}

impl Confusion {
    /// For a number of classes, with no image counted yet. Beyond 200 classes, each class is counted by
    /// itself, and not each pair of classes.
    pub fn new(classes: usize) -> Self {
        Self {
            rows: (classes <= MOST_CLASSES).then(|| vec![vec![0; classes]; classes]),
            ..Self::of_each(classes)
        }
    }

    /// The same that counts each class by itself, and no pair of classes.
    pub fn of_each(classes: usize) -> Self {
        Self {
            images: vec![0; classes],
            hits: vec![0; classes],
            given: vec![0; classes],
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
            self.given[given] += 1;
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

    /// How well each class is told from the others.
    pub fn by_class(&self) -> Vec<ClassFigures> {
        let counts = self.hits.iter().zip(&self.given).zip(&self.images);
        counts
            .map(|((&hits, &given), &images)| ClassFigures::new(hits, given, images))
            .collect()
    }

    /// The mean over the classes of their F1, 2·P·R / (P + R) of precision P and recall R, in
    /// \[0, 1\]: each class counts alike, and 0 where none of its images was given it. Classes
    /// without images do not count, also where images were given them; NaN where none has any.
    ///
    /// It is scikit-learn's `f1_score(y, given, average="macro", labels=numpy.unique(y))`.
    pub fn macro_f1(&self) -> f64 {
        let all: Vec<f64> = self.by_class().iter().filter_map(|class| class.f1).collect();
        all.iter().sum::<f64>() / all.len() as f64
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

    /// ```python
    /// y = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    /// g = [0, 0, 0, 1, 1, 3, 1, 1, 0, 0, 1, 3, 3, 4]
    /// precision_recall_fscore_support(y, g, labels=range(5), zero_division=0)
    /// f1_score(y, g, average="macro", labels=range(4))
    /// ```
    #[test]
    fn macro_f1_is_scikit_learns_over_the_classes_that_occur() {
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3];
        let given = [0, 0, 0, 1, 1, 3, 1, 1, 0, 0, 1, 3, 3, 4];
        for mut confusion in [Confusion::new(5), Confusion::of_each(5)] {
            confusion.count(&labels, &given);
            let expected = [
                (Some(0.6), Some(0.5), Some(0.5454545454545454), 6),
                (Some(0.4), Some(2.0 / 3.0), Some(0.5), 3),
                (None, Some(0.0), Some(0.0), 2),
                (Some(2.0 / 3.0), Some(2.0 / 3.0), Some(2.0 / 3.0), 3),
                (Some(0.0), None, None, 0),
            ];
            let found = confusion.by_class();
            let found = found
                .iter()
                .map(|of| (of.precision, of.recall, of.f1, of.support));
            assert_eq!(found.collect::<Vec<_>>(), expected);
            assert!((confusion.macro_f1() - 0.428030303030303).abs() < 1e-15);
            assert!((confusion.balanced_accuracy() - 0.45833333333333326).abs() < 1e-15);
        }
        assert!(Confusion::new(2).macro_f1().is_nan());
    }

    #[test]
    fn of_many_classes_each_is_counted_and_not_each_pair() {
        for mut many in [Confusion::new(5_000), Confusion::of_each(2)] {
            many.count(&[0, 1, 1], &[0, 0, 1]);
            assert_eq!(many.rows(), None);
            assert_eq!(many.balanced_accuracy(), 0.75);
        }
    }
}
