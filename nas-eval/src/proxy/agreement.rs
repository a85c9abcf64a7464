//! How many ReLUs agree on two images: the kernel of naswot.

use rayon::prelude::*;

use crate::engine::{Observer, Signs};
use crate::kernels::{differing_bits, level};

/// Counts, for each pair of images, the values of all ReLU layers whose signs differ.
#[derive(Debug)]
pub(super) struct Agreement {
    images: usize,
    /// Values of an image in all ReLU layers.
    values: u64,
    /// For the first image of each pair, the counts of the later ones.
    differing: Vec<Vec<u64>>,
}

impl Agreement {
    /// Nothing counted yet, of this number of images.
    pub(super) fn new(images: usize) -> Self {
        Self {
            images,
            values: 0,
            differing: (0..images).map(|i| vec![0; images - i - 1]).collect(),
        }
    }

    /// How many values have the same sign for both images, \[N, N\].
    pub(super) fn kernel(&self) -> Vec<Vec<f64>> {
        let mut kernel = vec![vec![self.values as f64; self.images]; self.images];
        for (i, row) in self.differing.iter().enumerate() {
            for (offset, &differing) in row.iter().enumerate() {
                let j = i + 1 + offset;
                let agreeing = (self.values - differing) as f64;
                (kernel[i][j], kernel[j][i]) = (agreeing, agreeing);
            }
        }
        kernel
    }
}

impl Observer for Agreement {
    fn wants_signs(&self) -> bool {
        true
    }

    fn signs(&mut self, signs: &Signs) {
        let layers = signs.layers as u64;
        self.values += layers * signs.values as u64;
        self.differing.par_iter_mut().enumerate().for_each(|(i, row)| {
            let (own, later) = signs.bits[i * signs.words..].split_at(signs.words);
            let mut counts = vec![0; row.len()];
            differing_bits(level(), own, later, &mut counts);
            for (sum, count) in row.iter_mut().zip(counts) {
                *sum += layers * count;
            }
        });
    }
}
