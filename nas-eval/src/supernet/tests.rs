//! Supernets against the tape, finite differences, PyTorch, and the architectures they contain.

use std::sync::Arc;

use candle_core::{DType, Device};
use nas_space::arch::Architecture;
use nas_space::network::NetworkConfig;
use nas_space::shape::Shape;
use nas_space::spaces::{CellSpace, MixedChannels, Space, darts, nb201};
use rand::RngExt;

use super::*;
use crate::compute::Compute;
use crate::ops::cross_entropy;
use crate::pass::Differentiated;

const IMAGE: Shape = Shape::new(2, 8, 8);
const TRAIN: Pass = Pass::Train {
    seed: Seed::new(0),
    drop_path: 0.0,
};

fn supernet(space: &CellSpace, cells: usize, channels: MixedChannels, dtype: DType) -> Supernet {
    let config = NetworkConfig {
        image: IMAGE,
        classes: 3,
        channels: 4,
        cells,
        ..NetworkConfig::default()
    };
    let network = space.supernet(&config, channels).unwrap();
    Supernet::new(Arc::new(network), Seed::new(3), &Compute::cpu().with_dtype(dtype)).unwrap()
}

/// Random weights; where `holes` is set, every third one is 0.
fn mixture(space: &CellSpace, channels: MixedChannels, holes: bool) -> Mixture {
    let mut rng = Seed::new(7).derive("mixture", 0).rng();
    let mut count = 0;
    let mut tables = Vec::new();
    for cell in space.relaxed().unwrap() {
        tables.push(Array2::from_shape_simple_fn(
            (cell.edges.len(), cell.columns(channels)),
            || {
                count += 1;
                if holes && count % 3 == 0 {
                    0.0
                } else {
                    rng.random_range(0.1..0.9)
                }
            },
        ));
    }
    Mixture::new(tables)
}

fn images(dtype: DType) -> Tensor {
    let mut rng = Seed::new(99).rng();
    let values: Vec<f64> = (0..4 * IMAGE.numel())
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let shape = (4, IMAGE.channels, IMAGE.height, IMAGE.width);
    Tensor::from_vec(values, shape, &Device::Cpu)
        .unwrap()
        .to_dtype(dtype)
        .unwrap()
}

fn loss(logits: &Logits) -> Result<Tensor> {
    let labels = Tensor::new(&[0u32, 1, 2, 0], &Device::Cpu)?;
    cross_entropy(&logits.main, &labels, 0.0)
}

fn cases() -> Vec<(CellSpace, usize, MixedChannels, bool)> {
    let mut cases = Vec::new();
    for channels in [MixedChannels::All, MixedChannels::OneIn(2)] {
        for holes in [false, true] {
            cases.push((darts(), 2, channels, holes));
            cases.push((nb201(), 1, channels, holes));
        }
    }
    cases
}

#[test]
fn gradients_off_the_tape_equal_those_of_the_tape() {
    assert_the_tape_gives_the_same(cases(), |on_tape| on_tape());
}

/// The same tape with the CUDA kernels instead of stock operations.
#[test]
fn gradients_off_the_tape_equal_those_of_the_tape_with_cudas_kernels() {
    // One case of each space, in both kinds of mixing, with and without holes: on the host a kernel
    // takes its time.
    let cases = vec![
        (darts(), 1, MixedChannels::OneIn(2), true),
        (nb201(), 1, MixedChannels::All, false),
        (nb201(), 1, MixedChannels::OneIn(2), true),
    ];
    if crate::cuda::on_host::is_available() {
        assert_the_tape_gives_the_same(cases, |on_tape| crate::cuda::on_host::with_kernels(on_tape));
    }
}

