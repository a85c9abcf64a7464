//! The space of chains of convolutions.

use serde::{Deserialize, Serialize};

use super::{Growth, Space, SpaceError};
use crate::arch::{Architecture, Decision};
use crate::genotype::{Chain, ChainLayer, Genotype, MAX_FILTER_SIZE, MAX_FILTERS, MAX_STRIDE};
use crate::op::Operations;

/// What the layers of a [`ChainSpace`] can be.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `layers` | 6 | convolutions in a row | 1 to 64 |
/// | `filter_heights` | 1, 3, 5, 7 | rows of a filter | odd, at most 1,023, different |
/// | `filter_widths` | 1, 3, 5, 7 | columns of a filter | odd, at most 1,023, different |
/// | `strides` | 1 | strides in each direction; the paper also lets 1, 2, 3 be chosen | 1 to 1,024, different |
/// | `filters` | 24, 36, 48, 64 | filters of a layer | 1 to 65,536, different |
/// | `skips` | true | whether a layer can read any earlier ones, or just the one before | |
///
/// No decision is made of a list of one value. At least one list has more. The paper starts with 6
/// layers and adds 2 each 1,600 samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ChainConfig {
    /// Convolutions in a row.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 64)))]
    pub layers: usize,
    /// Heights that a filter can have, in rows; odd numbers.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1, max = MAX_FILTER_SIZE)), extend("uniqueItems" = true)))]
    pub filter_heights: Vec<usize>,
    /// Widths that a filter can have, in columns; odd numbers.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1, max = MAX_FILTER_SIZE)), extend("uniqueItems" = true)))]
    pub filter_widths: Vec<usize>,
    /// Strides that a layer can have, chosen for rows and columns separately.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1, max = MAX_STRIDE)), extend("uniqueItems" = true)))]
    pub strides: Vec<usize>,
    /// Numbers of filters that a layer can have.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1, max = MAX_FILTERS)), extend("uniqueItems" = true)))]
    pub filters: Vec<usize>,
    /// Whether a layer can read any earlier ones, or only the one before.
    pub skips: bool,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            layers: 6,
            filter_heights: vec![1, 3, 5, 7],
            filter_widths: vec![1, 3, 5, 7],
            strides: vec![1],
            filters: vec![24, 36, 48, 64],
            skips: true,
        }
    }
}

/// Chains of convolutional layers with skip connections (Zoph & Le 2017, arXiv 1611.01578, sections
/// 3.1 and 3.3).
///
/// Per layer, in this order: for each earlier layer whether it is read (kind `skip`), filter
/// height, filter width, strides in both directions where there is a choice, number of filters.
/// Where there are skips, a layer that reads no other reads the image; [`crate::network::chain`]
/// says how the rest fits together. It grows layer by layer.
#[derive(Debug, Clone)]
pub struct ChainSpace {
    config: ChainConfig,
    decisions: Vec<Decision>,
    operations: Operations,
}

