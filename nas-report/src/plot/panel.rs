//! A rectangle with two axes.

use std::fmt::Write;

use super::axis::Axis;
use super::{FAINT, INK, escaped};

/// Where a plot is and what its sides mean.
pub(super) struct Panel {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Panel {
    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Where this number is from left to right.
    pub(super) fn across(&self, x: f64) -> f64 {
        self.left + self.width * self.x.share(x)
    }

    /// Where this number is from below to above.
    pub(super) fn up(&self, y: f64) -> f64 {
        self.top + self.height * (1.0 - self.y.share(y))
    }

    /// The outline.
    pub(super) fn outline(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"none\" stroke=\"#d5dae3\"/>",
            self.left, self.top, self.width, self.height
        );
    }

    /// Lines across at the marks of the y axis, and their numbers.
    pub(super) fn rows(&self, text: &mut String, size: f64) {
        let (left, right) = (self.left, self.right());
        for (value, name) in self.y.marks() {
            let y = self.up(value);
            let _ = writeln!(
                text,
                "<line x1=\"{left:.1}\" y1=\"{y:.1}\" x2=\"{right:.1}\" y2=\"{y:.1}\" stroke=\"#eceff4\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size}\" text-anchor=\"end\" fill=\"{FAINT}\">{name}</text>",
                left - 6.0,
                y + 0.35 * size
            );
        }
    }

    /// Lines upwards at the marks of the x axis, and their numbers.
    pub(super) fn columns(&self, text: &mut String, size: f64) {
        let (top, bottom) = (self.top, self.bottom());
        for (value, name) in self.x.marks() {
            let x = self.across(value);
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"#eceff4\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{size}\" text-anchor=\"middle\" fill=\"{FAINT}\">{name}</text>",
                bottom + 6.0 + size
            );
        }
    }

    /// Short strokes below at the marks of the x axis, and their numbers: where columns are things and not numbers.
    pub(super) fn ticks(&self, text: &mut String, size: f64) {
        let bottom = self.bottom();
        for (value, name) in self.x.marks() {
            let x = self.across(value);
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{bottom:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{FAINT}\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{size}\" text-anchor=\"middle\" fill=\"{FAINT}\">{name}</text>",
                bottom + 4.0,
                bottom + 6.0 + size
            );
        }
    }

    /// What the x axis is, so far below it.
    pub(super) fn name_x(&self, text: &mut String, size: f64, below: f64, name: &str) {
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size}\" text-anchor=\"middle\" fill=\"{INK}\">{}</text>",
            self.left + self.width / 2.0,
            self.bottom() + below,
            escaped(name)
        );
    }

    /// What the y axis is, so far to the left of it.
    pub(super) fn name_y(&self, text: &mut String, size: f64, beside: f64, name: &str) {
        let _ = writeln!(
            text,
            "<text transform=\"translate({:.1} {:.1}) rotate(-90)\" font-size=\"{size}\" text-anchor=\"middle\" \
             fill=\"{INK}\">{}</text>",
            self.left - beside,
            self.top + self.height / 2.0,
            escaped(name)
        );
    }
}