fn assert_the_tape_gives_the_same(
    cases: Vec<(CellSpace, usize, MixedChannels, bool)>,
    run: impl Fn(&dyn Fn() -> Differentiated) -> Differentiated,
) {
    for (space, cells, channels, holes) in cases {
        let (net, mixture) = (
            supernet(&space, cells, channels, DType::F64),
            mixture(&space, channels, holes),
        );
        assert_eq!(net.parameters().count(), net.network().cost().params);
        let x = images(DType::F64);
        let start = net.parameters().snapshot().unwrap();
        let off = net
            .differentiate(&x, &TRAIN, &mixture, Wanted::Both, loss)
            .unwrap();
        let statistics = net.parameters().snapshot().unwrap();
        net.parameters().restore(&start).unwrap();
        let on = run(&|| {
            net.model
                .differentiate_on_tape(&x, &TRAIN, Some(&mixture), Wanted::Both, Box::new(loss))
                .unwrap()
        });
        let scalar = |t: &Tensor| t.to_scalar::<f64>().unwrap();
        assert!((scalar(&off.loss) - scalar(&on.loss)).abs() < 1e-12);
        assert_eq!(off.gradients.iter().len(), on.gradients.iter().len());
        if holes {
            assert!(off.gradients.iter().len() < net.parameters().iter().len());
        }
        for ((name, got), (other, expected)) in off.gradients.iter().zip(on.gradients.iter()) {
            assert_eq!(name, other);
            let difference = (got - expected).unwrap().abs().unwrap().max_all().unwrap();
            assert!(scalar(&difference) < 1e-10, "{name}: {difference}");
        }
        for (got, expected) in off.mixture.iter().flatten().zip(on.mixture.iter().flatten()) {
            assert!((got - expected).abs() < 1e-10, "{got} {expected}");
        }
        for ((name, a), (_, b)) in statistics.iter().zip(net.parameters().snapshot().unwrap().iter()) {
            let difference = (a - b).unwrap().abs().unwrap().max_all().unwrap();
            assert!(scalar(&difference) < 1e-12, "{name}");
        }
    }
}

#[test]
fn what_is_not_wanted_is_left_out_and_the_rest_is_the_same() {
    let (space, channels) = (nb201(), MixedChannels::All);
    let (net, mixture) = (
        supernet(&space, 1, channels, DType::F32),
        mixture(&space, channels, false),
    );
    let run = |wanted| {
        net.differentiate(&images(DType::F32), &TRAIN, &mixture, wanted, loss)
            .unwrap()
    };
    let (both, weights, mixed) = (run(Wanted::Both), run(Wanted::Weights), run(Wanted::Mixture));
    assert_eq!(mixed.gradients.iter().len(), 0);
    assert_eq!(mixed.mixture, both.mixture);
    assert!(weights.mixture.iter().flatten().all(|&entry| entry == 0.0));
    assert_eq!(weights.gradients.norm().unwrap(), both.gradients.norm().unwrap());
}

#[test]
fn mixture_gradients_are_the_finite_differences() {
    for (space, cells, channels, holes) in cases() {
        let (net, mixture) = (
            supernet(&space, cells, channels, DType::F64),
            mixture(&space, channels, holes),
        );
        let x = images(DType::F64);
        let at = |mixture: &Mixture| {
            let step = net
                .differentiate(&x, &TRAIN, mixture, Wanted::Weights, loss)
                .unwrap();
            step.loss.to_scalar::<f64>().unwrap()
        };
        let got = net
            .differentiate(&x, &TRAIN, &mixture, Wanted::Mixture, loss)
            .unwrap()
            .mixture;
        let mut compared = 0;
        for (table, values) in mixture.tables().iter().enumerate() {
            for (position, &value) in values.indexed_iter().step_by(7) {
                // What weighs nothing is not computed, so that its difference is another thing.
                if value == 0.0 {
                    continue;
                }
                let moved = |by: f64| {
                    let mut tables = mixture.tables().to_vec();
                    tables[table][position] += by;
                    at(&Mixture::new(tables))
                };
                let h = 1e-5;
                let measured = (moved(h) - moved(-h)) / (2.0 * h);
                let got = got[table][position];
                assert!(
                    (measured - got).abs() < 1e-6,
                    "{} {position:?}: {got} {measured}",
                    space.name()
                );
                compared += usize::from(got != 0.0);
            }
        }
        assert!(compared > 1, "{compared}");
    }
}

