//! Estimates the memory of passes from the plan, before anything is allocated.

use super::geometry::Convolution;
use super::places::Places;
use super::plan::{Plan, Step};
use crate::pass::Wanted;

impl Plan {
    /// Elements of the places that maps and gradients take: the most of training with batches of
    /// `trained` images and of evaluation with batches of `evaluated`. The passes are gone through
    /// without any work.
    pub(super) fn elements_of_places(&self, trained: usize, evaluated: usize) -> u64 {
        let mut places = Places::<usize>::new(self.steps.len());
        let passes = [(trained, true), (evaluated, false), (trained, true)];
        let after = passes.map(|(batch, trains)| {
            self.go_through(&mut places, batch, trains);
            places.elements()
        });
        after.into_iter().max().unwrap_or(0)
    }

    /// A pass with `batch` images: forward and back in training, else forward alone.
    fn go_through(&self, places: &mut Places<usize>, batch: usize, trains: bool) {
        let everything = |_, _| true;
        let needed = self.needed(trains, everything);
        places.begin(batch);
        for wave in self.way_forward(&needed, trains) {
            places.enter(self, &wave, batch);
            places.leave(&wave);
        }
        if !trains {
            return;
        }
        let outputs: Vec<usize> = std::iter::once(self.logits).chain(self.auxiliary).collect();
        places.enter(self, &Self::given(&outputs), batch);
        let sources = self.sources(&needed, &outputs, everything);
        for wave in self.way_back(&sources, &self.useful(Some(Wanted::Both)), &outputs) {
            places.enter(self, &wave, batch);
            places.leave(&wave);
        }
    }

    /// Elements of the weights of convolutions as the kernels take them, forward and back, and the
    /// most that the parts of a batch hold of their gradients at a time.
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

    /// Elements of the maps that a thread works on, at the largest step: of one image, or of those
    /// computed together.
    pub(super) fn elements_of_rooms(&self) -> u64 {
        /// Two gradients and the input in their frames, input, between, output, gradient; a frame
        /// is at most some pixels wider.
        const ROOMS: u64 = 8;
        let read = |step: &Step| step.reads.iter().map(|read| self.steps[read.step].len()).max();
        let most = |step: &Step| step.len().max(read(step).unwrap_or(0)) * step.images_together();
        let largest = self.steps.iter().map(most).max();
        ROOMS * largest.unwrap_or(0) as u64
    }
}
