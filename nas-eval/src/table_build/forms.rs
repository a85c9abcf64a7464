//! The architectures of a small space, and which of them are the same network.

use std::collections::HashMap;

use nas_space::arch::Architecture;
use nas_space::canonical::canonical_id;
use nas_space::spaces::Space;

use super::BuildError;

/// Most architectures of a space of which all are listed.
pub const MAX_ARCHITECTURES: u64 = 20_000;

/// All architectures of a space, in lexicographic order, each with the number of its canonical
/// form.
#[derive(Debug, Clone)]
pub(super) struct Forms {
    /// For each architecture the number of its form.
    pub(super) form_of: Vec<u32>,
    /// Of each form the first architecture: the one that is trained.
    pub(super) representatives: Vec<Architecture>,
}

impl Forms {
    /// Lists the full-grown architectures of the space.
    ///
    /// # Errors
    /// [`BuildError::TooLarge`] for a space of more than [`MAX_ARCHITECTURES`].
    pub(super) fn of(space: &dyn Space) -> Result<Self, BuildError> {
        let size = space.size();
        if size > MAX_ARCHITECTURES.into() {
            return Err(BuildError::TooLarge {
                space: space.name().to_owned(),
                size: size.to_string(),
            });
        }
        let options: Vec<usize> = space.decisions().iter().map(|d| d.options.len()).collect();
        let mut form_of = Vec::new();
        let mut representatives = Vec::new();
        let mut numbers = HashMap::new();
        let mut next = Some(vec![0; options.len()]);
        while let Some(choices) = next {
            let architecture = Architecture::new(choices.clone());
            let id = canonical_id(&space.genotype(&architecture)?, space.operations());
            let number = *numbers.entry(id).or_insert_with(|| {
                representatives.push(architecture);
                representatives.len() as u32 - 1
            });
            form_of.push(number);
            next = successor(choices, &options);
        }
        Ok(Self {
            form_of,
            representatives,
        })
    }
}

/// The choices that follow in lexicographic order, the last decision's options changing fastest.
fn successor(mut choices: Vec<usize>, options: &[usize]) -> Option<Vec<usize>> {
    for (choice, &options) in choices.iter_mut().zip(options).rev() {
        *choice += 1;
        if *choice < options {
            return Some(choices);
        }
        *choice = 0;
    }
    None
}

#[cfg(test)]
mod tests {
    use nas_space::spaces;

    use super::*;

    #[test]
    fn a_space_is_listed_in_order_and_the_same_networks_share_a_form() {
        let config = spaces::CustomConfig::from_toml(
            "name = 'tiny'\nskeleton = 'nb201'\noperations = ['none', 'skip_connect', 'nor_conv_3x3']\nnodes = 2",
        );
        let space = config
            .unwrap()
            .build(nas_space::op::Operations::standard())
            .unwrap();
        let forms = Forms::of(&space).unwrap();
        assert_eq!(forms.form_of.len(), 27);
        assert_eq!(forms.representatives[0], Architecture::new([0, 0, 0]));
        // Nothing reaches the output, whatever the other edge does: 0.0.x and x.0.0.
        for index in [0, 1, 2, 9, 18] {
            assert_eq!(forms.form_of[index], 0, "{index}");
        }
        // One convolution, by three ways: 0.2.x, 1.0.2, 2.0.1.
        assert_eq!(forms.form_of[6], forms.form_of[11]);
        assert_eq!(forms.form_of[6], forms.form_of[19]);
        for (form, architecture) in forms.representatives.iter().enumerate() {
            let index = architecture.choices().iter().fold(0, |sum, c| 3 * sum + c);
            assert_eq!(forms.form_of[index] as usize, form);
        }
    }

    #[test]
    fn a_space_that_is_too_large_is_refused_with_its_size() {
        let error = Forms::of(spaces::by_name("pnas").unwrap().as_ref())
            .unwrap_err()
            .to_string();
        assert!(error.contains("pnas") && error.contains("20,000"), "{error}");
    }
}
