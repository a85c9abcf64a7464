//! The convolution as an operation on Candle's tape.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::correlate::{input_gradient, output};
use super::spec::{ConvSpec, Geometry};
use super::weight_gradient::weight_gradient;
use crate::ops::host::{runs_kernel, slice_of};
use crate::ops::reference;
use crate::ops::simd::level;

/// Two-dimensional convolution (cross-correlation, as everywhere in deep learning), differentiable in both arguments.
///
/// # Shapes
/// `x` [batch, channels, rows, columns], `weight` [filters, channels / groups, kernel rows, kernel columns]; the result
/// [batch, filters, output rows, output columns], where output = (input + 2 padding − dilation (kernel − 1) − 1) / stride + 1,
/// rounded down.
///
/// # Errors
/// If the shapes do not fit each other or `spec`, if stride, dilation or groups is zero, if the kernel is larger than the
/// padded input, or if element type or device of the two tensors differ.
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
    let geometry = Geometry::new(x, weight, spec)?;
    if !runs_kernel(&[x, weight]) {
        return reference::conv2d(x, weight, spec);
    }
    x.contiguous()?.apply_op2(&weight.contiguous()?, Conv(geometry))
}

/// The gradients for `x` and for the weight, where they are wanted, from that of the result, off the tape. CPU only.
pub(crate) fn conv2d_backward(
    x: &Tensor,
    weight: &Tensor,
    dy: &Tensor,
    spec: &ConvSpec,
    [wants_dx, wants_dw]: [bool; 2],
) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let geometry = Geometry::new(x, weight, spec)?;
    let (x, weight, dy) = (x.contiguous()?, weight.contiguous()?, dy.contiguous()?);
    let dx = if wants_dx {
        Some(dy.apply_op2_no_bwd(&weight, &InputGradient(geometry))?)
    } else {
        None
    };
    let dw = if wants_dw {
        Some(x.apply_op2_no_bwd(&dy, &WeightGradient(geometry))?)
    } else {
        None
    };
    Ok((dx, dw))
}

/// Output from input and weight.
struct Conv(Geometry);

/// Gradient of the input from that of the output and the weight.
struct InputGradient(Geometry);

/// Gradient of the weight from the input and the gradient of the output.
struct WeightGradient(Geometry);

impl CustomOp2 for Conv {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        apply(
            x,
            lx,
            w,
            lw,
            &self.0.output_dims(),
            Kernel {
                f32: output,
                f64: output,
            },
            &self.0,
        )
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        // The image that a network starts from is not on the tape and needs no gradient.
        let dx = if x.track_op() {
            Some(dy.apply_op2_no_bwd(weight, &InputGradient(self.0))?)
        } else {
            None
        };
        let dw = if weight.track_op() {
            Some(x.apply_op2_no_bwd(&dy, &WeightGradient(self.0))?)
        } else {
            None
        };
        Ok((dx, dw))
    }
}

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "conv2d-input-gradient"
    }

    fn cpu_fwd(
        &self,
        dy: &CpuStorage,
        ly: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let kernel = Kernel {
            f32: input_gradient,
            f64: input_gradient,
        };
        apply(dy, ly, w, lw, &self.0.input_dims(), kernel, &self.0)
    }
}

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "conv2d-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        dy: &CpuStorage,
        ly: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let kernel = Kernel {
            f32: weight_gradient,
            f64: weight_gradient,
        };
        apply(x, lx, dy, ly, &self.0.weight_dims(), kernel, &self.0)
    }
}

type KernelOf<T> = fn(crate::ops::simd::Level, &Geometry, &[T], &[T]) -> Vec<T>;

/// A kernel in both element types.
#[derive(Clone, Copy)]
struct Kernel {
    f32: KernelOf<f32>,
    f64: KernelOf<f64>,
}

fn apply(
    a: &CpuStorage,
    la: &Layout,
    b: &CpuStorage,
    lb: &Layout,
    dims: &[usize],
    kernel: Kernel,
    geometry: &Geometry,
) -> Result<(CpuStorage, Shape)> {
    let storage = match a {
        CpuStorage::F64(_) => CpuStorage::F64((kernel.f64)(
            level(),
            geometry,
            slice_of(a, la)?,
            slice_of(b, lb)?,
        )),
        _ => CpuStorage::F32((kernel.f32)(
            level(),
            geometry,
            slice_of(a, la)?,
            slice_of(b, lb)?,
        )),
    };
    Ok((storage, Shape::from(dims)))
}
