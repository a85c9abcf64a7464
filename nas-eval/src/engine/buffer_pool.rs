//! Memory that is used again: one place after the other for maps and gradients that are not needed at the same time.

use crate::kernels::Aligned;

/// Free places: real ones, or sizes alone to find out how much memory passes will take.
#[derive(Debug)]
pub(super) struct BufferPool<P> {
    free: Vec<P>,
}

/// Something with room for so many elements.
pub(super) trait Place {
    fn elements(&self) -> usize;
}

impl<T> Place for Aligned<T> {
    fn elements(&self) -> usize {
        self.len()
    }
}

impl Place for usize {
    fn elements(&self) -> usize {
        *self
    }
}

impl<P> Default for BufferPool<P> {
    fn default() -> Self {
        Self { free: Vec::new() }
    }
}

impl<P: Place> BufferPool<P> {
    /// The smallest place that is free and large enough. So a pass that found enough places does so again, however many more there
    /// are meanwhile.
    pub(super) fn take(&mut self, elements: usize) -> Option<P> {
        let fitting = self
            .free
            .iter()
            .enumerate()
            .filter(|(_, place)| place.elements() >= elements);
        let (number, _) = fitting.min_by_key(|(_, place)| place.elements())?;
        Some(self.free.swap_remove(number))
    }

    /// Elements of all that are free.
    #[cfg(test)]
    pub(super) fn elements(&self) -> usize {
        self.free.iter().map(Place::elements).sum()
    }

    /// Frees a place; one without room is none.
    pub(super) fn give_back(&mut self, place: P) {
        if place.elements() > 0 {
            self.free.push(place);
        }
    }
}
