//! The space of inverted residuals in stages.

use serde::{Deserialize, Serialize};

use super::{Space, SpaceError};
use crate::arch::{Architecture, Decision};
use crate::genotype::{Block, Blocks, Genotype, MAX_EXPANSION, MAX_FILTER_SIZE, MAX_FILTERS, MAX_STRIDE};
use crate::op::Operations;

/// Most stages, and most blocks of one.
const MOST: usize = 16;

/// What the networks of a [`MobileSpace`] can be.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `stem_widths` | 8, 16, 24 | channels of the first convolution | 1 to 65,536, different |
/// | `stem_stride` | 1 | its stride; 2 for images of 64×64 pixels and more | 1 to 1,024 |
/// | `stages` | four | the stages, in order | 1 to 16 |
/// | `stages[].stride` | 1, 2, 2, 2 | stride of a stage's first block | 1 to 1,024 |
/// | `stages[].widths` | 8, 16, 24; 16, 24, 32; 24, 32, 48; 32, 64, 96 | channels of a stage | as `stem_widths` |
/// | `depths` | 0, 1, 2, 3, 4 | blocks of a stage | 0 to 16, different |
/// | `kernels` | 3, 5 | side of the depthwise kernels | odd, at most 1,023, different |
/// | `expansions` | 1, 3, 4, 6 | factor of the channels within a block | 1 to 64, different |
///
/// No decision is made of a list of one value. At least one list has more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MobileConfig {
    /// Channels that the first convolution can have.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1, max = MAX_FILTERS)), extend("uniqueItems" = true)))]
    pub stem_widths: Vec<usize>,
    /// Stride of the first convolution.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_STRIDE)))]
    pub stem_stride: usize,
    /// The stages, in order.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MOST)))]
    pub stages: Vec<StageConfig>,
    /// Numbers of blocks that a stage can have; a stage of none is left out.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(max = MOST)), extend("uniqueItems" = true)))]
    pub depths: Vec<usize>,
    /// Sides that depthwise kernels can have; odd numbers.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1, max = MAX_FILTER_SIZE)), extend("uniqueItems" = true)))]
    pub kernels: Vec<usize>,
    /// Factors by which blocks can widen the channels.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1, max = MAX_EXPANSION)), extend("uniqueItems" = true)))]
    pub expansions: Vec<usize>,
}

/// A stage of a [`MobileSpace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Stride of its first block.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MAX_STRIDE)))]
    pub stride: usize,
    /// Channels that its blocks can have.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1, max = MAX_FILTERS)), extend("uniqueItems" = true)))]
    pub widths: Vec<usize>,
}

impl Default for MobileConfig {
    fn default() -> Self {
        let stage = |stride, widths: [usize; 3]| StageConfig {
            stride,
            widths: widths.into(),
        };
        Self {
            stem_widths: vec![8, 16, 24],
            stem_stride: 1,
            stages: vec![
                stage(1, [8, 16, 24]),
                stage(2, [16, 24, 32]),
                stage(2, [24, 32, 48]),
                stage(2, [32, 64, 96]),
            ],
            depths: vec![0, 1, 2, 3, 4],
            kernels: vec![3, 5],
            expansions: vec![1, 3, 4, 6],
        }
    }
}

/// Networks of inverted residuals in stages, for small devices.
///
/// A 3×3 convolution comes first, then the blocks of each stage, all of one kernel, expansion and
/// width, as in MnasNet (Tan et al. 2019, arXiv 1807.11626); the first block of a stage has its
/// stride. Per stage, in this order: depth, kernel, expansion, width, where there is a choice.
/// There is no squeeze-and-excitation, and ReLU takes the place of ReLU6.
///
/// Architectures that differ in a stage without blocks alone are the same network, with one
/// [canonical id](crate::canonical).
#[derive(Debug, Clone)]
pub struct MobileSpace {
    config: MobileConfig,
    decisions: Vec<Decision>,
    operations: Operations,
}

