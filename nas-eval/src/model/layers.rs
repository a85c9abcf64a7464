//! What each elementary layer computes.

use candle_core::{Result, Tensor};
use nas_space::network::{Conv2d, Layer, LayerKind, Pool2d, PoolKind};

use super::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, Model, Pass};
use crate::nn::Buffer;
use crate::ops::{self, BatchNormed, ConvSpec, PoolSpec};
use crate::pass::layer_mask;

impl Model {
    /// The output of `layer` for the values of its inputs, each \[N, C, H, W\] (\[N, C\] after
    /// pooling to a point).
    pub(super) fn compute(
        &self,
        layer: &Layer,
        inputs: &[Tensor],
        pass: &Pass,
        tape: Tape,
    ) -> Result<Tensor> {
        let Some(x) = inputs.first() else {
            candle_core::bail!("layer '{}' has no input", layer.name);
        };
        match &layer.kind {
            LayerKind::Relu => ops::relu(x),
            LayerKind::Conv2d(conv) => {
                let y = ops::conv2d(x, &self.parameter(layer, "weight", tape)?, &conv_spec(conv))?;
                if conv.bias {
                    let bias = self
                        .parameter(layer, "bias", tape)?
                        .reshape((1, conv.channels, 1, 1))?;
                    y.broadcast_add(&bias)
                } else {
                    Ok(y)
                }
            }
            LayerKind::BatchNorm { affine } => self.batch_norm(layer, x, *affine, pass, tape),
            LayerKind::Pool2d(pool) => match pool.kind {
                PoolKind::Max => ops::max_pool2d(x, &pool_spec(pool)),
                PoolKind::Average => ops::avg_pool2d(x, &pool_spec(pool)),
            },
            LayerKind::GlobalAvgPool => ops::global_avg_pool(x),
            LayerKind::Linear { .. } => {
                let weight = self.parameter(layer, "weight", tape)?;
                let bias = self.parameter(layer, "bias", tape)?;
                x.flatten_from(1)?.matmul(&weight.t()?)?.broadcast_add(&bias)
            }
            LayerKind::Zero { .. } => {
                let shape = (
                    x.dim(0)?,
                    layer.shape.channels,
                    layer.shape.height,
                    layer.shape.width,
                );
                Tensor::zeros(shape, x.dtype(), x.device())
            }
            LayerKind::Shift => {
                let (_, _, height, width) = x.dims4()?;
                x.narrow(2, 1, height - 1)?.narrow(3, 1, width - 1)?.contiguous()
            }
            LayerKind::Pad { height, width } => {
                let (_, _, rows, columns) = x.dims4()?;
                let (top, left) = ((height - rows) / 2, (width - columns) / 2);
                x.pad_with_zeros(2, top, height - rows - top)?
                    .pad_with_zeros(3, left, width - columns - left)
            }
            LayerKind::Add => ops::add_many(inputs),
            LayerKind::Concat => Tensor::cat(inputs, 1),
            LayerKind::Channels { start, count } => x.narrow(1, *start, *count)?.contiguous(),
            LayerKind::Shuffle { groups } => shuffle(x, *groups),
            LayerKind::DropPath | LayerKind::Dropout { .. } => {
                match layer_mask(layer, x.dims(), x.dtype(), x.device(), pass)? {
                    Some(mask) => x.broadcast_mul(&mask),
                    None => Ok(x.clone()),
                }
            }
            other => candle_core::bail!(
                "layer '{}' is a '{}', which is not known here",
                layer.name,
                other.label()
            ),
        }
    }

