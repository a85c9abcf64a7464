//! The strings of NAS-Bench-201.

use super::is_plain;
use super::scanner::Scanner;
use crate::cell::{Cell, Combine, Node};
use crate::error::SpaceError;
use crate::genotype::Nb201Genotype;

/// Reads a NAS-Bench-201 string: per node a group `|op~0|op~1|…|` with an operation for every
/// earlier state in order, the groups joined by `+`. The last node is the output. There may be any
/// number of nodes.
///
/// # Errors
/// [`SpaceError::Parse`] with the position, what was expected and what was found.
///
/// # Example
/// ```
/// use nas_space::codec::{format_nb201, parse_nb201};
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|";
/// let genotype = parse_nb201(text)?;
/// assert_eq!(genotype.cell.len(), 2);
/// assert_eq!(format_nb201(&genotype).as_deref(), Some(text));
/// # Ok(())
/// # }
/// ```
pub fn parse_nb201(text: &str) -> Result<Nb201Genotype, SpaceError> {
    let text = text.trim();
    let mut scanner = Scanner::new(text, "a NAS-Bench-201 string");
    let mut nodes = Vec::new();
    loop {
        nodes.push(node(&mut scanner, nodes.len() + 1)?);
        if !scanner.eat("+") {
            break;
        }
    }
    scanner.end()?;
    let last = nodes.len();
    let cell = Cell::new(1, nodes, vec![last])?;
    Ok(Nb201Genotype { cell })
}

/// Reads a text that is nothing but a NAS-Bench-201 string, with white space beside its bars and
/// plus signs, or without the bars at the ends of its groups. None where it is something else.
pub(super) fn parse_nb201_loosely(text: &str) -> Result<Option<Nb201Genotype>, SpaceError> {
    let Some(compact) = compact(text) else {
        return Ok(None);
    };
    if compact.starts_with('|') {
        return match parse_nb201(&compact) {
            Ok(genotype) => Ok(Some(genotype)),
            // Several strings, perhaps.
            Err(_) if compact != text => Ok(None),
            Err(error) => Err(error),
        };
    }
    let groups: Vec<&str> = compact.split('+').map(|group| group.trim_matches('|')).collect();
    let is_edge = |edge: &str| {
        edge.split_once('~')
            .is_some_and(|(name, from)| is_plain(name) && from.parse::<usize>().is_ok())
    };
    if !groups.iter().all(|group| group.split('|').all(is_edge)) {
        return Ok(None);
    }
    parse_nb201(&format!("|{}|", groups.join("|+|"))).map(Some)
}

/// Where a string with its outer bars begins a text, its length.
pub(super) fn nb201_prefix(text: &str) -> Option<usize> {
    let first = text.strip_prefix('|')?;
    let name = first.split('~').next().filter(|name| is_plain(name))?;
    first[name.len()..].strip_prefix("~0|")?;
    let mut end = 0;
    for (place, c) in text.char_indices() {
        let in_words = c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~');
        if in_words || matches!(c, '|' | '+') {
            end = place + c.len_utf8();
        } else if !c.is_whitespace() {
            break;
        } else {
            // White space stands beside a plus sign, or ends the string.
            let rest = text[place..].trim_start();
            if !text[..end].ends_with('+') && !rest.starts_with('+') {
                break;
            }
        }
    }
    Some(text[..end].trim_end_matches(['.', '-']).len())
}

/// The text without the white space beside its bars, plus signs and tildes. None where there is
/// other white space, or what no string has.
fn compact(text: &str) -> Option<String> {
    let is_sign = |c: char| matches!(c, '|' | '+' | '~');
    let mut compact = String::with_capacity(text.len());
    let mut spaced = false;
    for c in text.chars() {
        if c.is_whitespace() {
            spaced = true;
            continue;
        }
        let is_word = c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !is_word && !is_sign(c) {
            return None;
        }
        if spaced && !is_sign(c) && compact.chars().next_back().is_some_and(|last| !is_sign(last)) {
            return None;
        }
        spaced = false;
        compact.push(c);
    }
    Some(compact)
}

fn node(scanner: &mut Scanner<'_>, state: usize) -> Result<Node, SpaceError> {
    scanner.expect("|")?;
    let mut edges = Vec::new();
    for from in 0..state {
        let start = scanner.position();
        let name = scanner.take_while(|c| !matches!(c, '~' | '|' | '+'));
        if !is_plain(name) {
            return Err(scanner.error_at(start, "the name of an operation"));
        }
        scanner.expect("~")?;
        // The longest number is read, so that ~10 is not taken for ~1.
        let start = scanner.position();
        if scanner.state().ok() != Some(from) {
            return Err(scanner.error_at(start, &format!("state {from}")));
        }
        scanner.expect("|")?;
        edges.push((name.to_owned(), from));
    }
    Ok(Node::add(edges))
}

/// The NAS-Bench-201 string of this genotype, if there is one: each node adds what one edge from
/// every earlier state brings, in the order of the states, and the last one is the output.
pub fn format_nb201(genotype: &Nb201Genotype) -> Option<String> {
    let cell = &genotype.cell;
    let nodes = cell.nodes();
    if cell.inputs() != 1 || cell.output() != [nodes.len()] || nodes.len() > Scanner::MOST_STATES {
        return None;
    }
    let mut groups = Vec::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        let complete = node.edges.iter().map(|(_, from)| *from).eq(0..=i);
        if node.combine != Combine::Add || !complete || !node.edges.iter().all(|(op, _)| is_plain(op)) {
            return None;
        }
        let edges: Vec<String> = node
            .edges
            .iter()
            .map(|(op, from)| format!("{op}~{from}"))
            .collect();
        groups.push(format!("|{}|", edges.join("|")));
    }
    Some(groups.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_malformed_is_named_with_its_place() {
        let cases = [
            ("", "expected '|' at character 1, it ends there"),
            ("|a~0|+", "expected '|' at character 7, it ends there"),
            ("|a~0|b~1|", "expected the end at character 6, found 'b~1|'"),
            (
                "|a~0|+|b~0|",
                "expected the name of an operation at character 12, it ends there",
            ),
            (
                "|a~0|+|b~1|c~0|",
                "expected state 0 at character 10, found '1|c~0|'",
            ),
            ("|a~00000000000000000000001|", "expected state 0 at character 4"),
            ("|~0|", "expected the name of an operation at character 2"),
            ("|ä~0|", "expected the name of an operation at character 2"),
            ("|a 0|", "expected the name of an operation at character 2"),
            ("|a~0", "expected '|' at character 5, it ends there"),
        ];
        for (text, expected) in cases {
            let error = parse_nb201(text).unwrap_err().to_string();
            assert!(
                error.starts_with("cannot read a NAS-Bench-201 string: ") && error.contains(expected),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn cells_without_a_string_have_none() {
        let node = || Node::add([("skip_connect", 0)]);
        let genotype = |nodes, output| Nb201Genotype {
            cell: Cell::new(1, nodes, output).unwrap(),
        };
        assert!(format_nb201(&genotype(vec![node()], vec![1])).is_some());
        assert!(format_nb201(&genotype(vec![node(), node()], vec![2])).is_none());
        assert!(format_nb201(&genotype(vec![node(), Node::add([("a", 1), ("a", 0)])], vec![2])).is_none());
        assert!(format_nb201(&genotype(vec![node(), Node::add([("a", 0), ("a", 1)])], vec![1])).is_none());
        assert!(format_nb201(&genotype(vec![Node::add([("a|b", 0)])], vec![1])).is_none());
    }
}
