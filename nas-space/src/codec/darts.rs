//! The `Genotype(…)` texts of DARTS and its descendants.

use super::is_plain;
use super::literal::{Fields, Literal, Value, blank, literal};
use super::scanner::Scanner;
use crate::cell::{Cell, Combine, Node};
use crate::error::SpaceError;
use crate::genotype::DartsGenotype;

/// What is read here, for errors.
const WHAT: &str = "a Genotype(...) text";

const FIELDS: [&str; 4] = ["normal", "normal_concat", "reduce", "reduce_concat"];

/// Reads `Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=[2, 3, 4, 5], reduce=[…],
/// reduce_concat=[…])`, as Python prints it: every two edges make a node, which adds them.
///
/// The fields may come in any order or without their names in this one, or as a dictionary, also as
/// JSON. An edge may have a third number, its weight; edges may be grouped by node, as
/// `[[('sep_conv_3x3', 0), ('skip_connect', 1)], …]`, and a node has then as many as are in its
/// group. Lists may be tuples, `range(2, 6)`, `list(…)` or `array(…)`, numbers `np.int64(0)` or
/// `tensor(0)`; quotes, white space, comments and trailing commas are those of Python. `NAME = `
/// may stand before it. `reduce=None` is a genotype of one cell.
///
/// # Errors
/// [`SpaceError::Parse`] with the position, what was expected and what was found;
/// [`SpaceError::Cell`] where the lists are not cells.
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
    let (genotype, end) = darts_at(text, 0)?;
    let mut scanner = Scanner::new(text, WHAT);
    scanner.back_to(end);
    blank(&mut scanner);
    scanner.eat(";");
    blank(&mut scanner);
    scanner.end()?;
    Ok(genotype)
}

/// The genotype that begins at this position of a text, and where it ends.
pub(super) fn darts_at(text: &str, start: usize) -> Result<(DartsGenotype, usize), SpaceError> {
    let mut scanner = Scanner::new(text, WHAT);
    scanner.back_to(start);
    let literal = assigned(&mut scanner)?;
    let end = scanner.position();
    match literal.value {
        Value::Fields(fields) => Ok((darts_of(&scanner, literal.at, fields)?, end)),
        _ => Err(scanner.error_at(literal.at, "'Genotype'")),
    }
}

/// A literal, before which `NAME =` or `NAME:` may stand.
pub(super) fn assigned(scanner: &mut Scanner<'_>) -> Result<Literal, SpaceError> {
    blank(scanner);
    let start = scanner.position();
    scanner.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
    if scanner.position() > start {
        blank(scanner);
        if scanner.eat("=") || scanner.eat(":") {
            return literal(scanner);
        }
    }
    scanner.back_to(start);
    literal(scanner)
}

/// The genotype that these fields make.
pub(super) fn darts_of(
    scanner: &Scanner<'_>,
    at: usize,
    fields: Fields,
) -> Result<DartsGenotype, SpaceError> {
    let is_dictionary = fields.name == "dict";
    if !is_dictionary && fields.name != "Genotype" {
        return Err(scanner.error_at(at, "'Genotype'"));
    }
    let mut found: [Option<Literal>; 4] = [None, None, None, None];
    if !fields.positional.is_empty() && !matches!(fields.positional.len(), 2 | 4) {
        let expected = format!(
            "the values of {}, in this order or with their names",
            FIELDS.join(", ")
        );
        return Err(scanner.error_at(at, &expected));
    }
    for (place, literal) in fields.positional.into_iter().enumerate() {
        found[place] = Some(literal);
    }
    for (at, name, literal) in fields.named {
        if name == "recurrent" {
            return Err(scanner.error_at(at, "a convolutional cell, with normal and reduce"));
        }
        match FIELDS.iter().position(|field| *field == name) {
            Some(place) if found[place].is_none() => found[place] = Some(literal),
            // What else a dictionary says is not ours.
            None if is_dictionary => {}
            _ => {
                let expected = format!("one of {}, each once", FIELDS.join(", "));
                return Err(scanner.error_at(at, &expected));
            }
        }
    }
    let [normal, normal_concat, reduce, reduce_concat] = found;
    let missing = |field: &str| SpaceError::parse(WHAT, format!("it has no {field}"));
    let normal = cell(
        scanner,
        "normal",
        normal.ok_or_else(|| missing("normal"))?,
        normal_concat,
    )?;
    let reduction = match reduce.ok_or_else(|| missing("reduce, which is None where there is one cell"))? {
        Literal {
            value: Value::Nothing,
            ..
        } => None,
        reduce => Some(cell(scanner, "reduce", reduce, reduce_concat)?),
    };
    Ok(DartsGenotype { normal, reduction })
}

