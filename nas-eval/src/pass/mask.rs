//! Masks of drop-path and dropout, from named streams.

use candle_core::{DType, Device, Result, Tensor};
use nas_space::network::{Layer, LayerKind};
use nas_space::seed::Seed;
use rand::RngExt;

use super::Pass;

/// The mask of a drop-path or dropout layer in this pass, where it drops at all.
///
/// `dims` are those of the tensor that it multiplies, \[N, C, H, W\].
pub(crate) fn layer_mask(
    layer: &Layer,
    dims: &[usize],
    dtype: DType,
    device: &Device,
    pass: &Pass,
) -> Result<Option<Tensor>> {
    let (seed, drop_path) = match *pass {
        Pass::Train { seed, drop_path } => (seed, drop_path),
        Pass::Scaled { step } if layer.kind == LayerKind::DropPath => {
            let factors = Tensor::from_slice(&[1.0 + step, 1.0 - step], (2, 1, 1, 1), device)?;
            return factors.to_dtype(dtype).map(Some);
        }
        Pass::Eval | Pass::BatchStatistics | Pass::Scaled { .. } => return Ok(None),
    };
    let seed = seed.derive(&layer.name, 0);
    match layer.kind {
        LayerKind::DropPath if drop_path > 0.0 => {
            keep_mask(&[dims[0], 1, 1, 1], drop_path, seed, dtype, device).map(Some)
        }
        LayerKind::Dropout { rate } if rate > 0.0 => keep_mask(dims, rate, seed, dtype, device).map(Some),
        _ => Ok(None),
    }
}

/// A mask of this shape: 1 / (1 − `rate`) with probability 1 − `rate`, else 0.
fn keep_mask(shape: &[usize], rate: f64, seed: Seed, dtype: DType, device: &Device) -> Result<Tensor> {
    let mut rng = seed.rng();
    let keep = 1.0 - rate;
    let scale = (1.0 / keep) as f32;
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|_| if rng.random_bool(keep) { scale } else { 0.0 })
        .collect();
    Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_the_stated_share_and_the_mean() {
        let mask = keep_mask(&[10_000], 0.25, Seed::new(1), DType::F32, &Device::Cpu).unwrap();
        let values = mask.to_vec1::<f32>().unwrap();
        let kept = values.iter().filter(|&&v| v > 0.0).count();
        assert!(
            (7300..7700).contains(&kept),
            "kept {kept} of 10,000 at a rate of a quarter"
        );
        assert!(values.iter().all(|&v| v == 0.0 || (v - 4.0 / 3.0).abs() < 1e-6));
    }
}
