//! ENAS' space of whole networks.

use serde::{Deserialize, Serialize};

use super::{Growth, Space, SpaceError};
use crate::arch::{Architecture, Decision};
use crate::genotype::{Genotype, MAX_MACRO_LAYERS, MacroGenotype, MacroLayer, MacroOperation};
use crate::network::{Network, NetworkConfig, enas_macro_supernet};
use crate::op::Operations;

/// How large an [`EnasMacroSpace`] is.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `layers` | 12 | layers of a network | 1 to 64 |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EnasMacroConfig {
    /// Layers of a network.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_MACRO_LAYERS)))]
    pub layers: usize,
}

impl Default for EnasMacroConfig {
    fn default() -> Self {
        Self { layers: 12 }
    }
}

/// Whole networks with skip connections (Pham et al. 2018, arXiv 1802.03268, section 2.3).
///
/// Per layer, in this order: its operation (kind `operation`), then for each state below its number
/// whether it is added (kind `skip`); state 0 is the stem's output, state i that of layer i − 1, as
/// in the authors' code. [`crate::network::enas_macro`] says what the network is. At 12 layers
/// there are 6¹²·2⁶⁶ = 1.6·10²⁹ architectures. It grows layer by layer.
///
/// # Deviations
/// The authors build the network they train in the end otherwise than the one they search with:
/// there skip connections are concatenated before a 1×1 convolution, and channels double where maps
/// are halved. Here both are the network of the search.
#[derive(Debug, Clone)]
pub struct EnasMacroSpace {
    config: EnasMacroConfig,
    decisions: Vec<Decision>,
    operations: Operations,
}

impl EnasMacroSpace {
    /// The space of this size.
    ///
    /// # Errors
    /// [`SpaceError::Config`] where the number of layers is out of range.
    pub fn new(config: EnasMacroConfig) -> Result<Self, SpaceError> {
        if !(1..=MAX_MACRO_LAYERS).contains(&config.layers) {
            let expected = format!("1 to {MAX_MACRO_LAYERS}");
            return Err(SpaceError::config("layers", config.layers, expected));
        }
        let mut decisions = Vec::new();
        for layer in 0..config.layers {
            let names = MacroOperation::ALL.map(MacroOperation::name);
            decisions.push(Decision::new(
                format!("layer{layer}.operation"),
                "operation",
                names,
            ));
            let skip = |state| Decision::new(format!("layer{layer}.skip{state}"), "skip", ["no", "yes"]);
            decisions.extend((0..layer).map(skip));
        }
        Ok(Self {
            config,
            decisions,
            operations: Operations::standard(),
        })
    }

    /// How large it is.
    pub fn config(&self) -> &EnasMacroConfig {
        &self.config
    }

    /// Rows and columns of the table of weights of [`EnasMacroSpace::supernet`]: a row for each
    /// layer; a column for each operation, then for each state that a layer may add.
    pub fn table(&self) -> (usize, usize) {
        let layers = self.config.layers;
        (layers, MacroOperation::ALL.len() + layers - 1)
    }

    /// The network that contains every architecture of the space: each layer is a [weighted
    /// sum](crate::network::LayerKind::WeightedSum) of all operations and all states, of the one
    /// [table](EnasMacroSpace::table) there is.
    ///
    /// # Errors
    /// As [`crate::network::enas_macro`].
    pub fn supernet(&self, config: &NetworkConfig) -> Result<Network, SpaceError> {
        enas_macro_supernet(self.config.layers, config)
    }

    fn not_in_space(&self, reason: impl Into<String>) -> SpaceError {
        SpaceError::NotInSpace {
            space: self.name().to_owned(),
            reason: reason.into(),
        }
    }
}

impl Space for EnasMacroSpace {
    fn name(&self) -> &'static str {
        "enas-macro"
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        let level = self.level_of(architecture)?;
        let mut rest = architecture.choices();
        let mut layers = Vec::with_capacity(level);
        for number in 0..level {
            let (own, next) = rest.split_at(1 + number);
            layers.push(MacroLayer {
                operation: MacroOperation::ALL[own[0]],
                skips: (0..number).filter(|&state| own[1 + state] == 1).collect(),
            });
            rest = next;
        }
        Ok(Genotype::EnasMacro(MacroGenotype::new(layers)?))
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let Genotype::EnasMacro(network) = genotype else {
            return Err(self.not_in_space("expected a network of ENAS' macro space"));
        };
        let layers = network.layers();
        if layers.len() > self.config.layers {
            let (got, most) = (layers.len(), self.config.layers);
            return Err(self.not_in_space(format!("it has {got} layers, expected at most {most}")));
        }
        let mut choices = Vec::new();
        for (number, layer) in layers.iter().enumerate() {
            choices.push(layer.operation.index());
            choices.extend((0..number).map(|state| usize::from(layer.skips.contains(&state))));
        }
        Ok(Architecture::new(choices))
    }

    fn growth(&self) -> Option<&dyn Growth> {
        Some(self)
    }

    fn enas_macro(&self) -> Option<&EnasMacroSpace> {
        Some(self)
    }
}

impl Growth for EnasMacroSpace {
    fn levels(&self) -> usize {
        self.config.layers
    }