/// The choices of a stage: kind and values. Widths differ from stage to stage, so each has a kind
/// of its own.
fn fields(config: &MobileConfig, stage: usize) -> [(String, &[usize]); 4] {
    [
        ("depth".to_owned(), config.depths.as_slice()),
        ("kernel".to_owned(), &config.kernels),
        ("expansion".to_owned(), &config.expansions),
        (format!("width{stage}"), &config.stages[stage].widths),
    ]
}

impl MobileSpace {
    /// The space of these networks.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names the field that is out of range.
    pub fn new(config: MobileConfig) -> Result<Self, SpaceError> {
        check(&config)?;
        let mut decisions = Vec::new();
        let mut decide = |name: String, kind: &str, values: &[usize]| {
            if values.len() > 1 {
                let options = values.iter().map(ToString::to_string);
                decisions.push(Decision::new(name, kind, options));
            }
        };
        decide("stem.width".to_owned(), "stem_width", &config.stem_widths);
        for stage in 0..config.stages.len() {
            for (kind, values) in fields(&config, stage) {
                let name = kind.trim_end_matches(|c: char| c.is_ascii_digit());
                decide(format!("stage{stage}.{name}"), &kind, values);
            }
        }
        Ok(Self {
            config,
            decisions,
            operations: Operations::standard(),
        })
    }

    /// What its networks can be.
    pub fn config(&self) -> &MobileConfig {
        &self.config
    }

    fn stem(&self, width: usize) -> Block {
        Block::Conv {
            kernel: [3, 3],
            stride: [self.config.stem_stride; 2],
            channels: width,
        }
    }

    /// The blocks of a stage.
    fn blocks(&self, stage: usize, [depth, kernel, expansion, channels]: [usize; 4]) -> Vec<Block> {
        let block = |number| Block::Inverted {
            kernel,
            stride: match number {
                0 => self.config.stages[stage].stride,
                _ => 1,
            },
            expansion,
            channels,
        };
        (0..depth).map(block).collect()
    }

    /// The values of stages from `stage` on that these blocks are made of, if there are such.
    fn stages(&self, stage: usize, blocks: &[Block]) -> Option<Vec<[usize; 4]>> {
        let Some(StageConfig { widths, .. }) = self.config.stages.get(stage) else {
            return blocks.is_empty().then(Vec::new);
        };
        let (first, expected) = match blocks.first() {
            Some(&Block::Inverted {
                kernel,
                expansion,
                channels,
                ..
            }) => (true, [kernel, expansion, channels]),
            _ => (false, [0; 3]),
        };
        for &depth in &self.config.depths {
            let known = |values: &[usize], value| values.contains(&value);
            let [kernel, expansion, channels] = match depth {
                // Whatever they are, they change nothing.
                0 => [self.config.kernels[0], self.config.expansions[0], widths[0]],
                _ if first
                    && known(&self.config.kernels, expected[0])
                    && known(&self.config.expansions, expected[1])
                    && known(widths, expected[2]) =>
                {
                    expected
                }
                _ => continue,
            };
            let values = [depth, kernel, expansion, channels];
            let Some(rest) = blocks.strip_prefix(self.blocks(stage, values).as_slice()) else {
                continue;
            };
            if let Some(mut later) = self.stages(stage + 1, rest) {
                later.insert(0, values);
                return Some(later);
            }
        }
        None
    }
}

