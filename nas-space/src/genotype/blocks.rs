//! Networks of convolutional blocks in a row.

use serde::{Deserialize, Serialize};

use super::{MAX_FILTER_SIZE, MAX_FILTERS, MAX_STRIDE};
use crate::error::SpaceError;

/// Most blocks of a network.
const MAX_BLOCKS: usize = 1_000;
/// Largest factor of an inverted residual.
pub(crate) const MAX_EXPANSION: usize = 64;

/// A network of convolutional blocks, one after the other, 1 to 1,000 of them.
///
/// Small networks that people design are written so, such as those of MLPerf Tiny
/// ([`named`](crate::named)). What follows the last block is global average pooling and a fully
/// connected layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BlocksText", into = "BlocksText")]
pub struct Blocks {
    blocks: Vec<Block>,
    bias: bool,
}

/// One block of a [`Blocks`] network. Each convolution of it keeps the size at stride 1 and divides
/// it by the stride, rounded up. It is followed by batch norm unless said otherwise.
///
/// Kernels are 1 to 1,023 in each direction, even ones only at strides of 2 or more; strides 1 to
/// 1,024; channels 1 to 65,536. Pairs are (rows, columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "block", rename_all = "snake_case", deny_unknown_fields)]
pub enum Block {
    /// A dense convolution and ReLU.
    Conv {
        /// Size of the kernel.
        kernel: [usize; 2],
        /// Step between windows.
        stride: [usize; 2],
        /// Output channels.
        channels: usize,
    },
    /// A depthwise convolution, ReLU, a pointwise convolution, ReLU (Howard et al. 2017, arXiv
    /// 1704.04861).
    Separable {
        /// Size of the depthwise kernel.
        kernel: [usize; 2],
        /// Step between its windows.
        stride: [usize; 2],
        /// Output channels.
        channels: usize,
    },
    /// Two dense 3×3 convolutions with ReLU between them, added to the input, and ReLU (He et al.
    /// 2016, arXiv 1512.03385). Where the shape changes, the input goes through a 1×1 convolution
    /// with bias and without batch norm.
    Residual {
        /// Step between windows of the first convolution.
        stride: usize,
        /// Output channels.
        channels: usize,
    },
    /// A pointwise convolution to `expansion` times the channels, ReLU, a depthwise convolution,
    /// ReLU, and a pointwise convolution; added to the input where the shape stays the same
    /// (Sandler et al. 2018, arXiv 1801.04381, with ReLU in place of ReLU6). At an expansion of 1
    /// without the first convolution.
    Inverted {
        /// Side of the depthwise kernel.
        kernel: usize,
        /// Step between its windows.
        stride: usize,
        /// Factor of the channels within, 1 to 64.
        expansion: usize,
        /// Output channels.
        channels: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlocksText {
    blocks: Vec<Block>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    bias: bool,
}

impl Block {
    /// Kernel and stride of its convolution that is not pointwise, output channels, and the factor
    /// of the channels within.
    fn numbers(self) -> ([usize; 2], [usize; 2], usize, usize) {
        match self {
            Self::Conv {
                kernel,
                stride,
                channels,
            }
            | Self::Separable {
                kernel,
                stride,
                channels,
            } => (kernel, stride, channels, 1),
            Self::Residual { stride, channels } => ([3; 2], [stride; 2], channels, 1),
            Self::Inverted {
                kernel,
                stride,
                expansion,
                channels,
            } => ([kernel; 2], [stride; 2], channels, expansion),
        }
    }

    /// The block as numbers, in which no two blocks are the same.
    pub(crate) fn key(self) -> [usize; 7] {
        let kind = match self {
            Self::Conv { .. } => 0,
            Self::Separable { .. } => 1,
            Self::Residual { .. } => 2,
            Self::Inverted { .. } => 3,
        };
        let ([rows, columns], [down, across], channels, expansion) = self.numbers();
        [kind, rows, columns, down, across, channels, expansion]
    }

    /// What it is and what it does, in words: `separable 3×3` and `64 channels, stride 2`.
    pub fn words(self) -> (String, String) {
        let ([rows, columns], stride, channels, expansion) = self.numbers();
        let what = match self {
            Self::Conv { .. } => format!("conv {rows}×{columns}"),
            Self::Separable { .. } => format!("separable {rows}×{columns}"),
            Self::Residual { .. } => format!("residual {rows}×{columns}"),
            Self::Inverted { .. } => format!("inverted residual {rows}×{columns}, ×{expansion}"),
        };
        let channels = match channels {
            1 => "1 channel".to_owned(),
            n => format!("{n} channels"),
        };
        let stride = match stride {
            [1, 1] => String::new(),
            [rows, columns] if rows == columns => format!(", stride {rows}"),
            [rows, columns] => format!(", stride {rows}×{columns}"),
        };
        (what, channels + &stride)
    }
}

impl Blocks {
    /// A network of these blocks, without biases before batch norms.
    ///
    /// # Errors
    /// [`SpaceError::Config`] for no blocks or more than 1,000, and for a number of a [`Block`]
    /// that is out of its range.
    pub fn new(blocks: Vec<Block>) -> Result<Self, SpaceError> {
        if !(1..=MAX_BLOCKS).contains(&blocks.len()) {
            let expected = format!("1 to {MAX_BLOCKS} blocks");
            return Err(SpaceError::config("blocks", blocks.len(), expected));
        }
        for (i, block) in blocks.iter().enumerate() {
            let ([rows, columns], [down, across], channels, expansion) = block.numbers();
            for (field, number, most) in [
                ("kernel", rows.max(columns), MAX_FILTER_SIZE),
                ("kernel", rows.min(columns), MAX_FILTER_SIZE),
                ("stride", down.max(across), MAX_STRIDE),
                ("stride", down.min(across), MAX_STRIDE),
                ("channels", channels, MAX_FILTERS),
                ("expansion", expansion, MAX_EXPANSION),
            ] {
                if !(1..=most).contains(&number) {
                    let name = format!("blocks[{i}].{field}");
                    return Err(SpaceError::config(name, number, format!("1 to {most}")));
                }
            }
            for (kernel, stride) in [(rows, down), (columns, across)] {
                if kernel.is_multiple_of(2) && stride == 1 {
                    let name = format!("blocks[{i}].kernel");
                    return Err(SpaceError::config(name, kernel, "an odd number at a stride of 1"));
                }
            }
        }
        Ok(Self { blocks, bias: false })
    }

    /// The same with or without a bias in each convolution before a batch norm, which is what Keras
    /// adds unless told otherwise. It changes what can be learned in no way.
    #[must_use]
    pub fn with_bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Whether convolutions before batch norms have a bias.
    pub fn bias(&self) -> bool {
        self.bias
    }
}

impl TryFrom<BlocksText> for Blocks {
    type Error = SpaceError;

    fn try_from(text: BlocksText) -> Result<Self, SpaceError> {
        Ok(Self::new(text.blocks)?.with_bias(text.bias))
    }
}

impl From<Blocks> for BlocksText {
    fn from(Blocks { blocks, bias }: Blocks) -> Self {
        Self { blocks, bias }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genotype::Genotype;

    #[test]
    fn what_is_written_is_read_back() {
        let blocks = vec![
            Block::Conv {
                kernel: [10, 4],
                stride: [2, 2],
                channels: 8,
            },
            Block::Separable {
                kernel: [3, 3],
                stride: [1, 2],
                channels: 1,
            },
            Block::Residual {
                stride: 2,
                channels: 16,
            },
            Block::Inverted {
                kernel: 5,
                stride: 1,
                expansion: 6,
                channels: 16,
            },
        ];
        let words: Vec<String> = blocks
            .iter()
            .map(|block| format!("{}: {}", block.words().0, block.words().1))
            .collect();
        let expected = [
            "conv 10×4: 8 channels, stride 2",
            "separable 3×3: 1 channel, stride 1×2",
            "residual 3×3: 16 channels, stride 2",
            "inverted residual 5×5, ×6: 16 channels",
        ];
        assert_eq!(words, expected);
        for bias in [false, true] {
            let genotype = Genotype::Blocks(Blocks::new(blocks.clone()).unwrap().with_bias(bias));
            let text = genotype.to_string();
            assert_eq!(text.contains("bias"), bias, "{text}");
            assert_eq!(text.parse(), Ok(genotype));
        }
    }

    #[test]
    fn a_block_beyond_the_ranges_is_refused_by_the_field() {
        let conv = |kernel, stride, channels| Block::Conv {
            kernel,
            stride,
            channels,
        };
        let inverted = |expansion| Block::Inverted {
            kernel: 3,
            stride: 1,
            expansion,
            channels: 8,
        };
        for (block, expected) in [
            (conv([1_025, 3], [1, 1], 8), "kernel is 1025; expected 1 to 1023"),
            (conv([3, 0], [1, 1], 8), "kernel is 0; expected 1 to 1023"),
            (conv([4, 3], [1, 2], 8), "kernel is 4; expected an odd number"),
            (conv([3, 4], [2, 1], 8), "kernel is 4; expected an odd number"),
            (conv([3, 3], [0, 1], 8), "stride is 0; expected 1 to 1024"),
            (conv([3, 3], [1, 1_025], 8), "stride is 1025; expected 1 to 1024"),
            (conv([3, 3], [1, 1], 0), "channels is 0; expected 1 to 65536"),
            (inverted(0), "expansion is 0; expected 1 to 64"),
            (inverted(65), "expansion is 65; expected 1 to 64"),
        ] {
            let error = Blocks::new(vec![block]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("blocks[0].{expected}")), "{error}");
        }
        for count in [0, MAX_BLOCKS + 1] {
            let error = Blocks::new(vec![inverted(1); count]).unwrap_err().to_string();
            assert_eq!(error, format!("blocks is {count}; expected 1 to 1000 blocks"));
        }
        let unknown =
            r#"{"kind": "blocks", "blocks": [{"block": "residual", "stride": 1, "channels": 8, "x": 1}]}"#;
        assert!(unknown.parse::<Genotype>().is_err());
    }
}
