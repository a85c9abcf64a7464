//! Costs of the published architectures, as PyTorch counts them, and of all of NAS-Bench-201, as
//! its authors did.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test that skips says so")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use nas_space::arch::Architecture;
use nas_space::cell::Cell;
use nas_space::codec;
use nas_space::cost::Cost;
use nas_space::device::{Arena, ArenaConfig, Flash, Number};
use nas_space::genotype::Genotype;
use nas_space::named;
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::spaces::{self, NB201_OPERATIONS, Space};

fn cost(genotype: &Genotype, channels: usize, cells: usize, image: &str) -> Cost {
    let config = NetworkConfig {
        image: image.parse().unwrap(),
        channels,
        cells,
        ..NetworkConfig::default()
    };
    genotype.network(&Operations::standard(), &config).unwrap().cost()
}

/// From PyTorch 2.15, with modules after the DARTS authors' description and hooks on convolutions
/// and the classifier:
///
/// ```python
/// def conv_bn(i, o, k=1, s=1): return [nn.ReLU(), nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o)]
/// def separable(c, k, s, d): return [nn.ReLU(), nn.Conv2d(c, c, k, s, d * (k // 2), d, c, bias=False),
///                                    nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c)]
/// class FactorizedReduce(nn.Module):
///     def __init__(self, i, o):
///         super().__init__()
///         self.even, self.odd = (nn.Conv2d(i, o // 2, 1, 2, bias=False) for _ in range(2))
///         self.bn = nn.BatchNorm2d(o)
///     def forward(self, x):
///         x = x.relu()
///         return self.bn(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], 1))
/// def operation(name, c, s):
///     if name == "skip_connect": return nn.Identity() if s == 1 else FactorizedReduce(c, c)
///     if name == "max_pool_3x3": return nn.MaxPool2d(3, s, 1)
///     if name == "avg_pool_3x3": return nn.AvgPool2d(3, s, 1, count_include_pad=False)
///     if name == "conv_7x1_1x7":
///         return nn.Sequential(nn.ReLU(), nn.Conv2d(c, c, (1, 7), (1, s), (0, 3), bias=False),
///                              nn.Conv2d(c, c, (7, 1), (s, 1), (3, 0), bias=False), nn.BatchNorm2d(c))
///     k = int(name[-1])
///     once = name.startswith("dil")
///     return nn.Sequential(*separable(c, k, s, 2 if once else 1), *([] if once else separable(c, k, 1, 1)))
/// class CellModule(nn.Module):
///     def __init__(self, edges, concat, older, newer, c, reduces, after_reduction):
///         super().__init__()
///         self.edges, self.concat = edges, concat
///         self.pre0 = FactorizedReduce(older, c) if after_reduction else nn.Sequential(*conv_bn(older, c))
///         self.pre1 = nn.Sequential(*conv_bn(newer, c))
///         self.ops = nn.ModuleList(operation(o, c, 2 if reduces and i < 2 else 1) for o, i in edges)
///     def forward(self, a, b):
///         states = [self.pre0(a), self.pre1(b)]
///         for n in range(0, len(self.edges), 2):
///             states.append(sum(self.ops[n + j](states[self.edges[n + j][1]]) for j in (0, 1)))
///         return torch.cat([states[i] for i in self.concat], 1)
/// class Net(nn.Module):
///     def __init__(self, g, c, cells, image_channels):
///         super().__init__()
///         self.stem = nn.Sequential(nn.Conv2d(image_channels, 3 * c, 3, padding=1, bias=False), nn.BatchNorm2d(3 * c))
///         older, newer, after, self.cells = 3 * c, 3 * c, False, nn.ModuleList()
///         for i in range(cells):
///             reduces = i in (cells // 3, 2 * cells // 3)
///             c *= 2 if reduces else 1
///             kind = "reduce" if reduces else "normal"
///             self.cells.append(CellModule(g[kind], g[kind + "_concat"], older, newer, c, reduces, after))
///             after, older, newer = reduces, newer, len(g[kind + "_concat"]) * c
///         self.head = nn.Linear(newer, 10)
///     def forward(self, x):
///         a = b = self.stem(x)
///         for cell in self.cells: a, b = b, cell(a, b)
///         return self.head(b.mean((2, 3)))
/// # params: sum(p.numel() for p in net.parameters()); macs: sum over convolutions of
/// # weight.numel() * output height * output width, plus head.weight.numel()
/// ```
const IN_THE_DARTS_SKELETON: [(&str, usize, usize, &str, u64, u64); 24] = [
    ("NASNet", 36, 20, "3x32x32", 3_830_950, 603_452_448),
    ("NASNet", 16, 8, "1x28x28", 333_082, 42_370_560),
    ("NASNet", 16, 8, "1x8x8", 333_082, 3_461_760),
    ("AmoebaNet", 36, 20, "3x32x32", 3_145_078, 488_931_552),
    ("AmoebaNet", 16, 8, "1x28x28", 325_466, 39_804_032),
    ("AmoebaNet", 16, 8, "1x8x8", 325_466, 3_251_072),
    ("DARTS_V1", 36, 20, "3x32x32", 3_169_414, 500_987_520),
    ("DARTS_V1", 16, 8, "1x28x28", 232_026, 30_986_240),
    ("DARTS_V1", 16, 8, "1x8x8", 232_026, 2_531_840),
    ("DARTS_V2", 36, 20, "3x32x32", 3_349_342, 528_359_040),
    ("DARTS_V2", 16, 8, "1x28x28", 245_242, 32_585_600),
    ("DARTS_V2", 16, 8, "1x8x8", 245_242, 2_662_400),
    ("PC_DARTS_cifar", 36, 20, "3x32x32", 3_634_678, 556_670_592),
    ("PC_DARTS_cifar", 16, 8, "1x28x28", 334_874, 40_099_456),
    ("PC_DARTS_cifar", 16, 8, "1x8x8", 334_874, 3_275_776),
    ("PC_DARTS_image", 36, 20, "3x32x32", 3_721_510, 570_466_944),
    ("PC_DARTS_image", 16, 8, "1x28x28", 326_682, 39_487_936),
    ("PC_DARTS_image", 16, 8, "1x8x8", 326_682, 3_225_856),
    ("PDARTS", 36, 20, "3x32x32", 3_433_798, 532_174_464),
    ("PDARTS", 16, 8, "1x28x28", 291_162, 36_179_456),
    ("PDARTS", 16, 8, "1x8x8", 291_162, 2_955_776),
    ("PNASNet_5", 36, 20, "3x32x32", 4_481_110, 706_026_528),
    ("PNASNet_5", 16, 8, "1x28x28", 407_898, 51_308_160),
    ("PNASNet_5", 16, 8, "1x8x8", 407_898, 4_191_360),
];

