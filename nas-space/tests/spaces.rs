//! What holds in every space, and for every text that should be an architecture.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::genotype::Genotype;
use nas_space::network::{Layer, LayerKind, Network, NetworkConfig};
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces::{
    self, ChainConfig, ChainSpace, CustomConfig, EnasMacroConfig, EnasMacroSpace, HierarchicalConfig,
    HierarchicalSpace, LevelConfig, NasnetConfig, PnasConfig, Space, SpaceConfig,
};
use nas_space::{codec, named};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const CUSTOM: [&str; 4] = [
    r#"
        name = "three_inputs"
        skeleton = "darts"
        operations = ["skip_connect", "nor_conv_1x1", "conv_3x1_1x3", "max_pool_5x5"]
        nodes = 4
        inputs = 3
        output = "loose"
    "#,
    r#"
        name = "separate"
        skeleton = "darts"
        operations = ["none", "sep_conv_3x3", "avg_pool_3x3"]
        nodes = 3
        reduction = "separate"
        output = [4, 2]
    "#,
    r#"
        name = "sparse"
        skeleton = "nb201"
        operations = ["none", "nor_conv_3x3", "skip_connect"]
        nodes = 4
        inputs = 2
    "#,
    r#"
        name = "zeros"
        skeleton = "darts"
        operations = ["none", "skip_connect"]
        nodes = 2
        output = "loose"
    "#,
];

fn all_spaces() -> Vec<Arc<dyn Space>> {
    let mut all: Vec<Arc<dyn Space>> = spaces::names()
        .iter()
        .map(|name| spaces::by_name(name).unwrap())
        .collect();
    all.push(Arc::new(spaces::pnas(&PnasConfig { blocks: 2 }).unwrap()));
    all.push(Arc::new(spaces::nasnet(&NasnetConfig { blocks: 1 }).unwrap()));
    let strided = ChainConfig {
        layers: 4,
        strides: vec![1, 2, 3],
        ..ChainConfig::default()
    };
    all.push(Arc::new(ChainSpace::new(strided).unwrap()));
    let whole = EnasMacroConfig { layers: 4 };
    all.push(Arc::new(EnasMacroSpace::new(whole).unwrap()));
    let plain = ChainConfig {
        skips: false,
        ..ChainConfig::default()
    };
    all.push(Arc::new(ChainSpace::new(plain).unwrap()));
    let level = |motifs, nodes| LevelConfig { motifs, nodes };
    let stacked = HierarchicalConfig {
        primitives: vec!["max_pool_3x3".to_owned()],
        initial_mutations: 20,
        levels: vec![level(2, 2), level(2, 3), level(1, 3)],
    };
    for config in [HierarchicalConfig::default(), HierarchicalConfig::flat(), stacked] {
        let space = HierarchicalSpace::new(config, Operations::standard());
        all.push(Arc::new(space.unwrap()));
    }
    for text in CUSTOM {
        let config = CustomConfig::from_toml(text).unwrap();
        all.push(SpaceConfig::Custom(config).build().unwrap());
    }
    all
}

fn small(image: &str) -> NetworkConfig {
    NetworkConfig {
        image: image.parse().unwrap(),
        channels: 4,
        cells: 3,
        ..NetworkConfig::default()
    }
}

/// The same cases on each run.
fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn differing(a: &Architecture, b: &Architecture) -> usize {
    assert_eq!(a.choices().len(), b.choices().len());
    a.choices()
        .iter()
        .zip(b.choices())
        .filter(|(x, y)| x != y)
        .count()
}

/// Checks what a written architecture is good for.
fn check_texts(genotype: &Genotype) -> Result<(), TestCaseError> {
    let text = genotype.to_string();
    let from_text: Result<Genotype, SpaceError> = text.parse();
    prop_assert_eq!(from_text.as_ref(), Ok(genotype));
    let json = genotype.to_json();
    let from_json: Result<Genotype, SpaceError> = json.parse();
    prop_assert_eq!(from_json.as_ref(), Ok(genotype));
    let value = serde_json::to_value(genotype).unwrap();
    prop_assert_eq!(&serde_json::from_value::<Genotype>(value).unwrap(), genotype);
    Ok(())
}

