//! The program in 32-bit numbers, run here: in the same arena and with the same loops as in C.

use nas_space::network::PoolKind;

use crate::c::call::{Call, CallKind};
use crate::c::program::{Program, Step};
use crate::c::view::Part;

/// Sees the map of each step when it is written, and what is read through functions.
pub(in crate::c) trait Observer {
    /// Some channels of a map that has been written, by the number of its step.
    fn written(&mut self, step: usize, values: &[f32]);
    /// What input `input` of call `call` reads of a part with a function, at one place.
    fn read(&mut self, at: Place, values: &[f32]);
}

/// Where something is read: numbers of a step, a call, an input and a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::c) struct Place {
    pub(in crate::c) step: usize,
    pub(in crate::c) call: usize,
    pub(in crate::c) input: usize,
    pub(in crate::c) part: usize,
}

impl Observer for () {
    fn written(&mut self, _: usize, _: &[f32]) {}
    fn read(&mut self, _: Place, _: &[f32]) {}
}

/// A pass of one image.
struct Run<'a, O> {
    program: &'a Program,
    arena: Vec<f32>,
    observer: &'a mut O,
}

/// The class scores of an image, C×H×W bytes.
pub(in crate::c) fn scores(program: &Program, image: &[u8], observer: &mut impl Observer) -> Vec<f32> {
    let mut run = Run {
        program,
        arena: vec![0.0; program.values()],
        observer,
    };
    run.image(image);
    for (number, step) in program.steps.iter().enumerate() {
        for (call, it) in step.calls.iter().enumerate() {
            let at = Place {
                step: number,
                call,
                input: 0,
                part: 0,
            };
            run.call(step, it, at);
        }
        let values = step.shape.numel();
        run.observer.written(number, &run.arena[step.first..][..values]);
    }
    let mut scores = vec![0.0; program.classes()];
    run.gather(&program.scores.parts, None, [0, 0], &mut scores);
    scores
}

impl<O: Observer> Run<'_, O> {
    fn image(&mut self, image: &[u8]) {
        let shape = self.program.image();
        let area = shape.height * shape.width;
        let first = self.program.steps[0].first;
        for (channel, (plane, [scale, shift])) in image.chunks(area).zip(&self.program.pixels).enumerate() {
            let (scale, shift) = (*scale as f32, *shift as f32);
            for (place, &pixel) in plane.iter().enumerate() {
                self.arena[first + place * shape.channels + channel] = f32::from(pixel) * scale + shift;
            }
        }
    }

    /// All channels of some parts at one place.
    fn gather(&mut self, parts: &[Part], at: Option<Place>, place: [usize; 2], out: &mut [f32]) {
        let mut start = 0;
        for (number, part) in parts.iter().enumerate() {
            let out = &mut out[start..][..part.channels];
            match part.at(place[0], place[1]) {
                None => out.copy_from_slice(&part.border),
                Some(first) => {
                    let values = self.arena[first..][..part.channels].iter().enumerate();
                    for (out, (channel, &value)) in out.iter_mut().zip(values) {
                        *out = part.function.of(channel, value);
                    }
                }
            }
            if let Some(at) = at.filter(|_| part.function.line.is_some()) {
                self.observer.read(Place { part: number, ..at }, out);
            }
            start += part.channels;
        }
    }

    fn call(&mut self, step: &Step, call: &Call, at: Place) {
        let mut values = vec![0.0; call.channels];
        let mut seen = vec![0.0; call.reads().max(call.channels)];
        let [height, width] = step.seen;
        for y in 0..step.shape.height {
            for x in 0..step.shape.width {
                match &call.kind {
                    CallKind::Conv {
                        windows,
                        weight,
                        bias,
                    } => {
                        values.copy_from_slice(bias);
                        let reads = call.reads();
                        for tap in 0..windows.taps() {
                            let Some(place) = windows.tap([y, x], tap, [height, width]) else {
                                continue;
                            };
                            self.gather(call.parts(), Some(at), place, &mut seen[..reads]);
                            let rows = weight[tap * reads * call.channels..].chunks(call.channels);
                            for (&seen, row) in seen[..reads].iter().zip(rows) {
                                values
                                    .iter_mut()
                                    .zip(row)
                                    .for_each(|(sum, weight)| *sum += seen * weight);
                            }
                        }
                    }
                    CallKind::Depthwise {
                        windows,
                        weight,
                        bias,
                    } => {
                        values.copy_from_slice(bias);
                        for (tap, weight) in weight.chunks(call.channels).enumerate() {
                            let Some(place) = windows.tap([y, x], tap, [height, width]) else {
                                continue;
                            };
                            self.gather(call.parts(), Some(at), place, &mut seen);
                            let terms = seen.iter().zip(weight);
                            values
                                .iter_mut()
                                .zip(terms)
                                .for_each(|(sum, (x, w))| *sum += x * w);
                        }
                    }
                    CallKind::Pool { kind, windows } => {
                        let mut count = 0;
                        for tap in 0..windows.taps() {
                            let Some(place) = windows.tap([y, x], tap, [height, width]) else {
                                continue;
                            };
                            self.gather(call.parts(), Some(at), place, &mut seen);
                            let both = values.iter_mut().zip(&seen);
                            match kind {
                                _ if count == 0 => both.for_each(|(value, &seen)| *value = seen),
                                PoolKind::Max => both.for_each(|(value, &seen)| *value = value.max(seen)),
                                PoolKind::Average => both.for_each(|(value, &seen)| *value += seen),
                            }
                            count += 1;
                        }
                        if *kind == PoolKind::Average {
                            values.iter_mut().for_each(|value| *value /= count as f32);
                        }
                    }
                    CallKind::Mean => {
                        values.fill(0.0);
                        for place in (0..height).flat_map(|y| (0..width).map(move |x| [y, x])) {
                            self.gather(call.parts(), Some(at), place, &mut seen);
                            values.iter_mut().zip(&seen).for_each(|(sum, seen)| *sum += seen);
                        }
                        let count = (height * width) as f32;
                        values.iter_mut().for_each(|value| *value /= count);
                    }
                    CallKind::Add => {
                        values.fill(0.0);
                        for (input, term) in call.inputs.iter().enumerate() {
                            self.gather(term, Some(Place { input, ..at }), [y, x], &mut seen);
                            values.iter_mut().zip(&seen).for_each(|(sum, seen)| *sum += seen);
                        }
                    }
                }
                let first = step.first + (y * step.shape.width + x) * step.shape.channels + call.start;
                let written = values.iter().enumerate();
                let out = self.arena[first..].iter_mut();
                for (out, (channel, &value)) in out.zip(written) {
                    *out = call.function.of(channel, value);
                }
            }
        }
    }
}
