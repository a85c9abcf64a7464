//! The two element types of the CPU kernels.

#![allow(
    unsafe_code,
    reason = "calls of functions compiled for instruction sets the compiler does not assume"
)]

use candle_core::WithDType;

use super::simd::{self, Level};
use super::vector::{self, Lanes, Task};

/// `f32` and `f64`: what the CPU kernels are generic over.
pub(crate) trait Float:
    WithDType
    + std::ops::Add<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Minus infinity, where a maximum starts.
    const NEG_INFINITY: Self;

    /// `self * factor + addend`, fused if every processor of the target can do it; in software it
    /// would be very slow.
    fn mul_add_where_fast(self, factor: Self, addend: Self) -> Self;

    /// Runs `task` with this type's vectors, compiled for `level`, which the processor must have.
    fn dispatch<K: Task<Self>>(level: Level, task: K);
}

/// An element type, with its vectors for each level of the processor.
macro_rules! float {
    ($element:ident, $of_avx512:ty, $of_avx2:ty, $of_any:ty) => {
        impl Float for $element {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = $element::NEG_INFINITY;

            #[inline(always)]
            fn mul_add_where_fast(self, factor: Self, addend: Self) -> Self {
                if cfg!(target_arch = "aarch64") {
                    self.mul_add(factor, addend)
                } else {
                    self * factor + addend
                }
            }

            #[inline]
            fn dispatch<K: Task<Self>>(level: Level, task: K) {
                // SAFETY, all three: the processor has the level, and `run` is inlined into the
                // function compiled for it; arrays ask for nothing.
                assert!(
                    level <= simd::level(),
                    "the processor does not have {level:?}"
                );
                match level {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => unsafe {
                        simd::avx512(
                            #[inline(always)]
                            || task.run::<$of_avx512>(),
                        )
                    },
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => unsafe {
                        simd::avx2(
                            #[inline(always)]
                            || task.run::<$of_avx2>(),
                        )
                    },
                    _ => unsafe { task.run::<$of_any>() },
                }
            }
        }
    };
}

float!(f32, vector::Avx512, vector::Avx2, Lanes<f32, 8>);
float!(f64, Lanes<f64, 8>, Lanes<f64, 4>, Lanes<f64, 4>);
