//! Modules of NAS-Bench-101 as architectures of a table.
//!
//! As an architecture a module has one decision for each edge of seven vertices, in the order of
//! the matrix's rows (whether the edge exists), then one for each inner vertex (its operation); see
//! [`nas_space::nb101`]. Tables of earlier versions have these decisions without the space that
//! builds networks; combinations that are not a module have no meaning there.

use nas_space::nb101::{MAX_VERTICES, Module, NB101_OPERATIONS};
use nas_space::spaces::Space;

/// Edges of the complete graph.
const EDGES: usize = MAX_VERTICES * (MAX_VERTICES - 1) / 2;
/// Inner vertices.
const INNER: usize = MAX_VERTICES - 2;

/// Checks that a space has the shape of this one.
pub(super) fn check_space(space: &dyn Space) -> Result<(), String> {
    let options = space.decisions().iter().map(|decision| decision.options.len());
    let expected = [2; EDGES].into_iter().chain([NB101_OPERATIONS.len(); INNER]);
    if options.eq(expected) {
        Ok(())
    } else {
        Err(format!(
            "space '{}' is not that of NAS-Bench-101's modules",
            space.name()
        ))
    }
}

/// The canonical form of a module, as choices; none for what is no module: no path leads from the
/// input to the output, or there are too many edges on such paths.
pub(super) fn canonical(choices: &[usize]) -> Option<Vec<usize>> {
    Some(Module::from_choices(choices)?.canonical().choices())
}

/// The canonical form of the module that these choices stand for in the space `nb101`, in which any
/// do.
pub(super) fn canonical_of_any(choices: &[usize]) -> Option<Vec<usize>> {
    Some(Module::from_any_choices(choices)?.canonical().choices())
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::{ProductConfig, nb101};

    use super::*;

    #[test]
    fn the_shape_of_the_space_is_checked_and_what_is_no_module_has_no_form_of_its_own() {
        let space = nb101();
        check_space(&space).unwrap();
        let mut decisions = space.decisions().to_vec();
        let of = |decisions| ProductConfig {
            name: "nb101".to_owned(),
            decisions,
        };
        check_space(&of(decisions.clone()).build().unwrap()).unwrap();
        decisions.pop();
        assert!(check_space(&of(decisions).build().unwrap()).is_err());
        let nothing = vec![0; EDGES + INNER];
        let full: Vec<usize> = [1; EDGES].into_iter().chain([0; INNER]).collect();
        for choices in [&nothing, &full] {
            assert_eq!(canonical(choices), None);
            let form = canonical_of_any(choices).unwrap();
            assert_eq!(canonical(&form), Some(form));
        }
        assert_eq!(canonical_of_any(&nothing[1..]), None);
    }
}
