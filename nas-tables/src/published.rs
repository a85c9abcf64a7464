//! Compares the sizes that a benchmark publishes with those of the networks that this toolkit
//! builds.

use nas_space::arch::Architecture;
use nas_space::network::NetworkConfig;
use nas_space::spaces::{NB201_EDGES, NB201_OPERATIONS, Space, SpaceConfig};

use super::nb201::PUBLISHED_PARAMS;
use super::{Figure, Table};

/// Rows that are compared, spread over the table.
const MAX_COMPARED: u32 = 500;
/// Difference that rounding may make, as a share.
const TOLERANCE: f64 = 0.005;
/// NAS-Bench-201's skip connection.
const SKIP: usize = 1;
/// For each number of NASLib the option of NAS-Bench-201's space.
const NASLIB: [usize; 5] = [1, 0, 3, 2, 4];

/// Published numbers of parameters that are not those of the networks. Most likely the file numbers
/// operations or edges in another order than the mapping says, so that its figures are those of
/// other architectures.
#[derive(Debug, Clone, PartialEq)]
pub struct SizeMismatch {
    /// The data set.
    pub dataset: String,
    /// Rows that were compared.
    pub compared: usize,
    /// Rows whose numbers differ.
    pub differing: usize,
    /// The first of them.
    pub architecture: Architecture,
    /// What the file says of it.
    pub published: f64,
    /// What is counted on its network.
    pub counted: u64,
    /// Whether all rows fit if the operations are numbered as NASLib does.
    pub fits_naslib: bool,
}

/// Compares the extra figure `published_params` of each data set, or else its column of parameters,
/// with the networks.
///
/// A benchmark counts all operations of a cell. The network that is built, and counted, leaves out
/// those that nothing reads. Both numbers are accepted for NAS-Bench-201's space, and only the
/// latter for others.
pub fn size_mismatches(table: &Table) -> Vec<SizeMismatch> {
    let datasets = table.header().datasets.iter().enumerate();
    datasets
        .filter_map(|(index, dataset)| {
            let published = table.extra_column(PUBLISHED_PARAMS, index);
            let column = published.or_else(|| table.size_column(Figure::Params, index))?;
            mismatch(table, column, &dataset.name, &dataset.network?)
        })
        .collect()
}

fn mismatch(table: &Table, column: usize, dataset: &str, network: &NetworkConfig) -> Option<SizeMismatch> {
    let space = table.space().as_ref();
    let whole = (table.header().space == (SpaceConfig::Nb201 {}))
        .then(|| Whole::new(space, network))
        .flatten();
    let rows = table.header().row_count;
    let step = rows.div_ceil(MAX_COMPARED).max(1);
    let (mut compared, mut differing, mut fits_naslib) = (0, 0, whole.is_some());
    let mut first = None;
    for row in (0..rows).step_by(step as usize) {
        let (Some(published), Some(architecture)) = (table.figure(column, row), table.architecture(row))
        else {
            continue;
        };
        let Some(counted) = count(space, &architecture, network) else {
            continue;
        };
        compared += 1;
        let is = |params: u64| (published - params as f64).abs() <= TOLERANCE * params as f64;
        if let Some(whole) = &whole {
            let renumbered = architecture.choices().iter().map(|&choice| NASLIB[choice]);
            fits_naslib &= is(whole.params(renumbered));
        }
        let of_all = whole
            .as_ref()
            .map(|whole| whole.params(architecture.choices().iter().copied()));
        if !is(counted) && !of_all.is_some_and(is) {
            differing += 1;
            first.get_or_insert((architecture, published, of_all.unwrap_or(counted)));
        }
    }
    let (architecture, published, counted) = first?;
    Some(SizeMismatch {
        dataset: dataset.to_owned(),
        compared,
        differing,
        architecture,
        published,
        counted,
        fits_naslib,
    })
}

fn count(space: &dyn Space, architecture: &Architecture, network: &NetworkConfig) -> Option<u64> {
    Some(space.network(architecture, network).ok()?.cost().params)
}

/// The parameters of all operations of a cell of NAS-Bench-201, whether anything reads them or not:
/// those of a cell of skip connections, and what each operation adds in such a cell, in which all
/// are read.
struct Whole {
    skips: u64,
    added: Vec<[u64; NB201_OPERATIONS.len()]>,
}

impl Whole {
    fn new(space: &dyn Space, network: &NetworkConfig) -> Option<Self> {
        let skips = Architecture::new([SKIP; NB201_EDGES.len()]);
        let base = count(space, &skips, network)?;
        let mut added = vec![[0; NB201_OPERATIONS.len()]; NB201_EDGES.len()];
        for (edge, added) in added.iter_mut().enumerate() {
            for (operation, added) in added.iter_mut().enumerate() {
                let cell = skips.with_choice(edge, operation);
                *added = count(space, &cell, network)?.saturating_sub(base);
            }
        }
        Some(Self { skips: base, added })
    }

    fn params(&self, choices: impl Iterator<Item = usize>) -> u64 {
        let added = self
            .added
            .iter()
            .zip(choices)
            .map(|(added, choice)| added[choice]);
        self.skips + added.sum::<u64>()
    }
}
