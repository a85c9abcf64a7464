//! Numbers and names as C writes them.

use std::fmt::{Display, Write as _};

/// Columns that lines of numbers have at most.
const COLUMNS: usize = 100;

/// A number of 32 bits, exactly.
pub(super) fn float(value: f32) -> String {
    let digits = format!("{value:?}");
    match digits.contains(['.', 'e']) {
        true => format!("{digits}f"),
        false => format!("{digits}.0f"),
    }
}

/// An array of constants.
pub(super) fn array(kind: &str, name: &str, numbers: impl ExactSizeIterator<Item = impl Display>) -> String {
    let mut text = format!("static const {kind} {name}[{}] = {{", numbers.len());
    let mut line = COLUMNS;
    for number in numbers {
        let number = number.to_string();
        if line + number.len() + 2 > COLUMNS {
            text.push_str("\n   ");
            line = 3;
        }
        let _ = write!(text, " {number},");
        line += number.len() + 2;
    }
    text.push_str("\n};\n");
    text
}

/// A text as C reads it: bytes that are not plain letters are written in octal.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'?' | 0..=31 | 127.. => {
                let _ = write!(quoted, "\\{byte:03o}");
            }
            _ => quoted.push(char::from(byte)),
        }
    }
    quoted.push('"');
    quoted
}

/// A pair as C writes it.
pub(super) fn pair([rows, columns]: [usize; 2]) -> String {
    format!("{{{rows}, {columns}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_exactly_what_they_are() {
        for (value, expected) in [
            (1.0, "1.0f"),
            (-0.1, "-0.1f"),
            (1e-20, "1e-20f"),
            (3e9, "3000000000.0f"),
        ] {
            assert_eq!(float(value), expected);
            assert_eq!(float(value).trim_end_matches('f').parse(), Ok(value));
        }
    }

    #[test]
    fn what_would_end_a_text_or_begin_a_trigraph_is_escaped() {
        assert_eq!(quoted("a\"\\\n"), r#""a\042\134\012""#);
        assert_eq!(quoted("??/é"), r#""\077\077/\303\251""#);
    }
}
