//! Pooling.

use candle_core::{Result, Shape, Tensor, bail};

use super::launch::Launch;
use crate::windows::PoolSpec;

/// The shapes of a pooling of `x`: the result's, and all sizes as `Window` of the kernels reads
/// them.
fn geometry(x: &Tensor, spec: &PoolSpec) -> Result<(Shape, [usize; 14])> {
    let (n, c, h, w) = x.dims4()?;
    let [rows, columns] = spec.output_size([h, w])?;
    let ([ky, kx], [sy, sx], [py, px]) = (spec.kernel, spec.stride, spec.padding);
    Ok((
        (n, c, rows, columns).into(),
        [n, c, h, w, rows, columns, ky, kx, sy, sx, py, px, 1, 1],
    ))
}

/// As [`avg_pool2d`](crate::ops::avg_pool2d).
pub(crate) fn avg_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let (output, sizes) = geometry(x, spec)?;
    Launch::each("avg_pool", output, &sizes)?.run_on_tape([x], move |[x], step| {
        let backward = Launch::each("avg_pool_input", x.shape(), &sizes)?;
        Ok([Some(backward.run(&[step.gradient])?)])
    })
}

/// As [`max_pool2d`](crate::ops::max_pool2d), for planes of up to 2²⁴ pixels.
pub(crate) fn max_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let (output, sizes) = geometry(x, spec)?;
    let pixels = sizes[2] * sizes[3];
    if pixels > 1 << 24 {
        bail!(
            "max pooling: planes of at most {} pixels on CUDA, got {pixels}",
            1 << 24
        )
    }
    Launch::each("max_pool", output, &sizes)?.run_on_tape([x], move |[x], step| {
        let places = Launch::each("max_pool_places", step.gradient.shape(), &sizes)?.run(&[x])?;
        let backward = Launch::each("max_pool_input", x.shape(), &sizes)?;
        Ok([Some(backward.run(&[step.gradient, &places])?)])
    })
}
