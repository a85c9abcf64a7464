//! Puts a network together, layer by layer.

use std::collections::HashMap;

use super::{Conv2d, Layer, LayerId, LayerKind, Network, Pool2d, PoolKind};
use crate::error::SpaceError;
use crate::shape::Shape;

/// Grows a [`Network`]: each call adds a layer, works out its shape and refuses what does not fit.
///
/// # Example
/// ```
/// use nas_space::network::{Conv2d, NetworkBuilder};
/// use nas_space::shape::Shape;
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let mut builder = NetworkBuilder::new(Shape::new(1, 8, 8))?;
/// let image = builder.image();
/// let conv = builder.scope("stem", |b| b.conv(image, Conv2d::same(4, [3, 3])))?;
/// let pooled = builder.global_avg_pool(conv)?;
/// let logits = builder.linear(pooled, 10)?;
/// let network = builder.finish(logits, None);
/// assert_eq!(network.layer(network.logits()).shape, Shape::new(10, 1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NetworkBuilder {
    layers: Vec<Layer>,
    /// The names that are taken, each with the number that is tried next for another layer that
    /// asks for it.
    names: HashMap<String, usize>,
    scope: Vec<String>,
}

impl NetworkBuilder {
    /// Starts with an image of this shape.
    ///
    /// # Errors
    /// [`SpaceError::Config`] where a dimension is 0.
    pub fn new(image: Shape) -> Result<Self, SpaceError> {
        if image.numel() == 0 {
            return Err(SpaceError::config(
                "image",
                image,
                "CxHxW with three positive numbers",
            ));
        }
        let input = Layer {
            name: "image".to_owned(),
            kind: LayerKind::Input,
            inputs: Vec::new(),
            shape: image,
        };
        Ok(Self {
            names: HashMap::from([(input.name.clone(), 2)]),
            layers: vec![input],
            scope: Vec::new(),
        })
    }

    /// The image.
    pub fn image(&self) -> LayerId {
        LayerId(0)
    }

    /// Shape of a layer's output.
    pub fn shape(&self, id: LayerId) -> Shape {
        self.layers[id.0].shape
    }

    /// Runs `f` with `name` in front of the names of all layers it adds.
    pub fn scope<R>(&mut self, name: impl Into<String>, f: impl FnOnce(&mut Self) -> R) -> R {
        self.scope.push(name.into());
        let result = f(self);
        self.scope.pop();
        result
    }

    /// Path of the layers added now, without a layer's own name.
    pub fn path(&self) -> String {
        self.scope.join(".")
    }

    /// Adds a layer under its kind's own label.
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where it cannot take these inputs.
    pub fn push(&mut self, kind: LayerKind, inputs: &[LayerId]) -> Result<LayerId, SpaceError> {
        let name = kind.label();
        self.push_named(name, kind, inputs)
    }

    /// Adds a layer under `name`; a second one of that name in this scope is called `name_2`, and
    /// so on.
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where it cannot take these inputs.
    pub fn push_named(
        &mut self,
        name: &str,
        kind: LayerKind,
        inputs: &[LayerId],
    ) -> Result<LayerId, SpaceError> {
        let path = self.unused_name(name);
        let shapes: Vec<Shape> = inputs.iter().map(|&id| self.shape(id)).collect();
        let shape = kind.output_shape(&shapes).map_err(|reason| SpaceError::Shape {
            layer: path.clone(),
            shape: shapes.first().copied().unwrap_or(self.layers[0].shape),
            reason,
        })?;
        self.names.insert(path.clone(), 2);
        self.layers.push(Layer {
            name: path,
            kind,
            inputs: inputs.to_vec(),
            shape,
        });
        Ok(LayerId(self.layers.len() - 1))
    }

    fn unused_name(&mut self, name: &str) -> String {
        let mut path = self.scope.join(".");
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        let Some(&next) = self.names.get(&path) else {
            return path;
        };
        // Names are never given back: all numbers below are taken still, and need not be tried
        // again.
        let mut count = next;
        loop {
            let candidate = format!("{path}_{count}");
            count += 1;
            if !self.names.contains_key(&candidate) {
                self.names.insert(path, count);
                return candidate;
            }
        }
    }

    /// max(0, x).
    ///
    /// # Errors
    /// None for a layer of this builder; the signature is that of its siblings.
    pub fn relu(&mut self, x: LayerId) -> Result<LayerId, SpaceError> {
        self.push(LayerKind::Relu, &[x])
    }

    /// A convolution.
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where the window does not fit or the groups do not divide the
    /// channels.
    pub fn conv(&mut self, x: LayerId, conv: Conv2d) -> Result<LayerId, SpaceError> {
        self.push(LayerKind::Conv2d(conv), &[x])
    }

    /// Batch normalisation.
    ///
    /// # Errors
    /// None for a layer of this builder.
    pub fn batch_norm(&mut self, x: LayerId, affine: bool) -> Result<LayerId, SpaceError> {
        self.push(LayerKind::BatchNorm { affine }, &[x])
    }

    /// ReLU, convolution, batch normalisation: the order used inside cells.
    ///
    /// # Errors
    /// As [`Self::conv`].
    pub fn relu_conv_bn(&mut self, x: LayerId, conv: Conv2d, affine: bool) -> Result<LayerId, SpaceError> {
        let x = self.relu(x)?;
        let x = self.conv(x, conv)?;
        self.batch_norm(x, affine)
    }

    /// Convolution, batch normalisation, ReLU: the order used in chains and in NAS-Bench-101.
    ///
    /// # Errors
    /// As [`Self::conv`].
    pub fn conv_bn_relu(&mut self, x: LayerId, conv: Conv2d, affine: bool) -> Result<LayerId, SpaceError> {
        let x = self.conv(x, conv)?;
        let x = self.batch_norm(x, affine)?;
        self.relu(x)
    }

