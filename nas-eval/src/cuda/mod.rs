//! The operations of training as CUDA kernels, for the tape.
//!
//! Stock Candle has no depthwise convolution, no pooling with padding and no batch normalisation on
//! CUDA but as dozens of small operations. Here each is one or a few kernels forward and backward
//! (`kernels.cu`), compiled with the `cuda` feature and called on Candle's own tensors and stream;
//! matrix products are left to cuBLAS. [`ops`](crate::ops) comes here for tensors on a CUDA device.
//! Nothing waits for the device, no kernel uses atomics, and all sums have a fixed order, so
//! results are reproducible.
//!
//! The source is C++ as any compiler takes it, and launches are data ([`Launch`](launch::Launch)):
//! the tests run them on the host and compare with the definitions in `ops`, so that what is
//! computed is checked on machines without a GPU too.

use candle_core::{DType, Device, Tensor};

mod augment;
mod batch_norm;
mod conv;
#[cfg(feature = "cuda")]
mod device;
mod elementwise;
mod launch;
pub(crate) mod multi_tensor;
#[cfg(test)]
pub(crate) mod on_host;
mod pool;
#[cfg(test)]
mod tests;

pub(crate) use augment::augment;
pub(crate) use batch_norm::{moments, normalize};
pub(crate) use conv::conv2d;
pub(crate) use elementwise::{DotProducts, add_scaled, relu};
pub(crate) use pool::{avg_pool2d, max_pool2d};

/// Whether there are kernels on this device.
pub(crate) fn runs_on(device: &Device) -> bool {
    let on_device = device.is_cuda();
    #[cfg(test)]
    let on_device = on_device || on_host::is_wanted();
    on_device
}

/// Whether there are kernels for this tensor.
pub(crate) fn has_kernels(x: &Tensor) -> bool {
    runs_on(x.device()) && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// Into how many parts the sums over `values` values of each of `channels` channels are split:
/// enough blocks for a large device, and enough work for each. It depends on the shapes alone, not
/// on the device.
fn slices_of(channels: usize, values: usize) -> usize {
    (1024 / channels.max(1)).clamp(1, values.div_ceil(1024).max(1))
}