/// The gradient of a weight that is exactly 0 is that of a number added to the node, and so the
/// same for all such operations of a node, `none` among them. A `none` that is drawn passes zeros
/// on, and has no gradient.
#[test]
fn every_weight_that_is_not_drawn_has_the_gradient_of_its_node_and_none_is_no_exception() {
    let space = nb201();
    let net = supernet(&space, 2, MixedChannels::All, DType::F64);
    let mut table = Array2::zeros((6, 5));
    for (row, column) in [3, 1, 0, 0, 3, 4].into_iter().enumerate() {
        table[[row, column]] = 1.0;
    }
    let mixture = Mixture::new(vec![table.clone()]);
    let x = images(DType::F64);
    let got = net
        .differentiate(&x, &TRAIN, &mixture, Wanted::Mixture, loss)
        .unwrap();
    let on_tape = net
        .model
        .differentiate_on_tape(&x, &TRAIN, Some(&mixture), Wanted::Mixture, Box::new(loss))
        .unwrap();
    let got = &got.mixture[0];
    let mut of_nodes = Vec::new();
    for rows in [vec![0], vec![1, 2], vec![3, 4, 5]] {
        let own: Vec<f64> = rows
            .iter()
            .flat_map(|&row| (0..5).map(move |column| (row, column)))
            .filter(|&(row, column)| table[[row, column]] == 0.0)
            .map(|place| got[place])
            .collect();
        assert_eq!(own.len(), 4 * rows.len());
        assert!(own.iter().all(|value| (value - own[0]).abs() < 1e-12), "{own:?}");
        of_nodes.push(own[0]);
    }
    assert!(
        of_nodes.iter().all(|gradient| gradient.abs() > 1e-6),
        "{of_nodes:?}"
    );
    for row in [2, 3] {
        assert_eq!(got[[row, 0]], 0.0, "zeros that are drawn");
    }
    for (got, expected) in got.iter().zip(&on_tape.mixture[0]) {
        assert!((got - expected).abs() < 1e-10, "{got} {expected}");
    }
}

/// One-hot weights leave one architecture, with its statistics: those of the network that is built
/// of it alone.
#[test]
fn a_one_hot_mixture_is_the_architecture_itself() {
    let space = nb201();
    let net = supernet(&space, 1, MixedChannels::All, DType::F64);
    // Pooling is among them: it is not followed by batch norm, as in the network.
    let choices = [3, 4, 2, 0, 3, 2];
    let mut table = Array2::zeros((6, 5));
    for (row, &column) in choices.iter().enumerate() {
        table[[row, column]] = 1.0;
    }
    let config = NetworkConfig {
        image: IMAGE,
        classes: 3,
        channels: 4,
        cells: 1,
        ..NetworkConfig::default()
    };
    let network = space.network(&Architecture::new(choices), &config).unwrap();
    let model = Model::new(
        Arc::new(network),
        Seed::new(3),
        &Compute::cpu().with_dtype(DType::F64),
    )
    .unwrap();
    for (name, parameter) in model.parameters().iter() {
        // `node3.1.nor_conv_3x3.conv` of the network is `node3.edge…` of the supernet; each stands
        // on the state named.
        let theirs = net.parameters().iter().find(|(other, _)| same_place(name, other));
        let Some((_, theirs)) = theirs else { continue };
        parameter.var.set(theirs.var.as_tensor()).unwrap();
    }
    let x = images(DType::F64);
    let expected = model
        .forward(&x, &Pass::BatchStatistics)
        .unwrap()
        .main
        .to_vec2::<f64>()
        .unwrap();
    let mixture = Mixture::new(vec![table]);
    let got = net
        .forward(&x, &Pass::BatchStatistics, &mixture)
        .unwrap()
        .main
        .to_vec2::<f64>()
        .unwrap();
    for (got, expected) in got.iter().flatten().zip(expected.iter().flatten()) {
        assert!((got - expected).abs() < 1e-12, "{got} {expected}");
    }
    let before = net.parameters().snapshot().unwrap();
    net.differentiate(&x, &TRAIN, &mixture, Wanted::Weights, loss)
        .unwrap();
    let moved = |name: &str| {
        let buffer = net.parameters().buffer(name).unwrap().get().unwrap();
        buffer.to_vec1::<f64>().unwrap() != before.tensors()[name].to_vec1::<f64>().unwrap()
    };
    assert!(moved("stage0.0.node1.edge0.nor_conv_3x3.bn.running_mean"));
    assert!(
        !moved("stage0.0.node1.edge0.nor_conv_1x1.bn.running_mean"),
        "it was computed"
    );
}