    /// Pooling.
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where the window does not fit or the padding is more than half of it.
    pub fn pool(&mut self, x: LayerId, pool: Pool2d) -> Result<LayerId, SpaceError> {
        self.push(LayerKind::Pool2d(pool), &[x])
    }

    /// Mean over space.
    ///
    /// # Errors
    /// None for a layer of this builder.
    pub fn global_avg_pool(&mut self, x: LayerId) -> Result<LayerId, SpaceError> {
        self.push(LayerKind::GlobalAvgPool, &[x])
    }

    /// A fully connected layer with bias.
    ///
    /// # Errors
    /// [`SpaceError::Shape`] for no outputs.
    pub fn linear(&mut self, x: LayerId, features: usize) -> Result<LayerId, SpaceError> {
        self.push(LayerKind::Linear { features }, &[x])
    }

    /// The sum of `terms`; a single one is returned as it is.
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where the shapes differ or there is none.
    pub fn add(&mut self, terms: &[LayerId]) -> Result<LayerId, SpaceError> {
        match terms {
            [single] => Ok(*single),
            _ => self.push(LayerKind::Add, terms),
        }
    }

    /// The concatenation of `parts` in depth; a single one is returned as it is.
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where heights or widths differ or there is no part.
    pub fn concat(&mut self, parts: &[LayerId]) -> Result<LayerId, SpaceError> {
        match parts {
            [single] => Ok(*single),
            _ => self.push(LayerKind::Concat, parts),
        }
    }

    /// Zeros after the last row and the last column, where height or width are odd. A single row or
    /// column stays as it is.
    fn pad_to_even(&mut self, x: LayerId) -> Result<LayerId, SpaceError> {
        let even = |size: usize| if size == 1 { 1 } else { size.next_multiple_of(2) };
        let shape = self.shape(x);
        let (height, width) = (even(shape.height), even(shape.width));
        if (height, width) == (shape.height, shape.width) {
            return Ok(x);
        }
        self.push(LayerKind::Pad { height, width }, &[x])
    }

    /// Halves height and width, rounded up, by 2×2 pooling of stride 2. Where a size is odd, the
    /// first window holds the first row or column alone.
    ///
    /// # Errors
    /// None for a layer of this builder.
    pub fn halving_pool(&mut self, x: LayerId, kind: PoolKind) -> Result<LayerId, SpaceError> {
        let shape = self.shape(x);
        let pool = Pool2d {
            kind,
            kernel: [2, 2],
            stride: [2, 2],
            padding: [shape.height % 2, shape.width % 2],
        };
        self.pool(x, pool)
    }

    /// ReLU, [`Self::interleaved`] halves and batch normalisation (DARTS, `FactorizedReduce`).
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where `channels` is below 2.
    pub fn factorized_reduce(
        &mut self,
        x: LayerId,
        channels: usize,
        affine: bool,
    ) -> Result<LayerId, SpaceError> {
        let x = self.relu(x)?;
        let both = self.interleaved(x, channels)?;
        self.batch_norm(both, affine)
    }

    /// Halves height and width, rounded up, without discarding half the pixels: two 1×1
    /// convolutions of stride 2 on the map and on the map shifted by one pixel, concatenated. On a
    /// single row or column, where nothing can be shifted, a convolution over pairs of pixels.
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where `channels` is below 2.
    pub fn interleaved(&mut self, x: LayerId, channels: usize) -> Result<LayerId, SpaceError> {
        if channels < 2 {
            return Err(SpaceError::Shape {
                layer: self.path(),
                shape: self.shape(x),
                reason: format!("a factorized reduction to {channels} channels; expected at least 2"),
            });
        }
        let x = self.pad_to_even(x)?;
        let shape = self.shape(x);
        if shape.height == 1 || shape.width == 1 {
            let pairs = Conv2d {
                kernel: [shape.height.min(2), shape.width.min(2)],
                ..Conv2d::pointwise(channels).with_stride(2)
            };
            return self.push_named("pairs", LayerKind::Conv2d(pairs), &[x]);
        }
        let even = Conv2d::pointwise(channels / 2).with_stride(2);
        let odd = Conv2d::pointwise(channels - channels / 2).with_stride(2);
        let left = self.push_named("even", LayerKind::Conv2d(even), &[x])?;
        let shifted = self.push(LayerKind::Shift, &[x])?;
        let right = self.push_named("odd", LayerKind::Conv2d(odd), &[shifted])?;
        self.concat(&[left, right])
    }

    /// The finished network. Layers that contribute to neither output are left out.
    pub fn finish(self, logits: LayerId, auxiliary: Option<LayerId>) -> Network {
        let mut live = vec![false; self.layers.len()];
        live[0] = true;
        live[logits.0] = true;
        if let Some(id) = auxiliary {
            live[id.0] = true;
        }
        for index in (0..self.layers.len()).rev() {
            if live[index] {
                for input in &self.layers[index].inputs {
                    live[input.0] = true;
                }
            }
        }
        let mut renumbered = vec![LayerId(0); self.layers.len()];
        let mut layers = Vec::new();
        for (index, mut layer) in self.layers.into_iter().enumerate() {
            if live[index] {
                for input in &mut layer.inputs {
                    *input = renumbered[input.0];
                }
                renumbered[index] = LayerId(layers.len());
                layers.push(layer);
            }
        }
        Network {
            layers,
            logits: renumbered[logits.0],
            auxiliary: auxiliary.map(|id| renumbered[id.0]),
        }
    }
}
