//! Values that are shown beside the pointer: strips across a panel, each with its values as a
//! title.
//!
//! A browser shows a title after a moment, also where nothing runs scripts. The script of pages
//! ([`crate::page::SCRIPT`]) shows it at once and moves between the strips by keys.

use std::fmt::Write;

use super::escaped;

/// The most strips of a chart, all panels together.
const MOST: usize = 600;

/// The most strips of a panel: narrower ones are hard to point at.
const MOST_OF_PANEL: usize = 150;

/// A part of a panel from left to right and what is said of it, in lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Strip {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) text: String,
}

/// How many strips a panel has where there are so many lines in all panels together: their text is
/// to stay small.
pub(super) fn most(lines: usize) -> usize {
    (MOST / lines.max(1)).clamp(20, MOST_OF_PANEL)
}

/// Neighbouring places along an axis that share a strip: the first and the last of each group, as
/// places in the list.
pub(super) fn groups(across: &[f64], most: usize) -> Vec<(usize, usize)> {
    let (Some(first), Some(last)) = (across.first(), across.last()) else {
        return Vec::new();
    };
    if across.len() <= most {
        return (0..across.len()).map(|place| (place, place)).collect();
    }
    let width = ((last - first) / most as f64).max(f64::MIN_POSITIVE);
    let column = |place: usize| ((across[place] - first) / width).floor();
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for place in 0..across.len() {
        match groups.last_mut() {
            Some((begin, end)) if column(*begin) == column(place) => *end = place,
            _ => groups.push((place, place)),
        }
    }
    groups
}

/// Draws the strips of a panel, invisible until they are pointed at. They come last, so nothing
/// lies over them.
pub(super) fn draw(text: &mut String, (top, height): (f64, f64), strips: &[Strip]) {
    if strips.is_empty() {
        return;
    }
    text.push_str("<g class=\"readout\" fill=\"#0b5cad\" fill-opacity=\"0\">\n");
    for strip in strips {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{}</title></rect>",
            strip.left,
            (strip.right - strip.left).max(1.0),
            escaped(&strip.text)
        );
    }
    text.push_str("</g>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_places_share_strips_and_none_is_lost() {
        let across: Vec<f64> = (0..10_000).map(|i| 50.0 + f64::from(i) * 0.06).collect();
        let groups = groups(&across, most(1));
        assert!((140..=151).contains(&groups.len()), "{}", groups.len());
        assert_eq!((groups[0].0, groups[groups.len() - 1].1), (0, 9_999));
        assert!(groups.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
        assert_eq!(super::groups(&across[..3], 150), [(0, 0), (1, 1), (2, 2)]);
        assert!(super::groups(&[], 150).is_empty());
    }

    #[test]
    fn charts_of_many_lines_have_fewer_strips() {
        assert_eq!((most(0), most(1), most(12), most(224)), (150, 150, 50, 20));
    }
}
