//! Pictures of images, small enough for a page.

use nas_data::Resize;
use nas_data::decode::Decoded;
use nas_data::resize::resize;
use nas_eval::data::Dataset;
use nas_report::page::{Colours, Picture};
use nas_space::search::Mistake;
use nas_space::shape::Shape;

/// Rows of the picture of a signal, which has one.
const SIGNAL_ROWS: usize = 8;
/// The longest side of the picture of a mistake, in pixels.
const SIDE: usize = 64;

/// An image as a picture, smaller where it is longer than `side` pixels. None for other than 1 or 3
/// channels.
pub fn of_image(image: Decoded, side: usize) -> Option<Picture> {
    let colours = match image.channels {
        1 => Colours::Grey,
        3 => Colours::Rgb,
        _ => return None,
    };
    let (width, height) = (image.width as usize, image.height as usize);
    let longest = width.max(height);
    let (width, height, pixels) = if longest > side {
        let shorter = |own: usize| (own * side / longest).max(1);
        let (width, height) = (shorter(width), shorter(height));
        (
            width,
            height,
            resize(&image, width as u32, height as u32, Resize::Stretch),
        )
    } else {
        (width, height, image.pixels)
    };
    match height {
        1 => Picture::new(width, SIGNAL_ROWS, colours, pixels.repeat(SIGNAL_ROWS)),
        _ => Picture::new(width, height, colours, pixels),
    }
}

/// The same of an image whose channels follow each other.
pub fn of_planes(pixels: &[u8], shape: Shape, side: usize) -> Option<Picture> {
    let Shape {
        channels,
        height,
        width,
    } = shape;
    let plane = height * width;
    let interleaved =
        (0..plane).flat_map(|place| (0..channels).map(move |channel| pixels[channel * plane + place]));
    of_image(
        Decoded {
            width: width as u32,
            height: height as u32,
            channels: channels as u8,
            pixels: interleaved.collect(),
        },
        side,
    )
}

/// The test images of mistakes, in their order, at most 64 pixels a side; none if the images are
/// not pictures. If all levels are below a quarter of the maximum, as in digits, all are brightened
/// by the same factor.
pub fn of_mistakes(dataset: &Dataset, mistakes: &[Mistake]) -> Vec<Picture> {
    let images = || {
        mistakes
            .iter()
            .map(|mistake| dataset.test.image(mistake.image as usize))
    };
    let brightest = images().flatten().flatten().copied().max().unwrap_or_default();
    let factor = if (1..64).contains(&brightest) {
        255 / brightest
    } else {
        1
    };
    let picture = |image: Option<&[u8]>| {
        let pixels: Vec<u8> = image?.iter().map(|level| level * factor).collect();
        of_planes(&pixels, dataset.test.shape(), SIDE)
    };
    images().map(picture).collect::<Option<_>>().unwrap_or_default()
}
