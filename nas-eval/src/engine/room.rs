//! How much memory passes will take, told from the plan before anything is allocated.

use super::plan::{Op, Plan};

impl Plan {
    /// Elements of all maps, for images in batches of so many.
    pub(super) fn elements_of_maps(&self, batch: usize) -> u64 {
        self.steps.iter().map(|step| elements(step.len(), batch)).sum()
    }

    /// Elements of the gradients of maps that have a place of their own: as `find_sources` puts them where everything counts.
    pub(super) fn elements_of_gradients(&self, batch: usize) -> u64 {
        let mut own = vec![false; self.steps.len()];
        for (index, step) in self.steps.iter().enumerate().rev() {
            if matches!(step.op, Op::Image | Op::Zero) {
                continue;
            }
            own[index] = match step.readers[..] {
                [(reader, position)] => {
                    let at = &self.steps[reader];
                    let in_the_sum = matches!(at.op, Op::Sum(_))
                        && at.norm.is_none()
                        && own[reader]
                        && !at.reads[position].rectified;
                    !in_the_sum
                }
                _ => true,
            };
        }
        let owners = self.steps.iter().zip(own).filter(|(_, own)| *own);
        owners.map(|(step, _)| elements(step.len(), batch)).sum()
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
