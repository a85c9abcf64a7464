//! The paper's MLP: the mean of the blocks, each the embeddings of its choices side by side,
//! through two hidden layers.
//!
//! The mean over blocks of embeddings of the same slot is the share of blocks with each option,
//! times the table of embeddings: so an architecture is a few shares, however many blocks it has. A
//! slot that a block does not have is 0 in it. The first layer is linear before its ReLU, so it is
//! applied to the tables, each slot's part of it to the table of the slot's kind, rather than to
//! every architecture.

use candle_core::{Device, Tensor, Var};
use nas_eval::nn::{Bias, Init, Linear, Parameters};
use nas_space::arch::Architecture;
use nas_space::spaces::Space;

use super::NetworkConfig;
use super::network::Shape;
use crate::blocks::Blocks;
use crate::error::PnasError;

/// The shape of the network for a space.
#[derive(Debug)]
pub(super) struct MlpShape {
    blocks: Blocks,
    embedding: usize,
    hidden: usize,
    bound: f64,
}

/// Its parameters, but those of the last layer.
#[derive(Debug)]
pub(super) struct MlpBody {
    /// The embeddings of each kind.
    tables: Vec<Var>,
    /// Each slot's part of the first layer.
    first: Vec<Linear>,
    bias: Var,
    second: Linear,
}

impl MlpShape {
    pub(super) fn new(space: &dyn Space, config: &NetworkConfig) -> Result<Self, PnasError> {
        Ok(Self {
            blocks: Blocks::new(space)?,
            embedding: config.embedding,
            hidden: config.hidden,
            bound: config.embedding_bound,
        })
    }

    /// For each slot the share of an architecture's blocks that have each option there.
    ///
    /// # Shapes
    /// \[architectures, options of the slot's kind\] each.
    fn shares(&self, architectures: &[&Architecture]) -> candle_core::Result<Vec<Tensor>> {
        let options: Vec<usize> = self
            .blocks
            .slots
            .iter()
            .map(|&kind| self.blocks.kinds[kind])
            .collect();
        let mut shares: Vec<Vec<f32>> = options
            .iter()
            .map(|&options| vec![0.0; options * architectures.len()])
            .collect();
        for (row, architecture) in architectures.iter().enumerate() {
            let choices = architecture.choices();
            let share = 1.0 / self.blocks.count(choices) as f32;
            for (decision, &choice) in choices.iter().enumerate() {
                let slot = self.blocks.slot_of[decision];
                shares[slot][row * options[slot] + choice] += share;
            }
        }
        let tensors = shares.into_iter().zip(options);
        let tensors = tensors
            .map(|(shares, options)| Tensor::from_vec(shares, (architectures.len(), options), &Device::Cpu));
        tensors.collect()
    }
}

impl Shape for MlpShape {
    type Body = MlpBody;

    fn create(&self, parameters: &mut Parameters) -> Result<MlpBody, PnasError> {
        let init = Init::Uniform { bound: self.bound };
        let mut tables = Vec::with_capacity(self.blocks.kinds.len());
        for (kind, &options) in self.blocks.kinds.iter().enumerate() {
            let name = format!("embedding{kind}.weight");
            tables.push(parameters.create(&name, &[options, self.embedding], init, true)?);
        }
        let inputs = self.blocks.slots.len() * self.embedding;
        let init = Init::KaimingUniform { fan_in: inputs };
        let mut first = Vec::with_capacity(self.blocks.slots.len());
        for slot in 0..self.blocks.slots.len() {
            let name = format!("hidden0.slot{slot}");
            let size = [self.embedding, self.hidden];
            first.push(Linear::new(parameters, &name, size, init, Bias::Without)?);
        }
        let bias = parameters.create("hidden0.bias", &[self.hidden], init, true)?;
        let init = Init::KaimingUniform { fan_in: self.hidden };
        let size = [self.hidden, self.hidden];
        let second = Linear::new(parameters, "hidden1", size, init, Bias::With(init))?;
        Ok(MlpBody {
            tables,
            first,
            bias,
            second,
        })
    }

    fn forward(&self, body: &MlpBody, architectures: &[&Architecture]) -> candle_core::Result<Tensor> {
        let shares = Tensor::cat(&self.shares(architectures)?, 1)?;
        let slots = self.blocks.slots.iter().zip(&body.first);
        let tables: candle_core::Result<Vec<Tensor>> = slots
            .map(|(&kind, layer)| layer.forward(&body.tables[kind]))
            .collect();
        let x = shares.matmul(&Tensor::cat(&tables?, 0)?)?;
        body.second.forward(&x.broadcast_add(&body.bias)?.relu()?)?.relu()
    }

    fn name(&self) -> &'static str {
        "mlp"
    }
}

#[cfg(test)]
mod tests {
    use nas_eval::Compute;
    use nas_space::seed::Seed;
    use nas_space::spaces::{PnasConfig, pnas};

    use super::*;

    #[test]
    fn shares_are_those_of_the_blocks_that_there_are() {
        let shape = MlpShape::new(
            &pnas(&PnasConfig { blocks: 2 }).unwrap(),
            &NetworkConfig::default(),
        )
        .unwrap();
        let one = Architecture::new([0, 1, 7, 7]);
        let two = Architecture::new([0, 1, 7, 7, 2, 1, 0, 7]);
        let shares = shape.shares(&[&one, &two]).unwrap();
        let rows = |slot: usize| shares[slot].to_vec2::<f32>().unwrap();
        assert_eq!(rows(0), [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]);
        assert_eq!(rows(1), [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]);
        assert_eq!(rows(2)[1], [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]);
        assert_eq!(rows(3)[1][7], 1.0);
    }

    /// The mean over blocks of their embeddings side by side, written out.
    #[test]
    fn shares_times_tables_are_the_mean_of_the_embedded_blocks() {
        let space = pnas(&PnasConfig { blocks: 2 }).unwrap();
        let config = NetworkConfig {
            embedding: 3,
            hidden: 4,
            ..NetworkConfig::default()
        };
        let shape = MlpShape::new(&space, &config).unwrap();
        let mut parameters = Parameters::new(Seed::new(1), &Compute::cpu());
        let body = shape.create(&mut parameters).unwrap();
        let choices = [0, 1, 7, 3, 2, 1, 0, 7];
        let table = |kind: usize, choice: usize| body.tables[kind].narrow(0, choice, 1).unwrap();
        let block = |c: &[usize]| {
            Tensor::cat(
                &[table(0, c[0]), table(0, c[1]), table(1, c[2]), table(1, c[3])],
                1,
            )
            .unwrap()
        };
        let mean = ((block(&choices[..4]) + block(&choices[4..])).unwrap() / 2.0).unwrap();
        let parts = body.first.iter().enumerate();
        let x = parts.fold(body.bias.unsqueeze(0).unwrap(), |sum, (slot, part)| {
            let own = mean.narrow(1, 3 * slot, 3).unwrap().contiguous().unwrap();
            (sum + part.forward(&own).unwrap()).unwrap()
        });
        let expected = body.second.forward(&x.relu().unwrap()).unwrap().relu().unwrap();
        let got = shape.forward(&body, &[&Architecture::new(choices)]).unwrap();
        let difference = (got - expected).unwrap().abs().unwrap().max_all().unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 1e-6, "{difference}");
    }
}
