//! Orders of a module's inner vertices.

use super::Module;

/// Calls `visit` with every order of the inner vertices in which edges lead forward: at most 120.
pub(super) fn each(module: &Module, visit: &mut impl FnMut(&[usize])) {
    let inner = module.vertices() - 2;
    extend(module, inner, &mut Vec::with_capacity(inner), visit);
}

fn extend(module: &Module, inner: usize, order: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
    if order.len() == inner {
        visit(order);
        return;
    }
    for vertex in 1..=inner {
        let ready = (1..=inner).all(|before| !module.has_edge(before, vertex) || order.contains(&before));
        if ready && !order.contains(&vertex) {
            order.push(vertex);
            extend(module, inner, order, visit);
            order.pop();
        }
    }
}
