//! Batches of augmented images, from bytes that the device holds.

use candle_core::{DType, Result, Tensor, bail};

use super::launch::Launch;

/// What a batch is made of: pixels of all images (u8), what each pixel value becomes in each
/// channel (f32, \[C, 256\]) and for each image of the batch its index, the crop's row and column,
/// whether it is mirrored, and the cutout's centre (u32, \[6 or more, N\]).
pub(super) type Sources<'a> = [&'a Tensor; 3];

/// The images that `changes` names, as the CPU makes them: cropped from `padding` pixels of black
/// around them, mirrored, normalised, with a square of side `cutout` blanked where that is not 0.
/// Indices are not checked.
///
/// # Shapes
/// Of `sizes` \[N, C, H, W\], f32.
pub(crate) fn augment(
    sources: Sources<'_>,
    sizes: [usize; 4],
    padding: usize,
    cutout: usize,
) -> Result<Tensor> {
    let [n, channels, height, width] = sizes;
    let [_, tables, changes] = sources;
    let types = sources.map(Tensor::dtype);
    let fits = tables.dims() == [channels, 256]
        && changes.dims().len() == 2
        && changes.dims()[0] >= 6
        && changes.dims()[1] == n
        && types == [DType::U8, DType::F32, DType::U32];
    if !fits || !sources.iter().all(|tensor| tensor.is_contiguous()) {
        bail!("augment: expected bytes, tables [{channels}, 256] and changes [6, {n}], got {sources:?}")
    }
    let numbers = [n, channels, height, width, padding, cutout];
    let launch = Launch::each("augment", (n, channels, height, width), &numbers)?;
    #[cfg(feature = "cuda")]
    if sources[0].device().is_cuda() {
        return super::device::run_augment(&launch, sources);
    }
    #[cfg(test)]
    return super::on_host::run_augment(&launch, sources);
    #[cfg(not(test))]
    bail!("{}: expected tensors on a CUDA device", launch.kernel)
}
