//! What a layer sees: maps in the arena, read through layers that have no map of their own.

use nas_space::network::LayerKind;
use nas_space::shape::Shape;

use super::function::Function;

/// The output of a layer, as what reads it finds it in the arena.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) shape: Shape,
    /// Its channels, in order.
    pub(super) parts: Vec<Part>,
}

/// Some channels of a view, from one map or from none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// The step that writes the map; `None` for constants.
    pub(super) step: Option<usize>,
    pub(super) channels: usize,
    /// The value of the first channel at the first place of the map that is seen, counted from the
    /// beginning of the arena.
    pub(super) first: usize,
    /// From one row of the map to the next one.
    pub(super) row: usize,
    /// From one column of the map to the next one.
    pub(super) column: usize,
    /// The first row and the first column of the view that the map fills.
    pub(super) origin: [usize; 2],
    /// How many rows and columns it fills.
    pub(super) size: [usize; 2],
    /// The value of each channel where the map does not reach.
    pub(super) border: Vec<f32>,
    pub(super) function: Function,
}

impl View {
    /// All of the map of a step, which begins at this value of the arena.
    pub(super) fn of_map(step: usize, shape: Shape, first: usize) -> Self {
        let part = Part {
            step: Some(step),
            channels: shape.channels,
            first,
            row: shape.width * shape.channels,
            column: shape.channels,
            origin: [0, 0],
            size: [shape.height, shape.width],
            border: vec![0.0; shape.channels],
            function: Function::default(),
        };
        Self {
            shape,
            parts: vec![part],
        }
    }

    /// Zeros.
    pub(super) fn zeros(shape: Shape) -> Self {
        let part = Part {
            step: None,
            channels: shape.channels,
            first: 0,
            row: 0,
            column: 0,
            origin: [0, 0],
            size: [0, 0],
            border: vec![0.0; shape.channels],
            function: Function::default(),
        };
        Self {
            shape,
            parts: vec![part],
        }
    }

    /// Whether no map is behind it.
    pub(super) fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| part.step.is_none())
    }

    /// What this layer of one input makes of it, where it is one that has no map of its own; `None`
    /// where it cannot be expressed.
    pub(super) fn through(&self, kind: &LayerKind, shape: Shape) -> Option<Self> {
        let parts = match *kind {
            LayerKind::DropPath | LayerKind::Dropout { .. } => self.parts.clone(),
            LayerKind::Zero { .. } => return Some(Self::zeros(shape)),
            LayerKind::Relu => self.changed(&Function::relu())?,
            LayerKind::Shift => self.parts.iter().map(Part::shifted).collect(),
            LayerKind::Pad { height, width } => {
                let by = [(height - self.shape.height) / 2, (width - self.shape.width) / 2];
                let padded = self.parts.iter().map(|part| part.padded(by, self.shape));
                padded.collect::<Option<_>>()?
            }
            LayerKind::Channels { start, count } => self.channels(start, count),
            LayerKind::Shuffle { groups } => {
                let of_each = self.shape.channels / groups;
                let order = (0..of_each).flat_map(|place| (0..groups).map(move |g| g * of_each + place));
                order.flat_map(|channel| self.channels(channel, 1)).collect()
            }
            _ => return None,
        };
        Some(Self { shape, parts })
    }

    /// Its parts with a function more.
    pub(super) fn changed(&self, function: &Function) -> Option<Vec<Part>> {
        let mut start = 0;
        let changed = self.parts.iter().map(|part| {
            let function = function.part(start, part.channels);
            start += part.channels;
            part.changed(&function)
        });
        changed.collect()
    }

    /// Some of its channels.
    pub(super) fn channels(&self, start: usize, count: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut at = 0;
        for part in &self.parts {
            let (from, to) = (start.max(at), (start + count).min(at + part.channels));
            if from < to {
                parts.push(part.channels(from - at, to - from));
            }
            at += part.channels;
        }
        parts
    }

    /// Views one after the other in depth.
    pub(super) fn joined(views: &[&Self], shape: Shape) -> Self {
        let parts = views.iter().flat_map(|view| view.parts.iter().cloned()).collect();
        Self { shape, parts }
    }

    /// The sum of this view and of constants.
    pub(super) fn plus_constants(&self, constants: &[&Self]) -> Option<Self> {
        let mut shift = vec![0.0; self.shape.channels];
        for view in constants {
            let values = view.parts.iter().flat_map(|part| &part.border);
            shift
                .iter_mut()
                .zip(values)
                .for_each(|(sum, value)| *sum += value);
        }
        if shift.iter().all(|&value| value == 0.0) {
            return Some(self.clone());
        }
        let line = shift.into_iter().map(|shift| [1.0, shift]).collect();
        Some(Self {
            shape: self.shape,
            parts: self.changed(&Function::line(line))?,
        })
    }

    /// Whether all of it lies in one map, place after place, as it is.
    pub(super) fn is_plain(&self) -> bool {
        match self.parts.as_slice() {
            [part] => {
                part.covers(self.shape)
                    && part.function.is_identity()
                    && part.column == part.channels
                    && part.row == self.shape.width * part.column
            }
            _ => false,
        }
    }

    /// All of it as the channels of a single place.
    pub(super) fn flat(&self) -> Self {
        let shape = Shape::new(self.shape.numel(), 1, 1);
        let mut parts = self.parts.clone();
        for part in &mut parts {
            *part = Part {
                channels: shape.channels,
                row: shape.channels,
                column: shape.channels,
                size: [1, 1],
                border: vec![0.0; shape.channels],
                ..part.clone()
            };
        }
        Self { shape, parts }
    }
}

