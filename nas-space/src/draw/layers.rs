//! Layers and the order of the items in them.

use super::diagram::{Diagram, On};

/// A diagram cut into layers: all links lead from one layer to the next.
#[derive(Debug, Default)]
pub(super) struct Layered {
    pub(super) items: Vec<Item>,
    /// The items of each layer, in the order in which they are drawn.
    pub(super) layers: Vec<Vec<usize>>,
    pub(super) links: Vec<(usize, usize)>,
}

/// Something that takes up a place in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A box of the diagram.
    Block(usize),
    /// The operation or motif on a wire of the diagram.
    Label(usize),
    /// A point where lines from this box cross the layer.
    Bend(usize),
}

impl Layered {
    /// Cuts and orders a diagram.
    pub(super) fn new(diagram: &Diagram) -> Self {
        let mut cut = Self::default();
        let layer_of = block_layers(diagram);
        for (block, &layer) in layer_of.iter().enumerate() {
            cut.add(Item::Block(block), layer);
        }
        // The last item on the way from each box, for each layer that the way has reached.
        let mut trunks: Vec<Vec<usize>> = (0..layer_of.len()).map(|block| vec![block]).collect();
        for (number, wire) in diagram.wires.iter().enumerate() {
            let target = match wire.on {
                On::Operation(_) | On::Motif(_) => {
                    let label = cut.add(Item::Label(number), layer_of[wire.to] - 1);
                    cut.links.push((label, wire.to));
                    (label, layer_of[wire.to] - 1)
                }
                On::Nothing => (wire.to, layer_of[wire.to]),
            };
            let crossed = target.1 - layer_of[wire.from];
            let trunk = &mut trunks[wire.from];
            while trunk.len() < crossed {
                let bend = cut.add(Item::Bend(wire.from), layer_of[wire.from] + trunk.len());
                cut.links.push((trunk[trunk.len() - 1], bend));
                trunk.push(bend);
            }
            cut.links.push((trunk[crossed - 1], target.0));
        }
        cut.reduce_crossings();
        cut
    }

    fn add(&mut self, item: Item, layer: usize) -> usize {
        let index = self.items.len();
        self.items.push(item);
        if self.layers.len() <= layer {
            self.layers.resize(layer + 1, Vec::new());
        }
        self.layers[layer].push(index);
        index
    }

    /// Items of the layer before (or after) that each item is linked to.
    pub(super) fn neighbours(&self, before: bool) -> Vec<Vec<usize>> {
        let mut all = vec![Vec::new(); self.items.len()];
        for &(from, to) in &self.links {
            if before {
                all[to].push(from);
            } else {
                all[from].push(to);
            }
        }
        all
    }

    fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.items.len()];
        for layer in &self.layers {
            for (place, &item) in layer.iter().enumerate() {
                places[item] = place;
            }
        }
        places
    }

    /// Number of pairs of links that cross.
    pub(super) fn crossings(&self) -> usize {
        let places = self.places();
        let after = self.neighbours(false);
        let count = |layer: &Vec<usize>| {
            let pairs = layer.iter().enumerate();
            pairs
                .map(|(i, &upper)| {
                    let lower = layer[i + 1..].iter();
                    lower
                        .map(|&lower| inversions(&after[upper], &after[lower], &places))
                        .sum::<usize>()
                })
                .sum::<usize>()
        };
        self.layers.iter().map(count).sum()
    }

    /// Sweeps over the layers, sorting each by where its neighbours are, and keeps the best order
    /// met.
    fn reduce_crossings(&mut self) {
        const SWEEPS: usize = 16;
        let (before, after) = (self.neighbours(true), self.neighbours(false));
        let start = self.layers.clone();
        let mut best = (self.crossings(), start.clone());
        for upside_down in [false, true] {
            self.layers.clone_from(&start);
            if upside_down {
                self.layers.iter_mut().for_each(|layer| layer.reverse());
            }
            for sweep in 0..SWEEPS {
                let forward = sweep % 2 == 0;
                let count = self.layers.len();
                for step in 0..count {
                    let layer = if forward { step } else { count - 1 - step };
                    self.sort_by_barycentre(layer, if forward { &before } else { &after });
                }
                (0..count).for_each(|layer| self.swap_neighbours(layer, &before, &after));
                let crossings = self.crossings();
                if crossings < best.0 {
                    best = (crossings, self.layers.clone());
                }
            }
        }
        self.layers = best.1;
    }

    fn sort_by_barycentre(&mut self, layer: usize, neighbours: &[Vec<usize>]) {
        let places = self.places();
        let key = |item: usize| {
            let around = &neighbours[item];
            if around.is_empty() {
                return places[item] as f64;
            }
            around.iter().map(|&other| places[other] as f64).sum::<f64>() / around.len() as f64
        };
        self.layers[layer].sort_by(|&a, &b| key(a).total_cmp(&key(b)));
    }

    /// Exchanges neighbours in a layer as long as that saves crossings.
    fn swap_neighbours(&mut self, layer: usize, before: &[Vec<usize>], after: &[Vec<usize>]) {
        let places = self.places();
        let order = &mut self.layers[layer];
        let cost = |upper: usize, lower: usize| {
            inversions(&before[upper], &before[lower], &places)
                + inversions(&after[upper], &after[lower], &places)
        };
        let mut improved = true;
        while improved {
            improved = false;
            for i in 1..order.len() {
                let (upper, lower) = (order[i - 1], order[i]);
                if cost(lower, upper) < cost(upper, lower) {
                    order.swap(i - 1, i);
                    improved = true;
                }
            }
        }
    }
}

