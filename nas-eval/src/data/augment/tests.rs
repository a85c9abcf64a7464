//! What becomes of images, and when.

use super::*;

const SHAPE: Shape = Shape::new(1, 3, 3);
const IMAGE: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

fn apply(augmentation: Augmentation, change: Change) -> [f32; 9] {
    // Black becomes -1, so that it differs from what is cut out.
    let table = std::array::from_fn(|pixel| if pixel == 0 { -1.0 } else { pixel as f32 });
    let mut out = [f32::NAN; 9];
    augmentation.apply(change, SHAPE, &IMAGE, &[table], &mut out);
    out
}

const STILL: Change = Change {
    top: 0,
    left: 0,
    flip: false,
    centre: None,
};

#[test]
fn nothing_is_changed_by_default() {
    assert_eq!(Augmentation::default(), Augmentation::NONE);
    let change = Augmentation::NONE.draw(SHAPE, Seed::new(1), 5);
    assert_eq!(apply(Augmentation::NONE, change), IMAGE.map(f32::from));
}

/// Expected: `np.pad(image, p, mode="edge")[top:top + 3, left:left + 3]`.
#[test]
fn a_crop_can_repeat_the_border() {
    let crop = |padding| Augmentation {
        crop_padding: padding,
        crop_fill: Fill::Edge,
        ..Augmentation::NONE
    };
    let at = |top, left| Change { top, left, ..STILL };
    assert_eq!(apply(crop(1), at(1, 1)), IMAGE.map(f32::from));
    assert_eq!(apply(crop(1), at(0, 0)), [1., 1., 2., 1., 1., 2., 4., 4., 5.]);
    assert_eq!(apply(crop(1), at(2, 1)), [4., 5., 6., 7., 8., 9., 7., 8., 9.]);
    assert_eq!(apply(crop(2), at(4, 0)), [7., 7., 7., 7., 7., 7., 7., 7., 7.]);
    assert_eq!(apply(crop(2), at(1, 4)), [3., 3., 3., 3., 3., 3., 6., 6., 6.]);
    let mirrored = Change {
        flip: true,
        ..at(0, 0)
    };
    assert_eq!(apply(crop(1), mirrored), [2., 1., 1., 2., 1., 1., 5., 4., 4.]);
}

/// Expected: `torch.nn.functional.pad(image, (p,) * 4, value=-1)[top:top + 3, left:left + 3]`.
#[test]
fn a_crop_shifts_the_image_and_fills_with_black() {
    let crop = Augmentation {
        crop_padding: 1,
        ..Augmentation::NONE
    };
    assert_eq!(
        apply(
            crop,
            Change {
                top: 1,
                left: 1,
                ..STILL
            }
        ),
        IMAGE.map(f32::from)
    );
    assert_eq!(apply(crop, STILL), [-1., -1., -1., -1., 1., 2., -1., 4., 5.]);
    assert_eq!(
        apply(
            crop,
            Change {
                top: 2,
                left: 1,
                ..STILL
            }
        ),
        [4., 5., 6., 7., 8., 9., -1., -1., -1.]
    );
    assert_eq!(
        apply(
            crop,
            Change {
                top: 1,
                left: 2,
                ..STILL
            }
        ),
        [2., 3., -1., 5., 6., -1., 8., 9., -1.]
    );
    let wide = Augmentation {
        crop_padding: 2,
        ..Augmentation::NONE
    };
    assert_eq!(
        apply(
            wide,
            Change {
                top: 4,
                left: 4,
                ..STILL
            }
        ),
        [9., -1., -1., -1., -1., -1., -1., -1., -1.]
    );
}

#[test]
fn a_flip_comes_after_the_crop() {
    let both = Augmentation {
        crop_padding: 1,
        horizontal_flip: true,
        ..Augmentation::NONE
    };
    let change = Change {
        top: 1,
        left: 2,
        flip: true,
        centre: None,
    };
    assert_eq!(apply(both, change), [-1., 3., 2., -1., 6., 5., -1., 9., 8.]);
}

#[test]
fn cutout_is_a_square_clipped_at_the_border_and_filled_with_the_mean() {
    let cut = |side, y, x| {
        let augmentation = Augmentation {
            cutout: Some(side),
            ..Augmentation::NONE
        };
        let table = std::array::from_fn(|pixel| pixel as f32);
        let mut out = [f32::NAN; 9];
        augmentation.apply(
            Change {
                centre: Some((y, x)),
                ..STILL
            },
            SHAPE,
            &IMAGE,
            &[table],
            &mut out,
        );
        out
    };
    assert_eq!(cut(1, 1, 1), [1., 2., 3., 4., 0., 6., 7., 8., 9.]);
    assert_eq!(cut(2, 1, 1), [0., 0., 3., 0., 0., 6., 7., 8., 9.]);
    assert_eq!(cut(2, 0, 0), [0., 2., 3., 4., 5., 6., 7., 8., 9.]);
    assert_eq!(cut(3, 2, 2), [1., 2., 3., 4., 0., 0., 7., 0., 0.]);
}

/// A change of these numbers changes every study that was ever recorded.
#[test]
fn value_stability() {
    let all = Augmentation {
        crop_padding: 4,
        horizontal_flip: true,
        cutout: Some(16),
        ..Augmentation::NONE
    };
    let shape = Shape::new(3, 32, 32);
    let drawn: Vec<_> = (0..3)
        .map(|index| all.draw(shape, Seed::new(42), index))
        .map(|change| (change.top, change.left, change.flip, change.centre))
        .collect();
    let expected = [
        (6, 6, true, Some((20, 10))),
        (3, 7, false, Some((24, 31))),
        (8, 4, true, Some((9, 25))),
    ];
    assert_eq!(drawn, expected);
}

