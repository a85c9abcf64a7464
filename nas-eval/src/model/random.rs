//! Masks of drop-path and dropout, from named streams.

use candle_core::{DType, Device, Tensor};
use nas_space::seed::Seed;
use rand::RngExt;

/// A mask of this shape: 1 / (1 − `rate`) with probability 1 − `rate`, else 0.
pub(super) fn keep_mask(
    shape: &[usize],
    rate: f64,
    seed: Seed,
    dtype: DType,
    device: &Device,
) -> candle_core::Result<Tensor> {
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
