//! Published architectures, by name.
//!
//! # Example
//! ```
//! use nas_space::named;
//! use nas_space::network::NetworkConfig;
//! use nas_space::op::Operations;
//!
//! # fn main() -> Result<(), nas_space::error::SpaceError> {
//! let cell = named::by_name("DARTS_V2")?;
//! let size = NetworkConfig { channels: 36, cells: 20, ..NetworkConfig::default() };
//! assert_eq!(cell.genotype.network(&Operations::standard(), &size)?.cost().params, 3_349_342);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::cell::{Cell, Node};
use crate::codec::{parse_nb101, parse_nb201};
use crate::error::SpaceError;
use crate::genotype::{Block, Blocks, DartsGenotype, Genotype};
use crate::shape::Shape;

/// A published architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Where it was published.
    pub source: String,
    /// The architecture.
    pub genotype: Genotype,
    /// Shape of the images and number of classes that it was made for, if it is a whole network.
    pub data: Option<(Shape, usize)>,
}

/// All published architectures that this crate knows.
pub fn all() -> &'static [Named] {
    static ALL: LazyLock<Vec<Named>> = LazyLock::new(|| {
        #[expect(
            clippy::expect_used,
            reason = "the texts are part of this crate; a test reads them"
        )]
        read().expect("the published architectures can be read")
    });
    &ALL
}

/// Shape of the images and number of classes that this architecture was published for, where it is
/// a published whole network.
pub fn data_of(genotype: &Genotype) -> Option<(Shape, usize)> {
    all().iter().find(|named| named.genotype == *genotype)?.data
}

/// The architecture of this name. Upper and lower case are the same, and so are `-` and `_`.
///
/// # Errors
/// [`SpaceError::UnknownName`] with the names there are.
pub fn by_name(name: &str) -> Result<&'static Named, SpaceError> {
    let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    let wanted = plain(name.trim());
    all()
        .iter()
        .find(|named| plain(&named.name) == wanted)
        .ok_or_else(|| SpaceError::UnknownName {
            what: "architecture",
            name: name.to_owned(),
            known: all().iter().map(|named| named.name.clone()).collect(),
        })
}

#[derive(Deserialize)]
struct File {
    genotypes: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    source: String,
    normal: Vec<(String, usize)>,
    normal_concat: Vec<usize>,
    reduce: Vec<(String, usize)>,
    reduce_concat: Vec<usize>,
}

fn read() -> Result<Vec<Named>, SpaceError> {
    let file: File = serde_json::from_str(include_str!("../assets/genotypes.json"))
        .map_err(|error| SpaceError::parse("the published architectures", error.to_string()))?;
    let mut all = Vec::new();
    for (name, entry) in file.genotypes {
        all.push(Named {
            name,
            source: entry.source,
            genotype: Genotype::Darts(DartsGenotype {
                normal: cell(&entry.normal, entry.normal_concat)?,
                reduction: Some(cell(&entry.reduce, entry.reduce_concat)?),
            }),
            data: None,
        });
    }
    all.push(Named {
        name: "PNASNet_5".to_owned(),
        source: "Liu et al. 2018, arXiv 1712.00559; TensorFlow-Slim".to_owned(),
        genotype: Genotype::Darts(DartsGenotype {
            normal: pnasnet_5()?,
            reduction: None,
        }),
        data: None,
    });
    let nb201 = [
        (
            "NB201_RESNET",
            "Dong & Yang 2020, arXiv 2001.00326, authors' code",
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        ),
        (
            "NB201_ALL_3X3",
            "Dong & Yang 2020, arXiv 2001.00326: the largest of its cells",
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        ),
    ];
    for (name, source, text) in nb201 {
        all.push(Named {
            name: name.to_owned(),
            source: source.to_owned(),
            genotype: Genotype::Nb201(parse_nb201(text)?),
            data: None,
        });
    }
    let ying = "Ying et al. 2019, arXiv 1902.09635";
    for (name, source, text) in [
        (
            "NB101_RESNET",
            format!("{ying}: two 3x3 convolutions with a shortcut"),
            r#"{"matrix":[[0,1,0,1],[0,0,1,0],[0,0,0,1],[0,0,0,0]],
            "ops":["input","conv3x3-bn-relu","conv3x3-bn-relu","output"]}"#,
        ),
        (
            "NB101_INCEPTION",
            format!("{ying}: the example of the authors' code, after Inception"),
            r#"{"matrix":[[0,1,1,1,0,1,0],[0,0,0,0,0,0,1],[0,0,0,0,0,0,1],[0,0,0,0,1,0,0],[0,0,0,0,0,0,1],[0,0,0,0,0,0,1],
            [0,0,0,0,0,0,0]],"ops":["input","conv1x1-bn-relu","conv3x3-bn-relu","conv3x3-bn-relu","conv3x3-bn-relu","maxpool3x3",
            "output"]}"#,
        ),
        (
            "NB101_BEST",
            format!("{ying}: the highest mean test accuracy after 108 epochs, 94.32 %"),
            r#"{"matrix":[[0,1,1,0,0,1,1],[0,0,0,0,0,1,0],[0,0,0,1,0,0,0],[0,0,0,0,1,0,0],[0,0,0,0,0,1,0],[0,0,0,0,0,0,1],
            [0,0,0,0,0,0,0]],"ops":["input","conv1x1-bn-relu","conv3x3-bn-relu","maxpool3x3","conv3x3-bn-relu","conv3x3-bn-relu",
            "output"]}"#,
        ),
    ] {
        all.push(Named {
            name: name.to_owned(),
            source,
            genotype: Genotype::Nb101(parse_nb101(text)?),
            data: None,
        });
    }
    all.extend(mlperf_tiny()?);
    Ok(all)
}

