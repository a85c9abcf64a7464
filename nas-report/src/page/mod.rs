//! A page of HTML that needs nothing else: no network and no other file.
//!
//! A [`Page`] is a title, a lead and sections of [`Html`]: paragraphs, tables, figures with
//! drawings inside, details on demand. `html` escapes text; drawings come from `plot` and
//! `nas_space::draw`, which escape their own text. The page forbids its browser to fetch
//! anything, and to run anything but [`SCRIPT`], whatever it holds; all of it is there without the
//! script, too.

pub mod compare;
mod html;
pub mod images;
mod picture;
pub mod proxies;
mod script;
mod table;

pub use html::Html;
pub use picture::{Colours, Picture, Shown, short};
pub use script::{SCRIPT, digest};
pub use table::{Align, Cell, Table};

use std::fmt::Write;

pub use crate::plot::escaped;

/// The style sheet of every page.
pub const STYLE: &str = include_str!("style.css");

/// A page in the making.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    lead: String,
    opening: Html,
    sections: Vec<(String, Html)>,
    footer: String,
}

impl Page {
    /// A page with this title and a sentence that describes it.
    pub fn new(title: impl Into<String>, lead: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lead: lead.into(),
            opening: Html::new(),
            sections: Vec::new(),
            footer: format!("Made by nas {}.", env!("CARGO_PKG_VERSION")),
        }
    }

    /// The content above all sections.
    pub fn opening(&mut self, opening: Html) -> &mut Self {
        self.opening = opening;
        self
    }

    /// Adds a section, unless there is nothing in it.
    pub fn section(&mut self, title: impl Into<String>, body: Html) -> &mut Self {
        if !body.is_empty() {
            self.sections.push((title.into(), body));
        }
        self
    }

    /// The title, as it was given.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The document. The same page is always the same text.
    pub fn render(&self) -> String {
        let title = escaped(&self.title);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             script-src {}; style-src 'unsafe-inline'; img-src data:\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <link rel=\"icon\" href=\"data:,\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{}<footer>{}</footer>\n</main>\n\
             <script>{SCRIPT}</script>\n</body>\n</html>\n",
            digest(SCRIPT),
            self.content(),
            escaped(&self.footer)
        )
    }

    /// What the document shows, without the frame around it: for a program that has a frame of its
    /// own.
    pub fn content(&self) -> String {
        let mut text = format!(
            "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n{}",
            escaped(&self.title),
            escaped(&self.lead),
            self.opening.as_str()
        );
        // Writing to a string cannot fail.
        if self.sections.len() > 2 {
            text.push_str("<nav aria-label=\"Sections\">");
            for (number, (title, _)) in self.sections.iter().enumerate() {
                let _ = write!(
                    text,
                    "<a href=\"#section-{}\">{}</a> ",
                    number + 1,
                    escaped(title)
                );
            }
            text.push_str("</nav>\n");
        }
        for (number, (title, body)) in self.sections.iter().enumerate() {
            let id = format!("section-{}", number + 1);
            let _ = write!(
                text,
                "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n{}</section>\n",
                escaped(title),
                body.as_str()
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_needs_nothing_else_and_leaves_out_what_is_empty() {
        let mut page = Page::new("A <search>", "What it found & how");
        let mut body = Html::new();
        body.paragraph("all of it");
        page.section("Result", body.clone())
            .section("Empty", Html::new())
            .section("Costs", body.clone())
            .section("Rest", body);
        let text = page.render();
        assert!(text.contains("<h1>A &lt;search&gt;</h1>") && text.contains("found &amp; how"));
        assert_eq!(text.matches("<h2").count(), 3);
        assert_eq!(text.matches("<a href=\"#section-").count(), 3);
        for word in ["http://", "https://", "url(", "@import", "<img"] {
            assert!(!text.contains(word), "{word}");
        }
        let script = format!("<script>{SCRIPT}</script>");
        assert_eq!(
            (text.matches("<script").count(), text.matches(&script).count()),
            (1, 1)
        );
        assert!(text.contains(&format!("script-src {};", digest(SCRIPT))));
        assert_eq!(text, page.render());
    }
}