proptest! {
    #![proptest_config(fixed(48))]

    #[test]
    fn samples_and_mutants_are_of_the_space(seed in any::<u64>()) {
        for space in all_spaces() {
            let mut rng = Seed::new(seed).rng();
            let parent = space.sample(&mut rng);
            prop_assert_eq!(space.validate(&parent), Ok(()));
            let child = space.mutate(&parent, &mut rng).unwrap();
            prop_assert_eq!(space.validate(&child), Ok(()));
            // In NAS-Bench-101, on average four choices are changed.
            let one = space.name() != "nb101";
            prop_assert!(if one { differing(&parent, &child) == 1 } else { child != parent }, "{}", space.name());
            prop_assert!(space.genotype(&child).is_ok());
        }
    }

    #[test]
    fn genotypes_and_texts_round_trip(seed in any::<u64>()) {
        for space in all_spaces() {
            let architecture = space.sample(&mut Seed::new(seed).rng());
            let genotype = space.genotype(&architecture).unwrap();
            let back = space.architecture(&genotype).unwrap();
            // Modules of NAS-Bench-101 and networks of the mobile space do not say what was left out.
            let same = back == architecture || ["nb101", "mobile"].contains(&space.name());
            prop_assert!(same && space.genotype(&back) == Ok(genotype.clone()), "{}", space.name());
            check_texts(&genotype)?;
            let json = serde_json::to_string(&architecture).unwrap();
            prop_assert_eq!(serde_json::from_str::<Architecture>(&json).unwrap(), architecture);
        }
    }

    #[test]
    fn networks_can_be_built(seed in any::<u64>()) {
        for space in all_spaces() {
            let architecture = space.sample(&mut Seed::new(seed).rng());
            for image in ["3x32x32", "1x8x8", "1x28x28"] {
                let network = space.network(&architecture, &small(image));
                let network = network.map_err(|e| TestCaseError::fail(format!("{}: {e}", space.name())))?;
                prop_assert_eq!(network.classes(), 10);
                prop_assert!(network.cost().params > 0);
            }
        }
    }

    #[test]
    fn children_begin_with_their_parent(seed in any::<u64>()) {
        for space in all_spaces() {
            let Some(growth) = space.growth() else { continue };
            let mut rng = Seed::new(seed).rng();
            prop_assert_eq!(growth.size_at(growth.levels()), space.size());
            for level in 1..=growth.levels() {
                let parent = growth.sample_at(level, &mut rng);
                prop_assert_eq!(growth.level_of(&parent), Ok(level));
                let genotype = space.genotype(&parent).unwrap();
                let back = space.architecture(&genotype).unwrap();
                prop_assert_eq!(space.genotype(&back), Ok(genotype.clone()));
                check_texts(&genotype)?;
                prop_assert!(space.network(&parent, &small("1x8x8")).is_ok());
                let mutant = space.mutate(&parent, &mut rng).unwrap();
                prop_assert_eq!(differing(&parent, &mutant), 1);
                let children = growth.children(&parent).unwrap();
                prop_assert_eq!(children.is_empty(), level == growth.levels());
                if level < growth.levels() {
                    prop_assert_eq!(growth.size_at(level) * children.len(), growth.size_at(level + 1));
                }
                for child in children.take(5) {
                    prop_assert_eq!(growth.level_of(&child), Ok(level + 1));
                    prop_assert!(child.choices().starts_with(parent.choices()));
                }
            }
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,60}") {
        let _ = text.parse::<Genotype>();
        let _ = codec::parse_nb201(&text);
        let _ = codec::parse_darts(&text);
        let _ = CustomConfig::from_toml(&text);
    }

    #[test]
    fn damaged_texts_are_refused_or_mean_something(
        seed in any::<u64>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, prop::char::any()), 1..4),
    ) {
        for space in all_spaces() {
            let architecture = space.sample(&mut Seed::new(seed).rng());
            let genotype = space.genotype(&architecture).unwrap();
            for text in [genotype.to_string(), genotype.to_json()] {
                if let Ok(other) = damaged(&text, &edits).parse::<Genotype>() {
                    check_texts(&other)?;
                    let _ = space.architecture(&other);
                    let _ = other.network(space.operations(), &small("1x8x8"));
                }
            }
        }
        for text in CUSTOM {
            let config = CustomConfig::from_toml(&damaged(text, &edits));
            let _ = config.and_then(|config| config.build(Operations::standard()));
        }
    }
}