#[test]
fn draws_cover_their_ranges_evenly() {
    let all = Augmentation {
        crop_padding: 1,
        horizontal_flip: true,
        cutout: Some(1),
        ..Augmentation::NONE
    };
    let (mut tops, mut flips, mut columns) = ([0; 3], 0, [0; 3]);
    for index in 0..3000 {
        let change = all.draw(SHAPE, Seed::new(7), index);
        tops[change.top] += 1;
        flips += i32::from(change.flip);
        columns[change.centre.unwrap().1] += 1;
    }
    // Five standard deviations: 5 · √(3000 · ⅓ · ⅔) = 129 and 5 · √(3000 / 4) = 137.
    assert!(
        tops.iter().chain(&columns).all(|&n: &i32| (n - 1000).abs() < 129),
        "{tops:?} {columns:?}"
    );
    assert!((flips - 1500).abs() < 137, "{flips}");
}

#[test]
fn settings_that_do_not_fit_the_images_are_refused() {
    let check = |crop_padding, cutout| {
        Augmentation {
            crop_padding,
            cutout,
            ..Augmentation::NONE
        }
        .check(Shape::new(1, 8, 6))
    };
    assert!(check(5, Some(8)).is_ok());
    assert!(check(6, None).is_err());
    assert!(check(0, Some(0)).is_err());
    assert!(check(0, Some(9)).is_err());
    assert!(serde_json::from_str::<Augmentation>("{\"crop\":4}").is_err());
    let some: Augmentation = serde_json::from_str("{\"cutout\":16}").unwrap();
    assert_eq!(
        some,
        Augmentation {
            cutout: Some(16),
            ..Augmentation::NONE
        }
    );
}

#[test]
fn every_data_set_has_a_standard_that_fits_it_and_digits_are_not_mirrored() {
    for info in super::super::DATASETS {
        let standard = Augmentation::standard_for(info.name).unwrap();
        assert!(standard.check(info.shape).is_ok());
        assert_eq!(
            standard.horizontal_flip,
            !["digits", "mnist"].contains(&info.name),
            "{}",
            info.name
        );
    }
    assert!(Augmentation::standard_for("imagenet").is_err());
}

#[test]
fn levels_vary_images_more_and_more_and_mirror_only_where_that_is_allowed() {
    let own = |may_be_mirrored| DataFacts {
        name: "photos-0123".to_owned(),
        shape: Shape::new(3, 48, 56),
        may_be_mirrored,
        ..DataFacts::named("digits").unwrap()
    };
    let level = |level, mirrored| Augmentation::of_level(level, &own(mirrored));
    assert_eq!(level(AugmentationLevel::None, false), Augmentation::NONE);
    let mirrored = Augmentation {
        horizontal_flip: true,
        ..Augmentation::NONE
    };
    assert_eq!(level(AugmentationLevel::None, true), mirrored);
    let standard = level(AugmentationLevel::Standard, false);
    assert_eq!(standard, Augmentation::standard(&own(false)));
    assert_eq!(standard.crop_padding, 6);
    assert_eq!(level(AugmentationLevel::Light, false).crop_padding, 3);
    let trivial = level(AugmentationLevel::Trivial, false);
    assert_eq!(trivial.policy, Some(Policy::TrivialWide));
    let rest = Augmentation {
        policy: None,
        ..trivial
    };
    assert_eq!(rest, standard);
    for name in [
        AugmentationLevel::Light,
        AugmentationLevel::Standard,
        AugmentationLevel::Trivial,
    ] {
        assert!(!level(name, false).horizontal_flip && level(name, true).horizontal_flip);
    }
}

#[test]
fn a_policy_changes_pixels_first_and_leaves_the_draws_of_the_rest_alone() {
    let shape = Shape::new(3, 12, 12);
    let image: Vec<u8> = (0..shape.numel()).map(|i| (i * 37 % 251) as u8).collect();
    let plain = Augmentation {
        crop_padding: 2,
        horizontal_flip: true,
        ..Augmentation::NONE
    };
    let varied = Augmentation {
        policy: Some(Policy::TrivialWide),
        ..plain
    };
    let mut changed = 0;
    for index in 0..50 {
        let draw = |of: Augmentation| of.draw(shape, Seed::new(1), index);
        assert_eq!(draw(plain), draw(varied), "{index}");
        let (mut scratch, mut again) = (vec![1, 2], Vec::new());
        let one = varied.vary(shape, Seed::new(1), index, &image, &mut scratch);
        assert_eq!(
            one,
            varied.vary(shape, Seed::new(1), index, &image, &mut again),
            "it depends on what was there"
        );
        changed += u32::from(one != image);
        assert_eq!(
            plain.vary(shape, Seed::new(1), index, &image, &mut Vec::new()),
            image
        );
    }
    assert!(changed > 30, "{changed} of 50");
}

#[test]
fn a_policy_is_written_down_where_there_is_one() {
    let none = serde_json::to_string(&Augmentation::NONE).unwrap();
    assert_eq!(
        none,
        r#"{"crop_padding":0,"crop_fill":"black","horizontal_flip":false}"#
    );
    let trivial = Augmentation {
        policy: Some(Policy::TrivialWide),
        ..Augmentation::NONE
    };
    let text = serde_json::to_string(&trivial).unwrap();
    assert!(text.contains(r#""policy":"trivial_wide""#), "{text}");
    assert_eq!(serde_json::from_str::<Augmentation>(&text).unwrap(), trivial);
}
