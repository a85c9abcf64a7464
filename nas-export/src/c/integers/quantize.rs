//! From a program in 32-bit numbers to one in integers.

use std::collections::BTreeMap;

use nas_space::network::PoolKind;

use super::rescale::{Rescale, Scale};
use crate::c::call::{Call, CallKind};
use crate::c::program::{Program, Step};
use crate::c::single::{self, Observer, Place};
use crate::c::view::Part;
use crate::error::ExportError;

/// The largest integer of a weight.
const LARGEST_WEIGHT: f64 = 127.0;
/// A bias is at most so many times what a weight's integer is worth times what a value's is.
const LARGEST_BIAS: f64 = (1 << 24) as f64;
/// What a sum over a window is multiplied with before it is divided.
pub(in crate::c) const MEAN: i32 = 4_096;
/// Most places of a window that is averaged: sums times [`MEAN`] fit 32 bits.
const MOST_PLACES: usize = 2_000;
/// What the terms of a sum add up to has at most so many bits.
const SUM_BITS: i32 = 29;
/// Bits behind the point of a pixel's factor.
pub(in crate::c) const PIXEL_BITS: u32 = 16;

/// The integers of a program.
#[derive(Debug, Clone)]
pub(in crate::c) struct Quantized {
    /// Of each step, what its map's integers are worth.
    pub(in crate::c) maps: Vec<Scale>,
    /// Factor and offset of a byte of each channel, times 2^[`PIXEL_BITS`].
    pub(in crate::c) pixels: Vec<[i64; 2]>,
    /// Of each call of each step.
    pub(in crate::c) calls: Vec<Vec<Weights>>,
    /// Of parts that are read through a scale and a shift, how they are read.
    pub(in crate::c) reads: BTreeMap<Place, (Scale, Rescale)>,
}

/// The integers of a call.
#[derive(Debug, Clone)]
pub(in crate::c) struct Weights {
    /// In the order of the call's weights.
    pub(in crate::c) weight: Vec<i8>,
    /// Of a convolution, less what the zeros of its inputs add up to; of a sum, the factors of its
    /// terms.
    pub(in crate::c) bias: Vec<i32>,
    pub(in crate::c) rescale: Rescale,
}

/// The smallest and the largest value of each map, and of each part that is read through a scale
/// and a shift.
#[derive(Debug, Default)]
struct Ranges {
    maps: Vec<[f32; 2]>,
    reads: BTreeMap<Place, [f32; 2]>,
}

const NOTHING: [f32; 2] = [f32::INFINITY, f32::NEG_INFINITY];

fn widen([low, high]: &mut [f32; 2], values: &[f32]) {
    for &value in values {
        (*low, *high) = (low.min(value), high.max(value));
    }
}

impl Observer for Ranges {
    fn written(&mut self, step: usize, values: &[f32]) {
        widen(&mut self.maps[step], values);
    }

    fn read(&mut self, at: Place, values: &[f32]) {
        widen(self.reads.entry(at).or_insert(NOTHING), values);
    }
}