/// The text with characters taken out, put in or replaced; half of what is put in belongs to such
/// texts.
fn damaged(text: &str, edits: &[(prop::sample::Index, u8, char)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for &(index, edit, character) in edits {
        let usual = ['0', '9', '|', '~', '+', '(', ')', '[', ']', ',', '\'', '"'];
        let code = u32::from(character);
        let character = if code.is_multiple_of(2) {
            usual[code as usize / 2 % usual.len()]
        } else {
            character
        };
        let at = index.index(characters.len());
        match edit {
            0 => drop(characters.remove(at)),
            1 => characters.insert(at, character),
            _ => characters[at] = character,
        }
    }
    characters.into_iter().collect()
}

#[test]
fn decisions_have_unique_names_and_shared_kinds() {
    for space in all_spaces() {
        let decisions = space.decisions();
        let names: BTreeSet<&str> = decisions.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names.len(), decisions.len(), "{}", space.name());
        for a in decisions {
            assert!(!a.options.is_empty(), "{}", a.name);
            for b in decisions.iter().filter(|b| b.kind == a.kind) {
                let shared = a.options.len().min(b.options.len());
                assert_eq!(
                    a.options[..shared],
                    b.options[..shared],
                    "{} and {}",
                    a.name,
                    b.name
                );
            }
        }
    }
}

#[test]
fn what_is_not_of_the_space_is_refused() {
    for space in all_spaces() {
        let architecture = space.sample(&mut Seed::new(0).rng());
        let first = space.decisions()[0].options.len();
        let beyond = architecture.with_choice(0, first);
        assert!(matches!(space.genotype(&beyond), Err(SpaceError::ChoiceRange { got, .. }) if got == first));
        let long = Architecture::new([architecture.choices(), &[0]].concat());
        assert!(matches!(
            space.genotype(&long),
            Err(SpaceError::ChoiceCount { .. })
        ));
        assert!(matches!(
            space.validate(&Architecture::new([])),
            Err(SpaceError::ChoiceCount { .. })
        ));
    }
}

#[test]
fn published_cells_are_of_their_spaces() {
    let of = |name: &str, space: &str| {
        let genotype = &named::by_name(name).unwrap().genotype;
        let space = spaces::by_name(space).unwrap();
        space.architecture(genotype).map(|architecture| {
            assert_eq!(
                space.network(&architecture, &small("3x32x32")).unwrap().cost(),
                genotype
                    .network(space.operations(), &small("3x32x32"))
                    .unwrap()
                    .cost()
            );
        })
    };
    for name in [
        "DARTS_V1",
        "DARTS_V2",
        "PC_DARTS_cifar",
        "PC_DARTS_image",
        "PDARTS",
    ] {
        assert_eq!(of(name, "darts"), Ok(()));
    }
    for name in ["NASNet", "AmoebaNet"] {
        assert_eq!(of(name, "nasnet"), Ok(()));
    }
    for name in ["NB201_RESNET", "NB201_ALL_3X3"] {
        assert_eq!(of(name, "nb201"), Ok(()));
    }
    let refusal = |name, space| of(name, space).unwrap_err().to_string();
    assert_eq!(
        refusal("NASNet", "darts"),
        "the architecture is not of space 'darts': in the normal cell, it has 5 nodes, expected 4"
    );
    assert_eq!(
        refusal("DARTS_V2", "nb201"),
        "the architecture is not of space 'nb201': expected a cell in the NAS-Bench-201 skeleton"
    );
    assert_eq!(
        refusal("PNASNet_5", "pnas"),
        "the architecture is not of space 'pnas': in the cell, \
         its output concatenates the states [2, 3, 4, 5, 6], expected [2, 3, 5, 6]"
    );
}

