//! Tiles, and how a line of one is transformed.

#![allow(unsafe_code, reason = "arithmetic of vectors")]

use candle_core::WithDType as _;

use crate::kernels::vector::Vector;

/// Outputs that are computed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tile {
    /// 2×2 outputs: 16 products take the place of 36.
    Two,
    /// 4×4 outputs: 36 products take the place of 144.
    Four,
}

impl Tile {
    /// Rows and columns of outputs.
    pub(crate) const fn outputs(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// The output's rows and columns, rounded up to whole tiles.
    pub(crate) fn filled(self, output: [usize; 2]) -> [usize; 2] {
        output.map(|side| side.next_multiple_of(self.outputs()))
    }

    /// Products for an output of this size and a pair of channels.
    pub(crate) fn products(self, output: [usize; 2]) -> usize {
        let [rows, columns] = output.map(|side| side.div_ceil(self.outputs()));
        rows * columns * self.positions()
    }

    /// Positions in a tile of inputs: how many matrices a transformed weight is.
    pub(crate) const fn positions(self) -> usize {
        let inputs = self.outputs() + 2;
        inputs * inputs
    }
}

/// The matrices of F(M, 3), each times a line. A tile is transformed along its columns, then along
/// its rows.
pub(super) trait Lines<const M: usize, const N: usize> {
    /// `Bᵀ d`, of inputs.
    ///
    /// # Safety
    /// That of [`Vector`], for all of them.
    unsafe fn input<V: Vector>(d: [V; N]) -> [V; N];
    /// `Aᵀ m`: outputs of products.
    unsafe fn output<V: Vector>(m: [V; N]) -> [V; M];
    /// `A y`, of gradients of outputs.
    unsafe fn gradient<V: Vector>(y: [V; M]) -> [V; N];
    /// `G g`, of weights.
    unsafe fn weight<V: Vector>(g: [V; 3]) -> [V; N];
    /// `Gᵀ u`: the gradient of weights.
    unsafe fn gather<V: Vector>(u: [V; N]) -> [V; 3];
}

/// Minimal filtering.
pub(super) struct Minimal;

/// From the points 0, 1, −1 and ∞:
///
/// ```text
///      ⎡1  0 −1  0⎤       ⎡1   0   0⎤       ⎡1  0⎤
/// Bᵀ = ⎢0  1  1  0⎥   G = ⎢½   ½   ½⎥   A = ⎢1  1⎥
///      ⎢0 −1  1  0⎥       ⎢½  −½   ½⎥       ⎢1 −1⎥
///      ⎣0 −1  0  1⎦       ⎣0   0   1⎦       ⎣0  1⎦
/// ```
impl Lines<2, 4> for Minimal {
    #[inline(always)]
    unsafe fn input<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 4] {
        // SAFETY: the caller's.
        unsafe { [a.sub(c), b.add(c), c.sub(b), d.sub(b)] }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 2] {
        // SAFETY: the caller's.
        unsafe { [a.add(b).add(c), b.sub(c).add(d)] }
    }

    #[inline(always)]
    unsafe fn gradient<V: Vector>([a, b]: [V; 2]) -> [V; 4] {
        // SAFETY: the caller's.
        unsafe { [a, a.add(b), a.sub(b), b] }
    }

    #[inline(always)]
    unsafe fn weight<V: Vector>([a, b, c]: [V; 3]) -> [V; 4] {
        // SAFETY: the caller's.
        unsafe {
            let half = constant::<V>(0.5);
            let ends = a.add(c);
            [a, ends.add(b).mul(half), ends.sub(b).mul(half), c]
        }
    }

    #[inline(always)]
    unsafe fn gather<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 3] {
        // SAFETY: the caller's.
        unsafe {
            let half = constant::<V>(0.5);
            let middle = b.add(c).mul(half);
            [a.add(middle), b.sub(c).mul(half), middle.add(d)]
        }
    }
}

/// The points of F(4, 3) beside 0 and ∞ are ±p and ±1/p.
const P: f64 = 2.0 / 3.0;
const P2: f64 = P * P;
const P3: f64 = P * P2;
const Q: f64 = 1.0 / P;
const Q2: f64 = Q * Q;
const Q3: f64 = Q * Q2;
/// What is left of the products of the differences between points, which divide the weights.
const S: f64 = 1.0 / (2.0 * P2 * (P2 - Q2));
const R: f64 = 1.0 / (2.0 * Q2 * (Q2 - P2));

