//! One vector register, whatever its width: what the convolution kernels are written in.
//!
//! A kernel is a [`Task`]: generic code over [`Vector`], run by [`Float::dispatch`](super::float::Float::dispatch) with
//! the vector type of a [`Level`](super::simd::Level).

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
/// Every method may only be called on a processor that has the instructions of the type, and from code that is inlined
/// into a function compiled for them; [`Float::dispatch`] sees to both. Pointers must be valid for what is read or written.
pub(crate) trait Vector: Copy {
    /// The element.
    type Elem: Float;
    /// A vector of the same instructions whose lanes divide 8, for channels that do not fill this one.
    type Narrow: Vector<Elem = Self::Elem>;
    /// How many elements a register holds, 16 at most.
    const LANES: usize;
    /// Whether there are 32 registers rather than 16.
    const MANY_REGISTERS: bool;
    /// The mask that selects all lanes.
    const FULL: u32 = first_lanes(Self::LANES);

    /// The same element in all lanes.
    unsafe fn splat(value: Self::Elem) -> Self;
    /// Reads all lanes; no alignment is needed.
    unsafe fn load(from: *const Self::Elem) -> Self;
    /// Writes all lanes; no alignment is needed.
    unsafe fn store(self, to: *mut Self::Elem);
    /// `self * factor + addend`.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self * factor`.
    unsafe fn mul(self, factor: Self) -> Self;
    /// The larger one in each lane; what is not a number stays so.
    unsafe fn max(self, other: Self) -> Self;
    /// max(0, self); what is not a number stays so.
    unsafe fn positive_part(self) -> Self;
    /// `self` where `gate` is above 0, and 0 elsewhere.
    unsafe fn where_positive(self, gate: Self) -> Self;
    /// `self` where `a` and `b` are equal, and 0 elsewhere.
    unsafe fn where_equal(self, a: Self, b: Self) -> Self;
    /// `self` where `a` and `b` differ, and 0 elsewhere.
    unsafe fn where_different(self, a: Self, b: Self) -> Self;
    /// The sum of all lanes, in a fixed order.
    unsafe fn sum(self) -> Self::Elem;
    /// Writes the lanes that `mask` selects (bit 0: lane 0) one after another, and nothing else.
    unsafe fn store_selected(self, mask: u32, to: *mut Self::Elem);
    /// The reverse: reads as many elements as `mask` has bits into the lanes it selects; the other lanes are zero.
    unsafe fn load_selected(mask: u32, from: *const Self::Elem) -> Self;
    /// Reads elements 0, 2, 4, … into the first `count` lanes, without touching any after the last of them; the other
    /// lanes are zero. `count` is between 1 and [`LANES`](Self::LANES).
    unsafe fn load_every_second(count: usize, from: *const Self::Elem) -> Self;
    /// Transposes a block of `rows` times `cols` elements, both between 1 and [`LANES`](Self::LANES), whose rows are
    /// `stride` apart, into LANES vectors that are `to_stride` apart; what is beyond the block becomes zero.
    unsafe fn transpose(
        from: *const Self::Elem,
        stride: usize,
        rows: usize,
        cols: usize,
        to: *mut Self::Elem,
        to_stride: usize,
    );
}

/// The mask that selects the first `count` lanes.
#[inline(always)]
pub(crate) const fn first_lanes(count: usize) -> u32 {
    (1 << count) - 1
}

/// Code that is generic over the vector type.
pub(crate) trait Task<T: Float> {
    /// Runs the code; to be marked `#[inline(always)]`, like all it calls.
    ///
    /// # Safety
    /// That of [`Vector`].
    unsafe fn run<V: Vector<Elem = T>>(self);
}

