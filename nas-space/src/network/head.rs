//! What turns feature maps into class scores.

use super::{Conv2d, LayerId, LayerKind, NetworkBuilder, Pool2d, PoolKind};
use crate::error::SpaceError;

/// Global average pooling and a fully connected layer.
pub(super) fn classifier(b: &mut NetworkBuilder, x: LayerId, classes: usize) -> Result<LayerId, SpaceError> {
    b.scope("head", |b| {
        let pooled = b.global_avg_pool(x)?;
        b.linear(pooled, classes)
    })
}

/// The auxiliary classifier of DARTS' networks for small images: ReLU, 5×5 average pooling of
/// stride 3, 1×1 convolution to 128, 2×2 convolution to 768, fully connected. Where the map is
/// smaller than a window, the window shrinks to the map.
pub(super) fn auxiliary_head(
    b: &mut NetworkBuilder,
    x: LayerId,
    classes: usize,
) -> Result<LayerId, SpaceError> {
    b.scope("auxiliary", |b| {
        let x = b.relu(x)?;
        let shape = b.shape(x);
        let kernel = [shape.height.min(5), shape.width.min(5)];
        let pool = Pool2d {
            kind: PoolKind::Average,
            kernel,
            stride: [3, 3],
            padding: [0, 0],
        };
        let x = b.pool(x, pool)?;
        let x = b.conv(x, Conv2d::pointwise(128))?;
        let x = b.batch_norm(x, true)?;
        let x = b.relu(x)?;
        let shape = b.shape(x);
        let kernel = [shape.height.min(2), shape.width.min(2)];
        let x = b.push(
            LayerKind::Conv2d(Conv2d {
                padding: [0, 0],
                ..Conv2d::same(768, kernel)
            }),
            &[x],
        )?;
        let x = b.batch_norm(x, true)?;
        let x = b.relu(x)?;
        b.linear(x, classes)
    })
}