/// The decisions of a layer other than its skips: kind and values.
fn fields(config: &ChainConfig) -> [(&'static str, &[usize]); 5] {
    [
        ("filter_height", &config.filter_heights),
        ("filter_width", &config.filter_widths),
        ("stride_height", &config.strides),
        ("stride_width", &config.strides),
        ("filters", &config.filters),
    ]
}

impl ChainSpace {
    /// The space of these layers.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names the field that is out of range.
    pub fn new(config: ChainConfig) -> Result<Self, SpaceError> {
        check(&config)?;
        let mut decisions = Vec::new();
        for layer in 0..config.layers {
            if config.skips {
                let skip = |from| Decision::new(format!("layer{layer}.skip{from}"), "skip", ["no", "yes"]);
                decisions.extend((0..layer).map(skip));
            }
            for (kind, values) in fields(&config).into_iter().filter(|(_, values)| values.len() > 1) {
                let options = values.iter().map(ToString::to_string);
                decisions.push(Decision::new(format!("layer{layer}.{kind}"), kind, options));
            }
        }
        Ok(Self {
            config,
            decisions,
            operations: Operations::standard(),
        })
    }

    /// What its layers can be.
    pub fn config(&self) -> &ChainConfig {
        &self.config
    }

    fn not_in_space(&self, reason: impl Into<String>) -> SpaceError {
        SpaceError::NotInSpace {
            space: self.name().to_owned(),
            reason: reason.into(),
        }
    }

    /// Reads layer number `layer` off the choices.
    fn layer(&self, layer: usize, choices: &mut impl Iterator<Item = usize>) -> ChainLayer {
        let inputs = if self.config.skips {
            (0..layer).filter(|_| choices.next() == Some(1)).collect()
        } else {
            layer.checked_sub(1).into_iter().collect()
        };
        let [filter_height, filter_width, stride_height, stride_width, filters] =
            fields(&self.config).map(|(_, values)| {
                let choice = if values.len() > 1 { choices.next() } else { None };
                values[choice.unwrap_or_default()]
            });
        ChainLayer {
            filter_height,
            filter_width,
            stride_height,
            stride_width,
            filters,
            inputs,
        }
    }
}

fn check(config: &ChainConfig) -> Result<(), SpaceError> {
    if !(1..=64).contains(&config.layers) {
        return Err(SpaceError::config("layers", config.layers, "1 to 64"));
    }
    let lists = [
        ("filter_heights", &config.filter_heights, MAX_FILTER_SIZE),
        ("filter_widths", &config.filter_widths, MAX_FILTER_SIZE),
        ("strides", &config.strides, MAX_STRIDE),
        ("filters", &config.filters, MAX_FILTERS),
    ];
    for (name, values, most) in lists {
        let got = format!("{values:?}");
        if values.is_empty() || !values.iter().all(|value| (1..=most).contains(value)) {
            return Err(SpaceError::config(
                name,
                got,
                format!("one or more numbers from 1 to {most}"),
            ));
        }
        if (1..values.len()).any(|i| values[..i].contains(&values[i])) {
            return Err(SpaceError::config(name, got, "different numbers"));
        }
        if name.starts_with("filter_") && values.iter().any(|value| value.is_multiple_of(2)) {
            return Err(SpaceError::config(name, got, "odd numbers"));
        }
    }
    if lists.iter().all(|(_, values, _)| values.len() == 1) {
        let names = lists.map(|(name, ..)| name).join(", ");
        return Err(SpaceError::config(
            names,
            "one value each",
            "at least two values to choose from in one of them",
        ));
    }
    Ok(())
}

impl Space for ChainSpace {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        let level = self.level_of(architecture)?;
        let mut choices = architecture.choices().iter().copied();
        let layers = (0..level).map(|layer| self.layer(layer, &mut choices)).collect();
        Ok(Genotype::Chain(Chain::new(layers)?))
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let Genotype::Chain(chain) = genotype else {
            return Err(self.not_in_space("expected a chain of layers"));
        };
        let layers = chain.layers();
        if layers.len() > self.config.layers {
            let (got, most) = (layers.len(), self.config.layers);
            return Err(self.not_in_space(format!("it has {got} layers, expected at most {most}")));
        }
        let mut choices = Vec::new();
        for (i, layer) in layers.iter().enumerate() {
            if self.config.skips {
                choices.extend((0..i).map(|from| usize::from(layer.inputs.contains(&from))));
            } else if !layer.inputs.iter().copied().eq(i.checked_sub(1)) {
                let got = &layer.inputs;
                return Err(self.not_in_space(format!(
                    "layer {i} reads {got:?}, expected the one before it alone"
                )));
            }
            let values = [
                layer.filter_height,
                layer.filter_width,
                layer.stride_height,
                layer.stride_width,
                layer.filters,
            ];
            for ((kind, options), value) in fields(&self.config).into_iter().zip(values) {
                let choice = options
                    .iter()
                    .position(|&option| option == value)
                    .ok_or_else(|| {
                        self.not_in_space(format!(
                            "layer {i} has {kind} {value}, expected one of {options:?}"
                        ))
                    })?;
                if options.len() > 1 {
                    choices.push(choice);
                }
            }
        }
        Ok(Architecture::new(choices))
    }

    fn growth(&self) -> Option<&dyn Growth> {
        Some(self)
    }
}