impl Part {
    /// Whether the map is all that is seen of a view of this shape.
    pub(super) fn covers(&self, shape: Shape) -> bool {
        self.covers_size([shape.height, shape.width])
    }

    /// Whether the map is all that is seen of a view of these rows and columns.
    pub(super) fn covers_size(&self, size: [usize; 2]) -> bool {
        self.origin == [0, 0] && self.size == size
    }

    /// Whether it is 0 where its map does not reach.
    pub(super) fn ends_in_zeros(&self) -> bool {
        self.border.iter().all(|&value| value == 0.0)
    }

    fn changed(&self, function: &Function) -> Option<Self> {
        let border = self.border.iter().enumerate();
        Some(Self {
            border: border
                .map(|(channel, &value)| function.of(channel, value))
                .collect(),
            function: self.function.then(function)?,
            ..self.clone()
        })
    }

    /// Without the first row and the first column of the view.
    fn shifted(&self) -> Self {
        let mut part = self.clone();
        for (axis, stride) in [self.row, self.column].into_iter().enumerate() {
            if part.origin[axis] > 0 {
                part.origin[axis] -= 1;
            } else if part.size[axis] > 0 {
                part.size[axis] -= 1;
                part.first += stride;
            }
        }
        part
    }

    /// With zeros around a view of this shape.
    fn padded(&self, by: [usize; 2], shape: Shape) -> Option<Self> {
        if !self.covers(shape) && !self.ends_in_zeros() {
            return None;
        }
        Some(Self {
            origin: [self.origin[0] + by[0], self.origin[1] + by[1]],
            border: vec![0.0; self.channels],
            ..self.clone()
        })
    }

    fn channels(&self, start: usize, count: usize) -> Self {
        Self {
            channels: count,
            first: self.first + start,
            border: self.border[start..][..count].to_vec(),
            function: self.function.part(start, count),
            ..self.clone()
        }
    }

    /// Where its values begin for this place of the view, if its map reaches there.
    pub(super) fn at(&self, row: usize, column: usize) -> Option<usize> {
        let y = row.checked_sub(self.origin[0]).filter(|&y| y < self.size[0])?;
        let x = column.checked_sub(self.origin[1]).filter(|&x| x < self.size[1])?;
        Some(self.first + y * self.row + x * self.column)
    }
}
