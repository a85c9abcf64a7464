//! Batch normalisation against finite differences and PyTorch.

use candle_core::{DType, Device, Result, Tensor};

use super::{BatchNormed, batch_norm_eval, batch_norm_train};
use crate::ops::gradient_check::{
    assert_gradients_are_differences, assert_values, gradients, random, random_int, values,
};

type Train = fn(&Tensor, Option<(&Tensor, &Tensor)>, f64) -> Result<BatchNormed>;

fn train_affine(t: &[Tensor]) -> Result<Tensor> {
    Ok(batch_norm_train(&t[0], Some((&t[1], &t[2])), 1e-3)?.output)
}

/// Input, weight, bias, mean, variance.
fn arguments(dims: [usize; 4], seed: u64) -> [Tensor; 5] {
    let x = ((random(&dims[..], DType::F64, seed) * 2.0).unwrap() + 0.5).unwrap();
    let [weight, bias, mean, deviation] = [1, 2, 3, 4].map(|i| random(dims[1], DType::F64, seed + 1000 * i));
    [x, weight, bias, mean, (deviation.sqr().unwrap() + 0.2).unwrap()]
}

fn shapes() -> Vec<[usize; 4]> {
    let mut shapes = vec![[2, 3, 1, 1], [1, 2, 1, 2], [3, 2, 5, 7], [2, 1, 8, 8]];
    shapes.extend((0..5).map(|seed| {
        let pick = |range, index| random_int(range, seed, index);
        [pick(2..=3, 0), pick(1..=4, 1), pick(1..=6, 2), pick(1..=6, 3)]
    }));
    shapes
}

#[test]
fn gradients_are_the_finite_differences() {
    for (seed, dims) in shapes().into_iter().enumerate() {
        let [x, weight, bias, mean, variance] = arguments(dims, seed as u64);
        let affine = [x.clone(), weight, bias];
        let what = format!("{dims:?}");
        assert_gradients_are_differences(&affine, &what, train_affine);
        assert_gradients_are_differences(&affine, &what, |t| {
            batch_norm_eval(&t[0], &mean, &variance, Some((&t[1], &t[2])), 1e-3)
        });
        assert_gradients_are_differences(std::slice::from_ref(&x), &what, |t| {
            Ok(batch_norm_train(&t[0], None, 1e-3)?.output)
        });
        assert_gradients_are_differences(&[x], &what, |t| {
            batch_norm_eval(&t[0], &mean, &variance, None, 1e-3)
        });
    }
}

/// ```python
/// x = ((torch.arange(80, dtype=torch.float64) * 37 % 23 - 11) / 4).reshape(2,2,4,5)[:, :, :2, :2]
/// x = x.clone().requires_grad_()
/// w = torch.tensor([1.5, -0.5], dtype=torch.float64, requires_grad=True)
/// b = torch.tensor([0.25, 2.0], dtype=torch.float64, requires_grad=True)
/// up = (torch.arange(16) % 7 + 1).reshape(2,2,2,2)
/// y = F.batch_norm(x, None, None, w, b, True, 0.1, 1e-3); torch.autograd.grad((y * up).sum(), (x, w, b))
/// m = torch.tensor([0.5, -1.0], dtype=torch.float64); v = torch.tensor([2.0, 0.5], dtype=torch.float64)
/// y = F.batch_norm(x, m, v, w, b, False, 0.1, 1e-3); torch.autograd.grad((y * up).sum(), (x, w, b))
/// ```
#[test]
#[rustfmt::skip]
fn numbers_are_pytorchs() {
    let new = |values: &[f64]| Tensor::new(values, &Device::Cpu).unwrap();
    let x = new(&[-2.75, 0.75, -2.5, 1.0, -1.75, 1.75, -1.5, 2.0, -0.75, 2.75, -0.5, -2.75, 0.25, -2.0, 0.5, -1.75]);
    let inputs = [x.reshape((2, 2, 2, 2)).unwrap(), new(&[1.5, -0.5]), new(&[0.25, 2.0])];
    let up = |y: &Tensor| {
        Tensor::from_vec((0..16).map(|i| f64::from(i % 7 + 1)).collect(), y.shape(), &Device::Cpu).unwrap()
    };
    let normed = batch_norm_train(&inputs[0], None, 1e-3).unwrap();
    assert_values(&normed.mean, &[-0.59375, -0.3125], 1e-15, "mean");
    assert_values(&normed.variance, &[3.5615234375, 2.37109375], 1e-15, "variance");
    assert_values(&normed.unbiased_variance().unwrap(), &[3.5615234375 * 8.0 / 7.0, 2.37109375 * 8.0 / 7.0], 1e-15, "");

    let (y, g) = gradients(&inputs, up, train_affine);
    assert_values(&y, &[
        -1.4636081000934211, 1.317900700058219, -1.2649289000825896, 1.5165799000690505, 2.4666722028570387,
        1.3304268393790317, 2.385511819751467, 1.24926645627346, 0.1258254999932304, 2.907334300144871,
        0.32450470000406184, -1.4636081000934211, 1.8173891380124634, 2.5478325859626105, 1.7362287549068913,
        2.4666722028570387], 1e-14, "training");
    assert_values(&g[0], &[
        -1.5593704978685796, -0.8134517767879211, 0.0265775251493098, 0.7724962462299684, 0.07529363798193019,
        -0.9266912579954948, -0.6223710956880121, 0.6481347352905765, -0.7925383143753495, -0.04661959329469096,
        0.79340970864254, 1.6194967023047233, -0.6364012450432931, -0.5256077580372781, 0.9384247482427782,
        1.049218235248793], 1e-14, "gradient");
    assert_values(&g[1], &[0.2649056000144419, -7.345014671054258], 1e-14, "gradient of the weight");
    assert_values(&g[2], &[24.0, 35.0], 1e-14, "gradient of the bias");

    let (mean, variance) = (new(&[0.5, -1.0]), new(&[2.0, 0.5]));
    let (y, g) = gradients(&inputs, up, |t| batch_norm_eval(&t[0], &mean, &variance, Some((&t[1], &t[2])), 1e-3));
    assert_values(&y, &[
        -3.196284094930149, 0.5150987765330883, -2.931185318397061, 0.7801975530661768, 2.5298005499756404,
        0.05739798342265204, 2.353200366650427, -0.11920219990256142, -1.0754938826654419, 2.6358889887977957,
        -0.8103951061323535, -3.196284094930149, 1.1169990833739327, 2.706400733300854, 0.9403989000487194,
        2.5298005499756404], 1e-14, "evaluation");
    assert_values(&g[0], &[
        1.0603951061323535, 2.120790212264707, 3.181185318397061, 4.241580424529414, -3.532003666504269,
        -4.238404399805123, -4.944805133105977, -0.7064007333008538, 2.120790212264707, 3.181185318397061,
        4.241580424529414, 5.3019755306617675, -4.238404399805123, -4.944805133105977, -0.7064007333008538,
        -1.4128014666017077], 1e-14, "gradient");
    assert_values(&g[1], &[-18.203449321938734, 18.013218699171773], 1e-14, "gradient of the weight");
    assert_values(&g[2], &[24.0, 35.0], 1e-14, "gradient of the bias");
}

