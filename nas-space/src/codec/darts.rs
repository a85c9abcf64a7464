//! The `Genotype(…)` texts of DARTS and its descendants.

use super::is_plain;
use super::scanner::Scanner;
use crate::cell::{Cell, Combine, Node};
use crate::error::SpaceError;
use crate::genotype::DartsGenotype;

const FIELDS: [&str; 4] = ["normal", "normal_concat", "reduce", "reduce_concat"];

/// Reads `Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=[2, 3, 4, 5], reduce=[…], reduce_concat=[…])`, as
/// Python prints it: every two edges make a node, which adds them.
///
/// The fields may come in any order, lists be written as tuples, the lists of states as `range(2, 6)`, quotes be
/// single or double, and white space and trailing commas stand where Python allows them.
///
/// # Errors
/// [`SpaceError::Parse`] with the position, what was expected and what was found; [`SpaceError::Cell`] where the
/// lists are not cells.
///
/// # Example
/// ```
/// use nas_space::codec::parse_darts;
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let genotype = parse_darts(
///     "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], normal_concat=range(2, 3), \
///      reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=[2])",
/// )?;
/// assert_eq!(genotype.normal.len(), 1);
/// # Ok(())
/// # }
/// ```
pub fn parse_darts(text: &str) -> Result<DartsGenotype, SpaceError> {
    let mut scanner = Scanner::new(text, "a Genotype(...) text");
    scanner.space();
    scanner.expect("Genotype")?;
    scanner.space();
    scanner.expect("(")?;
    let mut edges: [Option<Vec<(String, usize)>>; 2] = [None, None];
    let mut concats: [Option<Vec<usize>>; 2] = [None, None];
    loop {
        scanner.space();
        if scanner.eat(")") {
            break;
        }
        let start = scanner.position();
        let name = scanner.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        let field = FIELDS.iter().position(|field| *field == name);
        scanner.space();
        match field {
            Some(field @ (0 | 2)) if edges[field / 2].is_none() => {
                scanner.expect("=")?;
                edges[field / 2] = Some(edge_list(&mut scanner)?);
            }
            Some(field @ (1 | 3)) if concats[field / 2].is_none() => {
                scanner.expect("=")?;
                concats[field / 2] = Some(state_list(&mut scanner)?);
            }
            _ => {
                let expected = format!("one of {}, each once", FIELDS.join(", "));
                return Err(scanner.error_at(start, &expected));
            }
        }
        scanner.space();
        if !scanner.eat(",") {
            scanner.expect(")")?;
            break;
        }
    }
    scanner.space();
    scanner.end()?;
    let [normal, reduce] = edges;
    let [normal_concat, reduce_concat] = concats;
    Ok(DartsGenotype {
        normal: cell("normal", normal, normal_concat)?,
        reduction: Some(cell("reduce", reduce, reduce_concat)?),
    })
}

fn cell(
    name: &str,
    edges: Option<Vec<(String, usize)>>,
    concat: Option<Vec<usize>>,
) -> Result<Cell, SpaceError> {
    let missing = |field: String| SpaceError::parse("a Genotype(...) text", format!("it has no {field}"));
    let edges = edges.ok_or_else(|| missing(name.to_owned()))?;
    let concat = concat.ok_or_else(|| missing(format!("{name}_concat")))?;
    if !edges.len().is_multiple_of(2) {
        let reason = format!(
            "{name} has {} edges; expected an even number, two for each node",
            edges.len()
        );
        return Err(SpaceError::parse("a Genotype(...) text", reason));
    }
    let nodes = edges.chunks(2).map(|pair| Node::add(pair.iter().cloned()));
    Cell::new(2, nodes.collect(), concat).map_err(|error| match error {
        SpaceError::Cell { reason } => SpaceError::cell(format!("{name}: {reason}")),
        other => other,
    })
}

/// Elements between brackets or parentheses, separated by commas, one of which may trail.
fn list<'a, T>(
    scanner: &mut Scanner<'a>,
    mut element: impl FnMut(&mut Scanner<'a>) -> Result<T, SpaceError>,
) -> Result<Vec<T>, SpaceError> {
    scanner.space();
    let close = if scanner.eat("(") {
        ")"
    } else {
        scanner.expect("[")?;
        "]"
    };
    let mut elements = Vec::new();
    loop {
        scanner.space();
        if scanner.eat(close) {
            return Ok(elements);
        }
        elements.push(element(scanner)?);
        scanner.space();
        if !scanner.eat(",") {
            scanner.expect(close)?;
            return Ok(elements);
        }
    }
}

fn edge_list(scanner: &mut Scanner<'_>) -> Result<Vec<(String, usize)>, SpaceError> {
    list(scanner, |scanner| {
        let close = if scanner.eat("[") {
            "]"
        } else {
            scanner.expect("(")?;
            ")"
        };
        scanner.space();
        let quote = if scanner.eat("\"") {
            "\""
        } else {
            scanner.expect("'")?;
            "'"
        };
        let start = scanner.position();
        let name = scanner.take_while(|c| c != '\'' && c != '"');
        if !is_plain(name) {
            return Err(scanner.error_at(start, "the name of an operation"));
        }
        scanner.expect(quote)?;
        scanner.space();
        scanner.expect(",")?;
        scanner.space();
        let from = scanner.state()?;
        scanner.space();
        if scanner.eat(",") {
            scanner.space();
        }
        scanner.expect(close)?;
        Ok((name.to_owned(), from))
    })
}

fn state_list(scanner: &mut Scanner<'_>) -> Result<Vec<usize>, SpaceError> {
    scanner.space();
    if !scanner.eat("range") {
        return list(scanner, Scanner::state);
    }
    scanner.space();
    let start = scanner.position();
    match list(scanner, Scanner::state)?.as_slice() {
        &[first, end] => Ok((first..end).collect()),
        _ => Err(scanner.error_at(start, "(first, end) of the range")),
    }
}

/// The `Genotype(…)` text of this genotype, if there is one: there is a reduction cell, and every node adds two edges.
pub fn format_darts(genotype: &DartsGenotype) -> Option<String> {
    let (normal, normal_concat) = format_cell(&genotype.normal)?;
    let (reduce, reduce_concat) = format_cell(genotype.reduction.as_ref()?)?;
    Some(format!(
        "Genotype(normal=[{normal}], normal_concat={normal_concat}, \
         reduce=[{reduce}], reduce_concat={reduce_concat})"
    ))
}

/// Edges and output of a cell, as in Python.
fn format_cell(cell: &Cell) -> Option<(String, String)> {
    let nodes = cell.nodes();
    if cell.inputs() != 2 || nodes.len() + 1 > Scanner::MOST_STATES {
        return None;
    }
    let mut edges = Vec::with_capacity(2 * nodes.len());
    for node in &nodes {
        let plain = node.edges.iter().all(|(op, _)| is_plain(op));
        if node.combine != Combine::Add || node.edges.len() != 2 || !plain {
            return None;
        }
        edges.extend(node.edges.iter().map(|(op, from)| format!("('{op}', {from})")));
    }
    Some((edges.join(", "), format!("{:?}", cell.output())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1), ('a', 2), ('b', 2)], \
        normal_concat=[2, 3], reduce=[('max_pool_3x3', 1), ('max_pool_3x3', 0)], reduce_concat=[2])";

    #[test]
    fn the_text_round_trips() {
        let genotype = parse_darts(TEXT).unwrap();
        assert_eq!(format_darts(&genotype).as_deref(), Some(TEXT));
    }

    #[test]
    fn what_python_allows_is_read() {
        let expected = parse_darts(TEXT).unwrap();
        let loose = "\n Genotype (\n  reduce_concat = (2,) ,\n  normal=[(\"sep_conv_3x3\",0,),['skip_connect',1], \
            ( 'a' , 2 ) ,('b',2),\n],normal_concat=range( 2,4 ), reduce=(('max_pool_3x3', 1), ('max_pool_3x3', 0)),)\n";
        assert_eq!(parse_darts(loose).unwrap(), expected);
    }

    #[test]
    fn what_is_malformed_is_named_with_its_place() {
        let cases = [
            (
                "sep_conv_3x3', 0",
                "sep_conv_3x3\", 0",
                "expected ''' at character 32",
            ),
            ("('a', 2), ", "", "normal has 3 edges; expected an even number"),
            ("normal_concat=[2, 3], ", "", "it has no normal_concat"),
            (
                "reduce=",
                "normal=",
                "expected one of normal, normal_concat, reduce, reduce_concat, each once",
            ),
            ("reduce=", "reduced=", "expected one of normal"),
            (
                "('b', 2)",
                "('b', 3)",
                "normal: edge 'b' into state 3 comes from state 3",
            ),
            (
                "[2, 3]",
                "[2, 99999999999999999999]",
                "expected the number of a state",
            ),
            ("[2, 3]", "range(0, 1000000000)", "expected the number of a state"),
            ("[2, 3]", "range(2)", "expected (first, end) of the range"),
            ("[2, 3]", "[1]", "normal: the output reads state 1"),
            ("[2])", "[2]", "expected ')' at character"),
            ("[2])", "[2]) x", "expected the end at character"),
            ("('a', 2)", "('', 2)", "expected the name of an operation"),
        ];
        for (old, new, expected) in cases {
            assert!(TEXT.contains(old), "{old}");
            let error = parse_darts(&TEXT.replacen(old, new, 1)).unwrap_err().to_string();
            assert!(error.contains(expected), "{new}: {error}");
        }
    }

    #[test]
    fn cells_without_a_text_have_none() {
        let genotype = parse_darts(TEXT).unwrap();
        let normal = genotype.normal.clone();
        assert!(
            format_darts(&DartsGenotype {
                normal,
                reduction: None
            })
            .is_none()
        );
        let three = Cell::new(2, vec![Node::add([("a", 0), ("a", 1), ("a", 1)])], vec![2]).unwrap();
        let reduction = Some(three);
        assert!(
            format_darts(&DartsGenotype {
                reduction,
                ..genotype
            })
            .is_none()
        );
    }
}
