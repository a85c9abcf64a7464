//! Convolution: depthwise with special kernels, all others as a matrix product with the unfolded
//! input.

use candle_core::{Result, Tensor};

use super::launch::Launch;
use super::slices_of;
use crate::windows::Geometry;

/// As [`conv2d`](crate::ops::conv2d).
pub(crate) fn conv2d(x: &Tensor, weight: &Tensor, g: &Geometry) -> Result<Tensor> {
    if g.group_channels() == 1 && g.group_filters() == 1 {
        depthwise(x, weight, g)
    } else {
        by_products(x, weight, g)
    }
}

/// The sizes of [`Geometry`], as `Window` of the kernels reads them; `slices` is what a summing
/// kernel splits into.
fn sizes(g: &Geometry, slices: usize) -> [usize; 15] {
    let ([h, w], [rows, columns], [ky, kx]) = (g.input, g.output, g.kernel);
    let spec = g.spec;
    [
        g.batch,
        g.channels,
        h,
        w,
        rows,
        columns,
        ky,
        kx,
        spec.stride[0],
        spec.stride[1],
        spec.padding[0],
        spec.padding[1],
        spec.dilation[0],
        spec.dilation[1],
        slices,
    ]
}

fn depthwise(x: &Tensor, weight: &Tensor, g: &Geometry) -> Result<Tensor> {
    let g = *g;
    Launch::each("depthwise", &g.output_dims()[..], &sizes(&g, 1))?.run_on_tape(
        [x, weight],
        move |[x, weight], step| {
            let taps = g.kernel[0] * g.kernel[1];
            let slices = slices_of(g.channels, g.batch * g.output[0] * g.output[1]);
            let for_x =
                Launch::each("depthwise_input", x.shape(), &sizes(&g, 1))?.run(&[step.gradient, weight])?;
            let partial = Launch::new(
                "depthwise_weight_slices",
                g.channels * slices,
                (slices, g.channels * taps),
                &sizes(&g, slices),
            )?
            .run(&[x, step.gradient])?;
            let for_weight =
                Launch::each("sum_slices", weight.shape(), &[g.channels * taps, slices])?.run(&[&partial])?;
            Ok([Some(for_x), Some(for_weight)])
        },
    )
}

fn by_products(x: &Tensor, weight: &Tensor, g: &Geometry) -> Result<Tensor> {
    let (groups, rows) = (g.spec.groups, g.group_channels() * g.kernel[0] * g.kernel[1]);
    let positions = g.output[0] * g.output[1];
    let seen = unfold(x, g)?;
    let y = if groups == 1 {
        weight
            .reshape((1, g.filters, rows))?
            .broadcast_as((g.batch, g.filters, rows))?
            .matmul(&seen.reshape((g.batch, rows, positions))?)?
    } else {
        weight
            .reshape((1, groups, g.group_filters(), rows))?
            .broadcast_as((g.batch, groups, g.group_filters(), rows))?
            .contiguous()?
            .matmul(&seen.reshape((g.batch, groups, rows, positions))?)?
    };
    y.reshape(&g.output_dims()[..])
}

/// What each tap sees, [batch, channels × taps, positions].
fn unfold(x: &Tensor, g: &Geometry) -> Result<Tensor> {
    let g = *g;
    let shape = (
        g.batch,
        g.channels * g.kernel[0] * g.kernel[1],
        g.output[0] * g.output[1],
    );
    if g.kernel == [1, 1] && g.spec.stride == [1, 1] && g.spec.padding == [0, 0] {
        return x.contiguous()?.reshape(shape);
    }
    Launch::each("unfold", shape, &sizes(&g, 1))?.run_on_tape([x], move |[x], step| {
        let fold = Launch::each("fold", x.shape(), &sizes(&g, 1))?;
        Ok([Some(fold.run(&[step.gradient])?)])
    })
}
