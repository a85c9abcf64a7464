//! What was typed, to be shown in pages.

/// The command line as a shell would read it.
pub(super) fn command() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+@%".contains(c);
    let quoted = |word: String| {
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let words = std::env::args().skip(1).map(quoted);
    std::iter::once("nas".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}
