//! Prepares the inputs of a pass for the kernels: weights, masks, affine maps of fixed statistics.

use candle_core::{Device, Result, Var, bail};
use nas_space::network::Layer;
use rayon::prelude::*;

use super::arena::{Arena, Held};
use super::geometry::Convolution;
use super::host::host;
use super::norm::{buffer, set_line};
use super::pass::Request;
use super::plan::{Op, Step};
use super::run::Run;
use super::timing::Way;
use crate::kernels::{Float, padded_channels, transform_weights};
use crate::nn::Parameters;
use crate::pass::layer_mask;

impl<T: Float> Run<'_, T> {
    /// Puts weights, masks and lines where the kernels take them from.
    pub(super) fn prepare(&self, arena: &mut Arena<T>, request: &Request<'_>, backward: bool) -> Result<()> {
        let steps = self.plan.steps.par_iter().zip(arena.steps.par_iter_mut());
        steps
            .zip(self.needed.par_iter())
            .enumerate()
            .filter(|&(_, (_, needed))| *needed)
            .try_for_each(|(index, ((step, held), _))| {
                self.timed(Way::Forward, index, || {
                    self.prepare_step(step, held, request, backward)
                })
            })
    }

    fn prepare_step(
        &self,
        step: &Step,
        held: &mut Held<T>,
        request: &Request<'_>,
        backward: bool,
    ) -> Result<()> {
        for (conv, packed) in step.convolutions().iter().zip(&mut held.weights) {
            self.pack(conv, request.parameters, packed, backward)?;
            if conv.bias {
                held.bias.clear();
                held.bias
                    .extend(values::<T>(request.parameters, &conv.bias_name)?);
                held.bias.resize(padded_channels(conv.filters), T::ZERO);
            }
        }
        if let Op::Pooling(pool) = &step.op
            && held.share.is_empty()
        {
            held.share = pool.share.iter().map(|&share| T::from_f64(share)).collect();
        }
        self.draw(step, held, request)?;
        if let (Some(norm), false) = (&step.norm, self.by_batch) {
            let buffer = |suffix: &str| buffer(request.parameters, norm, suffix);
            let (mean, variance) = (buffer("running_mean")?, buffer("running_var")?);
            set_line(step, norm, held, request.parameters, mean, &variance)?;
        }
        Ok(())
    }

    /// Puts the weight of a convolution where the kernels take it from.
    fn pack(
        &self,
        conv: &Convolution,
        parameters: &Parameters,
        [forward, back]: &mut [Vec<T>; 2],
        backward: bool,
    ) -> Result<()> {
        let weight = parameter(parameters, &conv.weight)?
            .as_detached_tensor()
            .contiguous()?;
        let weight = host(&weight);
        let weight = weight.slice::<T>()?;
        // What is padding stays zero.
        forward.resize(conv.packed_len(), T::ZERO);
        let taps = conv.taps_at(forward.len());
        conv.each_weight(|from, to| forward[taps + to] = weight[from]);
        if backward {
            back.resize(conv.packed_back_len(), T::ZERO);
            let taps = conv.taps_at(back.len());
            conv.each_back_weight(|from, to| back[taps + to] = weight[from]);
        }
        if let Some(tile) = conv.tile {
            transform_weights(self.level, tile, forward);
            if backward {
                transform_weights(self.level, tile, back);
            }
        }
        Ok(())
    }

    /// The masks of drop-path and dropout.
    fn draw(&self, step: &Step, held: &mut Held<T>, request: &Request<'_>) -> Result<()> {
        let layers = request.network.layers();
        let mask = |layer: &Layer, dims: &[usize]| -> Result<Vec<T>> {
            match layer_mask(layer, dims, T::DTYPE, &Device::Cpu, request.pass)? {
                Some(mask) => mask.flatten_all()?.to_vec1::<T>(),
                None => Ok(Vec::new()),
            }
        };
        if let Op::Dropout { layer } = step.op {
            let (channels, pixels, pixel) = (step.shape.channels, step.pixels(), step.pixel());
            let dims = [self.batch, channels, step.shape.height, step.shape.width];
            let planes = mask(&layers[layer], &dims)?;
            held.mask.clear();
            if !planes.is_empty() {
                held.mask.resize(self.batch * step.len(), T::ZERO);
                for (image, out) in held.mask.chunks_exact_mut(step.len()).enumerate() {
                    let planes = &planes[image * channels * pixels..][..channels * pixels];
                    for (i, value) in planes.iter().enumerate() {
                        out[i % pixels * pixel + i / pixels] = *value;
                    }
                }
            }
        }
        held.factors.resize_with(step.reads.len(), Vec::new);
        for (factors, read) in held.factors.iter_mut().zip(&step.reads) {
            if let Some(layer) = read.drop {
                *factors = mask(&layers[layer], &[self.batch, 1, 1, 1])?;
            }
        }
        Ok(())
    }
}

pub(super) fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a Var> {
    match parameters.get(name) {
        Some(parameter) => Ok(&parameter.var),
        None => bail!("the model has no parameter '{name}'"),
    }
}

pub(super) fn values<T: Float>(parameters: &Parameters, name: &str) -> Result<Vec<T>> {
    let tensor = parameter(parameters, name)?.as_detached_tensor().contiguous()?;
    let values = host(&tensor).slice::<T>()?.to_vec();
    Ok(values)
}
