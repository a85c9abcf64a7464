//! Numbers that come back from a file with the same bits.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number written as the shortest decimal text that reads back as itself.
///
/// JSON numbers would do, were it not that reading them is allowed to be off by the last bit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Exact(pub(crate) f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| serde::de::Error::custom(format!("'{text}' is not a number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_with_the_same_bits() {
        for value in [
            0.1 + 0.2,
            1.0 / 3.0,
            5e-324,
            f64::MAX,
            -0.0,
            2.225_073_858_507_201e-308,
            f64::INFINITY,
        ] {
            let text = serde_json::to_string(&Exact(value)).unwrap();
            let back: Exact = serde_json::from_str(&text).unwrap();
            assert_eq!(back.0.to_bits(), value.to_bits(), "{text}");
        }
        assert!(serde_json::from_str::<Exact>("\"a\"").is_err());
    }
}