#[test]
fn published_cells_cost_what_pytorch_counts() {
    for (name, channels, cells, image, params, macs) in IN_THE_DARTS_SKELETON {
        let genotype = &named::by_name(name).unwrap().genotype;
        let got = cost(genotype, channels, cells, image);
        assert_eq!(got, Cost { params, macs }, "{name} at {image}");
    }
}

/// Counted in PyTorch too, on the modules of the benchmark's authors.
#[test]
fn cells_of_nb201_cost_what_pytorch_counts() {
    for (name, params, macs) in [
        ("NB201_ALL_3X3", 1_531_546, 220_119_680),
        ("NB201_RESNET", 1_288_506, 184_730_240),
    ] {
        let genotype = &named::by_name(name).unwrap().genotype;
        assert_eq!(cost(genotype, 16, 5, "3x32x32"), Cost { params, macs }, "{name}");
    }
}

#[test]
fn every_published_architecture_is_read_back_from_its_text() {
    for named in named::all() {
        let text = named.genotype.to_string();
        assert_eq!(text.parse(), Ok(named.genotype.clone()), "{}", named.name);
        assert_eq!(named.name.parse(), Ok(named.genotype.clone()));
        let is_json = named.name == "PNASNet_5" || named.name.starts_with("NB101") || named.data.is_some();
        assert_eq!(text.starts_with('{'), is_json, "{text}");
    }
}

