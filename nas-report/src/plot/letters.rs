//! Estimates the width of text, because no font is available when a picture is made.

/// The width of a text at this size, at most. Of the fonts that pictures name, DejaVu Sans is the widest; these are its
/// widths, rounded up by groups of letters.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(ems).sum::<f64>() * size
}

/// The width of a letter, in sizes of the font.
fn ems(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '\'' | '|' | ' ' | '.' | ',' | ':' | ';' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' | '!' | 'J' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' | '—' => 1.0,
        'A'..='Z' | '<' | '>' | '=' | '+' | '~' | '±' => 0.85,
        '\u{0}'..='\u{24f}' => 0.65,
        // Letters of other scripts, and pictures.
        _ => 1.05,
    }
}

/// The text where it fits into this width, else its beginning with an ellipsis.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = width("…", size);
    for letter in text.chars() {
        used += ems(letter) * size;
        if used > room {
            break;
        }
        kept.push(letter);
    }
    format!("{}…", kept.trim_end())
}

/// The words of a text in lines that fit into this width. A word that is wider is cut.
pub(super) fn lines(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fitted(word, size, room)),
        }
    }
    lines
}

/// A text as it stands between tags and in attributes.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis_within_the_room() {
        assert_eq!(fitted("short", 12.0, 100.0), "short");
        let long = "a very long name of a method that nobody would type";
        let cut = fitted(long, 12.0, 120.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 120.0, "{cut}");
        assert_eq!(fitted(long, 12.0, 0.0), "…");
    }

    #[test]
    fn words_stand_in_lines_that_fit() {
        let broken = lines("one two three four five sixsevenseveneightnine", 10.0, 60.0);
        assert!(broken.len() > 2, "{broken:?}");
        assert!(broken.iter().all(|line| width(line, 10.0) <= 60.0), "{broken:?}");
        assert!(lines("  ", 10.0, 60.0).is_empty());
    }

    #[test]
    fn escaped_text_holds_no_markup() {
        assert_eq!(
            escaped("<a href=\"x\">&'"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"
        );
    }
}
