//! The memory of an engine, kept from pass to pass, so that a training step allocates almost
//! nothing.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::places::Places;
use super::plan::Read;
use crate::kernels::{Aligned, Float, Frame};

/// What the passes of one model write to and read from.
#[derive(Debug)]
pub(super) struct Arena<T> {
    /// Maps and gradients.
    pub(super) places: Places<Aligned<T>>,
    pub(super) steps: Vec<Held<T>>,
    /// Whether the weights are laid out, where they never change.
    pub(super) prepared: bool,
    rooms: Mutex<Vec<Rooms<T>>>,
}

/// What a step needs beside its map.
#[derive(Debug)]
pub(super) struct Held<T> {
    /// The weights of its convolutions as the kernels take them, forward and backward.
    pub(super) weights: [[Vec<T>; 2]; 2],
    /// The padded bias, where there is one.
    pub(super) bias: Vec<T>,
    /// One over the number of values in each window of a pooling layer.
    pub(super) share: Vec<T>,
    /// What dropout multiplies the map by.
    pub(super) mask: Vec<T>,
    /// What drop-path multiplies each sample by, for each of its reads that has one.
    pub(super) factors: Vec<Vec<T>>,
    pub(super) norm: Line<T>,
}

/// A batch norm as a line, channel by channel, padded with zeros.
#[derive(Debug)]
pub(super) struct Line<T> {
    /// Of the batch.
    pub(super) mean: Vec<f64>,
    /// 1 / √(variance + ε).
    pub(super) inverse_deviation: Vec<f64>,
    /// The learned scale, or ones.
    pub(super) weight: Vec<f64>,
    /// The mean, rounded.
    pub(super) center: Vec<T>,
    /// What is read of the map is `scale · z + shift`.
    pub(super) line: [Vec<T>; 2],
    /// The gradient of the map is `a · g + b · z + c`.
    pub(super) back: [Vec<T>; 3],
}

/// Room for a few maps that one thread works on.
#[derive(Debug)]
pub(super) struct Rooms<T> {
    /// What convolutions read, in its frame.
    pub(super) framed: Framed<T>,
    /// What other steps read.
    pub(super) input: Aligned<T>,
    pub(super) between: Aligned<T>,
    pub(super) output: Aligned<T>,
    pub(super) gradient: Aligned<T>,
    /// The gradient of what a convolution gives, in the frame for its way back.
    pub(super) back: Bordered<T>,
    /// That of what is between the two of a separable one.
    pub(super) inner: Bordered<T>,
    /// What [`winograd`](crate::kernels::winograd) transforms a few rows to.
    pub(super) tiles: Aligned<T>,
}

/// The maps of some images in their frames, which convolutions that read the same share.
#[derive(Debug)]
pub(super) struct Framed<T> {
    pub(super) room: Bordered<T>,
    /// What they are of, which images, and where they lie; nothing at the start of a job.
    pub(super) key: Option<(Read, Range<usize>, Frame)>,
}

/// Room for maps in frames with zeros around them, of which nothing else is written than the maps.
#[derive(Debug)]
pub(super) struct Bordered<T> {
    room: Aligned<T>,
    /// The frame that the zeros are of, and how many there are.
    frames: Option<(Frame, usize)>,
}

impl<T> Default for Bordered<T> {
    fn default() -> Self {
        Self {
            room: Aligned::default(),
            frames: None,
        }
    }
}

impl<T: Float> Bordered<T> {
    /// A frame with zeros around its map. What is in the map is left from before.
    pub(super) fn frame(&mut self, frame: &Frame) -> &mut [T] {
        self.frames(frame, 1)
    }

    /// So many of them, one after the other.
    pub(super) fn frames(&mut self, frame: &Frame, count: usize) -> &mut [T] {
        let out = self.room.first(count * frame.len());
        let there = self.frames.filter(|(of, _)| of == frame);
        if there.is_none_or(|(_, there)| there < count) {
            for out in out.chunks_exact_mut(frame.len()) {
                frame.clear(out, T::ZERO);
            }
            self.frames = Some((*frame, count));
        }
        out
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            mean: Vec::new(),
            inverse_deviation: Vec::new(),
            weight: Vec::new(),
            center: Vec::new(),
            line: [Vec::new(), Vec::new()],
            back: [Vec::new(), Vec::new(), Vec::new()],
        }
    }
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self {
            weights: Default::default(),
            bias: Vec::new(),
            share: Vec::new(),
            mask: Vec::new(),
            factors: Vec::new(),
            norm: Line::default(),
        }
    }
}

impl<T: Float> Arena<T> {
    pub(super) fn new(steps: usize) -> Self {
        Self {
            places: Places::new(steps),
            steps: std::iter::repeat_with(Held::default).take(steps).collect(),
            prepared: false,
            rooms: Mutex::new(Vec::new()),
        }
    }

    /// Calls `f` with rooms that no other thread has at the time.
    pub(super) fn with_rooms<R>(&self, f: impl FnOnce(&mut Rooms<T>) -> R) -> R {
        let free = || self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        let mut rooms = taken.unwrap_or_else(|| Rooms {
            framed: Framed {
                room: Bordered::default(),
                key: None,
            },
            input: Aligned::default(),
            between: Aligned::default(),
            output: Aligned::default(),
            gradient: Aligned::default(),
            back: Bordered::default(),
            inner: Bordered::default(),
            tiles: Aligned::default(),
        });
        rooms.framed.key = None;
        let result = f(&mut rooms);
        free().push(rooms);
        result
    }
}