/// NASLib's batch norms inside of operations have no parameters; ours have scale and shift.
#[test]
fn cells_of_naslib_have_its_parameters_and_those_of_the_batch_norms_in_operations() {
    let Some(lines) = shared_lines("darts_space/nb301_darts_zc13_725.csv.gz") else {
        return;
    };
    assert_eq!(lines.len(), 726);
    for line in &lines[1..] {
        let [_, cells, figures] = line.split('"').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let millions: f64 = figures.split(',').nth(3).unwrap().parse().unwrap();
        let theirs = (millions * 1e6).round() as u64;
        let genotype: Genotype = cells.parse().unwrap();
        let ours = cost(&genotype, 32, 8, "3x32x32").params;
        let cells: Vec<Vec<(usize, usize)>> =
            serde_json::from_str(&cells.replace('(', "[").replace(')', "]")).unwrap();
        let norms = |cell: &[(usize, usize)]| -> u64 {
            let of = |&(_, operation): &(usize, usize)| match operation {
                3 | 4 => 2,
                5 | 6 => 1,
                _ => 0,
            };
            cell.iter().map(of).sum()
        };
        let halving = cells[1]
            .iter()
            .filter(|&&(from, operation)| from < 2 && operation == 2)
            .count() as u64;
        let expected = 2 * 448 * norms(&cells[0]) + 2 * 192 * (norms(&cells[1]) + halving);
        assert_eq!(ours - theirs, expected, "{line}");
    }
    // The first of them: 7 and 5 + 1.
    assert!(lines[1].contains("0.856298"), "{}", lines[1]);
}

/// The lines of a gzipped file of the benchmark, where it is at hand.
fn nb201_lines(name: &str) -> Option<Vec<String>> {
    shared_lines(&format!("nb201/{name}"))
}

/// The lines of a gzipped file of published figures, where it is at hand.
fn shared_lines(name: &str) -> Option<Vec<String>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(name);
    let Ok(file) = File::open(&path) else {
        println!("skipped: there is no {}", path.display());
        return None;
    };
    let reader: Box<dyn Read> = Box::new(GzDecoder::new(file));
    Some(BufReader::new(reader).lines().map(Result::unwrap).collect())
}

/// Choices and millions of parameters of each row.
fn nb201_table() -> Option<Vec<(Architecture, f64)>> {
    let lines = nb201_lines("nb201_acc.csv.gz")?;
    let header: Vec<&str> = lines[0].split(',').collect();
    let column = |name: &str| header.iter().position(|&h| h == name).unwrap();
    let (ops, params) = (column("ops6"), column("params_c10_M"));
    let row = |line: &String| {
        let fields: Vec<&str> = line.split(',').collect();
        let digits: Vec<usize> = fields[ops]
            .bytes()
            .map(|digit| usize::from(digit - b'0'))
            .collect();
        (Architecture::new(digits), fields[params].parse().unwrap())
    };
    Some(lines[1..].iter().map(row).collect())
}

#[test]
fn strings_of_the_benchmark_agree_with_its_digits() {
    let (Some(table), Some(strings)) = (nb201_table(), nb201_lines("nb201_arch_strings.txt.gz")) else {
        return;
    };
    assert_eq!((table.len(), strings.len()), (15_625, 15_625));
    let space = spaces::nb201();
    for ((architecture, _), text) in table.iter().zip(&strings) {
        let genotype: Genotype = text.parse().unwrap();
        assert_eq!(genotype.to_string(), *text);
        assert_eq!(space.architecture(&genotype).as_ref(), Ok(architecture), "{text}");
        assert_eq!(space.genotype(architecture), Ok(genotype));
    }
}

/// Parameters of the operations of a cell of these channels.
fn weights(cell: &Cell, channels: u64) -> u64 {
    let edges = cell.nodes().into_iter().flat_map(|node| node.edges);
    edges
        .map(|(op, _)| match op.as_str() {
            "nor_conv_1x1" => channels * channels + 2 * channels,
            "nor_conv_3x3" => 9 * channels * channels + 2 * channels,
            other => {
                assert!(NB201_OPERATIONS.contains(&other));
                0
            }
        })
        .sum()
}

