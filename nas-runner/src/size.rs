//! Default sizes of networks, if no size is given.

use nas_report::number::counted;
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::spaces::SpaceConfig;

/// Channels and cells of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Channels of the first cells.
    pub channels: usize,
    /// Cells in all, or per stage.
    pub cells: usize,
}

/// The skeletons whose sizes differ in meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skeleton {
    /// Cells in all.
    Darts,
    /// Cells per stage.
    Nb201,
    /// Modules per stack.
    Nb101,
    /// The architecture says both: a chain, or blocks in a row.
    Chain,
    /// The architecture says the layers.
    Macro,
}

impl Skeleton {
    /// The skeleton of a genotype.
    pub fn of(genotype: &Genotype) -> Self {
        match genotype {
            Genotype::Nb201(_) | Genotype::Hierarchical(_) => Self::Nb201,
            Genotype::Chain(_) | Genotype::Blocks(_) => Self::Chain,
            Genotype::Nb101(_) => Self::Nb101,
            Genotype::EnasMacro(_) => Self::Macro,
            _ => Self::Darts,
        }
    }
}

impl Size {
    /// The size the literature counts parameters at: 16 channels and 5 cells a stage for NAS-Bench-201, 128 channels
    /// and 3 modules a stack for NAS-Bench-101, 36 channels and 20 cells for DARTS. Of ENAS' macro space, the
    /// channels that its authors search with.
    pub fn published(skeleton: Skeleton) -> Self {
        match skeleton {
            Skeleton::Darts => Self {
                channels: 36,
                cells: 20,
            },
            Skeleton::Nb201 | Skeleton::Chain => Self {
                channels: 16,
                cells: 5,
            },
            Skeleton::Nb101 => Self {
                channels: 128,
                cells: 3,
            },
            Skeleton::Macro => Self {
                channels: 36,
                cells: 1,
            },
        }
    }

    /// A size that trains in minutes on a few cores, for images of this number of pixels.
    pub fn small(skeleton: Skeleton, pixels: usize) -> Self {
        match skeleton {
            Skeleton::Darts if pixels <= 64 => Self {
                channels: 16,
                cells: 3,
            },
            Skeleton::Darts => Self {
                channels: 16,
                cells: 5,
            },
            Skeleton::Nb201 | Skeleton::Nb101 | Skeleton::Chain | Skeleton::Macro => Self {
                channels: 16,
                cells: 1,
            },
        }
    }

    /// The network in this size.
    pub fn put_on(self, network: NetworkConfig) -> NetworkConfig {
        NetworkConfig {
            channels: self.channels,
            cells: self.cells,
            ..network
        }
    }
}

/// What says how large the network of an architecture is, besides the architecture: its images where that says the rest.
pub fn of_architecture(genotype: &Genotype, network: &NetworkConfig) -> String {
    match genotype {
        Genotype::Blocks(_) => format!("images of {}", network.image),
        Genotype::Chain(_) => format!(
            "images of {}{}",
            network.image,
            stem_in_words(network.stem_halvings)
        ),
        _ => in_words(network),
    }
}

/// The size of a network in words.
pub fn in_words(network: &NetworkConfig) -> String {
    format!(
        "{}, {}{}",
        counted(network.channels, "channel"),
        counted(network.cells, "cell"),
        stem_in_words(network.stem_halvings)
    )
}

/// What the stem does, to be put behind the size; empty where it does not halve.
pub fn stem_in_words(halvings: usize) -> String {
    match halvings {
        0 => String::new(),
        halvings => format!(", a stem that halves {}", counted(halvings, "time")),
    }
}

/// The skeleton that a space's architectures stand in.
pub fn skeleton(space: &SpaceConfig) -> Skeleton {
    match space {
        SpaceConfig::Nb201 {} | SpaceConfig::Hierarchical(_) => Skeleton::Nb201,
        SpaceConfig::Nb101 {} => Skeleton::Nb101,
        SpaceConfig::Chain(_) | SpaceConfig::Mobile(_) => Skeleton::Chain,
        SpaceConfig::EnasMacro(_) => Skeleton::Macro,
        SpaceConfig::Custom(custom) if custom.skeleton == nas_space::spaces::Skeleton::Nb201 => {
            Skeleton::Nb201
        }
        _ => Skeleton::Darts,
    }
}
