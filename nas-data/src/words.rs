//! Numbers and lists in sentences.

/// A number of things: `1 image`, `2 images`, `2 classes`.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let ending = match number {
        1 => "",
        _ if thing.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {thing}{ending}")
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(items: &[&str]) -> String {
    match items {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => items.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_and_several_are_named_rightly() {
        assert_eq!(
            [
                (0, "image"),
                (1, "image"),
                (2, "image"),
                (1, "class"),
                (3, "class")
            ]
            .map(|(number, thing)| counted(number, thing)),
            ["0 images", "1 image", "2 images", "1 class", "3 classes"]
        );
        assert_eq!(
            [&["a"][..], &["a", "b"], &["a", "b", "c"], &[]].map(listed),
            ["a", "a and b", "a, b and c", ""]
        );
    }
}
