//! One vector register of any width; the convolution kernels are written with it.
//!
//! A kernel is a [`Task`]: generic code over [`Vector`], run by
//! [`Float::dispatch`](super::float::Float::dispatch) with the vector type of a
//! [`Level`](super::simd::Level).

#![allow(
    clippy::needless_range_loop,
    reason = "loops over lanes and registers: what iterators over arrays call is not always inlined"
)]
#![allow(
    unsafe_code,
    reason = "vector intrinsics, and loads and stores through pointers"
)]

use super::float::Float;

/// A register of [`LANES`](Self::LANES) elements.
///
/// # Safety
/// Every method may only be called on a processor that has the instructions of the type, and from
/// code that is inlined into a function compiled for them; [`Float::dispatch`] sees to both.
/// Pointers must be valid for what is read or written.
pub(crate) trait Vector: Copy {
    /// The element.
    type Elem: Float;
    /// A vector of the same instructions whose lanes divide 8, for channels that do not fill this
    /// one.
    type Narrow: Vector<Elem = Self::Elem>;
    /// How many elements a register holds, 16 at most.
    const LANES: usize;
    /// Whether there are 32 registers rather than 16.
    const MANY_REGISTERS: bool;
    /// Whether the narrow vector is narrower than this one. What is behind it as a condition of its
    /// own is not compiled where it is not.
    const NARROWER: bool = Self::Narrow::LANES < Self::LANES;

    /// The same element in all lanes.
    unsafe fn splat(value: Self::Elem) -> Self;
    /// The first lanes.
    unsafe fn narrow(self) -> Self::Narrow;
    /// Reads all lanes; no alignment is needed.
    unsafe fn load(from: *const Self::Elem) -> Self;
    /// Writes all lanes; no alignment is needed.
    unsafe fn store(self, to: *mut Self::Elem);
    /// `self * factor + addend`.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * factor`.
    unsafe fn mul(self, factor: Self) -> Self;
    /// The larger one in each lane; NaN stays NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// max(0, self); NaN stays NaN.
    unsafe fn positive_part(self) -> Self;
    /// `self` where `gate` is above 0, and 0 elsewhere.
    unsafe fn where_positive(self, gate: Self) -> Self;
    /// `self` where `a` and `b` are equal, and 0 elsewhere.
    unsafe fn where_equal(self, a: Self, b: Self) -> Self;
    /// `self` where `a` and `b` differ, and 0 elsewhere.
    unsafe fn where_different(self, a: Self, b: Self) -> Self;
}

/// Code that is generic over the vector type.
pub(crate) trait Task<T: Float> {
    /// Runs the code; to be marked `#[inline(always)]`, like all it calls.
    ///
    /// # Safety
    /// That of [`Vector`].
    unsafe fn run<V: Vector<Elem = T>>(self);
}

/// The same pointer, of which the compiler does not know where it comes from. Of pointers that it
/// knows to lie evenly apart it keeps one, and adds to that for each of the others, each time: with
/// one instruction more for each value that is read.
#[inline(always)]
#[cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(clippy::pointers_in_nomem_asm_block, reason = "nothing is done with it")
)]
pub(super) fn of_its_own<T>(mut pointer: *const T) -> *const T {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    // SAFETY: there are no instructions but a comment.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    }
    pointer
}

/// An array as a vector: for types and processors without one of their own. The compiler makes of
/// it what it can.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<T, const N: usize>([T; N]);

impl<T: Float, const N: usize> Vector for Lanes<T, N> {
    type Elem = T;
    type Narrow = Self;
    const LANES: usize = N;
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    unsafe fn splat(value: T) -> Self {
        Self([value; N])
    }

