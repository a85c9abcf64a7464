//! Pooling: maximum, average, and the average of a whole plane; a fold over the taps of the window.

#[cfg(test)]
mod tests;

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::windows::PoolSpec;

/// The maximum of each window. Padding counts as minus infinity; a window with a NaN gives NaN.
///
/// The gradient of a window goes to the first of its largest elements in row-major order, or to its
/// last NaN, as in PyTorch.
///
/// # Shapes
/// `x` is `[N, C, H, W]`; the result is `[N, C, H', W']` with `[H', W']` from
/// [`PoolSpec::output_size`].
///
/// # Errors
/// Those of [`PoolSpec::output_size`], and if `x` does not have four dimensions.
pub fn max_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    #[cfg(any(feature = "cuda", test))]
    if crate::cuda::has_kernels(x) {
        return crate::cuda::max_pool2d(x, spec);
    }
    let (n, c, h, w) = x.dims4()?;
    let x = &x.contiguous()?;
    let [oh, ow] = spec.output_size([h, w])?;
    let shape = (n, c, oh, ow);
    let mut largest = Tensor::full(f64::NEG_INFINITY, shape, x.device())?.to_dtype(x.dtype())?;
    // Whether a window has an element already: the first is taken even if it is minus infinity.
    let mut empty = Tensor::ones(shape, DType::U8, x.device())?;
    for tap in taps(spec, [h, w], [oh, ow], x.device())? {
        let inside = tap.inside.broadcast_as(shape)?;
        let seen = tap.of(x)?;
        let wanted = seen.gt(&largest)?.maximum(&seen.ne(&seen)?)?.maximum(&empty)?;
        largest = wanted.mul(&inside)?.where_cond(&seen, &largest)?;
        empty = inside.where_cond(&empty.zeros_like()?, &empty)?;
    }
    Ok(largest)
}

/// The average of each window's elements inside the image: padding is not counted (PyTorch's
/// `count_include_pad=False`, which is what DARTS and NAS-Bench-201 use).
///
/// # Shapes
/// `x` is `[N, C, H, W]`; the result is `[N, C, H', W']` with `[H', W']` from
/// [`PoolSpec::output_size`].
///
/// # Errors
/// Those of [`PoolSpec::output_size`], and if `x` does not have four dimensions.
pub fn avg_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    #[cfg(any(feature = "cuda", test))]
    if crate::cuda::has_kernels(x) {
        return crate::cuda::avg_pool2d(x, spec);
    }
    let (n, c, h, w) = x.dims4()?;
    let x = &x.contiguous()?;
    let [oh, ow] = spec.output_size([h, w])?;
    let zeros = Tensor::zeros((n, c, oh, ow), x.dtype(), x.device())?;
    let mut sum = zeros.clone();
    let mut count = Tensor::zeros((1, 1, oh, ow), x.dtype(), x.device())?;
    for tap in taps(spec, [h, w], [oh, ow], x.device())? {
        // Chosen, not multiplied by 0: what stands in for the padding may be infinite.
        sum = (sum
            + tap
                .inside
                .broadcast_as(zeros.shape())?
                .where_cond(&tap.of(x)?, &zeros)?)?;
        count = (count + tap.inside.to_dtype(x.dtype())?)?;
    }
    sum.broadcast_div(&count)
}

/// The average over height and width of each channel.
///
/// # Shapes
/// `x` is `[N, C, H, W]`; the result is `[N, C]`.
///
/// # Errors
/// If `x` does not have four dimensions, or `H` or `W` is 0.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    if h * w == 0 {
        bail!(
            "global average pooling: the image must not be empty, got {:?} (height, width)",
            [h, w]
        )
    }
    x.mean((2, 3))
}

/// One offset inside the window: which element each window sees there.
struct Tap {
    rows: Tensor,
    columns: Tensor,
    /// `[1, 1, H', W']`, 1 where the element is in the image. Elsewhere `rows` and `columns` name
    /// some other one.
    inside: Tensor,
}

impl Tap {
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        x.index_select(&self.rows, 2)?.index_select(&self.columns, 3)
    }
}

/// The taps in row-major order.
fn taps(spec: &PoolSpec, input: [usize; 2], output: [usize; 2], device: &Device) -> Result<Vec<Tap>> {
    let axis = |axis: usize, offset: usize| -> Result<(Tensor, Vec<bool>)> {
        let at = |i: usize| {
            (i * spec.stride[axis] + offset)
                .checked_sub(spec.padding[axis])
                .filter(|at| *at < input[axis])
        };
        let inside = (0..output[axis]).map(|i| at(i).is_some()).collect();
        let indices: Vec<u32> = (0..output[axis]).map(|i| at(i).unwrap_or(0) as u32).collect();
        Ok((Tensor::from_vec(indices, output[axis], device)?, inside))
    };
    let mut taps = Vec::with_capacity(spec.kernel[0] * spec.kernel[1]);
    for y in 0..spec.kernel[0] {
        for x in 0..spec.kernel[1] {
            let ((rows, in_rows), (columns, in_columns)) = (axis(0, y)?, axis(1, x)?);
            let inside: Vec<u8> = in_rows
                .iter()
                .flat_map(|r| in_columns.iter().map(move |c| u8::from(*r && *c)))
                .collect();
            let inside = Tensor::from_vec(inside, (1, 1, output[0], output[1]), device)?;
            taps.push(Tap {
                rows,
                columns,
                inside,
            });
        }
    }
    Ok(taps)
}
