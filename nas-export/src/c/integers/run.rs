//! The program in integers, run here: what C has to give to the bit.

use nas_space::network::PoolKind;

use super::quantize::{MEAN, PIXEL_BITS, Quantized};
use crate::c::call::{Call, CallKind};
use crate::c::program::{Program, Step};
use crate::c::single::Place;
use crate::c::view::Part;

/// A pass of one image.
struct Run<'a> {
    program: &'a Program,
    integers: &'a Quantized,
    arena: Vec<i8>,
}

/// The class scores of an image, C×H×W bytes.
pub(in crate::c) fn scores(program: &Program, integers: &Quantized, image: &[u8]) -> Vec<i8> {
    let mut run = Run {
        program,
        integers,
        arena: vec![0; program.values()],
    };
    run.image(image);
    for (number, step) in program.steps.iter().enumerate() {
        for (place, call) in step.calls.iter().enumerate() {
            run.call(step, call, [number, place]);
        }
    }
    let part = &program.scores.parts[0];
    let mut scores = vec![0; part.channels];
    run.read(part, None, [0, 0], &mut scores);
    scores
}

impl Run<'_> {
    fn image(&mut self, image: &[u8]) {
        let shape = self.program.image();
        let area = shape.height * shape.width;
        let first = self.program.steps[0].first;
        for (channel, (plane, &[factor, offset])) in image.chunks(area).zip(&self.integers.pixels).enumerate()
        {
            for (place, &pixel) in plane.iter().enumerate() {
                let value = i64::from(pixel) * factor + offset + (1 << (PIXEL_BITS - 1));
                let value = (value >> PIXEL_BITS).clamp(-128, 127) as i8;
                self.arena[first + place * shape.channels + channel] = value;
            }
        }
    }

    /// The channels of a part at one place.
    fn read(&self, part: &Part, at: Option<Place>, place: [usize; 2], out: &mut [i8]) {
        let scale = self.integers.of_part(part, at);
        let Some(first) = part.at(place[0], place[1]) else {
            let border = part.border.iter();
            out.iter_mut()
                .zip(border)
                .for_each(|(out, &value)| *out = scale.quantize(value));
            return;
        };
        let values = &self.arena[first..][..part.channels];
        match at.and_then(|at| self.integers.reads.get(&at)) {
            Some((_, rescale)) => {
                let zero = part.step.map_or(0, |step| self.integers.maps[step].zero);
                for (channel, (out, &value)) in out.iter_mut().zip(values).enumerate() {
                    *out = rescale.of(channel, i32::from(value) - zero);
                }
            }
            None if part.function.before || part.function.after => {
                let zero = scale.zero as i8;
                out.iter_mut()
                    .zip(values)
                    .for_each(|(out, &value)| *out = value.max(zero));
            }
            None => out.copy_from_slice(values),
        }
    }

    fn call(&mut self, step: &Step, call: &Call, [number, place]: [usize; 2]) {
        let integers = &self.integers.calls[number][place];
        let at = |input, part| Place {
            step: number,
            call: place,
            input,
            part,
        };
        let mut sums = vec![0_i32; call.channels];
        let mut seen = vec![0_i8; call.reads().max(call.channels)];
        let first = call.parts().first();
        let zero = first.map_or(0, |part| self.integers.of_part(part, Some(at(0, 0))).zero);
        let [height, width] = step.seen;
        for y in 0..step.shape.height {
            for x in 0..step.shape.width {
                match &call.kind {
                    CallKind::Conv { windows, .. } => {
                        sums.copy_from_slice(&integers.bias);
                        let reads = call.reads();
                        for tap in 0..windows.taps() {
                            let place = windows.tap([y, x], tap, [height, width]);
                            let mut start = 0;
                            for (number, part) in call.parts().iter().enumerate() {
                                let seen = &mut seen[start..][..part.channels];
                                let at = at(0, number);
                                match place {
                                    Some(place) => self.read(part, Some(at), place, seen),
                                    // The zero of each part, which the biases leave out.
                                    None => seen.fill(self.integers.of_part(part, Some(at)).zero as i8),
                                }
                                start += part.channels;
                            }
                            let rows = integers.weight[tap * reads * call.channels..].chunks(call.channels);
                            for (&seen, row) in seen[..reads].iter().zip(rows) {
                                add(&mut sums, i32::from(seen), row);
                            }
                        }
                    }
                    CallKind::Depthwise { windows, .. } => {
                        sums.copy_from_slice(&integers.bias);
                        for (tap, weight) in integers.weight.chunks(call.channels).enumerate() {
                            if let Some(place) = windows.tap([y, x], tap, [height, width]) {
                                self.read(&call.parts()[0], Some(at(0, 0)), place, &mut seen);
                                for ((sum, &seen), &weight) in sums.iter_mut().zip(&seen).zip(weight) {
                                    *sum += (i32::from(seen) - zero) * i32::from(weight);
                                }
                            }
                        }
                    }
                    CallKind::Pool { kind, windows } => {
                        let mut count = 0;
                        for tap in 0..windows.taps() {
                            let Some(place) = windows.tap([y, x], tap, [height, width]) else {
                                continue;
                            };
                            self.read(&call.parts()[0], Some(at(0, 0)), place, &mut seen);
                            for (sum, &seen) in sums.iter_mut().zip(&seen) {
                                let value = i32::from(seen) - zero;
                                *sum = match kind {
                                    _ if count == 0 => value,
                                    PoolKind::Max => value.max(*sum),
                                    PoolKind::Average => *sum + value,
                                };
                            }
                            count += 1;
                        }
                        if *kind == PoolKind::Average {
                            sums.iter_mut().for_each(|sum| *sum = *sum * MEAN / count);
                        }
                    }
                    CallKind::Mean => {
                        sums.fill(0);
                        for place in (0..height).flat_map(|y| (0..width).map(move |x| [y, x])) {
                            self.read(&call.parts()[0], Some(at(0, 0)), place, &mut seen);
                            let both = sums.iter_mut().zip(&seen);
                            both.for_each(|(sum, &seen)| *sum += i32::from(seen) - zero);
                        }
                    }
                    CallKind::Add => {
                        sums.fill(0);
                        for (input, (parts, factor)) in call.inputs.iter().zip(&integers.bias).enumerate() {
                            let at = at(input, 0);
                            self.read(&parts[0], Some(at), [y, x], &mut seen);
                            let zero = self.integers.of_part(&parts[0], Some(at)).zero;
                            let both = sums.iter_mut().zip(&seen);
                            both.for_each(|(sum, &seen)| *sum += (i32::from(seen) - zero) * factor);
                        }
                    }
                }
                let first = step.first + (y * step.shape.width + x) * step.shape.channels + call.start;
                let out = self.arena[first..].iter_mut().zip(&sums).enumerate();
                out.for_each(|(channel, (out, &sum))| *out = integers.rescale.of(channel, sum));
            }
        }
    }
}

/// Adds a row of weights times an integer.
fn add(sums: &mut [i32], seen: i32, row: &[i8]) {
    for (sum, &weight) in sums.iter_mut().zip(row) {
        *sum += seen * i32::from(weight);
    }
}