    #[inline(always)]
    unsafe fn narrow(self) -> Self {
        self
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller vouches for LANES readable elements.
        Self(unsafe { from.cast::<[T; N]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller vouches for LANES writable elements.
        unsafe { to.cast::<[T; N]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        let mut out = addend.0;
        for i in 0..N {
            out[i] = self.0[i].mul_add_where_fast(factor.0[i], out[i]);
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            out[i] += other.0[i];
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            out[i] -= other.0[i];
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn mul(self, factor: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            out[i] *= factor.0[i];
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            // What is not a number is below nothing.
            out[i] = if out[i] < other.0[i] || other.0[i].to_f64().is_nan() {
                other.0[i]
            } else {
                out[i]
            };
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn positive_part(self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            out[i] = if out[i] < T::ZERO { T::ZERO } else { out[i] };
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn where_positive(self, gate: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            out[i] = if gate.0[i] > T::ZERO { out[i] } else { T::ZERO };
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn where_equal(self, a: Self, b: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            out[i] = if a.0[i] == b.0[i] { out[i] } else { T::ZERO };
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn where_different(self, a: Self, b: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            out[i] = if a.0[i] == b.0[i] { T::ZERO } else { out[i] };
        }
        Self(out)
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    /// Eight `f32` in an AVX2 register, with FMA.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256);

    // SAFETY of all blocks below: the trait's own contract, that the processor has the instructions
    // and the pointers are valid, is exactly what the intrinsics ask for.
    impl Vector for Avx2 {
        type Elem = f32;
        type Narrow = Self;
        const LANES: usize = 8;
        const MANY_REGISTERS: bool = false;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn narrow(self) -> Self {
            self
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn mul(self, factor: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_mul_ps(self.0, factor.0) })
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: see above. The instruction gives its second operand where one of both is not
            // a number.
            unsafe {
                let larger = _mm256_max_ps(self.0, other.0);
                Self(_mm256_blendv_ps(
                    larger,
                    self.0,
                    _mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0),
                ))
            }
        }

        #[inline(always)]
        unsafe fn positive_part(self) -> Self {
            // SAFETY: see above. The instruction gives its second operand where one of both is not
            // a number.
            Self(unsafe { _mm256_max_ps(_mm256_setzero_ps(), self.0) })
        }

        #[inline(always)]
        unsafe fn where_positive(self, gate: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                let mask = _mm256_cmp_ps::<_CMP_GT_OQ>(gate.0, _mm256_setzero_ps());
                Self(_mm256_and_ps(mask, self.0))
            }
        }

        #[inline(always)]
        unsafe fn where_equal(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a.0, b.0), self.0) })
        }

        #[inline(always)]
        unsafe fn where_different(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a.0, b.0), self.0) })
        }
    }

    /// Sixteen `f32` in an AVX-512 register.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    impl Vector for Avx512 {
        type Elem = f32;
        type Narrow = Avx2;
        const LANES: usize = 16;
        const MANY_REGISTERS: bool = true;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn narrow(self) -> Avx2 {
            // SAFETY: see above.
            Avx2(unsafe { _mm512_castps512_ps256(self.0) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn mul(self, factor: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_mul_ps(self.0, factor.0) })
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: see above. The instruction gives its second operand where one of both is not
            // a number.
            unsafe {
                let larger = _mm512_max_ps(self.0, other.0);
                let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
                Self(_mm512_mask_mov_ps(larger, nan, self.0))
            }
        }

        #[inline(always)]
        unsafe fn positive_part(self) -> Self {
            // SAFETY: see above. The instruction gives its second operand where one of both is not
            // a number.
            Self(unsafe { _mm512_max_ps(_mm512_setzero_ps(), self.0) })
        }

        #[inline(always)]
        unsafe fn where_positive(self, gate: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate.0, _mm512_setzero_ps());
                Self(_mm512_maskz_mov_ps(mask, self.0))
            }
        }

        #[inline(always)]
        unsafe fn where_equal(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                let mask = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a.0, b.0);
                Self(_mm512_maskz_mov_ps(mask, self.0))
            }
        }

        #[inline(always)]
        unsafe fn where_different(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                let mask = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(a.0, b.0);
                Self(_mm512_maskz_mov_ps(mask, self.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::levels;
    use super::*;

    /// Checks each method of one vector type against plain arithmetic.
    struct Check;

    impl<T: Float> Task<T> for Check {
        #[inline(always)]
        unsafe fn run<V: Vector<Elem = T>>(self) {
            let x: Vec<T> = (0..2 * V::LANES).map(|i| T::from_f64(i as f64 - 3.0)).collect();
            let mut out = vec![T::from_f64(-1.0); 2 * V::LANES];
            // SAFETY: `dispatch` has chosen V, and both vectors hold twice LANES elements.
            unsafe {
                let v = V::load(x.as_ptr().wrapping_add(1));
                v.mul_add(V::splat(T::from_f64(2.0)), v).store(out.as_mut_ptr());
                for i in 0..V::LANES {
                    assert_eq!(out[i].to_f64(), 3.0 * (i as f64 - 2.0));
                }
                let check = |got: V, expected: &dyn Fn(T) -> T| {
                    let mut lanes = [T::ZERO; 16];
                    got.store(lanes.as_mut_ptr());
                    for i in 0..V::LANES {
                        let (got, expected) = (lanes[i], expected(x[i + 1]));
                        assert!(
                            got == expected || got.to_f64().is_nan() && expected.to_f64().is_nan(),
                            "lane {i}"
                        );
                    }
                };
                let two = V::splat(T::from_f64(2.0));
                let nan = V::splat(T::from_f64(f64::NAN));
                check(v.add(two), &|x| x + T::from_f64(2.0));
                check(v.sub(two), &|x| x - T::from_f64(2.0));
                check(v.mul(two), &|x| x * T::from_f64(2.0));
                check(v.max(two), &|x| {
                    if x > T::from_f64(2.0) { x } else { T::from_f64(2.0) }
                });
                check(v.max(nan), &|_| T::from_f64(f64::NAN));
                check(nan.max(v), &|_| T::from_f64(f64::NAN));
                check(v.positive_part(), &|x| if x > T::ZERO { x } else { T::ZERO });
                check(nan.positive_part(), &|_| T::from_f64(f64::NAN));
                check(two.where_positive(v), &|x| {
                    T::from_f64(if x > T::ZERO { 2.0 } else { 0.0 })
                });
                check(v.where_equal(v, two), &|x| {
                    if x == T::from_f64(2.0) { x } else { T::ZERO }
                });
                check(v.where_different(v, two), &|x| {
                    if x == T::from_f64(2.0) { T::ZERO } else { x }
                });
                check(v.where_different(v, nan), &|x| x);
                v.narrow().store(out.as_mut_ptr());
                for i in 0..V::Narrow::LANES {
                    assert_eq!(out[i].to_f64(), x[i + 1].to_f64());
                }
            }
        }
    }

    #[test]
    fn every_vector_type_computes_what_it_says() {
        for level in levels() {
            f32::dispatch(level, Check);
            f64::dispatch(level, Check);
        }
    }
}
