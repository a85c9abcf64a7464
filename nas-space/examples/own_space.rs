//! A space of your own: its decisions, and genotypes from choices and back; sampling, mutation and
//! networks follow from them. Here the last three edges of a NAS-Bench-201 cell repeat the first
//! three. Many spaces of cells need only a TOML text.

#![expect(clippy::print_stdout, reason = "an example")]

use nas_space::spaces::{CellSpace, nb201};
use nas_space::{Architecture, Genotype, Seed, Space, SpaceError, arch::Decision, op::Operations};

#[derive(Debug)]
struct Repeated(CellSpace);
impl Space for Repeated {
    fn name(&self) -> &str {
        "repeated"
    }
    fn decisions(&self) -> &[Decision] {
        &self.0.decisions()[..3]
    }
    fn operations(&self) -> &Operations {
        self.0.operations()
    }
    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        let whole = Architecture::new(architecture.choices().repeat(2));
        self.0.genotype(&whole)
    }
    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let cell = self.0.architecture(genotype)?;
        let (first, last) = cell.choices().split_at(3);
        let found = (first == last).then(|| Architecture::new(first));
        found.ok_or_else(|| SpaceError::parse("a repeated cell", cell.to_string()))
    }
}

fn main() -> Result<(), SpaceError> {
    let space = Repeated(nb201());
    let drawn = space.genotype(&space.sample(&mut Seed::new(1).rng()))?;
    println!("{} architectures, among them {drawn}", space.size());
    Ok(())
}
