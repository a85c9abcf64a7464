//! Reduces marks and corners to what is visible, for pictures of up to a million trials.

use std::collections::BTreeMap;

/// Up to this number of marks, or corners of a line, all are drawn.
const FEW: usize = 2_000;

/// Side of the squares in which marks are drawn as one.
const SQUARE: f64 = 3.0;

/// Width of the columns in which a line has four corners at most.
const COLUMN: f64 = 0.5;

/// A mark, for one observation or for several that fall together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Observations that it stands for, as a share of those of the mark that stands for the most: above 0, at most 1.
    share: f64,
}

impl Mark {
    /// How opaque it is, where that of one observation is `of_one`. Of many, the fullest square is, and no other is more.
    pub(super) fn opacity(&self, of_one: f64) -> f64 {
        (1000.0 * of_one * (0.1 + 0.9 * self.share.sqrt())).round() / 1000.0
    }
}

/// The marks at these places of a picture. Of many, those within a square become one in its middle.
pub(super) fn marks(places: impl IntoIterator<Item = (f64, f64)>) -> Vec<Mark> {
    let mut few = Vec::new();
    let mut squares: BTreeMap<(i64, i64), u64> = BTreeMap::new();
    // What is drawn has some thousand pixels.
    #[allow(clippy::cast_possible_truncation)]
    let square = |place: f64| (place / SQUARE).floor() as i64;
    for (x, y) in places {
        if few.len() <= FEW {
            few.push(Mark { x, y, share: 1.0 });
        }
        *squares.entry((square(x), square(y))).or_default() += 1;
    }
    if few.len() <= FEW {
        return few;
    }
    let most = squares.values().copied().max().unwrap_or(1) as f64;
    let middle = |number: i64| (number as f64 + 0.5) * SQUARE;
    squares
        .into_iter()
        .map(|((x, y), count)| Mark {
            x: middle(x),
            y: middle(y),
            share: count as f64 / most,
        })
        .collect()
}

/// The corners of a line that goes to the right, without those that cannot be seen: of many within a narrow column, the first, the
/// highest, the lowest and the last.
pub(super) fn corners(corners: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if corners.len() <= FEW {
        return corners;
    }
    let column = |corner: &(f64, f64)| (corner.0 / COLUMN).floor();
    let mut seen = Vec::new();
    for column in corners.chunk_by(|a, b| column(a) == column(b)) {
        let places = column.iter().enumerate();
        let by_height = |a: &(usize, &(f64, f64)), b: &(usize, &(f64, f64))| a.1.1.total_cmp(&b.1.1);
        let ends = [places.clone().min_by(by_height), places.max_by(by_height)];
        let mut kept: Vec<usize> = ends.into_iter().flatten().map(|(place, _)| place).collect();
        kept.extend([0, column.len() - 1]);
        kept.sort_unstable();
        kept.dedup();
        seen.extend(kept.into_iter().map(|place| column[place]));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_marks_are_where_they_are_and_many_share_squares() {
        let places = |count: u32| (0..count).map(|i| (f64::from(i % 700), f64::from(i * 7 % 270)));
        let few = marks(places(2_000));
        assert_eq!(few.len(), 2_000);
        assert_eq!((few[3].x, few[3].y, few[3].opacity(0.3)), (3.0, 21.0, 0.3));
        for many in [2_001, 1_000_000] {
            let marks = marks(places(many));
            assert!(marks.len() <= 234 * 90);
            for mark in &marks {
                assert!((-1.5..=701.5).contains(&mark.x) && (-1.5..=271.5).contains(&mark.y));
            }
        }
    }

    #[test]
    fn the_fullest_square_is_the_darkest() {
        let corner = (0..9_999).map(|_| (1.0, 1.0));
        let marks = marks(corner.chain([(10.0, 10.0)]));
        let drawn: Vec<(f64, f64, f64)> = marks
            .iter()
            .map(|mark| (mark.x, mark.y, mark.opacity(0.5)))
            .collect();
        assert_eq!(drawn, [(1.5, 1.5, 0.5), (10.5, 10.5, 0.055)]);
    }

    #[test]
    fn a_line_of_many_corners_keeps_its_ends_and_its_heights() {
        let many: Vec<(f64, f64)> = (0..1_000_000)
            .map(|i| (f64::from(i) * 600.0 / 1e6, f64::from((i % 1000) * 79 % 270)))
            .collect();
        let seen = corners(many.clone());
        assert!(seen.len() <= 4 * 1_201, "{}", seen.len());
        assert_eq!((seen.first(), seen.last()), (many.first(), many.last()));
        let highest = |corners: &[(f64, f64)]| corners.iter().map(|corner| corner.1).fold(0.0, f64::max);
        assert_eq!(highest(&seen), highest(&many));
        assert!(seen.is_sorted_by(|a, b| a.0 <= b.0));
        assert_eq!(corners(many[..2_000].to_vec()), many[..2_000]);
    }
}
