//! Which classes a network takes for which.

use std::fmt::Write;

use super::document::Heading;
use super::{FAINT, INK, escaped, letters};

/// The most classes that are drawn; of more, the squares would be too small to see.
pub const MOST_CLASSES: usize = 40;

const LEFT: f64 = 28.0;
/// The most room for the name of a class, and the least.
const NAME: (f64, f64) = (110.0, 30.0);
const FONT: f64 = 11.0;
/// The narrowest picture.
const NARROWEST: f64 = 420.0;

/// A confusion matrix as an SVG document, which needs no other file: a row for each class, in it the share
/// of its images that were given each class, the darker the more, with their number. `rows` are numbers of
/// images by class and by the class they were given; `classes` are their names.
///
/// None for no classes, more than [`MOST_CLASSES`], or rows that are not as many and as long as the names.
pub fn confusion(classes: &[String], rows: &[Vec<u64>]) -> Option<String> {
    let n = classes.len();
    let fits = (1..=MOST_CLASSES).contains(&n) && rows.len() == n && rows.iter().all(|row| row.len() == n);
    if !fits {
        return None;
    }
    let side = (560.0 / n as f64).clamp(14.0, 44.0);
    let longest = classes
        .iter()
        .map(|class| letters::width(class, FONT))
        .fold(0.0, f64::max);
    let room = (longest + 14.0).clamp(NAME.1, NAME.0);
    let width = (LEFT + room + side * n as f64 + LEFT).max(NARROWEST);
    let heading = Heading::new(
        "Confusion of classes",
        "A row for each class: the share of its test images that were assigned to the class of the column, \
         darker for larger shares. Correct answers are on the diagonal.",
        LEFT,
        width,
    );
    let (left, top) = (LEFT + room, heading.height() + room);
    let mut body = String::new();
    for (place, class) in classes.iter().enumerate() {
        let name = escaped(&letters::fitted(class, FONT, room - 13.0));
        let middle = side * (place as f64 + 0.5);
        // Writing to a string cannot fail.
        let _ = writeln!(
            body,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{FONT}\" text-anchor=\"end\" fill=\"{INK}\">{name}</text>",
            left - 6.0,
            top + middle + 0.35 * FONT
        );
        let (x, y) = (left + middle + 0.35 * FONT, top - 6.0);
        let _ = writeln!(
            body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{FONT}\" transform=\"rotate(-90 {x:.1} {y:.1})\" fill=\"{INK}\">{name}</text>"
        );
    }
    for (class, row) in rows.iter().enumerate() {
        let images: u64 = row.iter().sum();
        for (given, &number) in row.iter().enumerate() {
            let share = if images > 0 {
                number as f64 / images as f64
            } else {
                0.0
            };
            square(
                &mut body,
                (left + side * given as f64, top + side * class as f64),
                side,
                share,
                number,
            );
            if number > 0 {
                let _ = writeln!(
                    body,
                    "<title>{} of {images} images of {} given {}</title></rect>",
                    number,
                    escaped(&classes[class]),
                    escaped(&classes[given])
                );
                numbered(
                    &mut body,
                    (left + side * given as f64, top + side * class as f64),
                    side,
                    share,
                    number,
                );
            }
        }
    }
    let height = top + side * n as f64 + LEFT;
    Some(heading.document("Confusion of classes", (width, height), &body))
}

/// A square of the matrix: closed where it has nothing to tell, else left open for its title.
fn square(body: &mut String, (x, y): (f64, f64), side: f64, share: f64, number: u64) {
    let end = if number > 0 { ">" } else { "/>" };
    let _ = write!(
        body,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" fill=\"#1d4ed8\" fill-opacity=\"{share:.3}\" \
         stroke=\"#d5dae3\"{end}"
    );
    body.push('\n');
}

/// The number in a square, where it fits.
fn numbered(body: &mut String, (x, y): (f64, f64), side: f64, share: f64, number: u64) {
    let text = number.to_string();
    let size = FONT.min(0.45 * side);
    if letters::width(&text, size) > side - 2.0 {
        return;
    }
    let fill = if share > 0.5 { "#ffffff" } else { FAINT };
    let _ = writeln!(
        body,
        "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size:.1}\" text-anchor=\"middle\" fill=\"{fill}\">{text}</text>",
        x + side / 2.0,
        y + side / 2.0 + 0.35 * size
    );
}

#[cfg(test)]
mod tests {
    use super::super::checks::{check_well_formed, check_within};
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n)
            .map(|class| format!("class <{class}> & its name"))
            .collect()
    }

    #[test]
    fn every_size_lies_within_its_picture() {
        for n in [1, 2, 10, MOST_CLASSES] {
            let rows: Vec<Vec<u64>> = (0..n)
                .map(|class| (0..n).map(|given| if class == given { 41 } else { 2 }).collect())
                .collect();
            let svg = confusion(&names(n), &rows).unwrap();
            check_well_formed(&svg);
            check_within(&svg);
            assert!(svg.contains("41 of"), "{n}");
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_not() {
        assert_eq!(confusion(&[], &[]), None);
        assert_eq!(confusion(&names(2), &[vec![1, 2]]), None, "a row is missing");
        assert_eq!(
            confusion(&names(2), &[vec![1, 2], vec![3]]),
            None,
            "a number is missing"
        );
        let many = MOST_CLASSES + 1;
        assert_eq!(confusion(&names(many), &vec![vec![0; many]; many]), None);
        assert!(
            confusion(&names(2), &[vec![0, 0], vec![0, 0]]).is_some(),
            "no images"
        );
    }
}
