//! Spaces that are nothing but their decisions.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Space, SpaceError};
use crate::arch::{Architecture, Decision};
use crate::genotype::{Genotype, Selection};
use crate::op::Operations;

/// A space of which only the decisions are known, such as that of a benchmark table over networks
/// that this toolkit does not build. Any combination of options is an architecture, and none has a
/// network.
///
/// | Name | Purpose | Range |
/// |---|---|---|
/// | `name` | the space's name | letters, digits, `-`, `_` |
/// | `decisions` | what is chosen | 1 to 1,000, with different names and one option or more each |
///
/// # Example
/// ```
/// use nas_space::arch::{Architecture, Decision};
/// use nas_space::spaces::{ProductConfig, Space};
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let decisions = vec![Decision::new("width", "width", ["8", "16"]), Decision::new("depth", "depth", ["1", "2", "3"])];
/// let space = ProductConfig { name: "sizes".to_owned(), decisions }.build()?;
/// assert_eq!(space.size(), 6_u32.into());
/// let genotype = space.genotype(&Architecture::new([1, 2]))?;
/// assert_eq!(space.architecture(&genotype)?, Architecture::new([1, 2]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProductConfig {
    /// The space's name.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[A-Za-z0-9_-]+$")))]
    pub name: String,
    /// What is chosen; different names.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1_000)))]
    pub decisions: Vec<Decision>,
}

/// See [`ProductConfig`].
#[derive(Debug, Clone)]
pub struct ProductSpace {
    name: String,
    decisions: Vec<Decision>,
    operations: Operations,
}

impl ProductConfig {
    /// The space.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names what is out of range.
    pub fn build(&self) -> Result<ProductSpace, SpaceError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(legal) {
            let got = format!("'{}'", self.name);
            return Err(SpaceError::config("name", got, "letters, digits, '-' and '_'"));
        }
        if !(1..=1_000).contains(&self.decisions.len()) {
            return Err(SpaceError::config(
                "decisions",
                self.decisions.len(),
                "1 to 1000 of them",
            ));
        }
        let mut names = HashSet::new();
        for (index, decision) in self.decisions.iter().enumerate() {
            let at = |field: &str| format!("decisions[{index}].{field}");
            if !names.insert(&decision.name) {
                let got = format!("'{}' again", decision.name);
                return Err(SpaceError::config(at("name"), got, "different names"));
            }
            let mut options = HashSet::new();
            if decision.options.is_empty() || !decision.options.iter().all(|option| options.insert(option)) {
                let got = format!("{:?}", decision.options);
                return Err(SpaceError::config(
                    at("options"),
                    got,
                    "one or more different texts",
                ));
            }
        }
        Ok(ProductSpace {
            name: self.name.clone(),
            decisions: self.decisions.clone(),
            operations: Operations::standard(),
        })
    }
}

impl Space for ProductSpace {
    fn name(&self) -> &str {
        &self.name
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// None of them is used.
    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        self.validate(architecture)?;
        let chosen = self.decisions.iter().zip(architecture.choices());
        let choices =
            chosen.map(|(decision, &choice)| (decision.name.clone(), decision.options[choice].clone()));
        Ok(Genotype::Selection(Selection {
            space: self.name.clone(),
            choices: choices.collect(),
        }))
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let wrong = |reason: String| SpaceError::NotInSpace {
            space: self.name.clone(),
            reason,
        };
        let Genotype::Selection(selection) = genotype else {
            return Err(wrong("expected the options of its decisions".to_owned()));
        };
        if selection.choices.len() != self.decisions.len() {
            let (got, expected) = (selection.choices.len(), self.decisions.len());
            return Err(wrong(format!("it has {got} choices, expected {expected}")));
        }
        let choices = self
            .decisions
            .iter()
            .zip(&selection.choices)
            .map(|(decision, (name, option))| {
                let place = decision.options.iter().position(|known| known == option);
                match place {
                    Some(place) if decision.name == *name => Ok(place),
                    _ => Err(wrong(format!(
                        "it has '{option}' for '{name}', expected one of {} for '{}'",
                        decision.options.join(", "),
                        decision.name
                    ))),
                }
            });
        let choices: Vec<usize> = choices.collect::<Result<_, _>>()?;
        Ok(Architecture::new(choices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::canonical_id;
    use crate::network::NetworkConfig;

    fn config() -> ProductConfig {
        ProductConfig {
            name: "sizes".to_owned(),
            decisions: vec![
                Decision::new("width", "width", ["8", "16"]),
                Decision::new("depth", "depth", ["1", "2", "3"]),
            ],
        }
    }

    #[test]
    fn every_architecture_has_a_genotype_of_its_own_and_leads_back() {
        let space = config().build().unwrap();
        let mut ids = HashSet::new();
        for (width, depth) in (0..2).flat_map(|width| (0..3).map(move |depth| (width, depth))) {
            let architecture = Architecture::new([width, depth]);
            let genotype = space.genotype(&architecture).unwrap();
            let read: Genotype = genotype.to_string().parse().unwrap();
            assert_eq!(read, genotype);
            assert_eq!(space.architecture(&read).unwrap(), architecture);
            assert!(ids.insert(canonical_id(&genotype, space.operations())));
        }
        let foreign = crate::named::by_name("NB201_RESNET").unwrap().genotype.clone();
        assert!(space.architecture(&foreign).is_err());
    }

    #[test]
    fn there_is_no_network() {
        let space = config().build().unwrap();
        let error = space
            .network(&Architecture::new([0, 0]), &NetworkConfig::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("sizes"), "{error}");
    }

    #[test]
    fn what_is_no_space_is_refused_by_the_field() {
        type Spoil = fn(&mut ProductConfig);
        let cases: [(Spoil, &str); 5] = [
            (|c| c.name = "a b".to_owned(), "name"),
            (|c| c.decisions.clear(), "decisions"),
            (|c| c.decisions[1].name = "width".to_owned(), "decisions[1].name"),
            (|c| c.decisions[0].options.clear(), "decisions[0].options"),
            (
                |c| c.decisions[0].options[1] = "8".to_owned(),
                "decisions[0].options",
            ),
        ];
        for (spoil, named) in cases {
            let mut wrong = config();
            spoil(&mut wrong);
            let error = wrong.build().unwrap_err().to_string();
            assert!(error.starts_with(named), "{error}");
        }
    }
}
