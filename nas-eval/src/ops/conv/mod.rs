//! Two-dimensional convolution, for dense, grouped and depthwise kernels of any stride, padding and
//! dilation, as a sum over the taps of the kernel: for each, the padded input at the positions that
//! this tap sees, times the tap's weights.

#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor};

use crate::windows::{ConvSpec, Geometry};

/// Two-dimensional convolution (cross-correlation, as everywhere in deep learning), differentiable
/// in both arguments.
///
/// # Shapes
/// `x` [batch, channels, rows, columns], `weight` [filters, channels / groups, kernel rows, kernel
/// columns]; the result [batch, filters, output rows, output columns], where output = (input + 2
/// padding − dilation (kernel − 1) − 1) / stride + 1, rounded down.
///
/// # Errors
/// If the shapes do not fit each other or `spec`, if stride, dilation or groups is zero, if the
/// kernel is larger than the padded input, or if element type or device of the two tensors differ.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use nas_eval::ops::{ConvSpec, conv2d};
///
/// # fn main() -> candle_core::Result<()> {
/// let x = Tensor::ones((1, 2, 4, 4), candle_core::DType::F32, &Device::Cpu)?;
/// let depthwise = Tensor::ones((2, 1, 3, 3), candle_core::DType::F32, &Device::Cpu)?;
/// let spec = ConvSpec { stride: [2, 2], padding: [1, 1], groups: 2, ..ConvSpec::default() };
/// let y = conv2d(&x, &depthwise, &spec)?;
/// assert_eq!(y.dims(), [1, 2, 2, 2]);
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?[..4], [4.0, 6.0, 6.0, 9.0]);
/// # Ok(())
/// # }
/// ```
pub fn conv2d(x: &Tensor, weight: &Tensor, spec: &ConvSpec) -> Result<Tensor> {
    let g = Geometry::new(x, weight, spec)?;
    #[cfg(any(feature = "cuda", test))]
    if crate::cuda::has_kernels(x) {
        return crate::cuda::conv2d(x, weight, &g);
    }
    let (groups, [out_rows, out_cols]) = (spec.groups, g.output);
    let padded = x
        .contiguous()?
        .pad_with_zeros(2, spec.padding[0], spec.padding[0])?
        .pad_with_zeros(3, spec.padding[1], spec.padding[1])?;
    // [groups, filters of a group, channels of a group, taps]
    let weight = weight.reshape((
        groups,
        g.group_filters(),
        g.group_channels(),
        g.kernel[0] * g.kernel[1],
    ))?;
    let mut sum: Option<Tensor> = None;
    for row in 0..g.kernel[0] {
        let rows = positions(row * spec.dilation[0], spec.stride[0], out_rows, x)?;
        let of_rows = padded.index_select(&rows, 2)?;
        for col in 0..g.kernel[1] {
            let cols = positions(col * spec.dilation[1], spec.stride[1], out_cols, x)?;
            let seen = of_rows.index_select(&cols, 3)?;
            let tap = weight.narrow(3, row * g.kernel[1] + col, 1)?;
            let term = if g.group_channels() == 1 {
                // One channel a group: [batch, groups, 1, positions] times [groups, filters, 1].
                let seen = seen.reshape((g.batch, groups, 1, out_rows * out_cols))?;
                seen.broadcast_mul(&tap.reshape((1, groups, g.group_filters(), 1))?)?
            } else {
                let seen = seen.reshape((g.batch, groups, g.group_channels(), out_rows * out_cols))?;
                let tap = tap.squeeze(3)?.unsqueeze(0)?;
                tap.broadcast_matmul(&seen)?
            };
            sum = Some(match sum {
                None => term,
                Some(sum) => (sum + term)?,
            });
        }
    }
    // Geometry guarantees at least one tap.
    let Some(sum) = sum else {
        candle_core::bail!("conv2d: the kernel has no taps")
    };
    sum.reshape(g.output_dims().as_slice())
}

/// The positions `first`, `first + stride`, … along one axis.
fn positions(first: usize, stride: usize, count: usize, like: &Tensor) -> Result<Tensor> {
    let at: Vec<u32> = (0..count).map(|i| (first + i * stride) as u32).collect();
    Tensor::from_vec(at, count, like.device())
}
