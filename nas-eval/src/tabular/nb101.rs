//! Modules of NAS-Bench-101 as architectures, and when two are the same.
//!
//! A module is a graph of up to seven vertices, the first its input and the last its output, each of the others one of three
//! operations. As an architecture it has a decision for each edge of seven vertices in the order of the matrix's rows,
//! whether it is there, then one for each inner vertex, its operation. A smaller module has vertices without edges.
//!
//! What counts is the module without the vertices that no path from input to output goes through, up to the order of the
//! inner vertices: what the benchmark calls unique.
//!
//! # References
//! C. Ying, A. Klein, E. Real, E. Christiansen, K. Murphy, F. Hutter: NAS-Bench-101: Towards Reproducible Neural Architecture
//! Search, ICML 2019, arXiv 1902.09635.

use nas_space::arch::Decision;
use nas_space::spaces::{ProductConfig, Space};

/// Vertices of the largest module.
pub(super) const VERTICES: usize = 7;
/// Edges of the complete graph.
const EDGES: usize = VERTICES * (VERTICES - 1) / 2;
/// Inner vertices.
const INNER: usize = VERTICES - 2;
/// Most edges of a module that was trained.
pub(super) const MAX_EDGES: usize = 9;
/// The names of the operations in the benchmark's files; the index of each is its option.
pub(super) const OPERATIONS: [&str; 3] = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"];

/// The space: 21 edges, five operations.
pub(super) fn space() -> ProductConfig {
    let edges = (0..VERTICES).flat_map(|from| (from + 1..VERTICES).map(move |to| (from, to)));
    let edges =
        edges.map(|(from, to)| Decision::new(format!("edge_{from}_{to}"), "edge", ["absent", "present"]));
    let operations = (1..=INNER).map(|v| Decision::new(format!("vertex_{v}"), "operation", OPERATIONS));
    ProductConfig {
        name: "nb101".to_owned(),
        decisions: edges.chain(operations).collect(),
    }
}

/// Checks that a space has the shape of this one.
pub(super) fn check_space(space: &dyn Space) -> Result<(), String> {
    let options = space.decisions().iter().map(|decision| decision.options.len());
    let expected = [2; EDGES].into_iter().chain([OPERATIONS.len(); INNER]);
    if options.eq(expected) {
        Ok(())
    } else {
        Err(format!(
            "space '{}' is not that of NAS-Bench-101's modules",
            space.name()
        ))
    }
}

/// The choices for a module of `operations.len() + 2` vertices with these edges.
pub(super) fn choices(edge: impl Fn(usize, usize) -> bool, operations: &[usize]) -> Vec<usize> {
    let inner = operations.len();
    // The output is the last vertex, however few there are.
    let place = |vertex: usize| {
        if vertex == VERTICES - 1 {
            Some(inner + 1)
        } else {
            Some(vertex).filter(|&v| v <= inner)
        }
    };
    let mut choices = Vec::with_capacity(EDGES + INNER);
    for from in 0..VERTICES {
        for to in from + 1..VERTICES {
            let there = place(from)
                .zip(place(to))
                .is_some_and(|(from, to)| edge(from, to));
            choices.push(usize::from(there));
        }
    }
    choices.extend((0..INNER).map(|v| operations.get(v).copied().unwrap_or(0)));
    choices
}

