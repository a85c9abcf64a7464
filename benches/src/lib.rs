//! What the benches share: the allocator that the binary uses, too, and networks that repeat one operation.

use nas_space::error::SpaceError;
use nas_space::network::{Conv2d, LayerId, Network, NetworkBuilder, Pool2d, PoolKind};
use nas_space::shape::Shape;

/// glibc maps and page-faults each large tensor anew; this one keeps them.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The operations that [`repeated`] knows. A convolution has a ReLU before it and a batch norm with scale and shift
/// behind it; a separable one is depthwise, then pointwise, with no norm in between.
pub const OPERATIONS: [&str; 8] = [
    "separable_3x3",
    "separable_5x5",
    "dilated_3x3",
    "dilated_5x5",
    "dense_1x1",
    "dense_3x3",
    "max_pool_3x3",
    "avg_pool_3x3",
];

/// A network of a pointwise convolution to `channels`, an operation so many `times`, and a linear classifier of ten
/// classes on the mean, for images of 3 × `size` × `size`.
///
/// # Errors
/// If the operation is not one of [`OPERATIONS`], or a number is 0 or too large.
pub fn repeated(operation: &str, channels: usize, size: usize, times: usize) -> Result<Network, SpaceError> {
    let mut b = NetworkBuilder::new(Shape::new(3, size, size))?;
    let image = b.image();
    let mut x = b.conv(image, Conv2d::pointwise(channels))?;
    for _ in 0..times {
        x = add(&mut b, x, operation, channels)?;
    }
    let x = b.global_avg_pool(x)?;
    let logits = b.linear(x, 10)?;
    Ok(b.finish(logits, None))
}

fn add(b: &mut NetworkBuilder, x: LayerId, operation: &str, channels: usize) -> Result<LayerId, SpaceError> {
    let pool = |kind| Pool2d {
        kind,
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
    };
    let (kernel, dilation) = match operation {
        "separable_3x3" => (3, 1),
        "separable_5x5" => (5, 1),
        "dilated_3x3" => (3, 2),
        "dilated_5x5" => (5, 2),
        "dense_1x1" => return b.relu_conv_bn(x, Conv2d::pointwise(channels), true),
        "dense_3x3" => return b.relu_conv_bn(x, Conv2d::same(channels, [3, 3]), true),
        "max_pool_3x3" => return b.pool(x, pool(PoolKind::Max)),
        "avg_pool_3x3" => return b.pool(x, pool(PoolKind::Average)),
        other => {
            return Err(SpaceError::UnknownName {
                what: "operation",
                name: other.to_owned(),
                known: OPERATIONS.map(str::to_owned).to_vec(),
            });
        }
    };
    let x = b.relu(x)?;
    let x = b.conv(x, Conv2d::depthwise(channels, kernel, dilation))?;
    let x = b.conv(x, Conv2d::pointwise(channels))?;
    b.batch_norm(x, true)
}
