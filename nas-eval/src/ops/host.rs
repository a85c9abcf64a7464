//! Host memory: how a CPU kernel reads the tensors it is given.

use std::ops::Deref;

use candle_core::{CpuStorage, DType, Layout, Result, Storage, Tensor, WithDType, bail};

/// Whether the CPU kernels can take all of `tensors`: in host memory, and of one type that is `f32` or `f64`.
pub(crate) fn runs_kernel(tensors: &[&Tensor]) -> bool {
    let Some(first) = tensors.first() else {
        return false;
    };
    matches!(first.dtype(), DType::F32 | DType::F64)
        && tensors
            .iter()
            .all(|t| t.device().is_cpu() && t.dtype() == first.dtype())
}

/// The elements of a contiguous tensor, as a custom operation is handed them.
pub(crate) fn slice_of<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&T::cpu_storage_as_slice(storage)?[start..end]),
        None => bail!("a CPU kernel was given a tensor that is not contiguous: {layout:?}"),
    }
}

/// A tensor locked for reading.
pub(crate) struct Host<'a, S> {
    storage: S,
    layout: &'a Layout,
}

/// Locks a tensor for reading.
pub(crate) fn host(tensor: &Tensor) -> Host<'_, impl Deref<Target = Storage>> {
    let (storage, layout) = tensor.storage_and_layout();
    Host { storage, layout }
}

impl<S: Deref<Target = Storage>> Host<'_, S> {
    /// The elements, in row-major order.
    ///
    /// # Errors
    /// If the tensor is not contiguous, not in host memory or not of type `T`.
    pub(crate) fn slice<T: WithDType>(&self) -> Result<&[T]> {
        match &*self.storage {
            Storage::Cpu(storage) => slice_of(storage, self.layout),
            _ => bail!("a CPU kernel was given a tensor of another device"),
        }
    }
}

/// Evaluates an expression with the type name `$T` standing for `f32` or `f64`, whichever `$dtype` is.
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
            other => candle_core::bail!("the CPU kernels take f32 and f64, got {other:?}"),
        }
    };
}
pub(crate) use for_float;

/// The storage of the vector that an expression gives, with the type name `$T` standing for the element type of
/// `$storage`, `f32` or `f64`.
macro_rules! like_storage {
    ($storage:expr, $T:ident => $body:expr) => {
        match $storage {
            candle_core::CpuStorage::F32(_) => {
                type $T = f32;
                candle_core::CpuStorage::F32($body)
            }
            candle_core::CpuStorage::F64(_) => {
                type $T = f64;
                candle_core::CpuStorage::F64($body)
            }
            _ => candle_core::bail!("the CPU kernels take f32 and f64"),
        }
    };
}
pub(crate) use like_storage;
