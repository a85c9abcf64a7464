//! Operations on pixels of 8 bits, as Pillow computes them.

use nas_space::shape::Shape;

/// One over the units of fixed-point coordinates.
const UNIT: f64 = 65_536.0;
/// Bits behind the point of these coordinates.
const BITS: u32 = 16;

/// How often each value occurs.
fn histogram(plane: &[u8]) -> [u32; 256] {
    let mut counts = [0; 256];
    for &value in plane {
        counts[usize::from(value)] += 1;
    }
    counts
}

/// Spreads the values of a channel from 0 to 255: `ImageOps.autocontrast`.
pub(super) fn auto_contrast(plane: &mut [u8]) {
    let least = plane.iter().copied().min().unwrap_or_default();
    let most = plane.iter().copied().max().unwrap_or_default();
    if most <= least {
        return;
    }
    let scale = 255.0 / f64::from(most - least);
    let offset = f64::from(least) * -scale;
    let table: [u8; 256] =
        std::array::from_fn(|value| (value as f64 * scale + offset).clamp(0.0, 255.0) as u8);
    plane
        .iter_mut()
        .for_each(|value| *value = table[usize::from(*value)]);
}

/// Makes the values of a channel about equally frequent: `ImageOps.equalize`.
pub(super) fn equalize(plane: &mut [u8]) {
    let counts = histogram(plane);
    let present = || counts.iter().copied().filter(|&count| count > 0);
    let last = present().next_back().unwrap_or_default();
    let step = (plane.len() as u32 - last) / 255;
    if present().count() <= 1 || step == 0 {
        return;
    }
    let mut table = [0; 256];
    let mut before = step / 2;
    for (value, count) in table.iter_mut().zip(counts) {
        *value = (before / step).min(255) as u8;
        before += count;
    }
    plane
        .iter_mut()
        .for_each(|value| *value = table[usize::from(*value)]);
}

/// From `from` at a factor of 0 to `to` at 1, and beyond: `Image.blend`.
pub(super) fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let value = f32::from(from) + factor * (f32::from(to) - f32::from(from));
    // Truncated, and clipped to what a byte holds.
    value as u8
}

/// Brightness of a pixel with these channels: ITU-R 601-2, `Image.convert("L")`.
fn brightness([red, green, blue]: [u8; 3]) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as u8
}

/// The pixels of an image of three channels.
fn colored(image: &[u8], plane: usize) -> impl Iterator<Item = [u8; 3]> {
    let (red, rest) = image.split_at(plane);
    let (green, blue) = rest.split_at(plane);
    let pixels = red.iter().zip(green).zip(blue);
    pixels.map(|((&red, &green), &blue)| [red, green, blue])
}

/// Towards grey, or away from it: `ImageEnhance.Color`. The image has three channels of `plane`
/// values.
pub(super) fn color(image: &[u8], out: &mut [u8], plane: usize, factor: f32) {
    for (at, pixel) in colored(image, plane).enumerate() {
        let grey = brightness(pixel);
        for (channel, value) in pixel.into_iter().enumerate() {
            out[channel * plane + at] = blend(grey, value, factor);
        }
    }
}

/// The mean brightness of an image, rounded, as `ImageEnhance.Contrast` has it.
pub(super) fn mean_brightness(image: &[u8], channels: usize, plane: usize) -> u8 {
    let (sum, pixels): (u64, usize) = if channels == 3 {
        let all = colored(image, plane);
        (all.map(|pixel| u64::from(brightness(pixel))).sum(), plane)
    } else {
        (image.iter().map(|&value| u64::from(value)).sum(), image.len())
    };
    (sum as f64 / pixels as f64 + 0.5) as u8
}

/// Towards the smoothed channel, or away from it: `ImageEnhance.Sharpness`. The border is as it is.
pub(super) fn sharpen(plane: &[u8], out: &mut [u8], width: usize, factor: f32) {
    let height = plane.len() / width;
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            let inside =
                (1..height.saturating_sub(1)).contains(&y) && (1..width.saturating_sub(1)).contains(&x);
            let smooth = if inside {
                let rows = [at - width, at, at + width];
                let row = |&middle: &usize| plane[middle - 1..=middle + 1].iter().map(|&v| u32::from(v));
                let sum: u32 = rows.iter().flat_map(row).sum::<u32>() + 4 * u32::from(plane[at]);
                // Thirteenths, rounded.
                ((2 * sum + 13) / 26) as u8
            } else {
                plane[at]
            };
            out[at] = blend(smooth, plane[at], factor);
        }
    }
}

/// The map from pixels of the turned image to those of the image: `Image.rotate`.
pub(super) fn rotation(degrees: i32, shape: Shape) -> [f64; 6] {
    let angle = -f64::from(degrees).to_radians();
    // A quarter of a turn is exact.
    let digits = |value: f64| (value * 1e15).round() / 1e15;
    let (cos, sin) = (digits(angle.cos()), digits(angle.sin()));
    let (x, y) = (shape.width as f64 / 2.0, shape.height as f64 / 2.0);
    let (left, top) = (cos * -x + sin * -y, -sin * -x + cos * -y);
    [cos, sin, left + x, -sin, cos, top + y]
}

/// The image whose pixel (x, y) is pixel (a·x + b·y + c, d·x + e·y + f) of this one, where the map
/// is \[a, b, c, d, e, f\]: the nearest one, or black where there is none.
/// `Image.transform(size, AFFINE, map)`, in the fixed-point arithmetic that Pillow has for it.
pub(super) fn affine(image: &[u8], out: &mut [u8], shape: Shape, map: &[f64; 6]) {
    let (height, width) = (shape.height, shape.width);
    let fixed = |value: f64| (value * UNIT + 0.5).floor() as i64;
    let [a, b, c, d, e, f] = *map;
    // Pixels lie in the middle of their squares.
    let (mut row_x, mut row_y) = (fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5));
    let [a, b, d, e] = [a, b, d, e].map(fixed);
    let inside = |fixed: i64, side: usize| usize::try_from(fixed >> BITS).ok().filter(|&at| at < side);
    let plane = height * width;
    for y in 0..height {
        let (mut from_x, mut from_y) = (row_x, row_y);
        for x in 0..width {
            let from = inside(from_x, width).zip(inside(from_y, height));
            let places = (0..shape.channels).map(|channel| channel * plane);
            for start in places {
                out[start + y * width + x] =
                    from.map_or(0, |(from_x, from_y)| image[start + from_y * width + from_x]);
            }
            from_x += a;
            from_y += d;
        }
        row_x += b;
        row_y += e;
    }
}
