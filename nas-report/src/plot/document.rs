//! What every picture begins with.

use super::{FAINT, INK, escaped, letters};

/// Size of a title.
const TITLE: f64 = 18.0;
/// Size of what stands below it.
const SUBTITLE: f64 = 12.0;
/// From one line below the title to the next.
const LINE: f64 = 16.0;

/// The head of a picture: its title and what stands below, broken into lines.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    title: String,
    lines: Vec<String>,
    left: f64,
}

impl Heading {
    /// For a picture of this width, with `left` of it free at both sides.
    pub(super) fn new(title: &str, subtitle: &str, left: f64, width: f64) -> Self {
        let room = width - 2.0 * left;
        Self {
            title: letters::fitted(title, TITLE * 1.06, room),
            lines: letters::lines(subtitle, SUBTITLE, room),
            left,
        }
    }

    /// How far down it reaches.
    pub(super) fn height(&self) -> f64 {
        match self.lines.len() {
            0 => 40.0,
            lines => 54.0 + LINE * (lines - 1) as f64,
        }
    }

    /// A picture of this size, with `name` as its text for readers who cannot see it.
    pub(super) fn document(&self, name: &str, (width, height): (f64, f64), body: &str) -> String {
        use std::fmt::Write;
        let left = self.left;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" font-family=\"Helvetica, Arial, 'DejaVu Sans', \
             sans-serif\">\n\
             <title>{}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text x=\"{left}\" y=\"34\" font-size=\"{TITLE}\" font-weight=\"bold\" fill=\"{INK}\">{}</text>\n",
            escaped(name),
            escaped(&self.title)
        );
        for (number, line) in self.lines.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "<text x=\"{left}\" y=\"{:.1}\" font-size=\"{SUBTITLE}\" fill=\"{FAINT}\">{}</text>",
                54.0 + LINE * number as f64,
                escaped(line)
            );
        }
        text.push_str(body);
        text.push_str("</svg>\n");
        text
    }
}