/// Whether a network's parameter and a supernet's are the same layer's. In the network, edges are
/// numbered by position among those of the node that pass something on.
fn same_place(of_network: &str, of_supernet: &str) -> bool {
    if of_network == of_supernet {
        return true;
    }
    let renamed = [
        ("node1.0.nor_conv_3x3", "node1.edge0.nor_conv_3x3"),
        ("node2.1.nor_conv_1x1", "node2.edge1.nor_conv_1x1"),
        ("node3.0.nor_conv_3x3", "node3.edge1.nor_conv_3x3"),
        ("node3.1.nor_conv_1x1", "node3.edge2.nor_conv_1x1"),
    ];
    renamed.iter().any(|(network, supernet)| {
        of_network.contains(network) && of_network.replace(network, supernet) == of_supernet
    })
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let (space, channels) = (darts(), MixedChannels::OneIn(2));
    let mixture = mixture(&space, channels, false);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let net = supernet(&space, 2, channels, DType::F32);
            let step = net
                .differentiate(&images(DType::F32), &TRAIN, &mixture, Wanted::Both, loss)
                .unwrap();
            let bits: Vec<u64> = step
                .mixture
                .iter()
                .flatten()
                .map(|entry| entry.to_bits())
                .collect();
            (bits, step.gradients.norm().unwrap().to_bits())
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn a_missing_weight_and_a_model_without_weights_are_refused() {
    let net = supernet(&nb201(), 1, MixedChannels::All, DType::F32);
    let x = images(DType::F32);
    for tables in [vec![], vec![Array2::ones((6, 4))], vec![Array2::ones((5, 5))]] {
        let error = net
            .forward(&x, &Pass::Eval, &Mixture::new(tables))
            .unwrap_err()
            .to_string();
        assert!(error.contains("needs the weight in row"), "{error}");
    }
    let error = net.model.forward(&x, &Pass::Eval).unwrap_err().to_string();
    assert!(error.contains("no weights are given"), "{error}");
}

#[test]
fn evaluation_by_the_batch_leaves_the_running_statistics() {
    let (space, channels) = (nb201(), MixedChannels::All);
    let (net, mixture) = (
        supernet(&space, 1, channels, DType::F32),
        mixture(&space, channels, false),
    );
    let statistics = || -> Vec<f32> {
        let buffers = net.parameters().buffers();
        buffers
            .flat_map(|(_, buffer)| buffer.get().unwrap().to_vec1::<f32>().unwrap())
            .collect()
    };
    let (before, x) = (statistics(), images(DType::F32));
    let scores = |pass: &Pass| {
        net.forward(&x, pass, &mixture)
            .unwrap()
            .main
            .to_vec2::<f32>()
            .unwrap()
    };
    assert_ne!(scores(&Pass::Eval), scores(&Pass::BatchStatistics));
    assert_eq!(statistics(), before);
    assert!(
        net.differentiate(&x, &Pass::BatchStatistics, &mixture, Wanted::Both, loss)
            .is_err()
    );
}

/// The reduction cell of DARTS with all its operations, weighed by a softmax. The numbers are
/// PyTorch 2.15's:
/// ```python
/// import math, torch, torch.nn.functional as F
/// torch.set_default_dtype(torch.float64)
/// k = 0
/// def w(*s):
///     global k; k += 1
///     return (torch.sin(0.7 * torch.arange(math.prod(s)) + k) / math.sqrt(math.prod(s[1:]))).reshape(s)
/// def conv(x, c, r=1, groups=1, **a):
///     return F.conv2d(x, w(c, x.shape[1] // groups, r, r), groups=groups, **a)
/// def bn(x): return F.batch_norm(x, None, None, training=True)
/// def separable(x, r, s, d, times):
///     for t in range(times):
///         x = conv(x.relu(), x.shape[1], r, x.shape[1], stride=s if t == 0 else 1, padding=d * (r // 2), dilation=d)
///         x = bn(conv(x, x.shape[1]))
///     return x
/// def halve(x, c):
///     x = x.relu()
///     return bn(torch.cat([conv(x, c // 2, stride=2), conv(x[:, :, 1:, 1:], c // 2, stride=2)], 1))
/// OPS = [lambda x, s: bn(F.max_pool2d(x, 3, s, 1)), lambda x, s: bn(F.avg_pool2d(x, 3, s, 1, count_include_pad=False)),
///        lambda x, s: x if s == 1 else halve(x, x.shape[1]),
///        lambda x, s: separable(x, 3, s, 1, 2), lambda x, s: separable(x, 5, s, 1, 2),
///        lambda x, s: separable(x, 3, s, 2, 1), lambda x, s: separable(x, 5, s, 2, 1)]
/// alpha = torch.sin(torch.arange(112.0)).reshape(14, 8).requires_grad_()
/// p, edge = alpha.softmax(1), 0
/// x = torch.sin(0.3 * torch.arange(4 * 3 * 64.0)).reshape(4, 3, 8, 8)
/// x = bn(conv(x, 12, 3, padding=1))
/// states = [bn(conv(x.relu(), 8)), bn(conv(x.relu(), 8))]
/// for node in range(4):
///     total = 0
///     for i, h in enumerate(states):
///         for o, op in enumerate(OPS):  # column 0 is `none`
///             total = total + p[edge, o + 1] * op(h, 2 if i < 2 else 1)
///         edge += 1
///     states.append(total)
/// y = torch.cat(states[2:], 1).mean((2, 3))
/// loss = F.cross_entropy(F.linear(y, w(3, 32)), torch.tensor([0, 1, 2, 0]))
/// loss.backward()
/// print(k, loss.item()); print([round(v, 13) for v in alpha.grad.flatten().tolist()])
/// ```
#[test]
fn alpha_gradients_of_a_cell_are_those_of_pytorch() {
    let space = darts();
    let config = NetworkConfig {
        image: Shape::new(3, 8, 8),
        classes: 3,
        channels: 4,
        cells: 1,
        ..NetworkConfig::default()
    };
    let network = Arc::new(space.supernet(&config, MixedChannels::All).unwrap());
    let net = Supernet::new(network, Seed::new(0), &Compute::cpu().with_dtype(DType::F64)).unwrap();
    let mut k = 0;
    for (name, parameter) in net.parameters().iter() {
        let shape = parameter.var.dims().to_vec();
        if shape.len() > 1 {
            k += 1;
            let fan_in: usize = shape[1..].iter().product();
            let values: Vec<f64> = (0..parameter.var.elem_count())
                .map(|n| (0.7 * n as f64 + f64::from(k)).sin() / (fan_in as f64).sqrt())
                .collect();
            parameter
                .var
                .set(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
                .unwrap();
        } else if name.ends_with("bias") {
            parameter.var.zero_set().unwrap();
        }
    }
    assert_eq!(k, 188);
    let alpha = Array2::from_shape_fn((14, 8), |(row, column)| ((row * 8 + column) as f64).sin());
    let exp = alpha.mapv(f64::exp);
    let p = Array2::from_shape_fn((14, 8), |(row, column)| exp[[row, column]] / exp.row(row).sum());
    let mixture = Mixture::new(vec![Array2::ones((14, 8)), p.clone()]);
    let values: Vec<f64> = (0..4 * 3 * 64).map(|n| (0.3 * f64::from(n)).sin()).collect();
    let x = Tensor::from_vec(values, (4, 3, 8, 8), &Device::Cpu).unwrap();
    let step = net
        .differentiate(&x, &TRAIN, &mixture, Wanted::Mixture, loss)
        .unwrap();
    assert!((step.loss.to_scalar::<f64>().unwrap() - 1.2272465534621837).abs() < 1e-11);
    let g = &step.mixture[1];
    for (row, expected) in PYTORCH_ALPHA_GRADIENT.iter().enumerate() {
        let mean: f64 = (0..8).map(|column| p[[row, column]] * g[[row, column]]).sum();
        for (column, expected) in expected.iter().enumerate() {
            let got = p[[row, column]] * (g[[row, column]] - mean);
            assert!((got - expected).abs() < 1e-10, "{row} {column}: {got} {expected}");
        }
    }
}

#[rustfmt::skip]
const PYTORCH_ALPHA_GRADIENT: [[f64; 8]; 14] = [
    [-0.0013901245229, 0.0077842676799, -0.0284848827609, -0.0495710666591, -0.0249807585821, 0.0153821746946, -0.0657500909335, 0.1470104810841],
    [-0.006696750362, -0.0097512620004, -0.0087257909886, -0.0013629715068, -0.0012598633238, -0.0861336273202, 0.0877073280487, 0.0262229374531],
    [0.002829998858, 0.002257102931, 0.0028130070275, 0.0073552470362, -0.0017892334637, -0.0077492226343, -0.0118079711949, 0.0060910714401],
    [-3.08715133e-05, 0.0030730727627, 0.007595914845, -0.0132109248281, 0.0015889122935, -0.0158921369568, 0.0041989286189, 0.0126771047782],
    [-0.0159526421911, 0.0185195356114, 0.0057443396697, -0.0041523440074, -0.0030249044657, -0.0084834367577, -0.0119813048203, 0.0193307569611],
    [0.0087907178877, 0.0044993960546, 0.0014310571751, 0.0004947674215, 0.0223478422705, -0.0483539347622, -0.0115341843384, 0.0223243382913],
    [-0.0001645169469, 0.0014064807226, 0.0034610471675, -0.0139123261613, 0.0113360913459, 0.0008827050692, -0.0045749728399, 0.001565491643],
    [-0.0022235858752, 0.0089760656179, 0.0073354965328, -0.0006364360675, -0.0041495610491, -0.0027484478809, 0.0001642437463, -0.0067177750245],
    [-0.0006069377736, 0.0390433460812, 0.0160493244345, 0.0019954542203, 0.0036348877322, -0.0032508932224, -0.0466586691769, -0.0102065122953],
    [-0.0054538836613, -0.0017907486545, -0.0014200521406, -0.004351773559, 0.0003727875991, 0.0199395039605, -0.0126056715544, 0.0053098380102],
    [-0.0010839865432, -0.0011350138415, -0.0035927185068, -0.0105290603726, 0.0371563504034, -0.0160480551182, -0.0010782834179, -0.0036892326032],
    [-0.0011756302626, 0.0054166669219, -0.003627358231, -0.0012981215757, 0.0002422682791, 0.0007396460166, -0.0068128719896, 0.0065154008411],
    [-0.0012507917342, 0.0080735875684, 0.0029945308954, -0.0004759803833, 0.0018442878897, 0.0041572785775, -0.0227555598508, 0.0074126470374],
    [0.0018165376555, -0.0013336416398, -0.0033154322489, -0.0032753620902, 0.0121247129314, -0.0054834443041, -0.0014294994513, 0.0008961291473],
];
