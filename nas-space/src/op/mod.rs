//! Operations: what sits on the edges of a cell.
//!
//! An [`Operation`] has a name and states which layers it consists of. Shapes, parameters,
//! multiply-accumulates and the trained model follow from these layers, so a new operation is just
//! one type that is added to a vocabulary with [`Operations::with`].
//!
//! # Example
//! A 3×3 convolution after a bottleneck:
//! ```
//! use std::sync::Arc;
//! use nas_space::error::SpaceError;
//! use nas_space::network::{Conv2d, LayerId, NetworkBuilder};
//! use nas_space::op::{Operation, Operations, Site};
//!
//! #[derive(Debug)]
//! struct Bottleneck;
//!
//! impl Operation for Bottleneck {
//!     fn name(&self) -> &str {
//!         "bottleneck_3x3"
//!     }
//!
//!     fn build(&self, b: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError> {
//!         let narrow = b.relu_conv_bn(x, Conv2d::pointwise(site.channels.div_ceil(4)), site.affine)?;
//!         b.relu_conv_bn(narrow, Conv2d::same(site.channels, [3, 3]).with_stride(site.stride), site.affine)
//!     }
//! }
//!
//! let operations = Operations::standard().with(Arc::new(Bottleneck));
//! assert!(operations.get("bottleneck_3x3").is_ok());
//! ```

mod standard;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::error::SpaceError;
use crate::network::{LayerId, NetworkBuilder};

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// Output channels. The input may have another number only where the operation says so.
    pub channels: usize,
    /// 1, or 2 where the operation halves height and width.
    pub stride: usize,
    /// Whether batch norms have a learned scale and shift.
    pub affine: bool,
    /// Whether pooling is followed by a batch norm: true in supernets of the DARTS skeleton, where
    /// the scales of operations are compared (DARTS, authors' code).
    pub normalized_pooling: bool,
}

/// Something that can sit on an edge of a cell: a feature map in, a feature map out.
pub trait Operation: fmt::Debug + Send + Sync {
    /// Unique name, such as `sep_conv_3x3`.
    fn name(&self) -> &str;

    /// Adds the operation's layers after `x` and returns the last one, whose output has
    /// `site.channels` channels and, at stride 2, half the height and width (rounded up).
    ///
    /// # Errors
    /// [`SpaceError::Shape`] where the feature map does not allow it.
    fn build(&self, builder: &mut NetworkBuilder, x: LayerId, site: &Site) -> Result<LayerId, SpaceError>;

    /// What the edge means in the graph, beyond its layers.
    fn role(&self) -> Role {
        Role::Computes
    }
}

/// What an operation means for the graph of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It computes something of its own.
    Computes,
    /// At stride 1 it passes its input on unchanged.
    Identity,
    /// It passes nothing on: the same as no edge.
    Nothing,
}

/// A vocabulary of operations, by name.
#[derive(Debug, Clone)]
pub struct Operations {
    by_name: BTreeMap<String, Arc<dyn Operation>>,
}

impl Operations {
    /// The operations of the published spaces.
    ///
    /// `none`, `skip_connect`; `max_pool_KxK` and `avg_pool_KxK` for K = 3, 5, 7; `nor_conv_KxK`
    /// (dense) for K = 1, 3, 5, 7; `sep_conv_KxK` for K = 3, 5, 7; `dil_conv_KxK` (dilated,
    /// separable) for K = 3, 5; `sep_conv_3x3_once`, which is not applied twice as those are;
    /// `dil_dense_3x3` (dilated, dense); `conv_3x1_1x3` and `conv_7x1_1x7`; `dw_conv_3x3`
    /// (depthwise alone); `conv3x3-bn-relu`, `conv1x1-bn-relu` and `maxpool3x3` of NAS-Bench-101,
    /// whose ReLU comes last.
    pub fn standard() -> Self {
        let by_name = standard::all()
            .into_iter()
            .map(|op| (op.name().to_owned(), op))
            .collect();
        Self { by_name }
    }

    /// The same vocabulary with one more operation. One of the same name is replaced.
    #[must_use]
    pub fn with(mut self, operation: Arc<dyn Operation>) -> Self {
        self.by_name.insert(operation.name().to_owned(), operation);
        self
    }

    /// The operation of this name.
    ///
    /// # Errors
    /// [`SpaceError::UnknownName`] with the names there are.
    pub fn get(&self, name: &str) -> Result<&dyn Operation, SpaceError> {
        self.by_name
            .get(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| SpaceError::UnknownName {
                what: "operation",
                name: name.to_owned(),
                known: self.by_name.keys().cloned().collect(),
            })
    }

    /// What an edge with the operation of this name means; names that are not known compute.
    pub fn role(&self, name: &str) -> Role {
        self.by_name.get(name).map_or(Role::Computes, |op| op.role())
    }

    /// All names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl Default for Operations {
    fn default() -> Self {
        Self::standard()
    }
}
