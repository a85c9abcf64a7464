//! The paper's LSTM: it reads an architecture choice by choice, and its last state is what the last
//! layer reads.
//!
//! Architectures with a common beginning share its steps: reading all children of a parent takes
//! hardly more steps than their last block has, and so do batches of several levels. The result is
//! the same as reading each separately.

use candle_core::{Device, Tensor};
use nas_eval::nn::{Embedding, Init, Lstm, LstmSize, LstmState, Parameters};
use nas_space::arch::Architecture;
use nas_space::spaces::Space;

use super::NetworkConfig;
use super::network::Shape;
use crate::blocks::Blocks;
use crate::error::PnasError;

/// The shape of the network for a space.
#[derive(Debug)]
pub(super) struct LstmShape {
    blocks: Blocks,
    embedding: usize,
    hidden: usize,
    bound: f64,
}

/// Its parameters, but those of the last layer.
#[derive(Debug)]
pub(super) struct LstmBody {
    /// The embeddings of each kind.
    tables: Vec<Embedding>,
    lstm: Lstm,
}

impl LstmShape {
    pub(super) fn new(space: &dyn Space, config: &NetworkConfig) -> Result<Self, PnasError> {
        Ok(Self {
            blocks: Blocks::new(space)?,
            embedding: config.embedding,
            hidden: config.hidden,
            bound: config.embedding_bound,
        })
    }
}

impl Shape for LstmShape {
    type Body = LstmBody;

    fn create(&self, parameters: &mut Parameters) -> Result<LstmBody, PnasError> {
        let init = Init::Uniform { bound: self.bound };
        let mut tables = Vec::with_capacity(self.blocks.kinds.len());
        for (kind, &options) in self.blocks.kinds.iter().enumerate() {
            let name = format!("embedding{kind}");
            tables.push(Embedding::new(
                parameters,
                &name,
                [options, self.embedding],
                init,
            )?);
        }
        let size = LstmSize {
            inputs: self.embedding,
            hidden: self.hidden,
            layers: 1,
        };
        let init = Init::KaimingUniform { fan_in: self.hidden };
        let lstm = Lstm::new(parameters, "lstm", size, init)?;
        Ok(LstmBody { tables, lstm })
    }

    fn forward(&self, body: &LstmBody, architectures: &[&Architecture]) -> candle_core::Result<Tensor> {
        let trie = Trie::new(architectures);
        let mut state = body.lstm.start(1)?;
        // The states in which some architecture ends, and where in them each one does.
        let mut ended = Vec::new();
        let mut places = vec![0_u32; architectures.len()];
        let mut count = 0;
        for (decision, step) in trie.steps.iter().enumerate() {
            let numbers = Tensor::from_slice(&step.choices, step.choices.len(), &Device::Cpu)?;
            let before = Tensor::from_slice(&step.parents, step.parents.len(), &Device::Cpu)?;
            let x = body.tables[self.blocks.kind_of(decision)].forward(&numbers)?;
            state = body.lstm.step(&x, &state.rows(&before)?)?;
            if !step.ending.is_empty() {
                for &(architecture, row) in &step.ending {
                    places[architecture] = count + row;
                }
                count += step.choices.len() as u32;
                ended.push(LstmState::output(&state).clone());
            }
        }
        let places = Tensor::from_vec(places, architectures.len(), &Device::Cpu)?;
        Tensor::cat(&ended, 0)?.index_select(&places, 0)
    }

    fn name(&self) -> &'static str {
        "lstm"
    }
}

/// The different beginnings of some architectures, by their length.
#[derive(Debug)]
struct Trie {
    steps: Vec<Step>,
}

/// The different beginnings of one length.
#[derive(Debug, Default)]
struct Step {
    /// The last choice of each.
    choices: Vec<u32>,
    /// For each, the index of the prefix that is one choice shorter.
    parents: Vec<u32>,
    /// Which architectures end here, and which beginning each of them is.
    ending: Vec<(usize, u32)>,
}

impl Trie {
    fn new(architectures: &[&Architecture]) -> Self {
        let mut order: Vec<usize> = (0..architectures.len()).collect();
        order.sort_by_key(|&place| architectures[place].choices());
        let longest = architectures
            .iter()
            .map(|architecture| architecture.choices().len())
            .max();
        let mut steps: Vec<Step> = Vec::new();
        steps.resize_with(longest.unwrap_or(0), Step::default);
        let mut previous: &[usize] = &[];
        for place in order {
            let choices = architectures[place].choices();
            let common = previous.iter().zip(choices).take_while(|(a, b)| a == b).count();
            for (position, &choice) in choices.iter().enumerate().skip(common) {
                let parent = match position.checked_sub(1) {
                    Some(before) => steps[before].choices.len() - 1,
                    None => 0,
                };
                steps[position].choices.push(choice as u32);
                steps[position].parents.push(parent as u32);
            }
            if let Some(last) = choices.len().checked_sub(1) {
                let row = steps[last].choices.len() - 1;
                steps[last].ending.push((place, row as u32));
            }
            previous = choices;
        }
        Self { steps }
    }
}

#[cfg(test)]
mod tests {
    use nas_eval::Compute;
    use nas_space::seed::Seed;
    use nas_space::spaces::{Growth, PnasConfig, nb201, pnas};

    use super::*;

    fn shape(space: &dyn Space) -> (LstmShape, LstmBody) {
        let config = NetworkConfig {
            embedding: 5,
            hidden: 6,
            ..NetworkConfig::default()
        };
        let shape = LstmShape::new(space, &config).unwrap();
        let mut parameters = Parameters::new(Seed::new(1), &Compute::cpu());
        let body = shape.create(&mut parameters).unwrap();
        (shape, body)
    }

    /// Of all levels, some twice, in any order.
    #[test]
    fn reading_together_is_reading_each_by_itself() {
        let space = pnas(&PnasConfig { blocks: 3 }).unwrap();
        let (shape, body) = shape(&space);
        let mut rng = Seed::new(2).rng();
        let mut architectures: Vec<Architecture> =
            (0..30).map(|i| space.sample_at(1 + i % 3, &mut rng)).collect();
        architectures.extend(space.children(&architectures[0]).unwrap().take(40));
        architectures.push(architectures[3].clone());
        let all: Vec<&Architecture> = architectures.iter().collect();
        let together = shape.forward(&body, &all).unwrap();
        for (row, architecture) in all.iter().enumerate() {
            let alone = shape.forward(&body, &[architecture]).unwrap().squeeze(0).unwrap();
            let difference = (together.get(row).unwrap() - alone).unwrap().abs().unwrap();
            assert!(
                difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-6,
                "{architecture}"
            );
        }
    }

    #[test]
    fn the_order_of_choices_counts() {
        let (shape, body) = shape(&nb201());
        let (one, other) = (Architecture::new([1, 2, 3]), Architecture::new([1, 3, 2]));
        let states = shape
            .forward(&body, &[&one, &other])
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        assert_ne!(states[0], states[1]);
    }

    #[test]
    fn beginnings_are_counted_once() {
        let architectures = [[0, 1], [2, 1], [0, 0], [0, 1]].map(Architecture::new);
        let trie = Trie::new(&architectures.iter().collect::<Vec<_>>());
        assert_eq!(trie.steps[0].choices, [0, 2]);
        assert_eq!(
            (&trie.steps[1].choices[..], &trie.steps[1].parents[..]),
            (&[0, 1, 1][..], &[0, 0, 1][..])
        );
        assert_eq!(trie.steps[1].ending, [(2, 0), (0, 1), (3, 1), (1, 2)]);
    }
}
