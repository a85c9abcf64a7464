//! Elementwise maps: the work on values between one operation and the next.

#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::Grid;
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// `factor · rectified(scale · x + shift)`: how a stored map is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine<'a, T> {
    /// Scale and shift of each padded channel.
    pub(crate) line: Option<[&'a [T]; 2]>,
    /// Whether negative values become 0.
    pub(crate) rectified: bool,
    /// Not negative.
    pub(crate) factor: T,
}

impl<T: Float> Affine<'_, T> {
    /// Whether values are read as they are.
    pub(crate) fn is_identity(&self) -> bool {
        self.line.is_none() && !self.rectified && self.factor == T::ONE
    }

    pub(super) fn check(&self, channels: usize) {
        assert!(
            self.line
                .is_none_or(|line| line.iter().all(|values| values.len() >= channels)),
            "scale and shift"
        );
    }

    /// # Safety
    /// That of [`Vector`]; there is a vector of channels at `channel`.
    #[inline(always)]
    pub(super) unsafe fn line_at<V: Vector<Elem = T>>(&self, channel: usize) -> [V; 2] {
        // SAFETY: the caller's.
        unsafe {
            match self.line {
                Some(line) => line.map(
                    #[inline(always)]
                    |values| V::load(values.as_ptr().wrapping_add(channel)),
                ),
                None => [V::splat(T::ONE), V::splat(T::ZERO)],
            }
        }
    }
}

/// How the gradient of a stored map is made of that of what is read of it: `a · factor · g + b ·
/// z + c`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back<'a, T> {
    /// a, b and c of each padded channel, where there is a batch norm, and the map itself.
    pub(crate) norm: Option<([&'a [T]; 3], &'a [T])>,
    /// What the gradient is multiplied by.
    pub(crate) factor: T,
}

/// Writes `x`, read through `affine`, to `out`.
///
/// # Panics
/// If a slice is too short or the sizes differ.
pub(crate) fn copy<T: Float>(
    level: Level,
    channels: usize,
    affine: Affine<'_, T>,
    (x, from): (&[T], Grid),
    (out, to): (&mut [T], Grid),
) {
    affine.check(channels);
    assert_eq!(from.size, to.size);
    assert_eq!(channels % 8, 0, "padded channels");
    assert!(from.end(channels) <= x.len() && to.end(channels) <= out.len());
    T::dispatch(
        level,
        Copy {
            channels,
            affine,
            x,
            from,
            out,
            to,
        },
    );
}

struct Copy<'a, T> {
    channels: usize,
    affine: Affine<'a, T>,
    x: &'a [T],
    from: Grid,
    out: &'a mut [T],
    to: Grid,
}

impl<T: Float> Task<T> for Copy<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        let (size, channels) = (self.from.size, self.channels);
        // SAFETY: the caller's; lengths have been checked.
        unsafe { all_runs::<V>(size, channels, &mut self) }
    }
}

impl<T: Float> Runs<T> for Copy<'_, T> {
    #[inline(always)]
    unsafe fn pixels<V: Vector<Elem = T>>(&mut self, at: [usize; 2], count: usize, channel: usize) {
        // SAFETY: the caller's.
        unsafe {
            if self.affine.is_identity() {
                self.read::<V, true, false>(at, count, channel);
            } else if self.affine.rectified {
                self.read::<V, false, true>(at, count, channel);
            } else {
                self.read::<V, false, false>(at, count, channel);
            }
        }
    }
}

impl<T: Float> Copy<'_, T> {
    #[inline(always)]
    unsafe fn read<V: Vector<Elem = T>, const PLAIN: bool, const RECTIFIED: bool>(
        &mut self,
        [row, column]: [usize; 2],
        count: usize,
        channel: usize,
    ) {
        let x = self.x.as_ptr().wrapping_add(self.from.at(row, column) + channel);
        let out = self
            .out
            .as_mut_ptr()
            .wrapping_add(self.to.at(row, column) + channel);
        let apart = [self.from.pixel, self.to.pixel];
        // SAFETY: the caller's.
        unsafe {
            let [scale, shift] = self.affine.line_at::<V>(channel);
            let factor = V::splat(self.affine.factor);
            for pixel in 0..count {
                let mut value = V::load(x.wrapping_add(pixel * apart[0]));
                if !PLAIN {
                    value = value.mul_add(scale, shift);
                    if RECTIFIED {
                        value = value.positive_part();
                    }
                    value = value.mul(factor);
                }
                value.store(out.wrapping_add(pixel * apart[1]));
            }
        }
    }
}

/// Writes the gradient of a stored map to `out`, from the gradient `g` of what is read of it; both
/// maps are whole.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn copy_gradient<T: Float>(
    level: Level,
    channels: usize,
    back: Back<'_, T>,
    g: &[T],
    (out, to): (&mut [T], Grid),
) {
    let from = Grid::whole(to.size, channels);
    assert_eq!(channels % 8, 0, "padded channels");
    assert!(from.end(channels) <= g.len() && to.end(channels) <= out.len());
    if let Some((lines, z)) = back.norm {
        assert!(from.end(channels) <= z.len());
        assert!(lines.iter().all(|line| line.len() >= channels));
    }
    T::dispatch(
        level,
        CopyGradient {
            channels,
            back,
            g,
            from,
            out,
            to,
        },
    );
}

