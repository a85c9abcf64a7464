//! How much memory passes will take, told from the plan before anything is allocated.

use super::lifetime::free_after;
use super::plan::{Op, Plan};

impl Plan {
    /// Elements of all maps, for images in batches of so many.
    pub(super) fn elements_of_maps(&self, batch: usize) -> u64 {
        self.steps.iter().map(|step| elements(step.len(), batch)).sum()
    }

    /// Elements of the places for gradients of maps, each of which is used again once it is free: as the way back takes them where
    /// everything counts.
    pub(super) fn elements_of_gradients(&self, batch: usize) -> u64 {
        let holders = self.holders();
        let free_after = free_after(self, |index| holders[index]);
        let mut held: Vec<Option<u64>> = vec![None; self.steps.len()];
        let (mut free, mut all) = (Vec::<u64>::new(), 0);
        for (wave, freed) in self.waves.iter().zip(free_after).rev() {
            for &index in wave.iter().filter(|&&index| holders[index] == Some(index)) {
                let needed = elements(self.steps[index].len(), batch);
                let fitting = free.iter().enumerate().filter(|(_, place)| **place >= needed);
                let place = match fitting.min_by_key(|(_, place)| **place).map(|(number, _)| number) {
                    Some(number) => free.swap_remove(number),
                    None => {
                        all += needed;
                        needed
                    }
                };
                held[index] = Some(place);
            }
            free.extend(freed.iter().filter_map(|&index| held[index].take()));
        }
        all
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

    /// Elements of the maps of one image that a thread works on, at the largest step.
    pub(super) fn elements_of_rooms(&self) -> u64 {
        /// Input in its frame, input, between, output, gradient, inner; a frame is at most some pixels wider.
        const ROOMS: u64 = 8;
        let largest = self.steps.iter().map(super::plan::Step::len).max();
        ROOMS * largest.unwrap_or(0) as u64
    }
}

fn elements(of_image: usize, batch: usize) -> u64 {
    (of_image as u64).saturating_mul(batch as u64)
}
