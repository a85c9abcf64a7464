//! Reusable memory: a place holds maps and gradients that are not needed at the same time, one
//! after another.

use super::plan::Plan;
use super::schedule::{Filled, Wave};
use crate::kernels::{Aligned, Float};

/// The places of the maps and gradients of passes: real ones, or sizes alone to find out how much
/// memory passes will take.
#[derive(Debug)]
pub(super) struct Places<P> {
    /// The map of each step, image by image, in a place that may be longer, while it is needed.
    pub(super) maps: Vec<P>,
    /// The gradient of what is read of each map, where it has a place of its own, while it is
    /// needed.
    pub(super) gradients: Vec<P>,
    free: Vec<P>,
    /// The largest batch so far.
    batch: usize,
}

/// A buffer for this number of elements; empty by default.
pub(super) trait Place: Default {
    /// A new buffer for this number of elements.
    fn of(elements: usize) -> Self;

    fn elements(&self) -> usize;

    /// Makes sure that nothing is read of it before it is written.
    #[cfg(test)]
    fn spoil(&mut self) {}
}

impl<T: Float> Place for Aligned<T> {
    fn of(elements: usize) -> Self {
        Self::zeros(elements)
    }

    fn elements(&self) -> usize {
        self.len()
    }

    #[cfg(test)]
    fn spoil(&mut self) {
        self.fill(T::from_f64(f64::NAN));
    }
}

impl Place for usize {
    fn of(elements: usize) -> Self {
        elements
    }

    fn elements(&self) -> usize {
        *self
    }
}

impl<P: Place> Places<P> {
    /// No buffers yet, for this number of steps.
    pub(super) fn new(steps: usize) -> Self {
        let empty = || std::iter::repeat_with(P::default).take(steps).collect();
        Self {
            maps: empty(),
            gradients: empty(),
            free: Vec::new(),
            batch: 0,
        }
    }

    /// Begins a pass with a batch of this size, for which all places are free.
    pub(super) fn begin(&mut self, batch: usize) {
        let held = self.maps.iter_mut().chain(&mut self.gradients);
        let held = held.map(std::mem::take).filter(|place| place.elements() > 0);
        self.free.extend(held);
        if batch > self.batch {
            // Most are too small now.
            self.free.clear();
            self.batch = batch;
        }
    }

    /// Takes the places that a wave fills, for a batch of this size.
    pub(super) fn enter(&mut self, plan: &Plan, wave: &Wave<'_>, batch: usize) {
        for &index in &wave.takes {
            let place = self.take(plan.steps[index].len().saturating_mul(batch));
            match wave.fills {
                Filled::Maps => self.maps[index] = place,
                Filled::Gradients => self.gradients[index] = place,
            }
        }
    }

    /// Frees what is not needed once a wave is done.
    pub(super) fn leave(&mut self, wave: &Wave<'_>) {
        for &index in &wave.frees_gradients {
            give_back(&mut self.free, &mut self.gradients[index]);
        }
        for &index in wave.frees_maps {
            give_back(&mut self.free, &mut self.maps[index]);
        }
    }

    /// A place for this number of elements: the smallest free one that is large enough. A pass that
    /// found enough places once therefore always finds enough, even if there are more now.
    fn take(&mut self, elements: usize) -> P {
        let fitting = self.free.iter().enumerate();
        let fitting = fitting.filter(|(_, place)| place.elements() >= elements);
        let place = match fitting.min_by_key(|(_, place)| place.elements()) {
            Some((number, _)) => self.free.swap_remove(number),
            None => P::of(elements),
        };
        #[cfg(test)]
        let place = {
            let mut place = place;
            place.spoil();
            place
        };
        place
    }

    /// Elements of all places, free or not.
    pub(super) fn elements(&self) -> u64 {
        let all = self.maps.iter().chain(&self.gradients).chain(&self.free);
        all.fold(0, |sum, place| sum.saturating_add(place.elements() as u64))
    }
}

/// Frees a place; one without room is none.
fn give_back<P: Place>(free: &mut Vec<P>, place: &mut P) {
    let place = std::mem::take(place);
    if place.elements() > 0 {
        free.push(place);
    }
}
