//! Every operation against Pillow 13.0, bit for bit.

use nas_files::fingerprint;
use sha2::{Digest, Sha256};

use super::*;

fn image(shape: Shape) -> Vec<u8> {
    let mut values = Vec::new();
    for c in 0..shape.channels {
        for y in 0..shape.height {
            for x in 0..shape.width {
                let value = 37 * x + 59 * y + 83 * c + x * y * (11 + 5 * c) + x * x * y * 7 % 50;
                values.push((40 + value % 180) as u8);
            }
        }
    }
    values
}

fn changed(operation: Operation, shape: Shape, image: &[u8]) -> Vec<u8> {
    let mut out = vec![7; 3];
    operation.apply(shape, image, &mut out);
    out
}

/// The lines of `pillow.txt` are channels, height, width, number of the operation, strength,
/// whether it is negative, and the beginning of the result's SHA-256. They were printed by:
///
/// ```python
/// def image(c, h, w):
///     k, y, x = np.indices((c, h, w))
///     return (40 + (37 * x + 59 * y + 83 * k + x * y * (11 + 5 * k) + x * x * y * 7 % 50) % 180).astype(np.uint8)
///
/// def vary(im, operation, m, negative):
///     s = -1 if negative else 1
///     affine = lambda *d: im.transform(im.size, Image.AFFINE, d)
///     enhance = lambda e: e(im).enhance(m * (2 - .01) / 30 + .01)
///     return [lambda: im, lambda: ImageOps.autocontrast(im), lambda: ImageOps.equalize(im),
///         lambda: im.rotate(s * int(m * 135 / 30)), lambda: ImageOps.solarize(im, 256 - int(m * 256 / 30)),
///         lambda: enhance(ImageEnhance.Color), lambda: ImageOps.posterize(im, 8 - int(m * 6 / 30)),
///         lambda: enhance(ImageEnhance.Contrast), lambda: enhance(ImageEnhance.Brightness),
///         lambda: enhance(ImageEnhance.Sharpness), lambda: affine(1, s * m * .99 / 30, 0, 0, 1, 0),
///         lambda: affine(1, 0, 0, s * m * .99 / 30, 1, 0),
///         lambda: affine(1, 0, s * int(m * min(32, im.width) / 30), 0, 1, 0),
///         lambda: affine(1, 0, 0, 0, 1, s * int(m * min(32, im.height) / 30))][operation]()
///
/// for c, h, w in (3, 24, 36), (1, 33, 33):
///     for operation in range(14):
///         for m in (0, 7, 20, 30) if operation > 2 else (0,):
///             for negative in (0, 1) if operation in (3, 10, 11, 12, 13) else (0,):
///                 im = Image.fromarray(image(c, h, w).transpose(1, 2, 0).squeeze())
///                 got = np.array(vary(im, operation, m, negative)).reshape(h, w, c).transpose(2, 0, 1)
///                 print(c, h, w, operation, m, negative, hashlib.sha256(got.tobytes()).hexdigest()[:16])
/// ```
#[test]
fn pixels_are_pillows() {
    let mut operations = [0; OPERATIONS as usize];
    for line in include_str!("pillow.txt").lines() {
        let (numbers, expected) = line.rsplit_once(' ').unwrap();
        let numbers: Vec<usize> = numbers.split(' ').map(|n| n.parse().unwrap()).collect();
        let shape = Shape::new(numbers[0], numbers[1], numbers[2]);
        let operation = Operation::new(numbers[3] as u32, numbers[4] as u32, numbers[5] == 1, shape);
        let mut hash = Sha256::new();
        hash.update(changed(operation, shape, &image(shape)));
        assert_eq!(&fingerprint::hex(hash)[..16], expected, "{line}: {operation:?}");
        operations[numbers[3]] += 1;
    }
    assert!(
        operations.iter().all(|&cases| cases >= 2),
        "each operation occurs: {operations:?}"
    );
}

/// `Image.fromarray(…)` of these values, and the call that each comment has.
#[test]
fn small_images_are_changed_as_one_sees() {
    let shape = Shape::new(1, 3, 3);
    let image = [10, 20, 30, 40, 50, 60, 70, 80, 250];
    let change = |operation| changed(operation, shape, &image);
    // transform((3, 3), AFFINE, (1, 0, 1, 0, 1, 0))
    let left = [20, 30, 0, 50, 60, 0, 80, 250, 0];
    assert_eq!(change(Operation::TranslateX(1)), left);
    // transform((3, 3), AFFINE, (1, 0, 0, 0, 1, -1))
    let down = [0, 0, 0, 10, 20, 30, 40, 50, 60];
    assert_eq!(change(Operation::TranslateY(-1)), down);
    // rotate(90)
    let turned = [30, 60, 250, 20, 50, 80, 10, 40, 70];
    assert_eq!(change(Operation::Rotate(90)), turned);
    // ImageOps.solarize(image, 60)
    let inverted = [10, 20, 30, 40, 50, 195, 185, 175, 5];
    assert_eq!(change(Operation::Solarize(60)), inverted);
    // ImageOps.posterize(image, 2)
    let coarse = [0, 0, 0, 0, 0, 0, 64, 64, 192];
    assert_eq!(change(Operation::Posterize(2)), coarse);
    // ImageEnhance.Color(image).enhance(2): there is no colour.
    assert_eq!(change(Operation::Color(2.0)), image);
}

