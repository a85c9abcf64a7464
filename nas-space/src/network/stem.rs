//! The first layers: from the image to what cells read.

use super::{Conv2d, LayerId, NetworkBuilder};
use crate::error::SpaceError;

/// The stem that DARTS, NASNet and NAS-Bench-201 have for images of 32×32: a 3×3 convolution to
/// `channels` and batch norm.
fn plain(b: &mut NetworkBuilder, channels: usize) -> Result<LayerId, SpaceError> {
    let image = b.image();
    let conv = b.conv(image, Conv2d::same(channels, [3, 3]))?;
    b.batch_norm(conv, true)
}

/// 3×3 convolutions of stride 2 with batch norm after each and ReLU between them: to half of
/// `channels`, then to `channels`. One alone goes to `channels` at once.
///
/// Returns the last two outputs, newest last; where there is one, it is both.
fn halving(b: &mut NetworkBuilder, channels: usize, halvings: usize) -> Result<[LayerId; 2], SpaceError> {
    let image = b.image();
    let mut outputs = [image; 2];
    for number in 0..halvings {
        outputs = b.scope(number.to_string(), |b| {
            let x = if number == 0 { image } else { b.relu(outputs[1])? };
            let channels = match number {
                0 if halvings > 1 => channels.div_ceil(2),
                _ => channels,
            };
            let conv = b.conv(x, Conv2d::same(channels, [3, 3]).with_stride(2))?;
            let newest = b.batch_norm(conv, true)?;
            Ok::<_, SpaceError>([outputs[1], newest])
        })?;
    }
    if halvings == 1 {
        outputs[0] = outputs[1];
    }
    Ok(outputs)
}

/// A stem of one output with `channels`: [`plain`], or with this number of halvings.
pub(super) fn stem(b: &mut NetworkBuilder, channels: usize, halvings: usize) -> Result<LayerId, SpaceError> {
    b.scope("stem", |b| match halvings {
        0 => plain(b, channels),
        _ => halving(b, channels, halvings).map(|[_, newest]| newest),
    })
}

/// What the first two cells of the DARTS skeleton read, and whether the older map is twice as large
/// as the newer.
///
/// Without halvings, both are [`plain`] of 3·`channels`. With two, both are the output of the
/// second. With three, they are the outputs of the second and the third, as in the network of DARTS
/// for ImageNet (authors' code, `NetworkImageNet`: `stem0` and `stem1`).
pub(super) fn two_states(
    b: &mut NetworkBuilder,
    channels: usize,
    halvings: usize,
) -> Result<([LayerId; 2], bool), SpaceError> {
    b.scope("stem", |b| match halvings {
        0 => plain(b, 3 * channels).map(|stem| ([stem; 2], false)),
        1 | 2 => halving(b, channels, halvings).map(|[_, newest]| ([newest; 2], false)),
        _ => halving(b, channels, halvings).map(|states| (states, true)),
    })
}
