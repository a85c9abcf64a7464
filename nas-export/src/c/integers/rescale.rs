//! From sums to integers of 8 bits.

use crate::c::function::Function;

/// Most bits that a product is shifted by.
const MOST_SHIFT: i32 = 61;
/// Bits that an offset may have.
const OFFSET_BITS: i32 = 60;

/// What the integers of a map are worth: S · (q − Z).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::c) struct Scale {
    /// S, more than 0.
    pub(in crate::c) step: f64,
    /// Z, from −128 to 127.
    pub(in crate::c) zero: i32,
}

impl Scale {
    /// That of numbers in this range, and of 0.
    pub(in crate::c) fn of([low, high]: [f32; 2]) -> Self {
        let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
        let step = (high - low) / 255.0;
        if step <= f64::from(f32::MIN_POSITIVE) || !step.is_finite() {
            return Self { step: 1.0, zero: 0 };
        }
        let zero = (-128.0 - low / step).round_ties_even().clamp(-128.0, 127.0);
        Self {
            step,
            zero: zero as i32,
        }
    }

    /// The integer of a number.
    pub(in crate::c) fn quantize(&self, value: f32) -> i8 {
        let whole = (f64::from(value) / self.step).round_ties_even() + f64::from(self.zero);
        whole.clamp(-128.0, 127.0) as i8
    }
}

/// How a sum s becomes an integer of a map: the nearest integer to (factor · s + offset) / 2^shift,
/// where two are equally near the larger one, plus zero; what is below `low` or above 127 becomes
/// that.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::c) struct Rescale {
    /// Whether negative sums become 0 before all else.
    pub(in crate::c) before: bool,
    /// For each channel, or one for all.
    pub(in crate::c) factors: Vec<i32>,
    /// For each channel; none are zeros.
    pub(in crate::c) offsets: Vec<i64>,
    /// At least 1.
    pub(in crate::c) shift: u32,
    pub(in crate::c) zero: i32,
    pub(in crate::c) low: i32,
}

impl Rescale {
    /// For sums that are worth so many `units` a piece, of each channel or of all, which go through
    /// a function into a map.
    pub(in crate::c) fn new(units: &[f64], function: &Function, out: Scale) -> Self {
        let unit = |channel: usize| units[channel.min(units.len() - 1)];
        let (factors, offsets): (Vec<f64>, Vec<f64>) = match &function.line {
            None => (units.iter().map(|unit| unit / out.step).collect(), Vec::new()),
            Some(line) => line
                .iter()
                .enumerate()
                .map(|(channel, &[scale, shift])| {
                    let factor = unit(channel) * f64::from(scale) / out.step;
                    (factor, f64::from(shift) / out.step)
                })
                .unzip(),
        };
        let most = |numbers: &[f64]| {
            numbers
                .iter()
                .fold(0.0_f64, |most, number| most.max(number.abs()))
        };
        // The largest shift with which all fit.
        let fits = |shift: &i32| {
            let by = 2.0_f64.powi(*shift);
            most(&factors) * by < f64::from(i32::MAX) && most(&offsets) * by < 2.0_f64.powi(OFFSET_BITS)
        };
        let shift = (1..=MOST_SHIFT).rev().find(fits).unwrap_or(1);
        let by = 2.0_f64.powi(shift);
        let rectified = function.after || (function.before && function.line.is_none());
        Self {
            before: function.before && function.line.is_some(),
            factors: factors
                .iter()
                .map(|factor| (factor * by).round_ties_even() as i32)
                .collect(),
            offsets: offsets
                .iter()
                .map(|offset| (offset * by).round_ties_even() as i64)
                .collect(),
            shift: shift as u32,
            zero: out.zero,
            low: if rectified { out.zero } else { -128 },
        }
    }

    /// What becomes of the sum of a channel.
    pub(in crate::c) fn of(&self, channel: usize, sum: i32) -> i8 {
        let sum = if self.before { sum.max(0) } else { sum };
        let factor = self.factors[channel.min(self.factors.len() - 1)];
        let offset = self.offsets.get(channel).copied().unwrap_or(0);
        let product = i64::from(sum) * i64::from(factor) + offset + (1 << (self.shift - 1));
        let whole = (product >> self.shift) + i64::from(self.zero);
        whole.clamp(i64::from(self.low), 127) as i8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_become_the_nearest_integers() {
        let out = Scale::of([-1.0, 4.1]);
        assert_eq!((out.zero, out.quantize(0.0), out.quantize(9.0)), (-78, -78, 127));
        let line = Function::line(vec![[0.5, -0.25], [-3.0, 1.0]]);
        for function in [
            Function::default(),
            Function::relu(),
            Function {
                before: true,
                ..line.clone()
            },
            line,
        ] {
            let units = [0.001, 0.000_01];
            let rescale = Rescale::new(&units, &function, out);
            for (channel, unit) in units.iter().enumerate() {
                for sum in [-200_000, -4_001, -1, 0, 3, 999, 4_321, 1_000_000] {
                    let real = f64::from(function.of(channel, (f64::from(sum) * unit) as f32));
                    let expected = (real / out.step + f64::from(out.zero)).clamp(-128.0, 127.0);
                    let got = f64::from(rescale.of(channel, sum));
                    assert!(
                        (got - expected).abs() <= 0.501,
                        "{function:?} {sum}: {got}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn halves_are_rounded_up() {
        let rescale = Rescale {
            before: false,
            factors: vec![1],
            offsets: Vec::new(),
            shift: 1,
            zero: 0,
            low: -128,
        };
        let rounded = [-3, -2, -1, 0, 1, 2, 3].map(|sum| rescale.of(0, sum));
        assert_eq!(rounded, [-1, -1, 0, 0, 1, 1, 2]);
    }
}