#[test]
fn images_of_a_pixel_of_two_channels_or_of_one_value_stay_in_bounds() {
    for shape in [
        Shape::new(1, 1, 1),
        Shape::new(2, 2, 5),
        Shape::new(3, 1, 2),
        Shape::new(4, 3, 2),
    ] {
        let flat = vec![9; shape.numel()];
        for operation in 0..OPERATIONS {
            for strength in 0..=MOST {
                let operation = Operation::new(operation, strength, strength % 2 == 1, shape);
                let out = changed(operation, shape, &flat);
                assert_eq!(out.len(), flat.len(), "{operation:?}");
                if matches!(operation, Operation::Equalize | Operation::AutoContrast) {
                    assert_eq!(out, flat, "{operation:?}");
                }
            }
        }
    }
}

#[test]
fn strengths_span_the_wide_space_and_small_images_are_not_moved_out_of_sight() {
    let large = Shape::new(3, 32, 48);
    let at = |operation, strength| Operation::new(operation, strength, false, large);
    for (operation, least, most) in [
        (3, Operation::Rotate(0), Operation::Rotate(135)),
        (4, Operation::Solarize(256), Operation::Solarize(0)),
        (5, Operation::Color(0.01), Operation::Color(2.0)),
        (6, Operation::Posterize(8), Operation::Posterize(2)),
        (10, Operation::ShearX(0.0), Operation::ShearX(0.99)),
        (12, Operation::TranslateX(0), Operation::TranslateX(32)),
        (13, Operation::TranslateY(0), Operation::TranslateY(32)),
    ] {
        assert_eq!((at(operation, 0), at(operation, MOST)), (least, most));
    }
    assert_eq!(
        Operation::new(3, MOST, true, large),
        Operation::Rotate(-135),
        "either way"
    );
    assert_eq!(
        Operation::new(12, MOST, true, Shape::new(1, 8, 8)),
        Operation::TranslateX(-8)
    );
}

#[test]
fn draws_are_even_and_an_epoch_and_an_image_have_their_own() {
    let shape = Shape::new(3, 32, 32);
    let mut counts = [0_i32; OPERATIONS as usize];
    let drawn = |seed, index| Operation::draw(shape, Seed::new(seed), index);
    for index in 0..7000 {
        let number = match drawn(3, index) {
            Operation::Identity => 0,
            Operation::AutoContrast => 1,
            Operation::Equalize => 2,
            Operation::Rotate(_) => 3,
            Operation::Solarize(_) => 4,
            Operation::Color(_) => 5,
            Operation::Posterize(_) => 6,
            Operation::Contrast(_) => 7,
            Operation::Brightness(_) => 8,
            Operation::Sharpness(_) => 9,
            Operation::ShearX(_) => 10,
            Operation::ShearY(_) => 11,
            Operation::TranslateX(_) => 12,
            Operation::TranslateY(_) => 13,
        };
        counts[number] += 1;
    }
    // Five standard deviations: 5 · √(7000 · 1/14 · 13/14) = 108.
    assert!(counts.iter().all(|count| (count - 500).abs() < 108), "{counts:?}");
    let same = |other: &dyn Fn(u32) -> Operation| (0..100).filter(|&i| drawn(3, i) == other(i)).count();
    assert_eq!(same(&|index| drawn(3, index)), 100);
    assert!(same(&|index| drawn(4, index)) < 20, "another epoch");
    assert!(same(&|index| drawn(3, index + 1)) < 20, "another image");
}

/// A change of these operations changes every study that was recorded with them.
#[test]
fn value_stability() {
    let shape = Shape::new(3, 32, 32);
    let drawn: Vec<_> = (0..4)
        .map(|index| Operation::draw(shape, Seed::new(42), index))
        .collect();
    let expected = [
        Operation::ShearX(16.0 * 0.99 / 30.0),
        Operation::ShearX(-14.0 * 0.99 / 30.0),
        Operation::TranslateX(0),
    ];
    assert_eq!(drawn[..3], expected);
    assert!(
        matches!(drawn[3], Operation::Sharpness(drawn) if (drawn - 1.8673333).abs() < 1e-6),
        "{drawn:?}"
    );
}