struct CopyGradient<'a, T> {
    channels: usize,
    back: Back<'a, T>,
    g: &'a [T],
    from: Grid,
    out: &'a mut [T],
    to: Grid,
}

impl<T: Float> Task<T> for CopyGradient<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        let (size, channels) = (self.from.size, self.channels);
        // SAFETY: the caller's; lengths have been checked.
        unsafe { all_runs::<V>(size, channels, &mut self) }
    }
}

impl<T: Float> Runs<T> for CopyGradient<'_, T> {
    #[inline(always)]
    unsafe fn pixels<V: Vector<Elem = T>>(
        &mut self,
        [row, column]: [usize; 2],
        count: usize,
        channel: usize,
    ) {
        let at = self.from.at(row, column) + channel;
        let g = self.g.as_ptr().wrapping_add(at);
        let out = self
            .out
            .as_mut_ptr()
            .wrapping_add(self.to.at(row, column) + channel);
        let apart = [self.channels, self.to.pixel];
        // SAFETY: the caller's.
        unsafe {
            let factor = V::splat(self.back.factor);
            match self.back.norm {
                Some(([a, b, c], z)) => {
                    let z = z.as_ptr().wrapping_add(at);
                    let a = V::load(a.as_ptr().wrapping_add(channel)).mul(factor);
                    let b = V::load(b.as_ptr().wrapping_add(channel));
                    let c = V::load(c.as_ptr().wrapping_add(channel));
                    for pixel in 0..count {
                        let offset = pixel * apart[0];
                        let constant = V::load(z.wrapping_add(offset)).mul_add(b, c);
                        V::load(g.wrapping_add(offset))
                            .mul_add(a, constant)
                            .store(out.wrapping_add(pixel * apart[1]));
                    }
                }
                None => {
                    for pixel in 0..count {
                        V::load(g.wrapping_add(pixel * apart[0]))
                            .mul(factor)
                            .store(out.wrapping_add(pixel * apart[1]));
                    }
                }
            }
        }
    }
}

/// `to` += what arrives at a whole map `z` from a gradient `dx` of what is read of it through
/// `gate`: nothing where that is rectified, `gate.factor · dx` elsewhere. Scale and shift of the
/// gate say where; they do not multiply. At the `first` one it is put there instead of added.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn accumulate<T: Float>(
    level: Level,
    channels: usize,
    gate: Affine<'_, T>,
    z: &[T],
    (dx, from): (&[T], Grid),
    to: &mut [T],
    first: bool,
) {
    let whole = Grid::whole(from.size, channels);
    gate.check(channels);
    assert_eq!(channels % 8, 0, "padded channels");
    assert!(from.end(channels) <= dx.len() && whole.end(channels) <= to.len());
    assert!(!gate.rectified || whole.end(channels) <= z.len());
    T::dispatch(
        level,
        Accumulate {
            channels,
            gate,
            z,
            dx,
            from,
            whole,
            to,
            first,
        },
    );
}

struct Accumulate<'a, T> {
    channels: usize,
    gate: Affine<'a, T>,
    z: &'a [T],
    dx: &'a [T],
    from: Grid,
    whole: Grid,
    to: &'a mut [T],
    first: bool,
}

impl<T: Float> Task<T> for Accumulate<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        let (size, channels) = (self.from.size, self.channels);
        // SAFETY: the caller's; lengths have been checked.
        unsafe { all_runs::<V>(size, channels, &mut self) }
    }
}

impl<T: Float> Runs<T> for Accumulate<'_, T> {
    #[inline(always)]
    unsafe fn pixels<V: Vector<Elem = T>>(&mut self, at: [usize; 2], count: usize, channel: usize) {
        // SAFETY: the caller's.
        unsafe {
            if self.gate.rectified {
                self.add::<V, true>(at, count, channel);
            } else {
                self.add::<V, false>(at, count, channel);
            }
        }
    }
}

impl<T: Float> Accumulate<'_, T> {
    #[inline(always)]
    unsafe fn add<V: Vector<Elem = T>, const RECTIFIED: bool>(
        &mut self,
        [row, column]: [usize; 2],
        count: usize,
        channel: usize,
    ) {
        let at = self.whole.at(row, column) + channel;
        let dx = self.dx.as_ptr().wrapping_add(self.from.at(row, column) + channel);
        let z = self.z.as_ptr().wrapping_add(at);
        let to = self.to.as_mut_ptr().wrapping_add(at);
        let (apart, first) = ([self.from.pixel, self.channels], self.first);
        // SAFETY: the caller's.
        unsafe {
            let [scale, shift] = self.gate.line_at::<V>(channel);
            let factor = V::splat(self.gate.factor);
            for pixel in 0..count {
                let offset = pixel * apart[1];
                let mut value = V::load(dx.wrapping_add(pixel * apart[0]));
                if RECTIFIED {
                    let read = V::load(z.wrapping_add(offset)).mul_add(scale, shift);
                    value = value.where_positive(read);
                }
                let to = to.wrapping_add(offset);
                if first {
                    value.mul(factor).store(to);
                } else {
                    value.mul_add(factor, V::load(to)).store(to);
                }
            }
        }
    }
}