/// An array as a vector: for types and processors without one of their own. The compiler makes of it what it can.
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
    unsafe fn mul(self, factor: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            out[i] = out[i] * factor.0[i];
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        let mut out = self.0;
        for i in 0..N {
            // What is not a number is below nothing and differs from itself.
            out[i] = if out[i] < other.0[i] || other.0[i] != other.0[i] { other.0[i] } else { out[i] };
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

    #[inline(always)]
    unsafe fn sum(self) -> T {
        let mut sum = T::ZERO;
        for v in self.0 {
            sum += v;
        }
        sum
    }

    #[inline(always)]
    unsafe fn store_selected(self, mask: u32, to: *mut T) {
        if mask == Self::FULL {
            // SAFETY: all lanes are selected, so the caller vouches for LANES writable elements.
            return unsafe { self.store(to) };
        }
        let mut at = 0;
        for (lane, value) in self.0.into_iter().enumerate() {
            if mask >> lane & 1 == 1 {
                // SAFETY: the caller vouches for as many writable elements as lanes are selected.
                unsafe { to.wrapping_add(at).write(value) };
                at += 1;
            }
        }
    }

    #[inline(always)]
    unsafe fn load_selected(mask: u32, from: *const T) -> Self {
        if mask == Self::FULL {
            // SAFETY: all lanes are selected, so the caller vouches for LANES readable elements.
            return unsafe { Self::load(from) };
        }
        let mut out = [T::ZERO; N];
        let mut at = 0;
        for (lane, value) in out.iter_mut().enumerate() {
            if mask >> lane & 1 == 1 {
                // SAFETY: the caller vouches for as many readable elements as lanes are selected.
                *value = unsafe { from.wrapping_add(at).read() };
                at += 1;
            }
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn load_every_second(count: usize, from: *const T) -> Self {
        let mut out = [T::ZERO; N];
        for (i, value) in out.iter_mut().enumerate().take(count) {
            // SAFETY: the caller vouches for twice `count` readable elements, less one.
            *value = unsafe { from.wrapping_add(2 * i).read() };
        }
        Self(out)
    }

    #[inline(always)]
    unsafe fn transpose(
        from: *const T,
        stride: usize,
        rows: usize,
        cols: usize,
        to: *mut T,
        to_stride: usize,
    ) {
        for c in 0..N {
            for r in 0..N {
                // SAFETY: the caller vouches for the block, and for LANES vectors that are written.
                unsafe {
                    let inside = r < rows && c < cols;
                    let value = if inside {
                        from.wrapping_add(r * stride + c).read()
                    } else {
                        T::ZERO
                    };
                    to.wrapping_add(c * to_stride + r).write(value);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Lanes, Vector, first_lanes};

    /// Eight `f32` in an AVX2 register, with FMA.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256);

    // SAFETY of all blocks below: the trait's own contract, that the processor has the instructions and the pointers
    // are valid, is exactly what the intrinsics ask for.
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
        unsafe fn mul(self, factor: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_mul_ps(self.0, factor.0) })
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: see above. The instruction gives its second operand where one of both is not a number.
            unsafe {
                let larger = _mm256_max_ps(self.0, other.0);
                Self(_mm256_blendv_ps(larger, self.0, _mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0)))
            }
        }

        #[inline(always)]
        unsafe fn positive_part(self) -> Self {
            // SAFETY: see above. The instruction gives its second operand where one of both is not a number.
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

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: see above.
            unsafe {
                let four = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }

        #[inline(always)]
        unsafe fn store_selected(self, mask: u32, to: *mut f32) {
            let mut lanes = [0f32; 8];
            // SAFETY: see above.
            unsafe {
                self.store(lanes.as_mut_ptr());
                Lanes::<f32, 8>::load(lanes.as_ptr()).store_selected(mask, to);
            }
        }

        #[inline(always)]
        unsafe fn load_selected(mask: u32, from: *const f32) -> Self {
            let mut lanes = [0f32; 8];
            // SAFETY: see above.
            unsafe {
                Lanes::<f32, 8>::load_selected(mask, from).store(lanes.as_mut_ptr());
                Self::load(lanes.as_ptr())
            }
        }

        #[inline(always)]
        unsafe fn load_every_second(count: usize, from: *const f32) -> Self {
            let mut lanes = [0f32; 8];
            // SAFETY: see above.
            unsafe {
                Lanes::<f32, 8>::load_every_second(count, from).store(lanes.as_mut_ptr());
                Self::load(lanes.as_ptr())
            }
        }

        #[inline(always)]
        unsafe fn transpose(
            from: *const f32,
            stride: usize,
            rows: usize,
            cols: usize,
            to: *mut f32,
            to_stride: usize,
        ) {
            // SAFETY: see above.
            unsafe {
                if rows < 8 || cols < 8 {
                    return Lanes::<f32, 8>::transpose(from, stride, rows, cols, to, to_stride);
                }
                let mut a = [_mm256_setzero_ps(); 8];
                for r in 0..8 {
                    a[r] = _mm256_loadu_ps(from.wrapping_add(r * stride));
                }
                // Pairs of rows, then fours, then the halves.
                let mut b = a;
                for r in 0..4 {
                    b[2 * r] = _mm256_unpacklo_ps(a[2 * r], a[2 * r + 1]);
                    b[2 * r + 1] = _mm256_unpackhi_ps(a[2 * r], a[2 * r + 1]);
                }
                for r in 0..2 {
                    a[4 * r] = _mm256_shuffle_ps::<0x44>(b[4 * r], b[4 * r + 2]);
                    a[4 * r + 1] = _mm256_shuffle_ps::<0xee>(b[4 * r], b[4 * r + 2]);
                    a[4 * r + 2] = _mm256_shuffle_ps::<0x44>(b[4 * r + 1], b[4 * r + 3]);
                    a[4 * r + 3] = _mm256_shuffle_ps::<0xee>(b[4 * r + 1], b[4 * r + 3]);
                }
                for r in 0..4 {
                    let low = _mm256_permute2f128_ps::<0x20>(a[r], a[r + 4]);
                    let high = _mm256_permute2f128_ps::<0x31>(a[r], a[r + 4]);
                    _mm256_storeu_ps(to.wrapping_add(r * to_stride), low);
                    _mm256_storeu_ps(to.wrapping_add((r + 4) * to_stride), high);
                }
            }
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
        unsafe fn mul(self, factor: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_mul_ps(self.0, factor.0) })
        }

        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: see above. The instruction gives its second operand where one of both is not a number.
            unsafe {
                let larger = _mm512_max_ps(self.0, other.0);
                let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
                Self(_mm512_mask_mov_ps(larger, nan, self.0))
            }
        }

        #[inline(always)]
        unsafe fn positive_part(self) -> Self {
            // SAFETY: see above. The instruction gives its second operand where one of both is not a number.
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

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: see above.
            unsafe { _mm512_reduce_add_ps(self.0) }
        }

        #[inline(always)]
        unsafe fn store_selected(self, mask: u32, to: *mut f32) {
            let first = first_lanes(mask.count_ones() as usize) as u16;
            // SAFETY: see above; only as many elements as lanes are selected are written.
            unsafe { _mm512_mask_storeu_ps(to, first, _mm512_maskz_compress_ps(mask as u16, self.0)) }
        }

        #[inline(always)]
        unsafe fn load_selected(mask: u32, from: *const f32) -> Self {
            let first = first_lanes(mask.count_ones() as usize) as u16;
            // SAFETY: see above; only as many elements as lanes are selected are read.
            Self(unsafe { _mm512_maskz_expand_ps(mask as u16, _mm512_maskz_loadu_ps(first, from)) })
        }

        #[inline(always)]
        unsafe fn load_every_second(count: usize, from: *const f32) -> Self {
            // SAFETY: see above; only the first `2 * count - 1` elements are read.
            unsafe {
                let mask = (1u64 << (2 * count - 1)) - 1;
                let low = _mm512_maskz_loadu_ps(mask as u16, from);
                let high = _mm512_maskz_loadu_ps((mask >> 16) as u16, from.wrapping_add(16));
                let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                let all = _mm512_permutex2var_ps(low, even, high);
                Self(_mm512_maskz_mov_ps(first_lanes(count) as u16, all))
            }
        }

        #[inline(always)]
        unsafe fn transpose(
            from: *const f32,
            stride: usize,
            rows: usize,
            cols: usize,
            to: *mut f32,
            to_stride: usize,
        ) {
            // SAFETY: see above; rows and columns beyond the block are not read.
            unsafe {
                let mask = first_lanes(cols) as u16;
                let mut a = [_mm512_setzero_ps(); 16];
                for r in 0..16 {
                    if r < rows {
                        a[r] = _mm512_maskz_loadu_ps(mask, from.wrapping_add(r * stride));
                    }
                }
                // Pairs of rows, then fours within each quarter, then the quarters.
                let mut b = a;
                for r in 0..8 {
                    b[2 * r] = _mm512_unpacklo_ps(a[2 * r], a[2 * r + 1]);
                    b[2 * r + 1] = _mm512_unpackhi_ps(a[2 * r], a[2 * r + 1]);
                }
                for r in 0..4 {
                    a[4 * r] = _mm512_shuffle_ps::<0x44>(b[4 * r], b[4 * r + 2]);
                    a[4 * r + 1] = _mm512_shuffle_ps::<0xee>(b[4 * r], b[4 * r + 2]);
                    a[4 * r + 2] = _mm512_shuffle_ps::<0x44>(b[4 * r + 1], b[4 * r + 3]);
                    a[4 * r + 3] = _mm512_shuffle_ps::<0xee>(b[4 * r + 1], b[4 * r + 3]);
                }
                // Now quarter q of a[4 g + i] is column 4 q + i of rows 4 g to 4 g + 3.
                for i in 0..4 {
                    let low = _mm512_shuffle_f32x4::<0x88>(a[i], a[i + 4]);
                    let high = _mm512_shuffle_f32x4::<0xdd>(a[i], a[i + 4]);
                    let low2 = _mm512_shuffle_f32x4::<0x88>(a[i + 8], a[i + 12]);
                    let high2 = _mm512_shuffle_f32x4::<0xdd>(a[i + 8], a[i + 12]);
                    let at = |column: usize| to.wrapping_add(column * to_stride);
                    _mm512_storeu_ps(at(i), _mm512_shuffle_f32x4::<0x88>(low, low2));
                    _mm512_storeu_ps(at(i + 8), _mm512_shuffle_f32x4::<0xdd>(low, low2));
                    _mm512_storeu_ps(at(i + 4), _mm512_shuffle_f32x4::<0x88>(high, high2));
                    _mm512_storeu_ps(at(i + 12), _mm512_shuffle_f32x4::<0xdd>(high, high2));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::simd::{Level, level};

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
                assert_eq!(
                    v.sum().to_f64(),
                    (0..V::LANES).map(|i| i as f64 - 2.0).sum::<f64>()
                );
                for count in 1..=V::LANES {
                    V::load_every_second(count, x.as_ptr()).store(out.as_mut_ptr());
                    for i in 0..V::LANES {
                        assert!(out[i] == if i < count { x[2 * i] } else { T::ZERO });
                    }
                }
                for (rows, cols) in [(V::LANES, V::LANES), (V::LANES - 1, 3), (2, V::LANES)] {
                    let stride = V::LANES + 3;
                    let block: Vec<T> = (0..rows * stride).map(|i| T::from_f64(i as f64 + 1.0)).collect();
                    let mut out = vec![T::from_f64(-1.0); V::LANES * V::LANES];
                    V::transpose(block.as_ptr(), stride, rows, cols, out.as_mut_ptr(), V::LANES);
                    for (i, got) in out.into_iter().enumerate() {
                        let (c, r) = (i / V::LANES, i % V::LANES);
                        let inside = r < rows && c < cols;
                        assert!(
                            got == if inside { block[r * stride + c] } else { T::ZERO },
                            "row {r}, column {c}"
                        );
                    }
                }
                for mask in [0, 1, 0b1010, 0b1101_0110 & V::FULL, V::FULL] {
                    out.fill(T::from_f64(-1.0));
                    v.store_selected(mask, out.as_mut_ptr());
                    let picked: Vec<T> = (0..V::LANES)
                        .filter(|i| mask >> i & 1 == 1)
                        .map(|i| x[i + 1])
                        .collect();
                    assert!(out[..picked.len()] == picked);
                    assert!(out[picked.len()..].iter().all(|&o| o == T::from_f64(-1.0)));
                    V::load_selected(mask, picked.as_ptr()).store(out.as_mut_ptr());
                    for i in 0..V::LANES {
                        assert!(out[i] == if mask >> i & 1 == 1 { x[i + 1] } else { T::ZERO });
                    }
                }
            }
        }
    }

    #[test]
    fn every_vector_type_computes_what_it_says() {
        for level in [Level::Plain, Level::Avx2, Level::Avx512]
            .into_iter()
            .filter(|&l| l <= level())
        {
            f32::dispatch(level, Check);
            f64::dispatch(level, Check);
        }
    }
}
