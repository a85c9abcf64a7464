//! Batch norms: their statistics, and their affine maps forward and backward.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::arena::{Arena, Held};
use super::plan::{Norm, Step};
use super::prepare::values;
use super::run::Run;
use crate::kernels::Float;
use crate::nn::Parameters;
use crate::pass::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM};

impl<T: Float> Run<'_, T> {
    /// Mean and biased variance of each channel from the moments of the images: Σ (x − mean)² = Σ
    /// images' sums + pixels · Σ (image's mean − mean)², which subtracts nothing large.
    pub(super) fn statistics(&self, step: &Step, moments: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let (channels, pixel, pixels) = (step.shape.channels, step.pixel(), step.pixels() as f64);
        let count = pixels * self.batch as f64;
        if count < 2.0 {
            bail!(
                "batch norm: expected at least 2 values of each channel in training, got {count} (a batch of {}, maps of \
                 {}x{}); use a larger batch",
                self.batch,
                step.shape.height,
                step.shape.width
            );
        }
        let images = || moments.chunks_exact(2 * pixel).map(|image| image.split_at(pixel));
        let mut mean = vec![0.0; channels];
        for (means, _) in images() {
            for (mean, of_image) in mean.iter_mut().zip(means) {
                *mean += of_image;
            }
        }
        mean.iter_mut().for_each(|mean| *mean /= self.batch as f64);
        let mut variance = vec![0.0; channels];
        for (means, squares) in images() {
            for (channel, variance) in variance.iter_mut().enumerate() {
                let d = means[channel] - mean[channel];
                *variance += squares[channel] + pixels * d * d;
            }
        }
        variance.iter_mut().for_each(|variance| *variance /= count);
        Ok((mean, variance))
    }

    /// Moves the running statistics towards those of the batch.
    pub(super) fn follow(
        &self,
        step: &Step,
        norm: &Norm,
        parameters: &Parameters,
        mean: &[f64],
        variance: &[f64],
    ) -> Result<()> {
        let count = (self.batch * step.pixels()) as f64;
        let unbiased: Vec<f64> = variance.iter().map(|v| v * count / (count - 1.0)).collect();
        for (suffix, newest) in [("running_mean", mean), ("running_var", &unbiased)] {
            let moved: Vec<T> = buffer(parameters, norm, suffix)?
                .iter()
                .zip(newest)
                .map(|(old, new)| T::from_f64(old + BATCH_NORM_MOMENTUM * (new - old)))
                .collect();
            let name = format!("{}.{suffix}", norm.name);
            if let Some(buffer) = parameters.buffer(&name) {
                buffer.set(&Tensor::from_vec(moved, newest.len(), &Device::Cpu)?)?;
            }
        }
        Ok(())
    }
}

/// The line that a batch norm is, from its statistics.
pub(super) fn set_line<T: Float>(
    step: &Step,
    norm: &Norm,
    held: &mut Held<T>,
    parameters: &Parameters,
    mean: Vec<f64>,
    variance: &[f64],
) -> Result<()> {
    let (weight, bias) = if norm.affine {
        let values = |suffix: &str| -> Result<Vec<f64>> {
            let values = values::<T>(parameters, &format!("{}.{suffix}", norm.name))?;
            Ok(values.into_iter().map(T::to_f64).collect())
        };
        (values("weight")?, values("bias")?)
    } else {
        (vec![1.0; mean.len()], vec![0.0; mean.len()])
    };
    let pixel = step.pixel();
    let line = &mut held.norm;
    line.center = mean.iter().map(|&mean| T::from_f64(mean)).collect();
    line.center.resize(pixel, T::ZERO);
    line.line = [vec![T::ZERO; pixel], vec![T::ZERO; pixel]];
    line.inverse_deviation = variance
        .iter()
        .map(|variance| 1.0 / (variance + BATCH_NORM_EPSILON).sqrt())
        .collect();
    for channel in 0..mean.len() {
        let scale = T::from_f64(weight[channel] * line.inverse_deviation[channel]);
        line.line[0][channel] = scale;
        // With the scale after rounding, so that the mean maps exactly to the bias.
        line.line[1][channel] = T::from_f64(bias[channel] - scale.to_f64() * mean[channel]);
    }
    (line.mean, line.weight) = (mean, weight);
    Ok(())
}

/// The way back through a batch norm by the statistics of the batch, from Σ g and Σ g · (z −
/// center); its gradients.
pub(super) fn set_back<T: Float>(
    arena: &mut Arena<T>,
    index: usize,
    sums: [Vec<f64>; 2],
    count: f64,
) -> [Vec<f64>; 2] {
    let line = &mut arena.steps[index].norm;
    let [for_bias, mut for_weight] = sums;
    let pixel = for_bias.len();
    line.back = std::array::from_fn(|_| vec![T::ZERO; pixel]);
    for channel in 0..line.mean.len() {
        let (mean, inverse) = (line.mean[channel], line.inverse_deviation[channel]);
        // The centre is rounded.
        let lost = mean - line.center[channel].to_f64();
        for_weight[channel] = (for_weight[channel] - lost * for_bias[channel]) * inverse;
        let a = line.weight[channel] * inverse;
        let b = -a * inverse * for_weight[channel] / count;
        let b_rounded = T::from_f64(b);
        line.back[0][channel] = T::from_f64(a);
        line.back[1][channel] = b_rounded;
        line.back[2][channel] = T::from_f64(-a * for_bias[channel] / count - b_rounded.to_f64() * mean);
    }
    [for_weight, for_bias]
}

/// The running statistic of a batch norm called `suffix`.
pub(super) fn buffer(parameters: &Parameters, norm: &Norm, suffix: &str) -> Result<Vec<f64>> {
    let name = format!("{}.{suffix}", norm.name);
    match parameters.buffer(&name) {
        Some(buffer) => buffer.get()?.to_dtype(DType::F64)?.to_vec1(),
        None => bail!("the model has no buffer '{name}'"),
    }
}