/// The networks of MLPerf Tiny (Banbury et al. 2021, arXiv 2106.07597; authors' code), with the
/// biases that Keras adds.
///
/// Keras pads sizes that a stride does not divide at the end, here both sides are padded. DS-CNN
/// ends there in average pooling over 24 of 25 rows.
fn mlperf_tiny() -> Result<[Named; 3], SpaceError> {
    let conv = |kernel, channels, stride| Block::Conv {
        kernel,
        stride: [stride; 2],
        channels,
    };
    let residual = |(stride, channels)| Block::Residual { stride, channels };
    let separable = |(stride, channels)| Block::Separable {
        kernel: [3, 3],
        stride: [stride; 2],
        channels,
    };
    let resnet = [(1, 16), (2, 32), (2, 64)].map(residual);
    let ends = [(1, 16), (2, 32), (1, 32), (2, 64), (1, 64), (2, 128)];
    let mobilenet = [ends.as_slice(), &[(1, 128); 5], &[(2, 256), (1, 256)]].concat();
    let named = |name: &str, task, first, rest: Vec<Block>, image, classes| {
        let blocks = Blocks::new([vec![first], rest].concat())?;
        Ok(Named {
            name: name.to_owned(),
            source: format!("Banbury et al. 2021, arXiv 2106.07597: MLPerf Tiny's {task}"),
            genotype: Genotype::Blocks(blocks.with_bias(true)),
            data: Some((image, classes)),
        })
    };
    Ok([
        named(
            "RESNET8",
            "image classification",
            conv([3, 3], 16, 1),
            resnet.into(),
            Shape::new(3, 32, 32),
            10,
        )?,
        named(
            "MOBILENET_V1_025",
            "visual wake words",
            conv([3, 3], 8, 2),
            mobilenet.into_iter().map(separable).collect(),
            Shape::new(3, 96, 96),
            2,
        )?,
        named(
            "DS_CNN",
            "keyword spotting",
            conv([10, 4], 64, 2),
            vec![separable((1, 64)); 4],
            Shape::new(1, 49, 10),
            12,
        )?,
    ])
}

/// A cell of two inputs and two edges a node.
fn cell(edges: &[(String, usize)], output: Vec<usize>) -> Result<Cell, SpaceError> {
    let nodes = edges.chunks(2).map(|pair| Node::add(pair.iter().cloned()));
    Cell::new(2, nodes.collect(), output)
}

/// PNASNet-5's cell.
///
/// TensorFlow-Slim counts the previous cell's output as state 0 and that of the one before as state
/// 1; here it is the other way round. There the output takes all five blocks, though the fourth one
/// reads the third.
fn pnasnet_5() -> Result<Cell, SpaceError> {
    let edges = [
        ("sep_conv_5x5", 0),
        ("max_pool_3x3", 0),
        ("sep_conv_7x7", 1),
        ("max_pool_3x3", 1),
        ("sep_conv_5x5", 1),
        ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 4),
        ("max_pool_3x3", 1),
        ("sep_conv_3x3", 0),
        ("skip_connect", 1),
    ];
    let edges = edges.map(|(op, from)| (op.to_owned(), from));
    cell(&edges, vec![2, 3, 4, 5, 6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_architecture_can_be_read() {
        let names: Vec<String> = read().unwrap().into_iter().map(|named| named.name).collect();
        let expected = [
            "AmoebaNet",
            "DARTS_V1",
            "DARTS_V2",
            "NASNet",
            "PC_DARTS_cifar",
            "PC_DARTS_image",
            "PDARTS",
            "PNASNet_5",
            "NB201_RESNET",
            "NB201_ALL_3X3",
            "NB101_RESNET",
            "NB101_INCEPTION",
            "NB101_BEST",
            "RESNET8",
            "MOBILENET_V1_025",
            "DS_CNN",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn case_and_dashes_do_not_matter() {
        for (text, name) in [
            ("darts_v2", "DARTS_V2"),
            ("PNASNet-5", "PNASNet_5"),
            (" pdarts ", "PDARTS"),
        ] {
            assert_eq!(by_name(text).unwrap().name, name);
        }
        let error = by_name("DARTS_V3").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no architecture named 'DARTS_V3'; known: AmoebaNet, DARTS_V1,"),
            "{error}"
        );
    }
}
