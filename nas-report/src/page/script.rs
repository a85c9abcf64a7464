//! The one script of pages, and what allows a browser to run it and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The script of every page. It shows the values of drawings beside the pointer, which are in the
/// page without it, too.
pub const SCRIPT: &str = include_str!("script.js");

/// The name of a script or a style sheet in a content security policy, such as `'sha256-…'`: a
/// browser uses what has this digest, and nothing that came into a page by mistake.
pub fn digest(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_standard() {
        // By `openssl dgst -sha256 -binary | base64`.
        assert_eq!(
            digest("alert('Hello, world.');"),
            "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
        );
    }

    #[test]
    fn nothing_in_the_script_ends_it_or_asks_for_anything() {
        for word in ["</", "<!--", "http", "fetch(", "import", "eval", "innerHTML"] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
    }
}
