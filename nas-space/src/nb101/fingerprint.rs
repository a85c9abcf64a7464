//! The name that the benchmark gives a module.

use super::md5::hexadecimal;
use super::{INPUT, Module, NB101_OPERATIONS, OUTPUT};

/// The fingerprint of a graph: each vertex begins with the digest of the number of its edges out
/// and in and of its label, and takes up the digests of its neighbours as many times as there are
/// vertices; the digest of all, sorted, is the module's.
pub(super) fn of(module: &Module) -> String {
    let vertices = module.vertices();
    let sources = |to: usize| (0..vertices).filter(move |&from| module.has_edge(from, to));
    let targets = |from: usize| (0..vertices).filter(move |&to| module.has_edge(from, to));
    let mut names: Vec<String> = (0..vertices)
        .map(|vertex| {
            let text = format!(
                "({}, {}, {})",
                targets(vertex).count(),
                sources(vertex).count(),
                label(module.label(vertex))
            );
            hexadecimal(text.as_bytes())
        })
        .collect();
    for _ in 0..vertices {
        let joined = |of: &mut dyn Iterator<Item = usize>| {
            let mut joined: Vec<&str> = of.map(|vertex| names[vertex].as_str()).collect();
            joined.sort_unstable();
            joined.concat()
        };
        let next = (0..vertices).map(|vertex| {
            let (from, to) = (joined(&mut sources(vertex)), joined(&mut targets(vertex)));
            hexadecimal(format!("{from}|{to}|{}", names[vertex]).as_bytes())
        });
        names = next.collect();
    }
    names.sort_unstable();
    // As Python writes a list of strings.
    hexadecimal(format!("['{}']", names.join("', '")).as_bytes())
}

/// The number that stands for a label: operations from 0, the input -1, the output -2.
fn label(name: &str) -> i64 {
    match name {
        INPUT => -1,
        OUTPUT => -2,
        _ => NB101_OPERATIONS
            .iter()
            .position(|known| *known == name)
            .map_or(i64::MAX, |place| place as i64),
    }
}
