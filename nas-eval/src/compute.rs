//! Where tensors are computed, and in which element type.

use candle_core::{DType, Device};

/// The device and the element type of a network's tensors. They are chosen together and travel
/// together.
///
/// ```
/// use nas_eval::{Compute, DType, Device};
///
/// assert_eq!(Compute::cpu().dtype, DType::F32);
/// let precise = Compute::on(Device::Cpu).with_dtype(DType::F64);
/// assert!(precise.device.is_cpu());
/// ```
#[derive(Debug, Clone)]
pub struct Compute {
    /// The device.
    pub device: Device,
    /// The element type: `f32` or `f64`.
    pub dtype: DType,
}

impl Compute {
    /// The CPU, with `f32`.
    pub fn cpu() -> Self {
        Self::on(Device::Cpu)
    }

    /// This device, with `f32`.
    pub fn on(device: Device) -> Self {
        let dtype = DType::F32;
        Self { device, dtype }
    }

    /// The same device, with this element type.
    #[must_use]
    pub fn with_dtype(self, dtype: DType) -> Self {
        Self { dtype, ..self }
    }
}
