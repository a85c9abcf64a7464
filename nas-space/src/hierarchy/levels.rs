//! The stack of levels.

use serde::{Deserialize, Serialize};

use super::flatten::LiveLevels;
use super::{Motif, NONE};
use crate::cell::Cell;
use crate::error::SpaceError;

/// Most levels of motifs.
pub const MAX_LEVELS: usize = 8;
/// Most motifs of a level, and most nodes of a motif.
pub(super) const MAX_SIZE: usize = 1_000;

/// Motifs over motifs: an architecture of a [hierarchical space](crate::spaces::HierarchicalSpace),
/// and the cell it is when flattened.
///
/// In serde's formats it reads `{"levels": [["|nor_conv_1x1~0|", "|none~0|"],
/// ["|motif1~0|+|motif0~0|motif0~1|"]]}`: level 2 first, each motif as a NAS-Bench-201 string. The
/// operations of level 2 are primitive ones; those of a higher level are `motifK` for motif K of
/// the level below. `none` is no edge at any level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "HierarchyText", into = "HierarchyText")]
pub struct Hierarchy {
    levels: Vec<Vec<Motif>>,
    cell: Cell,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HierarchyText {
    levels: Vec<Vec<Motif>>,
}

impl Hierarchy {
    /// The hierarchy of these motifs, from level 2 up.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names what is out of range: 1 to [`MAX_LEVELS`] levels, of 1 to 1,000
    /// motifs each and one motif in the last; an operation above level 2 that is neither `none` nor
    /// a motif of the level below; a flattened cell of more than 1,000 nodes.
    pub fn new(levels: Vec<Vec<Motif>>) -> Result<Self, SpaceError> {
        if !(1..=MAX_LEVELS).contains(&levels.len()) {
            let expected = format!("1 to {MAX_LEVELS} levels of motifs");
            return Err(SpaceError::config("levels", levels.len(), expected));
        }
        for (i, motifs) in levels.iter().enumerate() {
            let most = if i + 1 == levels.len() { 1 } else { MAX_SIZE };
            if !(1..=most).contains(&motifs.len()) {
                let expected = match most {
                    1 => "one motif in the last level".to_owned(),
                    _ => format!("1 to {most} motifs"),
                };
                return Err(SpaceError::config(format!("levels[{i}]"), motifs.len(), expected));
            }
            if i == 0 {
                continue;
            }
            let below = levels[i - 1].len();
            for (m, motif) in motifs.iter().enumerate() {
                let mut names = motif.operations().iter().flatten();
                if let Some(name) = names.find(|name| *name != NONE && !is_motif(name, below)) {
                    let expected = format!("none or motif0 to motif{}", below - 1);
                    return Err(SpaceError::config(
                        format!("an operation of levels[{i}][{m}]"),
                        name,
                        expected,
                    ));
                }
            }
        }
        let live = LiveLevels::new(&levels);
        let states = live.states();
        if states > MAX_SIZE {
            let expected = format!("at most {MAX_SIZE} nodes");
            return Err(SpaceError::config("the flattened cell", states, expected));
        }
        let cell = live.flatten()?;
        Ok(Self { levels, cell })
    }

    /// The motifs of each level, from level 2 up.
    pub fn levels(&self) -> &[Vec<Motif>] {
        &self.levels
    }

    /// The flattened cell: one input, one output state, nodes that concatenate.
    pub fn cell(&self) -> &Cell {
        &self.cell
    }

    /// What of it matters, for drawing.
    pub(crate) fn live(&self) -> LiveLevels<'_> {
        LiveLevels::new(&self.levels)
    }
}

/// The number of the motif that an operation names, if it names one.
pub(super) fn motif_number(name: &str) -> Option<usize> {
    let number = name.strip_prefix("motif")?.parse().ok()?;
    (motif_name(number) == name).then_some(number)
}

/// How the operations of a level call motif `number` of the level below.
pub(crate) fn motif_name(number: usize) -> String {
    format!("motif{number}")
}

fn is_motif(name: &str, motifs: usize) -> bool {
    motif_number(name).is_some_and(|number| number < motifs)
}

impl TryFrom<HierarchyText> for Hierarchy {
    type Error = SpaceError;

    fn try_from(text: HierarchyText) -> Result<Self, SpaceError> {
        Self::new(text.levels)
    }
}

impl From<Hierarchy> for HierarchyText {
    fn from(hierarchy: Hierarchy) -> Self {
        Self {
            levels: hierarchy.levels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(levels: &[&[&str]]) -> Result<Hierarchy, SpaceError> {
        let level = |motifs: &&[&str]| motifs.iter().map(|text| text.parse().unwrap()).collect();
        Hierarchy::new(levels.iter().map(level).collect())
    }

    #[test]
    fn json_round_trips_with_its_levels() {
        let hierarchy = hierarchy(&[
            &["|a~0|", "|none~0|+|b~0|c~1|"],
            &["|motif1~0|+|none~0|motif0~1|"],
        ])
        .unwrap();
        let json = serde_json::to_string(&hierarchy).unwrap();
        assert_eq!(
            json,
            r#"{"levels":[["|a~0|","|none~0|+|b~0|c~1|"],["|motif1~0|+|none~0|motif0~1|"]]}"#
        );
        assert_eq!(serde_json::from_str::<Hierarchy>(&json).unwrap(), hierarchy);
    }

    #[test]
    fn what_is_no_hierarchy_is_refused_by_its_place() {
        let chain: &[&str] = &["|motif0~0|"];
        // Three motifs of the level below in a row, again and again: 3^7 nodes and more.
        let long: &[&str] = &["|motif0~0|+|none~0|motif0~1|+|none~0|none~1|motif0~2|"];
        let cases: [(&[&[&str]], &str); 8] = [
            (&[], "levels is 0; expected 1 to 8 levels of motifs"),
            (
                &[&["|a~0|"], chain, chain, chain, chain, chain, chain, chain, chain],
                "levels is 9",
            ),
            (
                &[&["|a~0|"], &[]],
                "levels[1] is 0; expected one motif in the last level",
            ),
            (&[&[], &["|none~0|"]], "levels[0] is 0; expected 1 to 1000 motifs"),
            (
                &[&["|a~0|", "|a~0|"]],
                "levels[0] is 2; expected one motif in the last level",
            ),
            (
                &[&["|a~0|", "|a~0|"], &["|motif1~0|+|motif2~0|none~1|"]],
                "an operation of levels[1][0] is motif2; expected none or motif0 to motif1",
            ),
            (
                &[&["|a~0|"], &["|motif00~0|"]],
                "an operation of levels[1][0] is motif00",
            ),
            (
                &[&["|a~0|"], long, long, long, long, long, long, long],
                "the flattened cell is 5466; expected at most 1000 nodes",
            ),
        ];
        for (levels, expected) in cases {
            let error = hierarchy(levels).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
