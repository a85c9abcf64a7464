//! Building blocks of a page. All text is escaped here, and nowhere else.

use std::fmt::Write;

use super::picture::{Picture, Shown, times};
use super::table::{Align, Cell, Table};
use crate::plot::escaped;

/// The least share of its own width that a picture is shown at before it is scrolled instead: its letters stay readable.
const LEAST_SHARE: f64 = 0.8;

/// The least width of a picture in a gallery, in pixels of the page.
const LEAST_WIDTH: usize = 96;

/// Markup that is whole: every element in it is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The markup.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Other pieces, after these.
    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        self.line(format_args!("<p>{}</p>", escaped(text)))
    }

    /// A paragraph for important remarks: a limitation, or something unusual.
    pub fn note(&mut self, text: &str) -> &mut Self {
        self.line(format_args!("<p class=\"note\">{}</p>", escaped(text)))
    }

    /// A heading within a section.
    pub fn heading(&mut self, text: &str) -> &mut Self {
        self.line(format_args!("<h3>{}</h3>", escaped(text)))
    }

    /// Text as it is typed or as a file has it, line by line.
    pub fn code(&mut self, text: &str) -> &mut Self {
        self.line(format_args!(
            "<pre><code>{}</code></pre>",
            escaped(text.trim_end())
        ))
    }

    /// The same, with long lines broken.
    pub fn broken_code(&mut self, text: &str) -> &mut Self {
        self.line(format_args!(
            "<pre class=\"wrap\"><code>{}</code></pre>",
            escaped(text.trim_end())
        ))
    }

    /// The most important numbers: for each its name, its value and a remark.
    pub fn figures(&mut self, figures: &[(&str, String, String)]) -> &mut Self {
        self.0.push_str("<dl class=\"figures\">\n");
        for (name, value, remark) in figures {
            let remark = match remark.as_str() {
                "" => String::new(),
                remark => format!("<dd class=\"remark\">{}</dd>", escaped(remark)),
            };
            let (name, value) = (escaped(name), escaped(value));
            self.line(format_args!("<div><dt>{name}</dt><dd>{value}</dd>{remark}</div>"));
        }
        self.0.push_str("</dl>\n");
        self
    }

    /// Facts with their names, one below the other.
    pub fn facts(&mut self, facts: &[(&str, String)]) -> &mut Self {
        self.0.push_str("<table class=\"facts\"><tbody>\n");
        for (name, value) in facts {
            let (name, value) = (escaped(name), escaped(value));
            self.line(format_args!(
                "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
            ));
        }
        self.0.push_str("</tbody></table>\n");
        self
    }

    /// A table, which is scrolled where it is wider than the page.
    pub fn table(&mut self, table: &Table) -> &mut Self {
        self.0.push_str("<div class=\"wide\"><table>\n");
        if let Some(caption) = table.caption() {
            self.line(format_args!("<caption>{}</caption>", escaped(caption)));
        }
        self.0.push_str("<thead><tr>");
        for (name, align) in table.columns() {
            let _ = write!(
                self.0,
                "<th scope=\"col\"{}>{}</th>",
                class(*align),
                escaped(name)
            );
        }
        self.0.push_str("</tr></thead>\n<tbody>\n");
        for row in table.rows() {
            self.0.push_str("<tr>");
            for (place, (cell, (_, align))) in row.iter().zip(table.columns()).enumerate() {
                let (text, class) = match cell {
                    Cell::Text(text) => (escaped(text), class(*align)),
                    Cell::Code(text) => (format!("<code>{}</code>", escaped(text)), " class=\"code\""),
                    Cell::Bar(percent) => (
                        format!(
                            "<span class=\"bar\" style=\"width:{}%\"></span>",
                            percent.min(&100)
                        ),
                        " class=\"bars\"",
                    ),
                };
                let _ = match place {
                    0 => write!(self.0, "<th scope=\"row\"{class}>{text}</th>"),
                    _ => write!(self.0, "<td{class}>{text}</td>"),
                };
            }
            self.0.push_str("</tr>\n");
        }
        self.0.push_str("</tbody></table></div>\n");
        self
    }

    /// A picture with what it shows in words. It is scrolled where it would be too small. `svg` is put in as it is: it comes from
    /// [`plot`](crate::plot), `nas_space::draw`, or other code that escapes text.
    pub fn figure(&mut self, svg: &str, caption: &str) -> &mut Self {
        let least = LEAST_SHARE * width(svg);
        let _ = write!(
            self.0,
            "<figure><div class=\"wide\"><div class=\"drawing\" style=\"min-width:{least:.0}px\">\n{svg}</div></div>"
        );
        if !caption.is_empty() {
            let _ = write!(self.0, "<figcaption>{}</figcaption>", escaped(caption));
        }
        self.0.push_str("</figure>\n");
        self
    }

    /// A picture of pixels with this width in pixels of the page, and never wider than the page.
    /// `alt` is its text for readers who cannot see it.
    pub fn picture(&mut self, picture: &Picture, width: usize, alt: &str) -> &mut Self {
        let image = image(picture, width, alt);
        self.line(format_args!("{image}"))
    }

    /// Pictures of pixels side by side, each with its name and a remark; a missing picture leaves a
    /// place that says so.
    pub fn gallery(&mut self, images: &[Shown]) -> &mut Self {
        let own = images.iter().find_map(|image| image.picture.as_ref());
        let own = own.map_or(LEAST_WIDTH, Picture::width);
        let width = own * times(own, LEAST_WIDTH);
        self.0.push_str("<div class=\"gallery\">\n");
        for Shown {
            picture,
            name,
            remark,
        } in images
        {
            let image = match picture {
                Some(picture) => image(picture, width, &format!("{name}, {remark}")),
                None => format!("<div class=\"missing\" style=\"width:{width}px\">no picture</div>"),
            };
            let (name, remark) = (escaped(name), escaped(remark));
            self.line(format_args!(
                "<figure>{image}<figcaption>{name}<br><span>{remark}</span></figcaption></figure>"
            ));
        }
        self.0.push_str("</div>\n");
        self
    }

    /// Bytes of the markup.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Pieces that are shown on demand.
    pub fn details(&mut self, summary: &str, inner: &Self) -> &mut Self {
        let summary = escaped(summary);
        self.line(format_args!(
            "<details><summary>{summary}</summary>\n{}</details>",
            inner.0
        ))
    }

    fn line(&mut self, markup: std::fmt::Arguments<'_>) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{markup}");
        self
    }
}