impl Quantized {
    /// The integers with the ranges that values have on these images.
    pub(in crate::c) fn of(program: &Program, images: &[Vec<u8>]) -> Result<Self, ExportError> {
        let mut ranges = Ranges {
            maps: vec![NOTHING; program.steps.len()],
            reads: BTreeMap::new(),
        };
        for image in images {
            single::scores(program, image, &mut ranges);
        }
        let mut quantized = Self {
            maps: Vec::new(),
            pixels: Vec::new(),
            calls: Vec::new(),
            reads: BTreeMap::new(),
        };
        for (number, step) in program.steps.iter().enumerate() {
            let scale = match quantized.of_pooled(step) {
                Some(scale) => scale,
                None => Scale::of(ranges.maps[number]),
            };
            quantized.maps.push(scale);
            let mut calls = Vec::new();
            for (place, call) in step.calls.iter().enumerate() {
                calls.push(quantized.call(step, call, [number, place], &ranges)?);
            }
            quantized.calls.push(calls);
        }
        let image = quantized.maps[0];
        let by = f64::from(1 << PIXEL_BITS);
        let pixel = |&[scale, shift]: &[f64; 2]| {
            let offset = shift / image.step + f64::from(image.zero);
            [scale / image.step * by, offset * by].map(|number| number.round_ties_even() as i64)
        };
        quantized.pixels = program.pixels.iter().map(pixel).collect();
        if program.scores.parts.len() != 1 || !program.scores.parts[0].function.is_identity() {
            return Err(ExportError::Mismatch {
                what: "the layer of the class scores",
                got: "a layer without a map of its own".to_owned(),
                expected: "a linear layer, a convolution or a mean, for 8-bit integers".to_owned(),
            });
        }
        Ok(quantized)
    }

    /// What the class scores are worth.
    pub(in crate::c) fn scores(&self, program: &Program) -> Scale {
        self.of_part(&program.scores.parts[0], None)
    }

    /// The scale of what is pooled, for its largest values: they stay the integers that they are.
    fn of_pooled(&self, step: &Step) -> Option<Scale> {
        let [call] = step.calls.as_slice() else {
            return None;
        };
        let CallKind::Pool {
            kind: PoolKind::Max, ..
        } = call.kind
        else {
            return None;
        };
        let part = &call.parts()[0];
        let plain = part.function.line.is_none() && call.function.line.is_none();
        part.step.filter(|_| plain).map(|step| self.maps[step])
    }

    /// What the integers of a part are worth.
    pub(in crate::c) fn of_part(&self, part: &Part, at: Option<Place>) -> Scale {
        if let Some((scale, _)) = at.and_then(|at| self.reads.get(&at)) {
            return *scale;
        }
        match part.step {
            Some(step) => self.maps[step],
            None => {
                let mut range = [0.0; 2];
                widen(&mut range, &part.border);
                Scale::of(range)
            }
        }
    }

    fn call(
        &mut self,
        step: &Step,
        call: &Call,
        [number, place]: [usize; 2],
        ranges: &Ranges,
    ) -> Result<Weights, ExportError> {
        let at = |input, part| Place {
            step: number,
            call: place,
            input,
            part,
        };
        for (input, parts) in call.inputs.iter().enumerate() {
            for (place, part) in parts.iter().enumerate() {
                if let (Some(step), Some(_)) = (part.step, &part.function.line) {
                    let at = at(input, place);
                    let scale = Scale::of(ranges.reads.get(&at).copied().unwrap_or(NOTHING));
                    let rescale = Rescale::new(&[self.maps[step].step], &part.function, scale);
                    self.reads.insert(at, (scale, rescale));
                }
            }
        }
        let out = self.maps[number];
        let of = |input: usize| {
            let parts = call.inputs[input].iter().enumerate();
            parts.map(move |(place, part)| (part, at(input, place)))
        };
        let plain = |unit: f64| Weights {
            weight: Vec::new(),
            bias: Vec::new(),
            rescale: Rescale::new(&[unit], &call.function, out),
        };
        let first = || {
            of(0)
                .next()
                .map_or(1.0, |(part, at)| self.of_part(part, Some(at)).step)
        };
        Ok(match &call.kind {
            CallKind::Conv { weight, bias, .. } => {
                // What an integer of each input channel is worth, and its zero.
                let inputs: Vec<Scale> = of(0)
                    .flat_map(|(part, at)| vec![self.of_part(part, Some(at)); part.channels])
                    .collect();
                let rows = weight.chunks(call.channels).zip(inputs.iter().cycle());
                let worth = rows.flat_map(|(row, input)| row.iter().map(|w| f64::from(*w) * input.step));
                let worth: Vec<f64> = worth.collect();
                let zeros = inputs.iter().cycle().map(|input| input.zero);
                weights(step, call, &worth, bias, zeros, out)?
            }
            CallKind::Depthwise { weight, bias, .. } => {
                let input = first();
                let worth: Vec<f64> = weight.iter().map(|w| f64::from(*w) * input).collect();
                weights(step, call, &worth, bias, std::iter::repeat(0), out)?
            }
            CallKind::Pool { kind, windows } => match kind {
                PoolKind::Max => plain(first()),
                PoolKind::Average if windows.taps() > MOST_PLACES => {
                    return Err(too_many(step, "the places of a window", MOST_PLACES));
                }
                PoolKind::Average => plain(first() / f64::from(MEAN)),
            },
            CallKind::Mean => {
                let count = step.seen[0] * step.seen[1];
                if count > 1 << 22 {
                    return Err(too_many(step, "the places of a map", 1 << 22));
                }
                plain(first() / count as f64)
            }
            CallKind::Add => {
                let scales = (0..call.inputs.len()).flat_map(of);
                let scales: Vec<f64> = scales
                    .map(|(part, at)| self.of_part(part, Some(at)).step)
                    .collect();
                let largest = scales.iter().copied().fold(0.0, f64::max);
                let terms = f64::from(255) * scales.len() as f64;
                let bits = SUM_BITS - terms.log2().ceil() as i32;
                let unit = largest / 2.0_f64.powi(bits);
                let factors = scales.iter().map(|scale| (scale / unit).round_ties_even() as i32);
                Weights {
                    bias: factors.collect(),
                    ..plain(unit)
                }
            }
        })
    }
}

