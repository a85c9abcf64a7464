//! Modules of NAS-Bench-101 as its interface writes them.

use super::scanner::Scanner;
use crate::error::SpaceError;
use crate::nb101::{MAX_VERTICES, Module};

/// What is read, for errors.
const WHAT: &str = "a module of NAS-Bench-101";
/// How the benchmark's interface begins the specification of a model.
const BEGINNINGS: [&str; 2] = ["ModelSpec", "api.ModelSpec"];

/// Whether a text is to be read as a module: the specification of a model in Python, or a JSON
/// object with a matrix that does not say what else it is.
pub(crate) fn is_nb101(text: &str) -> bool {
    let json = text.starts_with('{')
        && !text.contains("\"kind\"")
        && ["\"matrix\"", "\"module_adjacency\""]
            .iter()
            .any(|key| text.contains(key));
    let python = BEGINNINGS
        .iter()
        .filter_map(|beginning| text.strip_prefix(beginning))
        .any(|rest| rest.trim_start().starts_with('('));
    json || python
}

/// Reads a module: `ModelSpec(matrix=[[0, 1], [0, 0]], ops=['input', 'output'])` as in Python, or a
/// JSON object with `matrix` and `ops`, or with `module_adjacency` and `module_operations` as the
/// benchmark's interface names them.
///
/// # Errors
/// [`SpaceError::Parse`] with the position and what was expected; [`SpaceError::Module`] for what
/// is no module.
///
/// # Example
/// ```
/// use nas_space::codec::parse_nb101;
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let module = parse_nb101("ModelSpec(matrix=[[0, 1, 0], [0, 0, 1], [0, 0, 0]], ops=['input', 'maxpool3x3', 'output'])")?;
/// let json = r#"{"matrix": [[0, 1, 0], [0, 0, 1], [0, 0, 0]], "ops": ["input", "maxpool3x3", "output"]}"#;
/// assert_eq!(parse_nb101(json)?, module);
/// # Ok(())
/// # }
/// ```
pub fn parse_nb101(text: &str) -> Result<Module, SpaceError> {
    let text = text.trim();
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(|error| SpaceError::parse(WHAT, error.to_string()));
    }
    let mut scanner = Scanner::new(text, WHAT);
    scanner.eat("api.");
    scanner.expect("ModelSpec")?;
    scanner.space();
    scanner.expect("(")?;
    let (mut matrix, mut labels) = (None, None);
    loop {
        scanner.space();
        if scanner.eat(")") {
            break;
        }
        let start = scanner.position();
        let name = scanner.take_while(|c| c.is_ascii_lowercase());
        scanner.space();
        match name {
            "matrix" if matrix.is_none() => {
                scanner.expect("=")?;
                matrix = Some(list(&mut scanner, |scanner| list(scanner, digit))?);
            }
            "ops" if labels.is_none() => {
                scanner.expect("=")?;
                labels = Some(list(&mut scanner, label)?);
            }
            _ => return Err(scanner.error_at(start, "matrix or ops, each once")),
        }
        scanner.space();
        if !scanner.eat(",") {
            scanner.expect(")")?;
            break;
        }
    }
    scanner.space();
    scanner.end()?;
    match (matrix, labels) {
        (Some(matrix), Some(labels)) => Module::new(&matrix, &labels),
        _ => Err(SpaceError::parse(WHAT, "it needs a matrix and ops")),
    }
}

/// What stands in square brackets, at most one more than a module can have of anything.
fn list<T>(
    scanner: &mut Scanner<'_>,
    mut item: impl FnMut(&mut Scanner<'_>) -> Result<T, SpaceError>,
) -> Result<Vec<T>, SpaceError> {
    scanner.space();
    scanner.expect("[")?;
    let mut items = Vec::new();
    while items.len() <= MAX_VERTICES {
        scanner.space();
        if scanner.eat("]") {
            return Ok(items);
        }
        items.push(item(scanner)?);
        scanner.space();
        if !scanner.eat(",") {
            scanner.expect("]")?;
            return Ok(items);
        }
    }
    Err(scanner.error(&format!("']' after at most {MAX_VERTICES}")))
}

fn digit(scanner: &mut Scanner<'_>) -> Result<u8, SpaceError> {
    if scanner.eat("0") {
        Ok(0)
    } else if scanner.eat("1") {
        Ok(1)
    } else {
        Err(scanner.error("0 or 1"))
    }
}

fn label(scanner: &mut Scanner<'_>) -> Result<String, SpaceError> {
    let quote = if scanner.eat("\"") {
        "\""
    } else {
        scanner.expect("'")?;
        "'"
    };
    let name = scanner.take_while(|c| c != '\'' && c != '"');
    scanner.expect(quote)?;
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "api.ModelSpec(\n  matrix=[[0, 1, 1], [0, 0, 1], [0, 0, 0],],\n  ops=['input', \"conv3x3-bn-relu\", 'output'])";

    #[test]
    fn a_specification_in_python_is_read() {
        let module = parse_nb101(TEXT).unwrap();
        assert_eq!((module.vertices(), module.edge_count()), (3, 3));
        assert!(is_nb101(TEXT) && is_nb101(r#"{"matrix": [], "ops": []}"#));
        for other in [
            "ModelSpecial",
            "{}",
            r#"{"kind":"nb101","matrix":[],"ops":[]}"#,
            "Genotype(",
        ] {
            assert!(!is_nb101(other), "{other}");
        }
    }

    #[test]
    fn what_is_malformed_is_named_with_its_place() {
        for (old, new, expected) in [
            ("ops=", "opps=", "expected matrix or ops, each once at character"),
            ("ops=", "matrix=", "expected matrix or ops, each once"),
            ("[0, 0, 0],]", "[0, 0, 2],]", "expected 0 or 1 at character"),
            (
                "[0, 0, 0],]",
                "[0, 0, 0, 0, 0, 0, 0, 0, 0]]",
                "expected ']' after at most 7",
            ),
            ("'output'])", "'output']", "expected ')'"),
            ("'output'])", "'output']) x", "expected the end"),
            ("'output'])", "output])", "expected '''"),
            (", \"conv3x3-bn-relu\"", "", "2 operations"),
            ("'input'", "'output'", "first operation is 'output'"),
        ] {
            assert!(TEXT.contains(old), "{old}");
            let error = parse_nb101(&TEXT.replacen(old, new, 1)).unwrap_err().to_string();
            assert!(error.contains(expected), "{new}: {error}");
        }
        assert!(
            parse_nb101("ModelSpec()")
                .unwrap_err()
                .to_string()
                .contains("needs a matrix")
        );
        assert!(parse_nb101("{}").is_err());
    }
}