/// From the points 0, ±p, ±q and ∞ with p = 2/3 and q = 1/p, of which sums lose a quarter to a half
/// of what they lose of the usual 0, ±1, ±2 and ∞:
///
/// ```text
///      ⎡1    0  −p²−q²    0  1  0⎤       ⎡ 1    0    0 ⎤       ⎡1  0   0   0⎤
///      ⎢0 −pq²   −q²      p  1  0⎥       ⎢ s   sp   sp²⎥       ⎢1  p  p²  p³⎥
/// Bᵀ = ⎢0  pq²   −q²     −p  1  0⎥   G = ⎢ s  −sp   sp²⎥   A = ⎢1 −p  p² −p³⎥
///      ⎢0 −p²q   −p²      q  1  0⎥       ⎢ r   rq   rq²⎥       ⎢1  q  q²  q³⎥
///      ⎢0  p²q   −p²     −q  1  0⎥       ⎢ r  −rq   rq²⎥       ⎢1 −q  q² −q³⎥
///      ⎣0    1    0  −p²−q²  0  1⎦       ⎣ 0    0    1 ⎦       ⎣0  0   0   1⎦
/// ```
///
/// with s = 1 / (2p²(p² − q²)) and r = 1 / (2q²(q² − p²)).
impl Lines<4, 6> for Minimal {
    #[inline(always)]
    unsafe fn input<V: Vector>([a, b, c, d, e, f]: [V; 6]) -> [V; 6] {
        // SAFETY: the caller's.
        unsafe {
            let both = constant::<V>(-P2 - Q2);
            let [first, second] = [constant::<V>(-Q2), constant::<V>(-P2)];
            let [of_p, at_p] = [b.mul_add(first, d), c.mul_add(first, e)];
            let [of_q, at_q] = [b.mul_add(second, d), c.mul_add(second, e)];
            [
                c.mul_add(both, a.add(e)),
                of_p.mul_add(constant::<V>(P), at_p),
                of_p.mul_add(constant::<V>(-P), at_p),
                of_q.mul_add(constant::<V>(Q), at_q),
                of_q.mul_add(constant::<V>(-Q), at_q),
                d.mul_add(both, b.add(f)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>([a, b, c, d, e, f]: [V; 6]) -> [V; 4] {
        // SAFETY: the caller's.
        unsafe {
            let [even_p, odd_p] = [b.add(c), b.sub(c)];
            let [even_q, odd_q] = [d.add(e), d.sub(e)];
            [
                a.add(even_p).add(even_q),
                odd_q.mul_add(constant::<V>(Q), odd_p.mul(constant::<V>(P))),
                even_q.mul_add(constant::<V>(Q2), even_p.mul(constant::<V>(P2))),
                odd_q.mul_add(constant::<V>(Q3), odd_p.mul_add(constant::<V>(P3), f)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn gradient<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 6] {
        // SAFETY: the caller's.
        unsafe {
            let even_p = c.mul_add(constant::<V>(P2), a);
            let even_q = c.mul_add(constant::<V>(Q2), a);
            let odd_p = d.mul_add(constant::<V>(P3), b.mul(constant::<V>(P)));
            let odd_q = d.mul_add(constant::<V>(Q3), b.mul(constant::<V>(Q)));
            [
                a,
                even_p.add(odd_p),
                even_p.sub(odd_p),
                even_q.add(odd_q),
                even_q.sub(odd_q),
                d,
            ]
        }
    }

    #[inline(always)]
    unsafe fn weight<V: Vector>([a, b, c]: [V; 3]) -> [V; 6] {
        // SAFETY: the caller's.
        unsafe {
            let even_p = c.mul_add(constant::<V>(S * P2), a.mul(constant::<V>(S)));
            let even_q = c.mul_add(constant::<V>(R * Q2), a.mul(constant::<V>(R)));
            let [odd_p, odd_q] = [b.mul(constant::<V>(S * P)), b.mul(constant::<V>(R * Q))];
            [
                a,
                even_p.add(odd_p),
                even_p.sub(odd_p),
                even_q.add(odd_q),
                even_q.sub(odd_q),
                c,
            ]
        }
    }

    #[inline(always)]
    unsafe fn gather<V: Vector>([a, b, c, d, e, f]: [V; 6]) -> [V; 3] {
        // SAFETY: the caller's.
        unsafe {
            let [even_p, odd_p] = [b.add(c), b.sub(c)];
            let [even_q, odd_q] = [d.add(e), d.sub(e)];
            [
                even_q.mul_add(constant::<V>(R), even_p.mul_add(constant::<V>(S), a)),
                odd_q.mul_add(constant::<V>(R * Q), odd_p.mul(constant::<V>(S * P))),
                even_q.mul_add(constant::<V>(R * Q2), even_p.mul_add(constant::<V>(S * P2), f)),
            ]
        }
    }
}

/// # Safety
/// That of [`Vector`].
#[inline(always)]
unsafe fn constant<V: Vector>(value: f64) -> V {
    // SAFETY: the caller's.
    unsafe { V::splat(V::Elem::from_f64(value)) }
}