#[test]
fn texts_that_are_no_architecture_say_what_is_wrong() {
    let cases = [
        (
            "DARTS_V9",
            "there is no architecture named 'DARTS_V9'; known: AmoebaNet",
        ),
        (
            "",
            "cannot read an architecture: there is no text; expected a name",
        ),
        ("|a~0", "cannot read a NAS-Bench-201 string: expected '|'"),
        (
            "Genotype(",
            "cannot read a Genotype(...) text: expected a value at character 10, it ends there",
        ),
        (
            "{}",
            "cannot read an architecture: it begins '{}'; expected a name",
        ),
        (
            r#"{"kind": "nb201", "cell": {"inputs": 1, "nodes": [], "output": [1]}}"#,
            "this is not a cell",
        ),
        (
            r#"{"kind": "hierarchical", "levels": [["|max_pool_3x3~0|"], ["|motif1~0|"]]}"#,
            "an operation of levels[1][0] is motif1; expected none or motif0 to motif0",
        ),
        (
            r#"{"kind": "hierarchical", "levels": [["|max_pool_3x3~1|"]]}"#,
            "cannot read a NAS-Bench-201 string: expected state 0",
        ),
        (
            r#"{"kind": "chain", "layers": []}"#,
            "layers is 0; expected 1 to 1000 layers",
        ),
        (
            r#"{"kind": "nb201", "cell": {"inputs": 18446744073709551615, "nodes": [{"edges": [["none", 0]]}], "output": [1]}}"#,
            "18446744073709551615 inputs and 1 nodes; expected at most 1000 of each",
        ),
    ];
    for (text, expected) in cases {
        let error = text.parse::<Genotype>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// The authors' program prints 4.718752 MB for the network of DARTS_V2 for ImageNet. The paper gives
/// 574 million multiply-accumulates (Liu et al. 2019, arXiv 1806.09055, table 3), without saying what
/// counts; convolutions and the linear layer make 530 million.
#[test]
fn the_stem_that_halves_three_times_is_that_of_darts_for_imagenet() {
    let config = NetworkConfig {
        image: Shape::new(3, 224, 224),
        classes: 1000,
        channels: 48,
        cells: 14,
        stem_halvings: 3,
        ..NetworkConfig::default()
    };
    let darts = &named::by_name("DARTS_V2").unwrap().genotype;
    let cost = darts.network(&Operations::standard(), &config).unwrap().cost();
    assert_eq!(cost.params, 4_718_752);
    assert_eq!((cost.macs as f64 / 1e6).round(), 530.0);
}

#[test]
fn what_cells_see_and_cost_follows_from_the_halvings_of_the_stem() {
    let operations = Operations::standard();
    let network = |name: &str, side, stem_halvings| {
        let config = NetworkConfig {
            image: Shape::new(3, side, side),
            stem_halvings,
            ..NetworkConfig::default()
        };
        let genotype = &named::by_name(name).unwrap().genotype;
        genotype.network(&operations, &config).unwrap()
    };
    for name in ["DARTS_V2", "NB201_RESNET"] {
        let small = network(name, 32, 0);
        for (side, halvings) in [(64, 1), (128, 2), (256, 3), (1024, 5)] {
            let large = network(name, side, halvings);
            let sees = |network: &Network| {
                let in_cells =
                    |layer: &&Layer| layer.name.starts_with("cells.0") || layer.name.starts_with("stage0");
                let mut shapes = network.layers().iter().filter(in_cells).map(|layer| layer.shape);
                shapes.next_back().unwrap()
            };
            assert_eq!(sees(&large), sees(&small), "{name} {side}");
            let without = network(name, side, 0).cost().macs;
            let (with, wanted) = (large.cost().macs, small.cost().macs);
            assert!(
                with < 2 * wanted + without / 10,
                "{name} {side}: {with} of {without}, {wanted}"
            );
        }
    }
    for (side, expected) in [(1, 0), (64, 0), (65, 2), (128, 2), (129, 3), (1024, 3)] {
        assert_eq!(
            NetworkConfig::halvings_for(Shape::new(3, side, side)),
            expected,
            "{side}"
        );
    }
    assert_eq!(NetworkConfig::halvings_for(Shape::new(1, 1, 200)), 0);
    assert_eq!(NetworkConfig::halvings_for(Shape::new(3, 96, 160)), 2);
}

#[test]
fn halves_of_odd_sizes_are_rounded_up_in_every_space() {
    let operations = Operations::standard();
    let mut rng = Seed::new(5).rng();
    for &name in spaces::names() {
        let space = SpaceConfig::by_name(name).unwrap().build().unwrap();
        for (height, width) in [(7, 7), (29, 30), (34, 31), (1, 50), (77, 1), (2, 3), (1, 1)] {
            for stem_halvings in [0, 2, 3] {
                let config = NetworkConfig {
                    image: Shape::new(1, height, width),
                    stem_halvings,
                    ..NetworkConfig::default()
                };
                let genotype = space.genotype(&space.sample(&mut rng)).unwrap();
                let network = genotype.network(&operations, &config);
                let network = network.unwrap_or_else(|error| panic!("{name} {height}x{width}: {error}"));
                let last = network
                    .layers()
                    .iter()
                    .rev()
                    .find(|layer| layer.kind == LayerKind::GlobalAvgPool);
                let last = network.layer(last.unwrap().inputs[0]).shape;
                // These two have no stem that is chosen for the images.
                if !["chain", "mobile"].contains(&name) {
                    let halved = |size: usize| size.div_ceil(1 << (stem_halvings + 2));
                    assert_eq!(
                        (last.height, last.width),
                        (halved(height), halved(width)),
                        "{name}"
                    );
                }
            }
        }
    }
}