/// Pairs of neighbours of an upper and of a lower item that stand the other way round.
fn inversions(of_upper: &[usize], of_lower: &[usize], places: &[usize]) -> usize {
    let below = |&upper: &usize| {
        of_lower
            .iter()
            .filter(|&&lower| places[lower] < places[upper])
            .count()
    };
    of_upper.iter().map(below).sum()
}

/// Layer of every box: inputs first, others two after the latest that they read over an operation
/// (which takes the layer between), or one after it; the output, which is the last box, behind all
/// others.
fn block_layers(diagram: &Diagram) -> Vec<usize> {
    let mut layers = vec![0_usize; diagram.boxes.len()];
    for wire in &diagram.wires {
        let step = match wire.on {
            On::Operation(_) | On::Motif(_) => 2,
            On::Nothing => 1,
        };
        layers[wire.to] = layers[wire.to].max(layers[wire.from] + step);
    }
    let last = layers.len() - 1;
    let behind = layers[..last].iter().max().map_or(0, |deepest| deepest + 1);
    layers[last] = layers[last].max(behind);
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Cell, Node};
    use crate::draw::diagram::diagrams;
    use crate::genotype::{Genotype, Nb201Genotype};

    fn layered(nodes: Vec<Node>, output: Vec<usize>) -> Layered {
        let cell = Cell::new(1, nodes, output).unwrap();
        Layered::new(&diagrams(&Genotype::Nb201(Nb201Genotype { cell }))[0])
    }

    #[test]
    fn every_link_leads_to_the_next_layer() {
        let nodes = vec![
            Node::add([("a", 0)]),
            Node::add([("b", 0), ("c", 1)]),
            Node::add([("d", 0), ("e", 1), ("f", 2), ("f", 2)]),
        ];
        let layered = layered(nodes, vec![1, 3]);
        let mut layer_of = vec![0; layered.items.len()];
        for (layer, items) in layered.layers.iter().enumerate() {
            items.iter().for_each(|&item| layer_of[item] = layer);
        }
        assert!(
            layered
                .links
                .iter()
                .all(|&(from, to)| layer_of[to] == layer_of[from] + 1)
        );
        let labels = layered
            .items
            .iter()
            .filter(|item| matches!(item, Item::Label(_)))
            .count();
        assert_eq!(labels, 7);
    }

    #[test]
    fn a_graph_that_can_be_drawn_without_crossings_is() {
        let nodes = vec![
            Node::add([("a", 0)]),
            Node::add([("b", 0)]),
            Node::add([("c", 0)]),
            Node::add([("d", 3), ("e", 3)]),
            Node::add([("f", 1), ("g", 1)]),
            Node::add([("h", 2)]),
        ];
        assert_eq!(layered(nodes, vec![4, 5, 6]).crossings(), 0);
    }
}