/// The weights of a convolution, of which `worth` says what each is worth times an integer of its
/// input, and `zeros` what the zero of the input of each row is that sums have to leave out.
fn weights(
    step: &Step,
    call: &Call,
    worth: &[f64],
    bias: &[f32],
    zeros: impl Iterator<Item = i32>,
    out: Scale,
) -> Result<Weights, ExportError> {
    let channels = call.channels;
    let mut units: Vec<f64> = bias
        .iter()
        .map(|bias| f64::from(bias.abs()) / LARGEST_BIAS)
        .collect();
    for row in worth.chunks(channels) {
        for (unit, worth) in units.iter_mut().zip(row) {
            *unit = unit.max(worth.abs() / LARGEST_WEIGHT);
        }
    }
    units
        .iter_mut()
        .filter(|unit| **unit == 0.0)
        .for_each(|unit| *unit = 1.0);
    let weight: Vec<i8> = worth
        .chunks(channels)
        .flat_map(|row| row.iter().zip(&units))
        .map(|(worth, unit)| (worth / unit).round_ties_even() as i8)
        .collect();
    let mut sums: Vec<i64> = bias
        .iter()
        .zip(&units)
        .map(|(bias, unit)| (f64::from(*bias) / unit).round_ties_even() as i64)
        .collect();
    let mut most = vec![0; channels];
    for (row, zero) in weight.chunks(channels).zip(zeros) {
        for ((sum, most), weight) in sums.iter_mut().zip(&mut most).zip(row) {
            *sum -= i64::from(zero) * i64::from(*weight);
            *most += 255 * i64::from(weight.unsigned_abs());
        }
    }
    if sums
        .iter()
        .zip(&most)
        .any(|(sum, most)| sum.abs() + most > i64::from(i32::MAX))
    {
        return Err(too_many(step, "the weights of an output channel", 65_000));
    }
    Ok(Weights {
        weight,
        bias: sums.into_iter().map(|sum| sum as i32).collect(),
        rescale: Rescale::new(&units, &call.function, out),
    })
}

fn too_many(step: &Step, what: &'static str, most: usize) -> ExportError {
    ExportError::Mismatch {
        what,
        got: format!("too many, in layer '{}'", step.layer),
        expected: format!("at most about {most} for 8-bit integers"),
    }
}
