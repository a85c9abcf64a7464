//! How much memory passes will take, told from the plan before anything is allocated.

use super::buffer_pool::BufferPool;
use super::geometry::Convolution;
use super::lifetime::gradients_free_after;
use super::plan::{Op, Plan, Step};

/// The places that passes take, as sizes.
#[derive(Default)]
struct Reckoned {
    places: BufferPool<usize>,
    /// Elements of all places, free or not.
    elements: u64,
}

impl Reckoned {
    fn take(&mut self, elements: usize) -> usize {
        self.places.take(elements).unwrap_or_else(|| {
            self.elements = self.elements.saturating_add(elements as u64);
            elements
        })
    }
}

impl Plan {
    /// Elements of the places that maps and gradients take, with training in batches of so many images, and of so many in
    /// evaluations between: what is taken and freed as passes do it in which everything counts.
    pub(super) fn elements_of_places(&self, trained: usize, evaluated: usize) -> u64 {
        let mut reckoned = Reckoned::default();
        self.reckon(&mut reckoned, trained, true);
        let at_first = reckoned.elements;
        // As `Arena::begin` has it.
        if evaluated > trained {
            reckoned = Reckoned::default();
        }
        self.reckon(&mut reckoned, evaluated, false);
        self.reckon(&mut reckoned, trained, true);
        at_first.max(reckoned.elements)
    }

    /// A pass with so many images, forward alone or back, too.
    fn reckon(&self, reckoned: &mut Reckoned, batch: usize, goes_back: bool) {
        let place_of = |index: usize| self.steps[index].len().saturating_mul(batch);
        let mut maps = vec![0; self.steps.len()];
        for (wave, free) in self.waves.iter().zip(&self.lifetimes.forward) {
            for &index in wave {
                if !matches!(self.steps[index].op, Op::Zero) {
                    maps[index] = reckoned.take(place_of(index));
                }
            }
            if !goes_back {
                for &index in free {
                    reckoned.places.give_back(std::mem::take(&mut maps[index]));
                }
            }
        }
        if goes_back {
            let holders = self.holders();
            let mut gradients = vec![0; self.steps.len()];
            let free = gradients_free_after(self, |index| holders[index]);
            let free = free.iter().zip(&self.lifetimes.back);
            for (wave, (free_gradients, free_maps)) in self.waves.iter().zip(free).rev() {
                for &index in wave.iter().filter(|&&index| holders[index] == Some(index)) {
                    gradients[index] = reckoned.take(place_of(index));
                }
                for &index in free_gradients {
                    reckoned.places.give_back(std::mem::take(&mut gradients[index]));
                }
                for &index in free_maps {
                    reckoned.places.give_back(std::mem::take(&mut maps[index]));
                }
            }
        }
        for place in maps {
            reckoned.places.give_back(place);
        }
    }

    /// In whose place the gradient of each step lies: as `find_sources` has it where everything counts.
    fn holders(&self) -> Vec<Option<usize>> {
        let mut holders = vec![None; self.steps.len()];
        for (index, step) in self.steps.iter().enumerate().rev() {
            if matches!(step.op, Op::Image | Op::Zero) {
                continue;
            }
            let sum = match step.readers[..] {
                [(reader, position)] => {
                    let at = &self.steps[reader];
                    let in_the_sum = matches!(at.op, Op::Sum(_))
                        && at.norm.is_none()
                        && holders[reader] == Some(reader)
                        && !at.reads[position].rectified;
                    in_the_sum.then_some(reader)
                }
                _ => None,
            };
            holders[index] = Some(sum.unwrap_or(index));
        }
        holders
    }

    /// Elements of the weights of convolutions as the kernels take them, forward and back, and the most that the parts of a batch
    /// hold of their gradients at a time.
    pub(super) fn elements_of_weights(&self, batch: usize) -> u64 {
        let convs = self.steps.iter().flat_map(|step| step.convolutions());
        let taken: usize = convs.map(|conv| conv.packed_len() + conv.packed_back_len()).sum();
        let found_for = |index: usize| -> usize {
            let readers = self.steps[index].readers.iter();
            let convs = readers.flat_map(|&(reader, _)| self.steps[reader].convolutions());
            let parts = batch.div_ceil(self.images_per_part(index, batch));
            parts * convs.map(Convolution::packed_len).sum::<usize>()
        };
        let of_wave = |wave: &Vec<usize>| wave.iter().map(|&index| found_for(index)).sum::<usize>();
        (taken + self.waves.iter().map(of_wave).max().unwrap_or(0)) as u64
    }

    /// Elements of the maps that a thread works on, at the largest step: of one image, or of those computed together.
    pub(super) fn elements_of_rooms(&self) -> u64 {
        /// Two gradients and the input in their frames, input, between, output, gradient; a frame is at most some pixels wider.
        const ROOMS: u64 = 8;
        let read = |step: &Step| step.reads.iter().map(|read| self.steps[read.step].len()).max();
        let most = |step: &Step| step.len().max(read(step).unwrap_or(0)) * step.images_together();
        let largest = self.steps.iter().map(most).max();
        ROOMS * largest.unwrap_or(0) as u64
    }
}
