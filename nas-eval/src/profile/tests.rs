use std::sync::Arc;

use candle_core::{Device, Tensor};
use nas_space::genotype::Genotype;
use nas_space::network::{Conv2d, LayerKind, Network, NetworkBuilder, NetworkConfig};
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use nas_space::spaces::{MixedChannels, darts};
use ndarray::Array2;
use rand::RngExt;

use super::*;
use crate::compute::Compute;
use crate::model::{Logits, Mixture, Model, Pass, Wanted};
use crate::nn::{Gradients, Parameters};
use crate::ops::cross_entropy;
use crate::supernet::Supernet;

const TRAIN: Pass = Pass::Train {
    seed: Seed::new(5),
    drop_path: 0.3,
};

fn config() -> NetworkConfig {
    NetworkConfig {
        image: Shape::new(3, 32, 32),
        channels: 4,
        cells: 3,
        auxiliary: true,
        drop_path: true,
        ..NetworkConfig::default()
    }
}

fn darts_v2() -> Arc<Network> {
    let genotype: Genotype = "DARTS_V2".parse().unwrap();
    Arc::new(genotype.network(&Operations::standard(), &config()).unwrap())
}

/// Images and labels.
fn batch(image: Shape, n: usize) -> (Tensor, Tensor) {
    let mut rng = Seed::new(7).rng();
    let values: Vec<f32> = (0..n * image.numel())
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let shape = (n, image.channels, image.height, image.width);
    let labels: Vec<u32> = (0..n as u32).map(|i| i % 3).collect();
    (
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap(),
        Tensor::from_vec(labels, n, &Device::Cpu).unwrap(),
    )
}

/// The loss of both heads.
fn loss(labels: &Tensor) -> impl FnOnce(&Logits) -> candle_core::Result<Tensor> + '_ {
    |logits| {
        let main = cross_entropy(&logits.main, labels, 0.0)?;
        match &logits.auxiliary {
            Some(logits) => main + cross_entropy(logits, labels, 0.0)?,
            None => Ok(main),
        }
    }
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

/// Everything that a pass gives and changes, bit by bit.
fn everything(
    [logits, loss]: [&Tensor; 2],
    gradients: &Gradients,
    parameters: &Parameters,
) -> Vec<(String, Vec<u32>)> {
    let mut all = vec![
        ("logits".to_owned(), bits(logits)),
        ("loss".to_owned(), bits(loss)),
    ];
    all.extend(
        gradients
            .iter()
            .map(|(name, gradient)| (name.to_owned(), bits(gradient))),
    );
    let buffers = parameters.buffers();
    all.extend(buffers.map(|(name, buffer)| (name.to_owned(), bits(&buffer.get().unwrap()))));
    all
}

/// Forward and backward operations of the rows of convolutions and linear layers.
fn of_weights(profile: &Profile) -> [u64; 2] {
    let rows = profile.rows().into_iter();
    rows.filter(|row| {
        ["conv ", "separable conv ", "linear "]
            .iter()
            .any(|kind| row.name.starts_with(kind))
    })
    .fold([0, 0], |[forward, backward], row| {
        [forward + row.forward.flops, backward + row.backward.flops]
    })
}

/// Multiply-adds of the convolutions that read the images.
fn macs_on_images(network: &Network) -> u64 {
    let layers = network.layers().iter();
    let on_images = layers.filter(|layer| {
        let input = layer.inputs.first().map(|&id| &network.layer(id).kind);
        matches!(input, Some(LayerKind::Input))
    });
    on_images.map(|layer| network.layer_cost(layer).macs).sum()
}

#[test]
fn a_profiled_pass_gives_the_same_bits() {
    let network = darts_v2();
    let (images, labels) = batch(network.image(), 6);
    let model = || Model::new(Arc::clone(&network), Seed::new(1), &Compute::cpu()).unwrap();
    let plain = model();
    let (logits, of_plain, gradients) = plain.differentiate(&images, &TRAIN, loss(&labels)).unwrap();
    let expected = everything([&logits.main, &of_plain], &gradients, plain.parameters());
    assert!(expected.len() > 100, "{}", expected.len());
    let profiled = model();
    let mut profile = Profile::default();
    let (logits, of_profiled, gradients) = profiled
        .profile(&mut profile, &images, &TRAIN, loss(&labels))
        .unwrap();
    let got = everything([&logits.main, &of_profiled], &gradients, profiled.parameters());
    for ((name, expected), (other, got)) in expected.iter().zip(&got) {
        assert_eq!(name, other);
        assert!(expected == got, "{name} differs");
    }
    assert_eq!(expected.len(), got.len());
}

#[test]
fn every_layer_took_time_and_together_no_more_than_the_threads_had() {
    let network = darts_v2();
    let (images, labels) = batch(network.image(), 6);
    let model = Model::new(network, Seed::new(1), &Compute::cpu()).unwrap();
    let mut profile = Profile::default();
    for passes in 1..=2 {
        model
            .profile(&mut profile, &images, &TRAIN, loss(&labels))
            .unwrap();
        assert_eq!((profile.passes(), profile.images()), (passes, 6 * passes));
        for row in profile.rows() {
            assert!(row.forward.seconds > 0.0, "{row:?}");
            assert!(
                row.backward.seconds > 0.0 || row.name.starts_with("image"),
                "{row:?}"
            );
            assert_eq!(row.count % passes, 0, "{row:?}");
        }
        assert!(profile.total().seconds <= profile.thread_seconds());
        assert!(profile.thread_seconds() >= profile.wall_seconds());
        let all = profile.total().seconds + profile.rest_seconds();
        assert!((all / profile.thread_seconds() - 1.0).abs() < 1e-9);
    }
    let seconds: Vec<f64> = profile.rows().iter().map(|row| row.total().seconds).collect();
    assert!(seconds.is_sorted_by(|a, b| a >= b), "{seconds:?}");
}