fn check(config: &MobileConfig) -> Result<(), SpaceError> {
    let stages = config.stages.len();
    if !(1..=MOST).contains(&stages) {
        return Err(SpaceError::config(
            "stages",
            stages,
            format!("1 to {MOST} stages"),
        ));
    }
    let strides = config.stages.iter().map(|stage| ("stages.stride", stage.stride));
    for (name, stride) in [("stem_stride", config.stem_stride)].into_iter().chain(strides) {
        if !(1..=MAX_STRIDE).contains(&stride) {
            return Err(SpaceError::config(name, stride, format!("1 to {MAX_STRIDE}")));
        }
    }
    let widths = config
        .stages
        .iter()
        .map(|stage| ("stages.widths", &stage.widths, 1, MAX_FILTERS));
    let lists = [
        ("stem_widths", &config.stem_widths, 1, MAX_FILTERS),
        ("depths", &config.depths, 0, MOST),
        ("kernels", &config.kernels, 1, MAX_FILTER_SIZE),
        ("expansions", &config.expansions, 1, MAX_EXPANSION),
    ];
    let lists: Vec<_> = lists.into_iter().chain(widths).collect();
    for &(name, values, least, most) in &lists {
        let got = format!("{values:?}");
        if values.is_empty() || !values.iter().all(|value| (least..=most).contains(value)) {
            let expected = format!("one or more numbers from {least} to {most}");
            return Err(SpaceError::config(name, got, expected));
        }
        if (1..values.len()).any(|i| values[..i].contains(&values[i])) {
            return Err(SpaceError::config(name, got, "different numbers"));
        }
        if name == "kernels" && values.iter().any(|value| value.is_multiple_of(2)) {
            return Err(SpaceError::config(name, got, "odd numbers"));
        }
    }
    if lists.iter().all(|(_, values, ..)| values.len() == 1) {
        return Err(SpaceError::config(
            "stem_widths, stages.widths, depths, kernels, expansions",
            "one value each",
            "at least two values to choose from in one of them",
        ));
    }
    Ok(())
}