/// The canonical form of a module, as choices; none for what is no module: no path leads from the input to the output, or there
/// are too many edges on such paths.
pub(super) fn canonical(choices: &[usize]) -> Option<Vec<usize>> {
    let (edges, operations) = choices.split_at_checked(EDGES)?;
    let mut edge = [[false; VERTICES]; VERTICES];
    let pairs = (0..VERTICES).flat_map(|from| (from + 1..VERTICES).map(move |to| (from, to)));
    for ((from, to), &there) in pairs.zip(edges) {
        edge[from][to] = there == 1;
    }
    let mut from_input = [false; VERTICES];
    from_input[0] = true;
    for to in 1..VERTICES {
        from_input[to] = (0..to).any(|from| from_input[from] && edge[from][to]);
    }
    let mut to_output = [false; VERTICES];
    to_output[VERTICES - 1] = true;
    for from in (0..VERTICES - 1).rev() {
        to_output[from] = (from + 1..VERTICES).any(|to| edge[from][to] && to_output[to]);
    }
    let inner: Vec<usize> = (1..VERTICES - 1)
        .filter(|&v| from_input[v] && to_output[v])
        .collect();
    if !from_input[VERTICES - 1] {
        return None;
    }
    let mut vertices = vec![0];
    vertices.extend(&inner);
    vertices.push(VERTICES - 1);
    let pairs = || {
        vertices
            .iter()
            .flat_map(|&from| vertices.iter().map(move |&to| (from, to)))
    };
    if pairs().filter(|&(from, to)| edge[from][to]).count() > MAX_EDGES {
        return None;
    }
    // All orders of at most five inner vertices that keep edges forward: at most 120.
    let mut best = None;
    let mut order = Vec::new();
    permute(&inner, &edge, &mut order, &mut |order| {
        let mut placed = vec![0];
        placed.extend(order);
        placed.push(VERTICES - 1);
        let operations: Vec<usize> = order.iter().map(|&v| operations[v - 1]).collect();
        let form = self::choices(|from, to| edge[placed[from]][placed[to]], &operations);
        if best.as_ref().is_none_or(|best| form < *best) {
            best = Some(form);
        }
    });
    best
}

/// Calls `visit` with every order of `inner` in which edges lead forward.
fn permute(
    inner: &[usize],
    edge: &[[bool; VERTICES]; VERTICES],
    order: &mut Vec<usize>,
    visit: &mut impl FnMut(&[usize]),
) {
    if order.len() == inner.len() {
        visit(order);
        return;
    }
    for &vertex in inner {
        let free = !order.contains(&vertex);
        let ready = inner
            .iter()
            .all(|&before| !edge[before][vertex] || order.contains(&before));
        if free && ready {
            order.push(vertex);
            permute(inner, edge, order, visit);
            order.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module by its matrix, written as rows of digits.
    fn module(rows: &[&str], operations: &[usize]) -> Vec<usize> {
        choices(|from, to| rows[from].as_bytes()[to] == b'1', operations)
    }

    #[test]
    fn the_order_of_vertices_and_those_without_effect_do_not_count() {
        let one = module(&["0110", "0001", "0001", "0000"], &[0, 2]);
        let other = module(&["0110", "0001", "0001", "0000"], &[2, 0]);
        let third = module(&["0110", "0001", "0001", "0000"], &[0, 1]);
        // A vertex that leads nowhere.
        let loose = module(&["01110", "00001", "00001", "00000", "00000"], &[0, 2, 1]);
        let form = canonical(&one).unwrap();
        assert_eq!(canonical(&other).unwrap(), form);
        assert_eq!(canonical(&loose).unwrap(), form);
        assert_ne!(canonical(&third).unwrap(), form);
        assert_eq!(canonical(&form).unwrap(), form, "the form of a form is the form");
        assert!(check_space(&space().build().unwrap()).is_ok());
    }

    #[test]
    fn what_is_no_module_has_no_form() {
        assert_eq!(canonical(&module(&["010", "000", "000"], &[0])), None);
        let full = vec![1; 21].into_iter().chain([0; 5]).collect::<Vec<_>>();
        assert_eq!(canonical(&full), None);
        assert!(canonical(&module(&["01", "00"], &[])).is_some());
    }

    /// The benchmark has 423,624 modules; with up to four vertices 6 + 84 + 1: counted here by trying all matrices.
    #[test]
    fn the_small_modules_are_as_many_as_the_benchmark_has() {
        let mut forms = std::collections::BTreeSet::new();
        for inner in 0..=2_usize {
            let n = inner + 2;
            let pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
            for matrix in 0..1_u32 << pairs.len() {
                for code in 0..3_usize.pow(inner as u32) {
                    let operations: Vec<usize> =
                        (0..inner).map(|i| code / 3_usize.pow(i as u32) % 3).collect();
                    let edge = |from, to| {
                        pairs
                            .iter()
                            .position(|&p| p == (from, to))
                            .is_some_and(|bit| matrix >> bit & 1 == 1)
                    };
                    forms.extend(canonical(&choices(edge, &operations)));
                }
            }
        }
        // 1 of two vertices, 6 of three, 84 of four: table of the benchmark's enumeration script.
        assert_eq!(forms.len(), 1 + 6 + 84);
    }
}
