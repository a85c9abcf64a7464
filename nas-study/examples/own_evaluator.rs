//! An evaluator of your own, searched by evolution. An evaluator turns a trial into an accuracy, by
//! whatever means. This one trains nothing: it likes networks whose number of parameters is close
//! to half a million.

#![expect(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use nas_evo::{EvolutionConfig, RegularizedEvolution};
use nas_space::spaces::nb201;
use nas_space::{Budget, Evaluation, Evaluator, Failure, FailureKind, NetworkConfig, Seed, Space, Trial};
use nas_study::Study;

struct HalfAMillion(Arc<dyn Space>);

impl Evaluator for HalfAMillion {
    fn description(&self) -> String {
        "half a million parameters".to_owned()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let network = self.0.network(&trial.architecture, &NetworkConfig::default());
        let network = network.map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
        let ratio = network.cost().params as f64 / 500_000.0;
        Ok(Evaluation::new(ratio.min(1.0 / ratio), trial.fidelity.epochs))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let space: Arc<dyn Space> = Arc::new(nb201());
    let mut evolution = RegularizedEvolution::new(space.clone(), EvolutionConfig::default(), Seed::new(1))?;
    let evaluator = HalfAMillion(space.clone());
    let summary = Study::new(&*space, &mut evolution, &evaluator)
        .budget(Budget::trials(300))
        .run()?;
    println!("{summary}");
    Ok(())
}
