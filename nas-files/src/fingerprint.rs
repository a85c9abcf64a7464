//! SHA-256 digests as text.

use sha2::{Digest, Sha256};

/// Digits of a short fingerprint: 64 bits, enough to distinguish files that are not forged.
const SHORT: usize = 16;

/// The digest of what was hashed, in hexadecimal: 64 digits.
pub fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first 16 digits of [`hex`], for people to read and compare.
pub fn short(hash: Sha256) -> String {
    let mut digits = hex(hash);
    digits.truncate(SHORT);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4's example: the digest of `abc`.
    #[test]
    fn the_digits_are_those_of_the_standard() {
        let hash = Sha256::new_with_prefix("abc");
        let published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(hash.clone()), published);
        assert_eq!(short(hash), published[..16]);
    }
}