impl Space for MobileSpace {
    fn name(&self) -> &'static str {
        "mobile"
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        self.validate(architecture)?;
        let mut choices = architecture.choices().iter().copied();
        let mut chosen = |values: &[usize]| {
            let choice = if values.len() > 1 { choices.next() } else { None };
            values[choice.unwrap_or_default()]
        };
        let mut blocks = vec![self.stem(chosen(&self.config.stem_widths))];
        for stage in 0..self.config.stages.len() {
            let values = fields(&self.config, stage).map(|(_, values)| chosen(values));
            blocks.extend(self.blocks(stage, values));
        }
        Ok(Genotype::Blocks(Blocks::new(blocks)?))
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let refused = |reason: &str| SpaceError::NotInSpace {
            space: self.name().to_owned(),
            reason: reason.to_owned(),
        };
        let Genotype::Blocks(blocks) = genotype else {
            return Err(refused("expected a network of blocks"));
        };
        if blocks.bias() {
            return Err(refused("its convolutions have biases, expected none"));
        }
        let widths = &self.config.stem_widths;
        let stem = blocks.blocks().split_first().and_then(|(first, rest)| {
            let width = widths.iter().find(|&&width| self.stem(width) == *first)?;
            Some((*width, rest))
        });
        let Some((stem, rest)) = stem else {
            return Err(refused("its first block is not one of the stems"));
        };
        let Some(stages) = self.stages(0, rest) else {
            return Err(refused("its blocks do not divide into the stages"));
        };
        let mut choices = Vec::new();
        let mut choose = |values: &[usize], value: usize| {
            let place = values.iter().position(|&other| other == value);
            if values.len() > 1 {
                choices.push(place.unwrap_or_default());
            }
        };
        choose(widths, stem);
        for (stage, values) in stages.into_iter().enumerate() {
            for ((_, options), value) in fields(&self.config, stage).into_iter().zip(values) {
                choose(options, value);
            }
        }
        Ok(Architecture::new(choices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::canonical_id;
    use crate::network::NetworkConfig;
    use crate::seed::Seed;
    use crate::shape::Shape;

    fn space() -> MobileSpace {
        MobileSpace::new(MobileConfig::default()).unwrap()
    }

    #[test]
    fn a_stem_comes_first_then_the_fields_of_each_stage() {
        let space = space();
        let names: Vec<&str> = space.decisions()[..5].iter().map(|d| d.name.as_str()).collect();
        let expected = [
            "stem.width",
            "stage0.depth",
            "stage0.kernel",
            "stage0.expansion",
            "stage0.width",
        ];
        assert_eq!(names, expected);
        assert_eq!(space.decisions()[4].kind, "width0");
        // 3 stems; of each stage 5 depths, 2 kernels, 4 expansions, 3 widths.
        assert_eq!(space.size(), (3 * 120_u64.pow(4)).into());
        let mut choices = vec![1, 1, 1, 3, 0, 0, 1, 1, 1];
        choices.extend([2, 0, 0, 2, 0, 0, 0, 0]);
        let genotype = space.genotype(&Architecture::new(choices)).unwrap();
        let Genotype::Blocks(blocks) = &genotype else {
            panic!("{genotype:?}");
        };
        let words: Vec<String> = blocks
            .blocks()
            .iter()
            .map(|block| format!("{}: {}", block.words().0, block.words().1))
            .collect();
        let expected = [
            "conv 3×3: 16 channels",
            "inverted residual 5×5, ×6: 8 channels",
            "inverted residual 3×3, ×1: 48 channels, stride 2",
            "inverted residual 3×3, ×1: 48 channels",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn any_architecture_with_the_same_blocks_has_the_same_id_and_is_found_again() {
        let space = space();
        for seed in 0..200 {
            let mut rng = Seed::new(seed).rng();
            let architecture = space.sample(&mut rng);
            let genotype = space.genotype(&architecture).unwrap();
            let back = space.architecture(&genotype).unwrap();
            assert_eq!(space.genotype(&back).as_ref(), Ok(&genotype));
            let id = |architecture| canonical_id(&space.genotype(architecture).unwrap(), space.operations());
            assert_eq!(id(&back), id(&architecture));
            // The kernel of a stage without blocks does not matter, that of another one does.
            let has_blocks = architecture.choices()[1] > 0;
            let other = architecture.with_choice(2, 1 - architecture.choices()[2]);
            assert_eq!(id(&other) != id(&architecture), has_blocks);
        }
    }

    #[test]
    fn networks_fit_images_of_any_size() {
        let space = space();
        for (seed, (height, width)) in [(1, 1), (2, 5), (8, 8), (33, 17)].into_iter().enumerate() {
            let config = NetworkConfig {
                image: Shape::new(3, height, width),
                ..NetworkConfig::default()
            };
            let architecture = space.sample(&mut Seed::new(seed as u64).rng());
            space.network(&architecture, &config).unwrap();
        }
    }

    #[test]
    fn what_is_out_of_range_or_of_another_space_is_refused() {
        let default = MobileConfig::default;
        let stage = |stride, widths: &[usize]| StageConfig {
            stride,
            widths: widths.to_vec(),
        };
        let cases = [
            (
                "stages is 0; expected 1 to 16",
                MobileConfig {
                    stages: vec![],
                    ..default()
                },
            ),
            (
                "stages.stride is 1025",
                MobileConfig {
                    stages: vec![stage(1_025, &[8])],
                    ..default()
                },
            ),
            (
                "stages.widths is [8, 0]",
                MobileConfig {
                    stages: vec![stage(1, &[8, 0])],
                    ..default()
                },
            ),
            (
                "stem_stride is 0",
                MobileConfig {
                    stem_stride: 0,
                    ..default()
                },
            ),
            (
                "kernels is [4]; expected odd",
                MobileConfig {
                    kernels: vec![4],
                    ..default()
                },
            ),
            (
                "expansions is [3, 3]; expected different",
                MobileConfig {
                    expansions: vec![3, 3],
                    ..default()
                },
            ),
            (
                "depths is [17]",
                MobileConfig {
                    depths: vec![17],
                    ..default()
                },
            ),
            (
                "stem_widths is []",
                MobileConfig {
                    stem_widths: vec![],
                    ..default()
                },
            ),
            (
                "stem_widths, stages.widths, depths, kernels, expansions is one value each",
                MobileConfig {
                    stem_widths: vec![8],
                    stages: vec![stage(2, &[8])],
                    depths: vec![1],
                    kernels: vec![3],
                    expansions: vec![6],
                    ..default()
                },
            ),
        ];
        for (expected, config) in cases {
            let error = MobileSpace::new(config).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        for (name, reason) in [
            ("DARTS_V2", "expected a network of blocks"),
            ("RESNET8", "have biases"),
        ] {
            let genotype = &crate::named::by_name(name).unwrap().genotype;
            let error = space().architecture(genotype).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
