//! The size that images get, and their channels.

use nas_data::{ImageSize, Resize, Spread};

use crate::images::{Folder, grey_png, png};

/// Images of these sizes, in two classes.
fn of_sizes(sizes: &[(u32, u32)]) -> Folder {
    let folder = Folder::new();
    for (number, &(width, height)) in (0..).zip(sizes) {
        for class in 0..2 {
            folder.write(
                format!("{class}/{number:03}.png"),
                png(width, height, 1000 * number + class),
            );
        }
    }
    folder
}

#[test]
fn the_size_is_the_median_of_the_shorter_sides_within_bounds() {
    for (sizes, side) in [
        (&[(28, 28); 4][..], 28),
        (&[(30, 31), (40, 30), (90, 90)], 28),
        (&[(20, 10), (50, 33), (33, 44)], 32),
        (&[(5, 5), (6, 6), (7, 5)], 8),
        (&[(500, 400), (300, 200), (200, 100)], 64),
    ] {
        let data = of_sizes(sizes).read().unwrap();
        assert_eq!((data.shape.height, data.shape.width), (side, side), "{sizes:?}");
    }
}

#[test]
fn a_side_that_is_named_is_kept_and_sizes_are_reported() {
    let folder = of_sizes(&[(10, 20), (12, 18), (30, 40), (14, 16)]);
    let data = folder
        .read_with(|options| options.image_size = ImageSize::Side(17))
        .unwrap();
    assert_eq!(data.shape.to_string(), "3x17x17");
    assert_eq!(
        data.findings.width,
        Spread {
            min: 10,
            median: 12,
            max: 30
        }
    );
    assert_eq!(
        data.findings.height,
        Spread {
            min: 16,
            median: 18,
            max: 40
        }
    );
    let data = folder
        .read_with(|options| options.image_size = ImageSize::Side(64))
        .unwrap();
    let warnings = data.findings.warnings.join("\n");
    assert!(warnings.contains("8 images are smaller than 64x64"), "{warnings}");
}

#[test]
fn settings_that_change_pixels_change_the_fingerprint() {
    let folder = of_sizes(&[(10, 20); 4]);
    let one = folder.read().unwrap();
    let other = folder
        .read_with(|options| options.image_size = ImageSize::Side(12))
        .unwrap();
    let cropped = folder.read_with(|options| options.resize = Resize::Crop).unwrap();
    assert_ne!(one.fingerprint, other.fingerprint);
    assert_ne!(one.fingerprint, cropped.fingerprint);
    // The side that is found is the one that could be named.
    let named = folder
        .read_with(|options| options.image_size = ImageSize::Side(8))
        .unwrap();
    assert_eq!(one.fingerprint, named.fingerprint);
}

#[test]
fn there_is_one_channel_where_all_images_are_grey() {
    let folder = Folder::new();
    for image in 0..8 {
        folder.write(format!("{}/{image}.png", image % 2), grey_png(8, 8, 100 * image));
    }
    let grey = folder.read().unwrap();
    assert_eq!(grey.shape.to_string(), "1x8x8");
    assert_eq!((grey.findings.grey, grey.findings.coloured), (8, 0));

    folder.write("0/colour.png", png(8, 8, 9999));
    let mixed = folder.read().unwrap();
    assert_eq!(mixed.shape.to_string(), "3x8x8");
    assert_eq!((mixed.findings.grey, mixed.findings.coloured), (8, 1));
    assert!(
        mixed
            .findings
            .warnings
            .iter()
            .any(|warning| warning.contains("8 images are grey and 1 coloured"))
    );
    // Grey images have three equal channels.
    let place = mixed
        .train
        .names
        .iter()
        .position(|name| !name.contains("colour"))
        .unwrap();
    let image = &mixed.train.pixels[place * 192..][..192];
    assert!(image[..64] == image[64..128] && image[..64] == image[128..]);
}
