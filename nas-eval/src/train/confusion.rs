//! Which classes a model takes for which.

use nas_space::search::{ClassFigures, Interval, Intervals};

/// The largest number of classes for which confusions are counted: their number grows with its
/// square.
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

    /// The mean over the classes of the share of their images that were given their class, in \[0,
    /// 1\]: each class has the same weight, whatever the number of its images. Classes without
    /// images do not count; NaN where none has any.
    pub fn balanced_accuracy(&self) -> f64 {
        let of_class = |(&hits, &images): (&u64, &u64)| (images > 0).then(|| hits as f64 / images as f64);
        let recalls: Vec<f64> = self.hits.iter().zip(&self.images).filter_map(of_class).collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }

    /// How well each class is distinguished from the others.
    pub fn by_class(&self) -> Vec<ClassFigures> {
        let counts = self.hits.iter().zip(&self.given).zip(&self.images);
        counts
            .map(|((&hits, &given), &images)| ClassFigures::new(hits, given, images))
            .collect()
    }

    /// The mean over the classes of their F1, 2·P·R / (P + R) of precision P and recall R, in \[0,
    /// 1\]: each class has the same weight, and 0 if none of its images was classified correctly.
    /// Classes without images do not count, even if images were assigned to them; NaN if there are
    /// no images.
    ///
    /// It is scikit-learn's `f1_score(y, given, average="macro", labels=numpy.unique(y))`.
    pub fn macro_f1(&self) -> f64 {
        let all: Vec<f64> = self.by_class().iter().filter_map(|class| class.f1).collect();
        all.iter().sum::<f64>() / all.len() as f64
    }

    /// The 95 % intervals of accuracy, balanced accuracy and macro F1; none without images.
    ///
    /// Each is Wilson's interval: of the accuracy for the number of images, of the others for their
    /// effective sample size, p (1 − p) / V for a figure p of variance V, which is at most the
    /// number of images (as in the design-based intervals of Franco et al., "Comparative study of
    /// confidence intervals for proportions in complex sample surveys", J. Survey Statistics and
    /// Methodology 7, 2019). V is that of the delta method, as in Takahashi et al., "Confidence
    /// interval for micro-averaged F1 and macro-averaged F1 scores", Applied Intelligence 52, 2022,
    /// but for classes of fixed numbers of images n, each a multinomial sample of the classes that
    /// are given. Where p is 0 or 1, and so V is 0, the effective size is its limit with equal
    /// recalls, C² / Σ 1/n of C classes.
    pub fn intervals(&self) -> Option<Intervals> {
        let present = || {
            self.images
                .iter()
                .zip(&self.hits)
                .filter(|(images, _)| **images > 0)
        };
        let classes = present().count() as f64;
        let images = self.images.iter().sum::<u64>() as f64;
        let limit = classes * classes / present().map(|(&n, _)| 1.0 / n as f64).sum::<f64>();
        let within = |figure: f64, variance: f64| {
            let varied = figure * (1.0 - figure);
            let size = if varied > 0.0 {
                (varied / variance).min(images)
            } else {
                limit
            };
            Interval::wilson(figure, size)
        };
        let of_recall = |(&n, &hits): (&u64, &u64)| {
            let recall = hits as f64 / n as f64;
            recall * (1.0 - recall) / n as f64
        };
        let of_recalls = present().map(of_recall).sum::<f64>() / (classes * classes);
        (images > 0.0).then(|| Intervals {
            accuracy: Interval::wilson(self.accuracy(), images),
            balanced_accuracy: within(self.balanced_accuracy(), of_recalls),
            macro_f1: self
                .f1_variance()
                .map(|variance| within(self.macro_f1(), variance / (classes * classes))),
        })
    }

    /// The variance of the sum of the classes' F1, where pairs of classes are counted. Of class j,
    /// F1 is 2 h / s, of h hits and s images of it or given it, so an image of class i that is
    /// given j adds 2 \[i = j\] / s − 2 h / s² to it.
    fn f1_variance(&self) -> Option<f64> {
        let gain = |class: usize, given: usize| {
            let sum = (self.images[given] + self.given[given]) as f64;
            let of_hit = if class == given { sum } else { 0.0 };
            let counts = self.images[given] > 0;
            if counts {
                2.0 * (of_hit - self.hits[given] as f64) / (sum * sum)
            } else {
                0.0
            }
        };
        let of_row = |(class, row): (usize, &Vec<u64>)| {
            let gains = || {
                row.iter()
                    .enumerate()
                    .map(|(given, &n)| (n as f64, gain(class, given)))
            };
            let mean = gains().map(|(n, gain)| n * gain).sum::<f64>() / self.images[class].max(1) as f64;
            gains().map(|(n, gain)| n * (gain - mean).powi(2)).sum::<f64>()
        };
        Some(self.rows()?.iter().enumerate().map(of_row).sum())
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
            let found = confusion.intervals().unwrap();
            near(found.balanced_accuracy, 0.23592963729045469, 0.6986795962710148);
            assert_eq!(found.macro_f1.is_some(), confusion.rows().is_some());
            if let Some(macro_f1) = found.macro_f1 {
                near(macro_f1, 0.21341185793917963, 0.6736404545760861);
            }
        }
        assert!(Confusion::new(2).macro_f1().is_nan());
    }

    fn near(Interval(low, high): Interval, expected_low: f64, expected_high: f64) {
        assert!((low - expected_low).abs() < 1e-8, "{low} {expected_low}");
        assert!((high - expected_high).abs() < 1e-8, "{high} {expected_high}");
    }

    /// ```python
    /// s, diagonal = rows.sum(axis=1), np.diag
    /// f = {"balanced": lambda n: (diagonal(n) / s).mean(),
    ///      "macro F1": lambda n: (2 * diagonal(n) / (s + n.sum(axis=0))).mean()}[figure]
    /// gradient = central_differences(f, rows)
    /// v = sum(g @ (n * (diagonal(q) - np.outer(q, q))) @ g for g, n, q in zip(gradient, s, rows / s[:, None]))
    /// p = f(rows)
    /// n = min(p * (1 - p) / v, s.sum()) if p < 1 else len(s) ** 2 / (1 / s).sum()
    /// statsmodels.stats.proportion.proportion_confint(p * n, n, method="wilson")
    /// ```
    #[test]
    fn intervals_are_those_of_a_delta_method_with_numeric_gradients() {
        let mut confusion = Confusion::new(3);
        for (class, row) in [[40, 3, 2], [5, 20, 0], [1, 1, 8]].iter().enumerate() {
            for (given, &images) in row.iter().enumerate() {
                confusion.count(&vec![class as u32; images], &vec![given as u32; images]);
            }
        }
        let found = confusion.intervals().unwrap();
        near(found.accuracy, 0.7558677143867665, 0.9120595949383645);
        near(found.balanced_accuracy, 0.7053940910422589, 0.9082865800745357);
        near(found.macro_f1.unwrap(), 0.7199578609056551, 0.9048960766260848);
        let mut right = Confusion::new(2);
        right.count(
            &[[0; 50].as_slice(), &[1; 10]].concat(),
            &[[0; 50].as_slice(), &[1; 10]].concat(),
        );
        let found = right.intervals().unwrap();
        near(found.balanced_accuracy, 0.896664954984074, 1.0);
        near(found.macro_f1.unwrap(), 0.896664954984074, 1.0);
        assert_eq!(Confusion::new(2).intervals(), None);
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
