//! Devices by name.

use candle_core::{Device, DeviceLocation};

use crate::kernels::{Level, level};

/// The name of a device, as reports and records give it: `cpu`, `cuda:0`, `metal:0`.
pub fn device_name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => "cpu".to_owned(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

/// The kind of a device: `cpu`, `cuda`, `metal`. Which one of a kind decides no result.
pub(crate) fn device_kind(device: &Device) -> &'static str {
    match device.location() {
        DeviceLocation::Cpu => "cpu",
        DeviceLocation::Cuda { .. } => "cuda",
        DeviceLocation::Metal { .. } => "metal",
    }
}

/// The instruction set that the kernels use on this machine's CPU: `AVX-512`, `AVX2` or `the
/// target's baseline`.
pub fn instruction_set() -> &'static str {
    match level() {
        Level::Avx512 => "AVX-512",
        Level::Avx2 => "AVX2",
        Level::Plain => "the target's baseline",
    }
}

/// Allows or forbids TF32 in matrix products of f32 on CUDA, for the whole process (10 bits of
/// mantissa instead of 23, much faster on Ampere and later). TF32 is off by default. Other devices
/// are not affected.
///
/// PyTorch's convolutions do by default, its matrix products do not. Convolutions that are not
/// matrix products, sums and all that is stored stay f32.
pub fn allow_tf32(allowed: bool) {
    candle_core::cuda::set_gemm_reduced_precision_f32(allowed);
}

/// Whether matrix products of f32 run in TF32 on this device: where it is a CUDA device and
/// [`allow_tf32`] says so.
pub fn computes_in_tf32(device: &Device) -> bool {
    device.is_cuda() && candle_core::cuda::gemm_reduced_precision_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_no_number() {
        assert_eq!(device_name(&Device::Cpu), "cpu");
    }
}