impl Growth for ChainSpace {
    fn levels(&self) -> usize {
        self.config.layers
    }

    fn choices_at(&self, level: usize) -> usize {
        let skips = if self.config.skips {
            level * level.saturating_sub(1) / 2
        } else {
            0
        };
        let open = fields(&self.config)
            .iter()
            .filter(|(_, values)| values.len() > 1)
            .count();
        skips + level * open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_its_skips_then_its_fields() {
        let config = ChainConfig {
            layers: 2,
            strides: vec![1, 2, 3],
            ..ChainConfig::default()
        };
        let space = ChainSpace::new(config).unwrap();
        let kinds: Vec<&str> = space.decisions().iter().map(|d| d.kind.as_str()).collect();
        let fields = [
            "filter_height",
            "filter_width",
            "stride_height",
            "stride_width",
            "filters",
        ];
        assert_eq!(kinds[..5], fields);
        assert_eq!(kinds[5], "skip");
        assert_eq!(kinds[6..], fields);
        assert_eq!(space.size(), (576_u64 * 576 * 2).into());
        let genotype = space
            .genotype(&Architecture::new([1, 2, 1, 0, 3, 1, 0, 0, 2, 0, 0]))
            .unwrap();
        let layer = |filter_height, filter_width, stride_height, stride_width, filters, inputs| ChainLayer {
            filter_height,
            filter_width,
            stride_height,
            stride_width,
            filters,
            inputs,
        };
        let expected = Chain::new(vec![
            layer(3, 5, 2, 1, 64, vec![]),
            layer(1, 1, 3, 1, 24, vec![0]),
        ]);
        assert_eq!(genotype, Genotype::Chain(expected.unwrap()));
    }

    #[test]
    fn a_plain_chain_reads_the_layer_before() {
        let config = ChainConfig {
            layers: 3,
            skips: false,
            filter_heights: vec![3],
            filter_widths: vec![3],
            ..ChainConfig::default()
        };
        let space = ChainSpace::new(config).unwrap();
        assert_eq!(space.size(), 64_u32.into());
        let Genotype::Chain(chain) = space.genotype(&Architecture::new([0, 1, 2])).unwrap() else {
            panic!("no chain");
        };
        let inputs: Vec<&[usize]> = chain.layers().iter().map(|l| l.inputs.as_slice()).collect();
        assert_eq!(inputs, [&[] as &[usize], &[0], &[1]]);
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let default = ChainConfig::default;
        let cases = [
            (
                "layers is 0",
                ChainConfig {
                    layers: 0,
                    ..default()
                },
            ),
            (
                "filter_heights is [2]",
                ChainConfig {
                    filter_heights: vec![2],
                    ..default()
                },
            ),
            (
                "filter_widths is []",
                ChainConfig {
                    filter_widths: vec![],
                    ..default()
                },
            ),
            (
                "strides is [0]",
                ChainConfig {
                    strides: vec![0],
                    ..default()
                },
            ),
            (
                "filter_widths is [3, 1025]; expected one or more numbers from 1 to 1023",
                ChainConfig {
                    filter_widths: vec![3, 1025],
                    ..default()
                },
            ),
            (
                "strides is [1025]",
                ChainConfig {
                    strides: vec![1025],
                    ..default()
                },
            ),
            (
                "filters is [8, 65537]",
                ChainConfig {
                    filters: vec![8, 65_537],
                    ..default()
                },
            ),
            (
                "layers is 65",
                ChainConfig {
                    layers: 65,
                    ..default()
                },
            ),
            (
                "filters is [8, 8]",
                ChainConfig {
                    filters: vec![8, 8],
                    ..default()
                },
            ),
            (
                "filter_heights, filter_widths, strides, filters is one value each",
                ChainConfig {
                    filter_heights: vec![3],
                    filter_widths: vec![3],
                    filters: vec![8],
                    ..default()
                },
            ),
        ];
        for (expected, config) in cases {
            let error = ChainSpace::new(config).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