fn cell(
    scanner: &Scanner<'_>,
    name: &str,
    edges: Literal,
    concat: Option<Literal>,
) -> Result<Cell, SpaceError> {
    let concat = concat.ok_or_else(|| SpaceError::parse(WHAT, format!("it has no {name}_concat")))?;
    let nodes = nodes(scanner, name, edges)?;
    let concat = list(scanner, concat)?
        .iter()
        .map(|literal| state(scanner, literal))
        .collect::<Result<_, _>>()?;
    Cell::new(2, nodes, concat).map_err(|error| match error {
        SpaceError::Cell { reason } => SpaceError::cell(format!("{name}: {reason}")),
        other => other,
    })
}

/// The nodes of a cell: of edges two each, of groups of edges one each.
fn nodes(scanner: &Scanner<'_>, name: &str, edges: Literal) -> Result<Vec<Node>, SpaceError> {
    let elements = list(scanner, edges)?;
    let is_edge = |literal: &Literal| match &literal.value {
        Value::List(parts) => !matches!(parts.first().map(|part| &part.value), Some(Value::List(_))),
        _ => true,
    };
    if elements.iter().all(is_edge) {
        let edges: Vec<(String, usize)> = elements
            .into_iter()
            .map(|literal| edge(scanner, literal))
            .collect::<Result<_, _>>()?;
        if !edges.len().is_multiple_of(2) {
            let count = edges.len();
            let reason = format!("{name} has {count} edges; expected an even number, two for each node");
            return Err(SpaceError::parse(WHAT, reason));
        }
        return Ok(edges
            .chunks(2)
            .map(|pair| Node::add(pair.iter().cloned()))
            .collect());
    }
    elements
        .into_iter()
        .map(|group| {
            let edges = list(scanner, group)?;
            let edges: Vec<(String, usize)> = edges
                .into_iter()
                .map(|literal| edge(scanner, literal))
                .collect::<Result<_, _>>()?;
            Ok(Node::add(edges))
        })
        .collect()
}

pub(super) fn list(scanner: &Scanner<'_>, literal: Literal) -> Result<Vec<Literal>, SpaceError> {
    match literal.value {
        Value::List(elements) => Ok(elements),
        _ => Err(scanner.error_at(literal.at, "a list")),
    }
}

/// `('sep_conv_3x3', 0)`, in either order, with a weight or without.
pub(super) fn edge(scanner: &Scanner<'_>, literal: Literal) -> Result<(String, usize), SpaceError> {
    const EXPECTED: &str = "an edge such as ('sep_conv_3x3', 0)";
    let at = literal.at;
    let parts = match literal.value {
        Value::List(parts) if matches!(parts.len(), 2 | 3) => parts,
        _ => return Err(scanner.error_at(at, EXPECTED)),
    };
    if let Some(weight) = parts.get(2)
        && !matches!(weight.value, Value::Integer(_) | Value::Real(_) | Value::Nothing)
    {
        return Err(scanner.error_at(weight.at, "the weight of an edge, a number"));
    }
    let (operation, from) = match (&parts[0].value, &parts[1].value) {
        (Value::Integer(_), Value::Text(_)) => (&parts[1], &parts[0]),
        _ => (&parts[0], &parts[1]),
    };
    match &operation.value {
        Value::Text(name) if is_plain(name) => Ok((name.clone(), state(scanner, from)?)),
        _ => Err(scanner.error_at(operation.at, "the name of an operation")),
    }
}

pub(super) fn state(scanner: &Scanner<'_>, literal: &Literal) -> Result<usize, SpaceError> {
    match literal.value {
        Value::Integer(number) => usize::try_from(number)
            .ok()
            .filter(|&number| number <= Scanner::MOST_STATES),
        _ => None,
    }
    .ok_or_else(|| scanner.error_at(literal.at, "the number of a state"))
}

/// The `Genotype(…)` text of this genotype, if there is one: there is a reduction cell, and every
/// node adds two edges.
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
                "expected ',' or ')' at character",
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
            ("[2, 3]", "range()", "expected (first, end) of the range"),
            ("[2, 3]", "range(2)", "normal: the output reads state 0"),
            ("[2, 3]", "5", "expected a list"),
            ("('a', 2)", "('a', 2, 'x')", "expected the weight of an edge"),
            ("('a', 2)", "('a',)", "expected an edge such as"),
            ("Genotype", "Genotypes", "expected 'Genotype'"),
            ("normal=[", "recurrent=[", "expected a convolutional cell"),
            ("[2, 3]", "[1]", "normal: the output reads state 1"),
            ("[2])", "[2]", "expected ',' or ')' at character"),
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