/// A picture as an element.
fn image(picture: &Picture, width: usize, alt: &str) -> String {
    let height = (width * picture.height()).div_ceil(picture.width()).max(1);
    format!(
        "<img class=\"pixels\" width=\"{width}\" height=\"{height}\" alt=\"{}\" src=\"{}\">",
        escaped(alt),
        picture.address()
    )
}

fn class(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"number\"",
    }
}

/// The width that a picture says it has, in pixels.
fn width(svg: &str) -> f64 {
    let width = svg
        .split(" width=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    width.and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_wherever_it_stands() {
        let evil = "<script>alert('x')</script>&";
        let mut table = Table::new(&[(evil, Align::Left), ("n", Align::Right)]).captioned(evil);
        table.row([Cell::Text(evil.to_owned()), Cell::Code(evil.to_owned())]);
        let mut inner = Html::new();
        inner.code(evil).broken_code(evil).heading(evil);
        let mut html = Html::new();
        html.paragraph(evil)
            .note(evil)
            .figures(&[(evil, evil.to_owned(), evil.to_owned())])
            .facts(&[(evil, evil.to_owned())])
            .table(&table)
            .figure("<svg width=\"100\"></svg>", evil)
            .details(evil, &inner);
        assert!(!html.as_str().contains("<script"), "{}", html.as_str());
        assert_eq!(html.as_str().matches("&lt;script&gt;").count(), 16);
        assert!(html.as_str().contains("min-width:80px"));
    }

    #[test]
    fn tables_name_their_columns_and_rows() {
        let mut table = Table::new(&[("trial", Align::Right), ("cell", Align::Left)]);
        table.row([Cell::text(7), Cell::code("a")]);
        let mut html = Html::new();
        html.table(&table);
        assert!(
            html.as_str()
                .contains("<th scope=\"col\" class=\"number\">trial</th>")
        );
        assert!(
            html.as_str()
                .contains("<th scope=\"row\" class=\"number\">7</th><td class=\"code\"><code>a</code></td>")
        );
    }
}
