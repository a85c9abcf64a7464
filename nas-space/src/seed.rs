//! Seeds from which every random stream of a study is derived.
//!
//! A stream is named by its purpose: `seed.derive("trial", 7).derive("init", 0)`. Streams with
//! different names are independent, so the order in which they are drawn from, the number of
//! threads and the number of workers cannot change a result. The generator is ChaCha with 8 rounds,
//! which is portable: the same seed gives the same numbers on every platform.
//!
//! # Example
//! ```
//! use nas_space::seed::Seed;
//! use rand::RngExt;
//!
//! let study = Seed::new(42);
//! let first: u32 = study.derive("trial", 0).rng().random();
//! let again: u32 = study.derive("trial", 0).rng().random();
//! let other: u32 = study.derive("trial", 1).rng().random();
//! assert_eq!(first, again);
//! assert_ne!(first, other);
//! ```

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A 64-bit seed: a number that names a random stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(u64);

impl Seed {
    /// The seed with this value. Any value is legal.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number given to [`Seed::new`], or the one derived.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The seed of the stream for `purpose` number `index` below this one.
    ///
    /// The new value is the first eight bytes of SHA-256 over (value, length of `purpose`,
    /// `purpose`, `index`).
    #[must_use]
    pub fn derive(self, purpose: &str, index: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        hash.update((purpose.len() as u64).to_le_bytes());
        hash.update(purpose.as_bytes());
        hash.update(index.to_le_bytes());
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_le_bytes(first))
    }

    /// The generator of this stream, at its beginning.
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0)
    }
}

impl std::fmt::Display for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// A change of these numbers changes every study that was ever recorded.
    #[test]
    fn value_stability() {
        let seed = Seed::new(42);
        assert_eq!(seed.derive("trial", 0).value(), 13_486_210_253_191_547_653);
        let mut rng = seed.rng();
        assert_eq!(
            [rng.random::<u32>(), rng.random(), rng.random()],
            [962_419_617, 2_928_721_845, 628_724_104]
        );
    }

    #[test]
    fn purpose_and_index_both_name_the_stream() {
        let seed = Seed::new(0);
        let all = [
            seed.derive("a", 0),
            seed.derive("a", 1),
            seed.derive("b", 0),
            seed.derive("ab", 0),
            seed,
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
