//! Memory in which no vector crosses a cache line.

use std::ops::{Deref, DerefMut};

use super::float::Float;

/// Bytes of a line of the cache, and of the widest vector.
const LINE: usize = 64;

/// Elements that begin where a line of the cache does, whatever the allocator: a vector that lies
/// across two lines takes up to twice as long to be read or written.
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self {
            memory: Vec::new(),
            start: 0,
            len: 0,
        }
    }
}

impl<T: Float> Aligned<T> {
    /// So many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let memory = vec![T::ZERO; len];
        if before_line(&memory) == 0 {
            return Self {
                memory,
                start: 0,
                len,
            };
        }
        // Not at once: allocators that align have sizes which a few elements more would go beyond.
        drop(memory);
        let memory = vec![T::ZERO; len + LINE / size_of::<T>()];
        let start = before_line(&memory);
        Self { memory, start, len }
    }

    /// The first `len` elements, all of them zeros if there were fewer. Else what is in them is
    /// left from before.
    pub(crate) fn first(&mut self, len: usize) -> &mut [T] {
        if self.len < len {
            *self = Self::default();
            *self = Self::zeros(len);
        }
        &mut self[..len]
    }
}

/// Elements before the first one at a line of the cache.
fn before_line<T>(memory: &[T]) -> usize {
    memory.as_ptr().align_offset(LINE).min(LINE / size_of::<T>())
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_begin_at_a_line() {
        let mut held = Vec::new();
        for len in [1, 5, 16, 100, 1000, 4096, 100_000] {
            for _ in 0..3 {
                let single = Aligned::<f32>::zeros(len);
                assert_eq!(single.as_ptr() as usize % LINE, 0, "{len}");
                assert_eq!(single[..], vec![0.0; len]);
                held.push(single);
            }
            let double = Aligned::<f64>::zeros(len);
            assert_eq!((double.as_ptr() as usize % LINE, double.len()), (0, len));
        }
    }

    #[test]
    fn they_grow_and_do_not_shrink() {
        let mut room = Aligned::<f64>::default();
        room.first(3).fill(1.0);
        assert_eq!(room.first(2), [1.0, 1.0]);
        assert_eq!(room.first(4), [0.0; 4]);
        assert_eq!(room.len(), 4);
    }
}