#[test]
fn operations_are_two_for_each_multiply_accumulate_and_twice_as_many_backward() {
    let network = darts_v2();
    let n = 4;
    let (images, labels) = batch(network.image(), n);
    let model = Model::new(Arc::clone(&network), Seed::new(1), &Compute::cpu()).unwrap();
    let mut profile = Profile::default();
    for _ in 0..2 {
        model
            .profile(&mut profile, &images, &TRAIN, loss(&labels))
            .unwrap();
    }
    let [forward, backward] = of_weights(&profile);
    let macs = 2 * n as u64 * network.cost().macs;
    assert_eq!(forward, 2 * macs);
    // The images want no gradient.
    let on_images = 2 * n as u64 * macs_on_images(&network);
    assert!(on_images > 0);
    assert_eq!(backward, 2 * (2 * macs - on_images));
}

#[test]
fn a_search_step_has_the_arithmetic_of_the_gradients_that_it_wants() {
    let cells = darts();
    let config = NetworkConfig {
        auxiliary: false,
        drop_path: false,
        ..config()
    };
    let network = Arc::new(cells.supernet(&config, MixedChannels::All).unwrap());
    let tables: Vec<Array2<f64>> = cells
        .relaxed()
        .unwrap()
        .iter()
        .map(|cell| Array2::from_elem((cell.edges.len(), 8), 0.125))
        .collect();
    let mixture = Mixture::new(tables);
    let (images, labels) = batch(network.image(), 2);
    let of = |wanted: Wanted| {
        let supernet = Supernet::new(Arc::clone(&network), Seed::new(1), &Compute::cpu()).unwrap();
        let mut profile = Profile::default();
        let step = supernet
            .profile(&mut profile, &images, &TRAIN, &mixture, wanted, loss(&labels))
            .unwrap();
        let plain = Supernet::new(Arc::clone(&network), Seed::new(1), &Compute::cpu())
            .unwrap()
            .differentiate(&images, &TRAIN, &mixture, wanted, loss(&labels))
            .unwrap();
        assert_eq!(step.mixture, plain.mixture);
        profile
    };
    let macs = 2 * network.cost().macs;
    let weights = of(Wanted::Weights);
    let on_images = 2 * macs_on_images(&network);
    assert_eq!(of_weights(&weights), [2 * macs, 2 * (2 * macs - on_images)]);
    let mixture = of(Wanted::Mixture);
    let [forward, backward] = of_weights(&mixture);
    assert_eq!(forward, 2 * macs);
    // Gradients of maps alone, and none of what is before the first mixture.
    assert!(
        backward > 0 && backward < 2 * (macs - on_images),
        "{backward} of {macs}"
    );
}

#[test]
fn bytes_are_those_of_maps_with_padded_channels_and_of_weights() {
    let mut b = NetworkBuilder::new(Shape::new(3, 8, 8)).unwrap();
    let conv = b.conv(b.image(), Conv2d::same(16, [3, 3])).unwrap();
    let mean = b.global_avg_pool(conv).unwrap();
    let logits = b.linear(mean, 5).unwrap();
    let network = Arc::new(b.finish(logits, None));
    let (images, labels) = batch(network.image(), 4);
    let model = Model::new(network, Seed::new(1), &Compute::cpu()).unwrap();
    let mut profile = Profile::default();
    model
        .profile(&mut profile, &images, &TRAIN, loss(&labels))
        .unwrap();
    let bytes = |name: &str| {
        let rows = profile.rows();
        let row = rows.iter().find(|row| row.name.starts_with(name)).unwrap();
        [row.forward.bytes, row.backward.bytes]
    };
    // Images are stored with 8 channels. Forward reads them and the weight and writes 16 channels;
    // backward reads the images and the gradient and writes that of the weight.
    let of_conv = 4 * (4 * (8 * 64 + 16 * 64) + 16 * 3 * 9);
    assert_eq!(bytes("conv"), [of_conv; 2]);
    // Backward reads a gradient of 16 values and writes one of 16 maps.
    assert_eq!(bytes("global average"), [4 * 4 * (16 * 64 + 16); 2]);
    // Scores are stored with 8 channels. Backward reads the mean, the gradient and the weight, and
    // writes the gradients of the mean and the weight.
    let weight = 16 * 5 + 5;
    assert_eq!(
        bytes("linear"),
        [4 * (4 * (16 + 8) + weight), 4 * (4 * (16 + 16 + 8) + 2 * weight)]
    );
}

#[test]
fn other_passes_and_images_of_another_shape_are_refused() {
    let network = darts_v2();
    let (_, labels) = batch(network.image(), 4);
    let model = Model::new(network, Seed::new(1), &Compute::cpu()).unwrap();
    let (small, _) = batch(Shape::new(3, 16, 16), 4);
    let mut profile = Profile::default();
    let refused = model
        .profile(&mut profile, &small, &TRAIN, loss(&labels))
        .unwrap_err();
    assert!(refused.to_string().contains("3x32x32"), "{refused}");
    let evaluation = model.profile(&mut profile, &small, &Pass::Eval, loss(&labels));
    assert!(evaluation.unwrap_err().to_string().contains("training pass"));
    assert_eq!((profile.passes(), profile.rows().len()), (0, 0));
}
