//! The frame around all pages, and what it allows them.

use std::sync::OnceLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use nas_report::page::{self, STYLE, digest, escaped};

const OWN_STYLE: &str = include_str!("style.css");
const OWN_SCRIPT: &str = include_str!("script.js");

/// A page around this body. `class` is that of its main element.
pub(crate) fn document(title: &str, class: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n\
         <main class=\"{class}\">\n{body}<footer>Shown by nas {}. Nothing here changes a run.</footer>\n</main>\n\
         <script>{}</script>\n</body>\n</html>\n",
        escaped(title),
        style(),
        env!("CARGO_PKG_VERSION"),
        script()
    )
}

/// The line above a page that leads to the first one, with more behind it.
pub(crate) fn way_back(more: &str) -> String {
    format!("<p class=\"top\"><a href=\"/\">All searches</a>{more}</p>\n")
}

/// Markup as an answer.
pub(crate) fn html(text: String) -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

/// What the browser may do: run the one script, use the one style sheet, and ask this program. The
/// digests name both, so nothing that gets into a page by mistake is run. Drawings and bars have
/// sizes in attributes, which cannot load anything here.
pub(crate) fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        format!(
            "default-src 'none'; script-src {}; style-src {}; style-src-attr 'unsafe-inline'; img-src data:; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            digest(script()),
            digest(style())
        )
    })
}

fn style() -> &'static str {
    static ALL: OnceLock<String> = OnceLock::new();
    ALL.get_or_init(|| format!("{STYLE}{OWN_STYLE}"))
}

/// What keeps pages up to date, and what reports have, after it: the first compares parts as they were sent.
fn script() -> &'static str {
    static ALL: OnceLock<String> = OnceLock::new();
    ALL.get_or_init(|| format!("{OWN_SCRIPT}{}", page::SCRIPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_what_is_in_the_page() {
        let page = document("<a>", "wide", "<p>b</p>");
        assert!(page.contains("<title>&lt;a&gt;</title>"), "{page}");
        for (open, close) in [("<script>", "</script>"), ("<style>", "</style>")] {
            let (_, rest) = page.split_once(open).unwrap();
            let (content, rest) = rest.split_once(close).unwrap();
            assert!(!rest.contains(open));
            assert!(policy().contains(&digest(content)), "{}", policy());
        }
        assert!(!policy().contains("script-src 'unsafe") && !policy().contains('*'));
        assert!(!page.contains("http://") && !page.contains("https://"));
    }
}