    fn choices_at(&self, level: usize) -> usize {
        level + level * level.saturating_sub(1) / 2
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;
    use crate::canonical::canonical_id;
    use crate::network::LayerKind;
    use crate::seed::Seed;
    use crate::shape::Shape;

    fn space(layers: usize) -> EnasMacroSpace {
        EnasMacroSpace::new(EnasMacroConfig { layers }).unwrap()
    }

    fn config(channels: usize) -> NetworkConfig {
        NetworkConfig {
            channels,
            ..NetworkConfig::default()
        }
    }

    #[test]
    fn twelve_layers_make_as_many_architectures_as_the_paper_says() {
        let expected = BigUint::from(6_u32).pow(12) * BigUint::from(2_u32).pow(66);
        assert_eq!(space(12).size(), expected);
        assert_eq!(expected.to_string(), "160618186625454535808756219904");
        assert_eq!(space(12).decisions().len(), 78);
        assert!(EnasMacroSpace::new(EnasMacroConfig { layers: 0 }).is_err());
        assert!(EnasMacroSpace::new(EnasMacroConfig { layers: 65 }).is_err());
    }

    #[test]
    fn architectures_and_genotypes_are_each_others() {
        let space = space(5);
        let mut rng = Seed::new(1).rng();
        let mut ids = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let architecture = space.sample(&mut rng);
            let genotype = space.genotype(&architecture).unwrap();
            assert_eq!(space.architecture(&genotype).unwrap(), architecture);
            let read: Genotype = genotype.to_string().parse().unwrap();
            assert_eq!(read, genotype);
            ids.insert(canonical_id(&genotype, space.operations()));
            let mutated = space.mutate(&architecture, &mut rng).unwrap();
            space.validate(&mutated).unwrap();
            assert_ne!(
                canonical_id(&space.genotype(&mutated).unwrap(), space.operations()),
                canonical_id(&genotype, space.operations())
            );
        }
        assert_eq!(ids.len(), 50, "different ones have different ids");
        let long = self::space(6).genotype(&Architecture::new([0; 21])).unwrap();
        assert!(
            space
                .architecture(&long)
                .unwrap_err()
                .to_string()
                .contains("6 layers")
        );
    }

    /// Computed by hand, for C channels: the layers before an operation have C² + 2C parameters;
    /// the halving of a state has C² + 2C.
    #[test]
    fn parameters_are_those_counted_by_hand() {
        let c = 4_u64;
        let (stem, head) = (27 * c + 2 * c, 10 * c + 10);
        let before = c * c + 2 * c;
        let conv = |k: u64| before + k * k * c * c + 2 * c;
        let separable = |k: u64| before + k * k * c + c * c + 2 * c;
        let params = |text: &str| {
            let genotype: Genotype = text.parse().unwrap();
            let network = genotype.network(&Operations::standard(), &config(4)).unwrap();
            network.cost().params
        };
        let norm = 2 * c;
        assert_eq!(params("0 | 3 0"), stem + conv(3) + separable(5) + norm + head);
        assert_eq!(params("4 | 5 1"), stem + 2 * before + norm + head);
        // Halved after the first and the second layer. Layer 2 adds the stem's state, which is
        // halved twice.
        let path = 2 * before;
        assert_eq!(
            params("2 | 1 0 | 0 1 0"),
            stem + conv(5) + separable(3) + conv(3) + 2 * norm + path + path + head
        );
    }

    #[test]
    fn maps_are_halved_after_a_third_and_two_thirds_of_the_layers() {
        let space = space(12);
        let architecture = Architecture::new([1; 78]);
        let network = space.network(&architecture, &config(6)).unwrap();
        let shape = |name: &str| {
            let mut layers = network
                .layers()
                .iter()
                .filter(|layer| layer.name.starts_with(name));
            layers.next_back().unwrap().shape
        };
        assert_eq!(shape("layers.3."), Shape::new(6, 32, 32));
        assert_eq!(shape("layers.4."), Shape::new(6, 16, 16));
        assert_eq!(shape("layers.7."), Shape::new(6, 16, 16));
        assert_eq!(shape("layers.8."), Shape::new(6, 8, 8));
    }

    /// The supernet has the parameters of all operations and all halvings, under the names that
    /// each network has.
    #[test]
    fn the_supernet_contains_every_network_by_name() {
        let space = space(6);
        let supernet = space.supernet(&config(4)).unwrap();
        let sums = supernet.layers().iter().filter_map(|layer| match &layer.kind {
            LayerKind::WeightedSum { terms } => Some(terms.len()),
            _ => None,
        });
        assert_eq!(sums.collect::<Vec<_>>(), [6, 7, 8, 9, 10, 11]);
        assert_eq!(space.table(), (6, 11));
        let named: std::collections::BTreeMap<&str, Shape> = supernet
            .layers()
            .iter()
            .map(|layer| (layer.name.as_str(), layer.shape))
            .collect();
        let mut rng = Seed::new(2).rng();
        for _ in 0..20 {
            let network = space.network(&space.sample(&mut rng), &config(4)).unwrap();
            for layer in network.layers() {
                if matches!(layer.kind, LayerKind::Conv2d(_) | LayerKind::BatchNorm { .. }) {
                    assert_eq!(
                        named.get(layer.name.as_str()),
                        Some(&layer.shape),
                        "{}",
                        layer.name
                    );
                }
            }
            assert!(network.cost().params < supernet.cost().params);
        }
    }
}
