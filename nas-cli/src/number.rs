//! Numbers as people read them.

/// An integer with thin groups: `3,349,342`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many things: `1 cell`, `5 cells`.
pub(crate) fn counted(n: usize, thing: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{ending}")
}

/// An accuracy in [0, 1] as a percentage with two digits.
pub(crate) fn percent(accuracy: f64) -> String {
    format!("{:.2} %", 100.0 * accuracy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_grouped_by_thousands() {
        let texts = [0, 999, 1000, 3_349_342].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "3,349,342"]);
    }

    #[test]
    fn one_thing_is_no_plural() {
        let texts = [0, 1, 5].map(|n| counted(n, "cell"));
        assert_eq!(texts, ["0 cells", "1 cell", "5 cells"]);
    }
}
