//! What a trained network is on the test split.

use std::cell::RefCell;

use candle_core::{DType, Device};
use nas_space::search::{Calibration, Mistake, Stop, TestReport};

use crate::data::Dataset;
use crate::error::EvalError;
use crate::model::Pass;
use crate::predict::Probabilities;
use crate::train::{Confusion, Scores, evaluate_by};
use crate::trained::TrainedNetwork;

/// The number of images that are tested at a time. It changes no result.
const MOST_IMAGES_AT_A_TIME: usize = 1024;
/// Mistakes that are kept.
const MOST_MISTAKES: usize = 12;

impl TrainedNetwork {
    /// What it is on the test images. To be called once, after validation has chosen this network.
    ///
    /// # Errors
    /// [`EvalError::Dataset`] for another data set than it was trained on; as
    /// [`evaluate`](crate::train::evaluate) otherwise.
    pub fn test(&self, dataset: &Dataset) -> Result<TestReport, EvalError> {
        if dataset.name != self.dataset {
            let (expected, got) = (self.dataset.clone(), dataset.name.clone());
            return Err(EvalError::Dataset { expected, got });
        }
        let images = &dataset.test;
        let batch_size = self.train.evaluation_batch_size.min(MOST_IMAGES_AT_A_TIME);
        let mut confusion = Some(Confusion::new(images.classes()));
        // Of each image, the class that it is given and the probability of that.
        let given = RefCell::new(Vec::with_capacity(images.len()));
        let Scores { loss, accuracy, .. } = evaluate_by(
            |images| {
                let logits = self.model.forward(images, &Pass::Eval)?.main;
                // Not every device has double precision.
                let on_host = logits.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
                for logits in on_host.to_vec2()? {
                    given.borrow_mut().extend(Probabilities::of(&logits).top(1));
                }
                Ok(logits)
            },
            self.model.parameters().compute(),
            (images, &self.normalization, &images.indices()),
            (batch_size, self.train.epochs),
            &Stop::new(),
            &mut confusion,
        )
        .map_err(|error| match error {
            EvalError::NonFinite { loss, .. } => EvalError::NonFiniteScores { loss },
            other => other,
        })?;
        let given = given.into_inner();
        let confusion = confusion.as_ref();
        Ok(TestReport {
            test_accuracy: accuracy,
            test_loss: Some(loss),
            images: Some(images.len()),
            balanced_accuracy: confusion.map(Confusion::balanced_accuracy),
            macro_f1: confusion.map(Confusion::macro_f1),
            by_class: confusion.map(Confusion::by_class).unwrap_or_default(),
            intervals: confusion.and_then(Confusion::intervals),
            confusion: confusion.and_then(|confusion| Some(confusion.rows()?.to_vec())),
            calibration: Some(Calibration::of(
                (given.iter().zip(images.labels())).map(|(&(class, p), &label)| (p, class == label as usize)),
            )),
            mistakes: mistakes(&given, dataset),
        })
    }
}

/// The wrong answers of the greatest probability, of equal ones the first images, of those `given`:
/// of each test image its class and the probability of that.
fn mistakes(given: &[(usize, f64)], dataset: &Dataset) -> Vec<Mistake> {
    let answers = (0..).zip(dataset.test.labels()).zip(given);
    let mut wrong: Vec<Mistake> = answers
        .filter(|((_, label), (class, _))| **label as usize != *class)
        .map(|((image, &class), &(given, probability))| Mistake {
            image,
            name: None,
            class,
            given: given as u32,
            probability,
        })
        .collect();
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    wrong.truncate(MOST_MISTAKES);
    for mistake in &mut wrong {
        mistake.name = dataset.test_names.get(mistake.image as usize).cloned();
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_wrong_answers_the_most_probable_first_with_their_names() {
        let mut dataset = Dataset::load("digits", None).unwrap();
        let labels = dataset.test.labels();
        // Every third image is given the next class, with probabilities that each come twice.
        let answer = |(image, &label): (usize, &u32)| {
            let wrong = usize::from(image % 3 == 0);
            ((label as usize + wrong) % 10, (image / 6) as f64 / 100.0)
        };
        let given: Vec<(usize, f64)> = labels.iter().enumerate().map(answer).collect();
        let unnamed = mistakes(&given, &dataset);
        let images: Vec<u32> = unnamed.iter().map(|mistake| mistake.image).collect();
        let last = (labels.len() as u32 - 1) / 6 * 6;
        let expected = (0..6).flat_map(|pair| [last - 6 * pair, last - 6 * pair + 3]);
        assert_eq!(images, expected.collect::<Vec<_>>());
        for mistake in &unnamed {
            let image = mistake.image as usize;
            assert_eq!(mistake.class, dataset.test.labels()[image]);
            assert_eq!((mistake.given as usize, mistake.probability), given[image]);
            assert_eq!(mistake.name, None);
        }
        dataset.test_names = (0..dataset.test.len())
            .map(|image| format!("{image}.png"))
            .collect();
        let named = mistakes(&given, &dataset);
        assert_eq!(named[0].name, Some(format!("{last}.png")));
        assert_eq!(mistakes(&[], &dataset), []);
    }
}