    fn batch_norm(&self, layer: &Layer, x: &Tensor, affine: bool, pass: &Pass, tape: Tape) -> Result<Tensor> {
        match pass {
            Pass::Train { .. } => return Ok(self.batch_norm_of_batch(layer, x, affine, tape)?.output),
            Pass::BatchStatistics => return Ok(self.normalized_by_batch(layer, x, affine, tape)?.output),
            Pass::Eval | Pass::Scaled { .. } => {}
        }
        let scale_and_shift = self.scale_and_shift(layer, affine, tape)?;
        let scale_and_shift = scale_and_shift.as_ref().map(|(scale, shift)| (scale, shift));
        let mean = self.buffer(layer, "running_mean")?.get()?;
        let variance = self.buffer(layer, "running_var")?.get()?;
        ops::batch_norm_eval(x, &mean, &variance, scale_and_shift, BATCH_NORM_EPSILON)
    }

    /// Batch normalisation by the statistics of the batch, which the running ones follow.
    pub(super) fn batch_norm_of_batch(
        &self,
        layer: &Layer,
        x: &Tensor,
        affine: bool,
        tape: Tape,
    ) -> Result<BatchNormed> {
        let normed = self.normalized_by_batch(layer, x, affine, tape)?;
        self.buffer(layer, "running_mean")?
            .follow(&normed.mean, BATCH_NORM_MOMENTUM)?;
        self.buffer(layer, "running_var")?
            .follow(&normed.unbiased_variance()?, BATCH_NORM_MOMENTUM)?;
        Ok(normed)
    }

    /// Batch normalisation by the statistics of the batch alone.
    fn normalized_by_batch(
        &self,
        layer: &Layer,
        x: &Tensor,
        affine: bool,
        tape: Tape,
    ) -> Result<BatchNormed> {
        let scale_and_shift = self.scale_and_shift(layer, affine, tape)?;
        let scale_and_shift = scale_and_shift.as_ref().map(|(scale, shift)| (scale, shift));
        ops::batch_norm_train(x, scale_and_shift, BATCH_NORM_EPSILON)
    }

    fn scale_and_shift(&self, layer: &Layer, affine: bool, tape: Tape) -> Result<Option<(Tensor, Tensor)>> {
        if !affine {
            return Ok(None);
        }
        Ok(Some((
            self.parameter(layer, "weight", tape)?,
            self.parameter(layer, "bias", tape)?,
        )))
    }
}

impl Model {
    /// The parameter of this layer called `suffix`.
    pub(super) fn parameter(&self, layer: &Layer, suffix: &str, tape: Tape) -> Result<Tensor> {
        let name = format!("{}.{suffix}", layer.name);
        match self.parameters.get(&name) {
            Some(parameter) => Ok(match tape {
                Tape::On => parameter.var.as_tensor().clone(),
                Tape::Off => parameter.var.as_detached_tensor(),
            }),
            None => candle_core::bail!("the model has no parameter '{name}'"),
        }
    }

    /// The running statistic of this layer called `suffix`.
    fn buffer(&self, layer: &Layer, suffix: &str) -> Result<Buffer> {
        let name = format!("{}.{suffix}", layer.name);
        match self.parameters.buffer(&name) {
            Some(buffer) => Ok(buffer.clone()),
            None => candle_core::bail!("the model has no buffer '{name}'"),
        }
    }
}

/// Whether Candle's tape records what is computed from the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tape {
    On,
    Off,
}

/// The channels of `x` \[N, C, H, W\], reordered: the `groups` equal parts give one channel each,
/// alternately.
pub(super) fn shuffle(x: &Tensor, groups: usize) -> Result<Tensor> {
    let (n, channels, height, width) = x.dims4()?;
    x.reshape((n, groups, channels / groups, height, width))?
        .transpose(1, 2)?
        .contiguous()?
        .reshape((n, channels, height, width))
}

/// The geometry of a convolution, as the kernels take it.
pub(super) fn conv_spec(conv: &Conv2d) -> ConvSpec {
    ConvSpec {
        stride: conv.stride,
        padding: conv.padding,
        dilation: conv.dilation,
        groups: conv.groups,
    }
}

/// The geometry of a pooling layer, as the kernels take it.
pub(super) fn pool_spec(pool: &Pool2d) -> PoolSpec {
    PoolSpec {
        kernel: pool.kernel,
        stride: pool.stride,
        padding: pool.padding,
    }
}
