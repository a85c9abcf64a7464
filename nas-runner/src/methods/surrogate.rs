//! The options of methods that predict accuracies.

use clap::{Args, ValueEnum};
use nas_pnas::Exploration;
use nas_pnas::surrogate::{
    Encoding, FeatureNetworkConfig, ForestConfig, GaussianProcessConfig, NetworkConfig, SurrogateConfig,
};
use nas_space::spaces::Space;
use toml::Table;

/// What predicts accuracies, and how predictions are used.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct SurrogateArgs {
    /// What predicts accuracies [default: mlp for pnas, feature-mlp for bananas]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(super) surrogate: Option<SurrogateName>,
    /// How to rank candidates [default: top for pnas, thompson for bananas]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(super) exploration: Option<ExplorationName>,
}

/// What predicts accuracies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SurrogateName {
    /// An ensemble of MLPs over the mean of the blocks, in a space that grows
    Mlp,
    /// An ensemble of LSTMs over the sequence of choices, in a space that grows
    Lstm,
    /// An ensemble of random forests
    Forest,
    /// A Gaussian process
    GaussianProcess,
    /// An ensemble of plain MLPs on the paths through a cell
    FeatureMlp,
}

/// What candidates are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExplorationName {
    /// The predicted mean
    Top,
    /// The predicted mean plus the spread: an upper confidence bound
    Ucb,
    /// A draw from the predicted distribution
    Thompson,
}

impl SurrogateName {
    /// Whose settings these are.
    pub(super) fn of(config: &SurrogateConfig) -> Self {
        match config {
            SurrogateConfig::Lstm(_) => Self::Lstm,
            SurrogateConfig::Forest(_) => Self::Forest,
            SurrogateConfig::GaussianProcess(_) => Self::GaussianProcess,
            SurrogateConfig::FeatureMlp(_) => Self::FeatureMlp,
            _ => Self::Mlp,
        }
    }

    /// Its settings in a method that chooses an encoding by itself.
    pub(super) fn config(self, encoding: Encoding) -> SurrogateConfig {
        match self {
            Self::Mlp => SurrogateConfig::Mlp(NetworkConfig::default()),
            Self::Lstm => SurrogateConfig::Lstm(NetworkConfig::default()),
            Self::Forest => SurrogateConfig::Forest(ForestConfig {
                encoding,
                ..ForestConfig::default()
            }),
            Self::GaussianProcess => SurrogateConfig::GaussianProcess(GaussianProcessConfig { encoding }),
            Self::FeatureMlp => SurrogateConfig::FeatureMlp(FeatureNetworkConfig {
                encoding,
                ..FeatureNetworkConfig::default()
            }),
        }
    }

    /// That of a file's settings.
    fn in_file(file: &Table) -> Option<Self> {
        let kind = file.get("surrogate")?.get("kind")?.as_str()?;
        Self::from_str(&kind.replace('_', "-"), false).ok()
    }
}

impl SurrogateArgs {
    /// The one that is typed, or else a file's.
    pub(super) fn named(&self, file: &Table) -> Option<SurrogateName> {
        self.surrogate.or(SurrogateName::in_file(file))
    }

    /// Takes the settings of another surrogate than the typed one out of a file.
    pub(super) fn reconcile(&self, file: &mut Table) {
        let recorded = SurrogateName::in_file(file);
        if recorded.is_some() && self.surrogate.is_some() && recorded != self.surrogate {
            file.remove("surrogate");
        }
    }

    /// What candidates are ranked by, typed over what is recorded.
    pub(super) fn exploration(&self, recorded: Exploration) -> Exploration {
        match (self.exploration, recorded) {
            (None, recorded) => recorded,
            (Some(ExplorationName::Top), _) => Exploration::Top,
            (Some(ExplorationName::Thompson), _) => Exploration::Thompson,
            (Some(ExplorationName::Ucb), recorded @ Exploration::Ucb(_)) => recorded,
            (Some(ExplorationName::Ucb), _) => Exploration::Ucb(1.0),
        }
    }
}

/// Paths of cells, where there are cells.
pub(super) fn encoding_of(space: &dyn Space) -> Encoding {
    match space.cells() {
        Some(_) => Encoding::Paths,
        None => Encoding::OneHot,
    }
}
