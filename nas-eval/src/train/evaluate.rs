//! Loss and accuracy of a model on images it is not trained on.

use std::sync::Arc;

use candle_core::{D, Tensor};
use nas_space::search::Stop;

use super::confusion::Confusion;
use super::metrics::{Scores, Tally};
use crate::compute::Compute;
use crate::data::{BatchPlan, Batcher, Images, Normalization};
use crate::error::EvalError;
use crate::model::{Model, Pass};
use crate::ops::cross_entropy;

/// The mean cross-entropy and the accuracy of `model` on the images with these indices, each
/// counted once, in order; the last batch may be smaller.
///
/// Running statistics are used and nothing is random or changed. `batch_size` decides speed and
/// memory, and the result in the last bits of the loss at most.
///
/// # Errors
/// [`EvalError::NonFinite`] where the loss is not a number, `epoch` being that to report;
/// [`EvalError::Data`] for no indices or one out of range; [`EvalError::Tensor`] where the images
/// are not of the network's shape, or from the device.
pub fn evaluate(
    model: &Model,
    images: &Arc<Images>,
    normalization: &Arc<Normalization>,
    indices: &[u32],
    batch_size: usize,
    epoch: u32,
) -> Result<Scores, EvalError> {
    evaluate_by(
        |images| Ok(model.forward(images, &Pass::Eval)?.main),
        model.parameters().compute(),
        (images, normalization, indices),
        (batch_size, epoch),
        &Stop::new(),
        &mut None,
    )
}

/// The same of anything that gives class scores \[N, classes\] for images \[N, C, H, W\] on this
/// device; ends with [`EvalError::Interrupted`] between two batches if a stop is requested. If
/// `confusion` is given, confusions of classes are counted in it.
pub(crate) fn evaluate_by(
    scores: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
    compute: &Compute,
    (images, normalization, indices): (&Arc<Images>, &Arc<Normalization>, &[u32]),
    (batch_size, epoch): (usize, u32),
    stop: &Stop,
    confusion: &mut Option<Confusion>,
) -> Result<Scores, EvalError> {
    let batcher = Batcher::new(
        Arc::clone(images),
        Arc::clone(normalization),
        indices.to_vec(),
        BatchPlan::evaluation(batch_size),
        &compute.device,
    )?;
    let mut tally = Tally::new(epoch);
    for batch in batcher.epoch(0, 0)? {
        if stop.is_requested() {
            return Err(EvalError::Interrupted);
        }
        let batch = batch?;
        let logits = scores(&batch.images.to_dtype(compute.dtype)?)?.detach();
        let loss = cross_entropy(&logits, &batch.labels, 0.0)?;
        tally.count(&logits, &batch.labels, &loss, &loss)?;
        if let Some(confusion) = confusion {
            let given = logits.argmax(D::Minus1)?.to_vec1()?;
            confusion.count(&batch.labels.to_vec1()?, &given);
        }
    }
    tally.check()?;
    Ok(tally.scores())
}
