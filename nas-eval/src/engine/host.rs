//! Host memory: how tensors are read.

use std::ops::Deref;

use candle_core::{CpuStorage, DType, Layout, Result, Storage, Tensor, WithDType, bail};

/// Whether the engine can take a tensor: in host memory, of type `f32` or `f64`.
pub(crate) fn runs_here(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && matches!(tensor.dtype(), DType::F32 | DType::F64)
}

/// The elements of a contiguous tensor.
fn slice_of<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&T::cpu_storage_as_slice(storage)?[start..end]),
        None => bail!("the engine was given a tensor that is not contiguous: {layout:?}"),
    }
}

/// A tensor locked for reading.
pub(super) struct Host<'a, S> {
    storage: S,
    layout: &'a Layout,
}

/// Locks a tensor for reading.
pub(super) fn host(tensor: &Tensor) -> Host<'_, impl Deref<Target = Storage>> {
    let (storage, layout) = tensor.storage_and_layout();
    Host { storage, layout }
}

impl<S: Deref<Target = Storage>> Host<'_, S> {
    /// The elements, in row-major order.
    ///
    /// # Errors
    /// If the tensor is not contiguous, not in host memory or not of type `T`.
    pub(super) fn slice<T: WithDType>(&self) -> Result<&[T]> {
        match &*self.storage {
            Storage::Cpu(storage) => slice_of(storage, self.layout),
            _ => bail!("the engine was given a tensor of another device"),
        }
    }
}

/// Evaluates an expression with the type name `$T` standing for `f32` or `f64`, whichever `$dtype`
/// is.
macro_rules! for_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            candle_core::DType::F32 => {
                type $T = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $T = f64;
                $body
            }
            other => candle_core::bail!("the engine takes f32 and f64, got {other:?}"),
        }
    };
}
pub(super) use for_float;