/// The table counts dead parts as well, which our networks leave out, and gives six significant
/// digits.
#[test]
fn parameters_are_the_benchmarks_for_all_its_cells() {
    let Some(table) = nb201_table() else {
        return;
    };
    let space = spaces::nb201();
    let (mut with_dead_parts, mut exact) = (0, 0);
    for (architecture, millions) in table {
        let genotype = space.genotype(&architecture).unwrap();
        let Genotype::Nb201(written) = &genotype else {
            panic!("not of nb201");
        };
        let cell = &written.cell;
        let live = cell.pruned(space.operations());
        let dead: u64 = [16, 32, 64]
            .map(|channels| 5 * (weights(cell, channels) - weights(&live, channels)))
            .iter()
            .sum();
        with_dead_parts += u32::from(dead > 0);
        let ours = cost(&genotype, 16, 5, "3x32x32").params;
        let theirs = (millions * 1e6_f64).round() as u64;
        let rounding = if theirs < 1_000_000 { 0 } else { 5 };
        let text = codec::format_nb201(written);
        assert!(
            (ours + dead).abs_diff(theirs) <= rounding,
            "{text:?}: {ours} + {dead} against {theirs}"
        );
        exact += u32::from(rounding == 0);
    }
    assert!(with_dead_parts > 0 && exact > 10_000);
}

/// Counted by hand from the authors' Keras models: parameters with the moving means and variances
/// of batch norms, which Keras counts and nobody trains, parameters without them, and
/// multiply-accumulates.
const MLPERF_TINY: [(&str, u64, u64, u64); 3] = [
    ("RESNET8", 78_666, 78_186, 12_501_632),
    ("MOBILENET_V1_025", 221_794, 216_322, 7_489_664),
    ("DS_CNN", 24_908, 23_756, 2_656_768),
];

#[test]
fn networks_of_mlperf_tiny_have_the_parameters_that_keras_counts() {
    for (name, with_moving, params, macs) in MLPERF_TINY {
        let named = named::by_name(name).unwrap();
        let (image, classes) = named.data.unwrap();
        assert_eq!(named::data_of(&named.genotype), named.data);
        let config = NetworkConfig {
            image,
            classes,
            // Not used: these networks have stems of their own.
            stem_halvings: 2,
            channels: 7,
            ..NetworkConfig::default()
        };
        let network = named.genotype.network(&Operations::standard(), &config).unwrap();
        assert_eq!(network.cost(), Cost { params, macs }, "{name}");
        let norms = network.layers().iter().filter(|layer| layer.kind.label() == "bn");
        let moving: u64 = norms.map(|norm| 2 * norm.shape.channels as u64).sum();
        assert_eq!(params + moving, with_moving, "{name}");
    }
    assert_eq!(
        named::data_of(&named::by_name("DARTS_V2").unwrap().genotype),
        None
    );
}

/// What they need on a device: the maps of 8-bit integers and the weights.
#[test]
fn networks_of_mlperf_tiny_need_what_is_counted_by_hand() {
    let needs = |name| {
        let named = named::by_name(name).unwrap();
        let (image, classes) = named.data.unwrap();
        let config = NetworkConfig::of_images(image, classes);
        let network = named.genotype.network(&Operations::standard(), &config).unwrap();
        let arena = Arena::of(&network, ArenaConfig::new(Number::Int8));
        assert!(arena.is_exact(), "{name}");
        (arena.bytes(), Flash::of(&network, Number::Int8))
    };
    // The input of the first residual block and its two convolutions' outputs.
    let (memory, flash) = needs("RESNET8");
    assert_eq!(memory, 3 * 16 * 32 * 32);
    // Convolutions with batch norm, the two shortcuts and the classifier.
    let channels = 16 + 2 * (16 + 32 + 64) + 32 + 64 + 10;
    assert_eq!((flash.biases, flash.scales), (4 * channels, 4 * channels));
    // The first pointwise convolution: 8 and 16 channels of 48×48.
    assert_eq!(needs("MOBILENET_V1_025").0, 24 * 48 * 48);
    // Two maps of 64×25×5.
    assert_eq!(needs("DS_CNN").0, 2 * 64 * 25 * 5);
}