/// A term of a sum of maps: a whole map, and how it is read.
#[derive(Debug, Clone)]
pub(crate) struct Term<'a, T> {
    /// The map.
    pub(crate) z: &'a [T],
    /// How it is read; its factor is the term's weight, of any sign.
    pub(crate) affine: Affine<'a, T>,
}

/// `out` = the sum of the terms, from the first to the last; all maps are whole, of `pixels`
/// pixels.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn add_terms<T: Float>(
    level: Level,
    channels: usize,
    pixels: usize,
    terms: &[Term<'_, T>],
    out: &mut [T],
) {
    let len = pixels * channels;
    let out = &mut out[..len];
    if terms.is_empty() {
        out.fill(T::ZERO);
        return;
    }
    assert_eq!(channels % 8, 0, "padded channels");
    for term in terms {
        term.affine.check(channels);
        assert!(len <= term.z.len());
    }
    T::dispatch(
        level,
        AddTerms {
            channels,
            pixels,
            terms,
            out,
        },
    );
}

struct AddTerms<'a, T> {
    channels: usize,
    pixels: usize,
    terms: &'a [Term<'a, T>],
    out: &'a mut [T],
}

impl<T: Float> Task<T> for AddTerms<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        let (size, channels) = ([1, self.pixels], self.channels);
        // SAFETY: the caller's; lengths have been checked.
        unsafe { all_runs::<V>(size, channels, &mut self) }
    }
}

impl<T: Float> Runs<T> for AddTerms<'_, T> {
    #[inline(always)]
    unsafe fn pixels<V: Vector<Elem = T>>(&mut self, [_, first]: [usize; 2], count: usize, channel: usize) {
        let at = first * self.channels + channel;
        let (out, apart) = (self.out.as_mut_ptr().wrapping_add(at), self.channels);
        for (i, term) in self.terms.iter().enumerate() {
            let z = term.z.as_ptr().wrapping_add(at);
            // SAFETY: the caller's.
            unsafe {
                let [scale, shift] = term.affine.line_at::<V>(channel);
                let weight = V::splat(term.affine.factor);
                if term.affine.rectified {
                    for pixel in 0..count {
                        let to = out.wrapping_add(pixel * apart);
                        let value = V::load(z.wrapping_add(pixel * apart))
                            .mul_add(scale, shift)
                            .positive_part();
                        let before = if i == 0 { V::splat(T::ZERO) } else { V::load(to) };
                        value.mul_add(weight, before).store(to);
                    }
                } else {
                    let (scale, shift) = (scale.mul(weight), shift.mul(weight));
                    for pixel in 0..count {
                        let to = out.wrapping_add(pixel * apart);
                        let before = if i == 0 { shift } else { V::load(to).add(shift) };
                        V::load(z.wrapping_add(pixel * apart))
                            .mul_add(scale, before)
                            .store(to);
                    }
                }
            }
        }
    }
}

/// An operation that is the same for all pixels of a map.
trait Runs<T: Float> {
    /// Applies it to this number of pixels of a row, from the given one on, and to a vector of
    /// their channels.
    ///
    /// # Safety
    /// That of [`Vector`]; the pixels are in the map, and the channels among its.
    unsafe fn pixels<V: Vector<Elem = T>>(&mut self, from: [usize; 2], count: usize, channel: usize);
}

/// Elements that are finished before the next ones: all that is done to them should find them in
/// the first-level cache.
const BLOCK: usize = 1 << 11;

/// Applies `runs` to all pixels of a map of this size, with vectors of `V` for as many channels as
/// possible, then with narrower ones.
///
/// # Safety
/// That of [`Vector`]; the map is of this size.
#[inline(always)]
unsafe fn all_runs<V: Vector>(size: [usize; 2], channels: usize, runs: &mut impl Runs<V::Elem>) {
    let wide = channels / V::LANES * V::LANES;
    let block = (BLOCK / channels).max(1);
    for row in 0..size[0] {
        // No `step_by`, which divides for each row.
        let mut column = 0;
        while column < size[1] {
            let count = block.min(size[1] - column);
            // SAFETY: the caller's.
            unsafe {
                for channel in (0..wide).step_by(V::LANES) {
                    runs.pixels::<V>([row, column], count, channel);
                }
                if V::NARROWER {
                    for channel in (wide..channels).step_by(V::Narrow::LANES) {
                        runs.pixels::<V::Narrow>([row, column], count, channel);
                    }
                }
            }
            column += count;
        }
    }
}
