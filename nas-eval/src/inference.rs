//! Class scores of many images, as fast as the CPU computes them.

use std::sync::{Mutex, PoisonError};

use candle_core::Tensor;
use rayon::prelude::*;

use crate::engine::{Engine, Request};
use crate::error::EvalError;
use crate::model::{Model, Pass};
use crate::pass::{Logits, Weights};

/// Images that one thread takes through the whole network at a time: their maps stay in its cache.
const IMAGES_OF_A_THREAD: usize = 4;
/// Below this many images for each thread, all threads work on the same images.
const FEWEST_PER_THREAD: usize = 2;

/// A model for evaluation alone: [folded](Model::folded), with weights that are laid out once.
///
/// On the CPU, each thread takes a few images through the whole network, from the first layer to
/// the last. There are no points at which threads wait for each other, and maps stay in the cache.
#[derive(Debug)]
pub struct Inference {
    model: Model,
    /// Engines that no thread uses at the time.
    engines: Mutex<Vec<Engine>>,
}

impl Inference {
    /// That of a model as it is now.
    ///
    /// # Errors
    /// As [`Model::folded`].
    pub fn new(model: &Model) -> Result<Self, EvalError> {
        Ok(Self {
            model: model.folded()?,
            engines: Mutex::new(Vec::new()),
        })
    }

    /// The folded model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The class scores of images \[N, C, H, W\], \[N, classes\].
    ///
    /// # Errors
    /// A Candle error where the images have another shape or element type than the model takes, or
    /// the device fails.
    pub fn scores(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        if !self.model.runs_on_engine(images) {
            return Ok(self.model.forward(images, &Pass::Eval)?.main);
        }
        self.model.check_images(images)?;
        let batch = images.dim(0)?;
        if batch < FEWEST_PER_THREAD * rayon::current_num_threads() {
            return self.part(images, Engine::forward);
        }
        let starts: Vec<usize> = (0..batch).step_by(IMAGES_OF_A_THREAD).collect();
        let parts: candle_core::Result<Vec<Tensor>> = starts
            .into_par_iter()
            .map(|start| {
                let count = IMAGES_OF_A_THREAD.min(batch - start);
                self.part(&images.narrow(0, start, count)?, Engine::forward_alone)
            })
            .collect();
        Tensor::cat(&parts?, 0)
    }

    /// The class scores of a few images \[N, C, H, W\], on the thread that calls it, as far as the
    /// CPU computes them.
    ///
    /// # Errors
    /// As [`Inference::scores`].
    pub fn scores_alone(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        if !self.model.runs_on_engine(images) {
            return self.scores(images);
        }
        self.model.check_images(images)?;
        self.part(images, Engine::forward_alone)
    }

    /// The class scores of some images by an engine that no other thread uses.
    fn part(
        &self,
        images: &Tensor,
        forward: impl FnOnce(&Engine, &Request<'_>) -> candle_core::Result<Logits>,
    ) -> candle_core::Result<Tensor> {
        let free = || self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = free().pop();
        let engine = match taken {
            Some(engine) => engine,
            None => Engine::fixed(self.model.network()).map_err(candle_core::Error::wrap)?,
        };
        let request = Request {
            network: self.model.network(),
            parameters: self.model.parameters(),
            images,
            pass: &Pass::Eval,
            weights: &Weights::Missing,
        };
        let scores = forward(&engine, &request);
        free().push(engine);
        Ok(scores?.main)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use nas_space::network::NetworkConfig;
    use nas_space::seed::Seed;
    use nas_space::shape::Shape;
    use nas_space::spaces;
    use rand::RngExt;

    use crate::compute::Compute;

    use super::*;

    const IMAGE: Shape = Shape::new(3, 9, 8);

    fn model(space: &str) -> Model {
        let space = spaces::by_name(space).unwrap();
        let config = NetworkConfig {
            image: IMAGE,
            classes: 4,
            channels: 4,
            cells: 3,
            ..NetworkConfig::default()
        };
        let network = space
            .network(&space.sample(&mut Seed::new(3).rng()), &config)
            .unwrap();
        Model::new(Arc::new(network), Seed::new(1), &Compute::cpu()).unwrap()
    }

    fn images(count: usize) -> Tensor {
        let mut rng = Seed::new(2).rng();
        let values: Vec<f32> = (0..count * IMAGE.numel())
            .map(|_| rng.random_range(-2.0..2.0))
            .collect();
        Tensor::from_vec(values, (count, 3, 9, 8), &Device::Cpu).unwrap()
    }

    #[test]
    fn scores_are_those_of_the_model_however_many_images_there_are() {
        for &space in spaces::names() {
            let model = model(space);
            let inference = Inference::new(&model).unwrap();
            for count in [1, 2, 5, 8, 27] {
                let images = images(count);
                let expected = model.forward(&images, &Pass::Eval).unwrap().main;
                // Twice: weights are laid out in the first pass alone.
                for _ in 0..2 {
                    let scores = inference.scores(&images).unwrap();
                    assert_eq!(scores.dims(), expected.dims());
                    let apart = (&scores - &expected).unwrap().abs().unwrap().max_all().unwrap();
                    let largest = expected.abs().unwrap().max_all().unwrap();
                    let of = |t: &Tensor| t.to_scalar::<f32>().unwrap();
                    assert!(
                        of(&apart) <= 1e-4 * of(&largest).max(1.0),
                        "{space} {count}: {apart}"
                    );
                }
            }
        }
    }

    #[test]
    fn several_threads_may_ask_at_the_same_time() {
        let inference = Inference::new(&model("nb201")).unwrap();
        let images = images(12);
        let alone = inference.scores(&images).unwrap().to_vec2::<f32>().unwrap();
        let together: Vec<_> = (0..8)
            .into_par_iter()
            .map(|_| inference.scores(&images).unwrap().to_vec2::<f32>().unwrap())
            .collect();
        assert!(together.iter().all(|scores| *scores == alone));
    }

    #[test]
    fn images_of_another_shape_are_refused() {
        let inference = Inference::new(&model("nb201")).unwrap();
        let wrong = Tensor::zeros((9, 1, 9, 8), candle_core::DType::F32, &Device::Cpu).unwrap();
        let message = inference.scores(&wrong).unwrap_err().to_string();
        assert!(
            message.contains("3x9x8") && message.contains("1x9x8"),
            "{message}"
        );
    }
}