#[test]
fn no_gradient_flows_through_the_statistics_returned() {
    let x = candle_core::Var::from_tensor(&random((2, 2, 3, 3), DType::F64, 1)).unwrap();
    {
        let train = batch_norm_train as Train;
        let normed = train(x.as_tensor(), None, 1e-5).unwrap();
        let store = (normed.mean.sum_all().unwrap() + normed.variance.sum_all().unwrap())
            .unwrap()
            .backward()
            .unwrap();
        assert!(store.get(x.as_tensor()).is_none());
    }
}

#[test]
fn the_arguments_may_have_any_strides() {
    let x = random((2, 5, 6, 3), DType::F64, 3).transpose(1, 3).unwrap();
    let per_channel = random((3, 2), DType::F64, 4);
    let (weight, bias) = (
        per_channel.get_on_dim(1, 0).unwrap(),
        per_channel.get_on_dim(1, 1).unwrap(),
    );
    assert!(!x.is_contiguous() && !weight.is_contiguous());
    let strided = batch_norm_train(&x, Some((&weight, &bias)), 1e-5).unwrap();
    let (weight, bias) = (weight.contiguous().unwrap(), bias.contiguous().unwrap());
    let plain = batch_norm_train(&x.contiguous().unwrap(), Some((&weight, &bias)), 1e-5).unwrap();
    assert_eq!(values(&strided.output), values(&plain.output));
    assert_eq!(values(&strided.variance), values(&plain.variance));
}

#[test]
fn other_types_keep_their_type() {
    let x = (random((4, 2, 30, 30), DType::F32, 3) * 100.0).unwrap();
    let half = x.to_dtype(DType::F16).unwrap();
    let normed = batch_norm_train(&half, None, 1e-5).unwrap();
    assert_eq!([normed.output.dtype(), normed.mean.dtype()], [DType::F16; 2]);
    let expected = batch_norm_train(&half.to_dtype(DType::F32).unwrap(), None, 1e-5).unwrap();
    assert_values(&normed.output, &values(&expected.output), 2e-3, "output");
    let ones = Tensor::ones(2, DType::F16, &Device::Cpu).unwrap();
    assert_eq!(
        batch_norm_eval(&half, &ones, &ones, Some((&ones, &ones)), 1e-5)
            .unwrap()
            .dtype(),
        DType::F16
    );
}

#[test]
fn wrong_arguments_are_refused_with_what_was_expected() {
    let x = random((2, 3, 4, 4), DType::F32, 1);
    let (three, two) = (random(3, DType::F32, 2), random(2, DType::F32, 2));
    {
        let train = batch_norm_train as Train;
        let message = |x: &Tensor, affine, eps| train(x, affine, eps).unwrap_err().to_string();
        let got = message(&x, Some((&two, &three)), 1e-5);
        assert!(
            got.contains("weight of shape [3]") && got.contains("got [2]"),
            "{got}"
        );
        assert!(message(&x, Some((&three, &two)), 1e-5).contains("bias of shape [3]"));
        let double = three.to_dtype(DType::F64).unwrap();
        assert!(message(&x, Some((&double, &three)), 1e-5).contains("type F32, got F64"));
        assert!(message(&x, None, -1.0).contains("eps of at least 0, got -1"));
        assert!(message(&x, None, f64::NAN).contains("eps"));
        let single = random((1, 3, 1, 1), DType::F32, 1);
        assert!(
            message(&single, None, 1e-5).contains("at least 2 values of each channel in training, got 1")
        );
        assert!(train(&three, None, 1e-5).is_err());
    }
    let single = random((1, 3, 1, 1), DType::F32, 1);
    assert!(batch_norm_eval(&single, &three, &three, None, 1e-5).is_ok());
    {
        let eval = batch_norm_eval;
        let message = |mean, variance| eval(&x, mean, variance, None, 1e-5).unwrap_err().to_string();
        assert!(message(&two, &three).contains("mean of shape [3]"));
        assert!(message(&three, &two).contains("variance of shape [3]"));
    }
}
