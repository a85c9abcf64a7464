//! Layout: the positions of the items of a layered diagram and the paths of its lines.

use super::diagram::{Diagram, Flow, On};
use super::layers::{Item, Layered};

/// A diagram with a place for everything, in pixels from its upper left corner.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Of the diagram's boxes, in their order.
    pub(super) blocks: Vec<Rect>,
    /// Of what stands on the diagram's wires, with their numbers.
    pub(super) labels: Vec<(usize, Rect)>,
    /// Of the motifs on its wires, in the order of the wires; `None` where there is another thing
    /// or none.
    pub(super) insides: Vec<Option<Layout>>,
    pub(super) lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A piece of a line: straight from the first point to the second, a curve to the third that starts
/// and ends in the direction of flow, straight to the fourth.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) points: [(f64, f64); 4],
    /// The box it comes from.
    pub(super) source: usize,
    /// The wire whose operation it comes out of, if it does.
    pub(super) wire: Option<usize>,
    /// Whether it ends in an arrow.
    pub(super) arrow: bool,
}

/// Height of an operation's box.
pub(super) const LABEL_HEIGHT: f64 = 22.0;

/// Room within a motif's box before its first and behind its last box.
const MOTIF_SIDES: f64 = 20.0;
/// Room within a motif's box above its boxes, for the title.
pub(super) const MOTIF_TOP: f64 = 24.0;
/// Room within a motif's box below its boxes.
const MOTIF_BOTTOM: f64 = 10.0;

/// Width of an operation's box: 7.3 pixels a character hold 12-pixel monospaced text in any common
/// font.
pub(super) fn label_width(operation: &str) -> f64 {
    7.3 * operation.chars().count() as f64 + 16.0
}

impl Layout {
    pub(super) fn new(diagram: &Diagram) -> Self {
        let layered = Layered::new(diagram);
        let inside = |on: &On| match on {
            On::Motif(motif) => Some(Self::new(motif)),
            On::Operation(_) | On::Nothing => None,
        };
        let insides: Vec<Option<Self>> = diagram.wires.iter().map(|wire| inside(&wire.on)).collect();
        let sizes: Vec<Size> = layered
            .items
            .iter()
            .map(|&item| size(diagram, &insides, item))
            .collect();
        let mut across = places_across(&layered, &sizes);
        straighten(&layered, &sizes, &mut across);
        let spans = layer_spans(&layered, &sizes, &across);
        let mut layer_of = vec![0; layered.items.len()];
        for (layer, items) in layered.layers.iter().enumerate() {
            items.iter().for_each(|&item| layer_of[item] = layer);
        }
        let turn = |(along, across): (f64, f64)| match diagram.flow {
            Flow::Right => (along, across),
            Flow::Down => (across, along),
        };
        let rect = |item: usize| {
            let (start, end) = spans[layer_of[item]];
            let size = sizes[item];
            let (x, y) = turn(((start + end - size.along) / 2.0, across[item] - size.across / 2.0));
            let (width, height) = turn((size.along, size.across));
            Rect { x, y, width, height }
        };
        let mut blocks = Vec::new();
        let mut labels = Vec::new();
        for (index, &item) in layered.items.iter().enumerate() {
            match item {
                Item::Block(_) => blocks.push(rect(index)),
                Item::Label(wire) => labels.push((wire, rect(index))),
                Item::Bend(_) => {}
            }
        }
        let ports = ports(&layered, &sizes, &across);
        let mut lines = Vec::new();
        for (&(from, to), port) in layered.links.iter().zip(ports) {
            let (start, leave) = spans[layer_of[from]];
            let (enter, end) = spans[layer_of[to]];
            // A box may be narrower than its layer; a bend runs through all of it.
            let first = (start + leave + sizes[from].along) / 2.0;
            let last = match layered.items[to] {
                Item::Bend(_) => end,
                _ => (enter + end - sizes[to].along) / 2.0,
            };
            let first = if matches!(layered.items[from], Item::Bend(_)) {
                leave
            } else {
                first
            };
            let ends = [
                (first, across[from]),
                (leave, across[from]),
                (enter, port),
                (last, port),
            ];
            let (source, wire) = match layered.items[from] {
                Item::Block(block) | Item::Bend(block) => (block, None),
                Item::Label(wire) => (diagram.wires[wire].from, Some(wire)),
            };
            lines.push(Line {
                points: ends.map(turn),
                source,
                wire,
                arrow: matches!(layered.items[to], Item::Block(_)),
            });
        }
        let length = spans.last().map_or(0.0, |&(_, end)| end);
        let breadth = (0..sizes.len())
            .map(|item| across[item] + sizes[item].across / 2.0)
            .fold(0.0, f64::max);
        let (width, height) = turn((length, breadth));
        Self {
            width,
            height,
            blocks,
            labels,
            insides,
            lines,
        }
    }
}

/// Extent of an item in the direction of flow and across it.
#[derive(Debug, Clone, Copy)]
struct Size {
    along: f64,
    across: f64,
}

fn size(diagram: &Diagram, insides: &[Option<Layout>], item: Item) -> Size {
    let (width, height) = match item {
        Item::Block(block) => (diagram.boxes[block].width, diagram.boxes[block].height),
        Item::Label(wire) => match (&diagram.wires[wire].on, &insides[wire]) {
            (On::Motif(motif), Some(inside)) => (
                inside.width.max(label_width(&motif.title)) + 2.0 * MOTIF_SIDES,
                inside.height + MOTIF_TOP + MOTIF_BOTTOM,
            ),
            (On::Operation(operation), _) => (label_width(operation), LABEL_HEIGHT),
            _ => (0.0, LABEL_HEIGHT),
        },
        Item::Bend(_) => (0.0, 0.0),
    };
    match diagram.flow {
        Flow::Right => Size {
            along: width,
            across: height,
        },
        Flow::Down => Size {
            along: height,
            across: width,
        },
    }
}

/// Least distance between the middles of two neighbours in a layer.
fn separation(layered: &Layered, sizes: &[Size], a: usize, b: usize) -> f64 {
    let free = match (layered.items[a], layered.items[b]) {
        (Item::Bend(_), Item::Bend(_)) => 14.0,
        (Item::Label(_), Item::Label(_)) => 9.0,
        (Item::Block(_), Item::Block(_)) => 24.0,
        _ => 12.0,
    };
    f64::midpoint(sizes[a].across, sizes[b].across) + free
}

/// The middle of every item across the flow. Each layer is fitted to its neighbours, one after
/// another, several times. Bends have larger weights than boxes, which keeps long lines straight.
fn places_across(layered: &Layered, sizes: &[Size]) -> Vec<f64> {
    const ROUNDS: usize = 40;
    let (before, after) = (layered.neighbours(true), layered.neighbours(false));
    let weight = |a: usize, b: usize| match (layered.items[a], layered.items[b]) {
        (Item::Bend(_), Item::Bend(_)) => 8.0,
        (Item::Bend(_), _) | (_, Item::Bend(_)) => 2.0,
        (Item::Block(_), Item::Block(_)) => 4.0,
        _ => 1.0,
    };
    let mut across = vec![0.0; layered.items.len()];
    for round in 0..ROUNDS {
        let count = layered.layers.len();
        for step in 0..count {
            let layer = &layered.layers[if round % 2 == 0 { step } else { count - 1 - step }];
            let mut wanted = Vec::with_capacity(layer.len());
            for &item in layer {
                let around = before[item].iter().chain(&after[item]);
                let (mut sum, mut total) = (0.0, 0.0);
                for &other in around {
                    sum += weight(item, other) * across[other];
                    total += weight(item, other);
                }
                wanted.push(if total > 0.0 {
                    (sum / total, total)
                } else {
                    (across[item], 1.0)
                });
            }
            let gaps: Vec<f64> = layer
                .windows(2)
                .map(|pair| separation(layered, sizes, pair[0], pair[1]))
                .collect();
            for (&item, place) in layer.iter().zip(fit(&wanted, &gaps)) {
                across[item] = place;
            }
        }
    }
    across
}

/// Takes the small steps out of long lines: as many bends of a line as fit beside their neighbours
/// are moved to one place, that of its box if possible. In the end the first place of all is 0.
fn straighten(layered: &Layered, sizes: &[Size], across: &mut [f64]) {
    const ROUNDS: usize = 3;
    let mut lines: Vec<(usize, Vec<usize>)> = Vec::new();
    for items in &layered.layers {
        for &item in items {
            if let Item::Bend(block) = layered.items[item] {
                match lines.iter_mut().find(|(source, _)| *source == block) {
                    Some((_, bends)) => bends.push(item),
                    None => lines.push((block, vec![item])),
                }
            }
        }
    }
    let mut neighbours = vec![(None, None); layered.items.len()];
    for layer in &layered.layers {
        for pair in layer.windows(2) {
            neighbours[pair[0]].1 = Some(pair[1]);
            neighbours[pair[1]].0 = Some(pair[0]);
        }
    }
    for _ in 0..ROUNDS {
        for (block, bends) in &lines {
            let source = layered
                .items
                .iter()
                .position(|&item| item == Item::Block(*block))
                .unwrap_or_default();
            let room = |bend: usize, across: &[f64]| {
                let (above, below) = neighbours[bend];
                let low = above.map(|other: usize| across[other] + separation(layered, sizes, other, bend));
                let high = below.map(|other: usize| across[other] - separation(layered, sizes, bend, other));
                (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY))
            };
            let mut start = 0;
            while start < bends.len() {
                let (mut low, mut high) = room(bends[start], across);
                let mut end = start + 1;
                while end < bends.len() {
                    let (next_low, next_high) = room(bends[end], across);
                    if low.max(next_low) > high.min(next_high) {
                        break;
                    }
                    (low, high) = (low.max(next_low), high.min(next_high));
                    end += 1;
                }
                let run = &bends[start..end];
                let mean = run.iter().map(|&bend| across[bend]).sum::<f64>() / run.len() as f64;
                let here = across[source];
                let place = if (low..=high).contains(&here) {
                    here
                } else {
                    mean.max(low).min(high)
                };
                run.iter().for_each(|&bend| across[bend] = place);
                start = end;
            }
        }
    }
    let top = (0..across.len())
        .map(|item| across[item] - sizes[item].across / 2.0)
        .fold(f64::INFINITY, f64::min);
    across.iter_mut().for_each(|place| *place -= top);
}

/// The places nearest to those wanted (value, weight), in the sense of least squares, that keep
/// these gaps: isotonic regression by pooling adjacent violators.
fn fit(wanted: &[(f64, f64)], gaps: &[f64]) -> Vec<f64> {
    let mut offsets = vec![0.0; wanted.len()];
    for i in 1..wanted.len() {
        offsets[i] = offsets[i - 1] + gaps[i - 1];
    }
    // Pools of (mean, weight, number of members).
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (&(value, weight), offset) in wanted.iter().zip(&offsets) {
        let mut pool = (value - offset, weight, 1);
        while let Some(&last) = pools.last()
            && last.0 > pool.0
        {
            pools.pop();
            let weight = last.1 + pool.1;
            pool = (
                (last.0 * last.1 + pool.0 * pool.1) / weight,
                weight,
                last.2 + pool.2,
            );
        }
        pools.push(pool);
    }
    let means = pools
        .iter()
        .flat_map(|&(mean, _, members)| std::iter::repeat_n(mean, members));
    means.zip(&offsets).map(|(mean, offset)| mean + offset).collect()
}

/// Where each layer begins and ends along the flow. The steeper the lines between two, the farther
/// they are apart.
fn layer_spans(layered: &Layered, sizes: &[Size], across: &[f64]) -> Vec<(f64, f64)> {
    let mut steepest = vec![0.0_f64; layered.layers.len()];
    let after = layered.neighbours(false);
    for (layer, items) in layered.layers.iter().enumerate() {
        for &item in items {
            for &other in &after[item] {
                steepest[layer] = steepest[layer].max((across[item] - across[other]).abs());
            }
        }
    }
    let mut position = 0.0;
    let mut spans = Vec::with_capacity(layered.layers.len());
    for (items, steepest) in layered.layers.iter().zip(steepest) {
        let thickness = items.iter().map(|&item| sizes[item].along).fold(0.0, f64::max);
        spans.push((position, position + thickness));
        position += thickness + 26.0 + (0.3 * steepest).min(80.0);
    }
    spans
}

/// Where across the flow each link arrives: lines into a box are spread in the order in which they
/// come.
fn ports(layered: &Layered, sizes: &[Size], across: &[f64]) -> Vec<f64> {
    let mut ports: Vec<f64> = layered.links.iter().map(|&(_, to)| across[to]).collect();
    for (target, item) in layered.items.iter().enumerate() {
        let Item::Block(_) = item else {
            continue;
        };
        let mut arriving: Vec<usize> = (0..layered.links.len())
            .filter(|&link| layered.links[link].1 == target)
            .collect();
        arriving.sort_by(|&a, &b| across[layered.links[a].0].total_cmp(&across[layered.links[b].0]));
        let room = sizes[target].across - 12.0;
        let count = arriving.len();
        let step = (room / count.saturating_sub(1).max(1) as f64).min(11.0);
        for (i, link) in arriving.into_iter().enumerate() {
            ports[link] += step * (i as f64 - (count - 1) as f64 / 2.0);
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::cell::{Cell, Node};
    use crate::draw::diagram::diagrams;
    use crate::genotype::{Chain, ChainLayer, DartsGenotype, Genotype};
    use crate::op::Operations;
    use crate::seed::Seed;
    use crate::spaces::{HierarchicalConfig, HierarchicalSpace, Space};

    #[test]
    fn fit_keeps_gaps_and_stays_near() {
        assert_eq!(fit(&[(0.0, 1.0), (10.0, 1.0)], &[4.0]), [0.0, 10.0]);
        assert_eq!(fit(&[(5.0, 1.0), (5.0, 1.0)], &[4.0]), [3.0, 7.0]);
        assert_eq!(fit(&[(5.0, 3.0), (5.0, 1.0)], &[4.0]), [4.0, 8.0]);
        assert_eq!(
            fit(&[(9.0, 1.0), (0.0, 1.0), (0.0, 1.0)], &[1.0, 1.0]),
            [2.0, 3.0, 4.0]
        );
    }

    fn random_layouts() -> Vec<Layout> {
        const OPS: [&str; 5] = [
            "none",
            "skip_connect",
            "sep_conv_3x3",
            "conv_7x1_1x7",
            "a_very_long_name_of_a_block",
        ];
        let mut rng = Seed::new(3).rng();
        let mut all = Vec::new();
        for _ in 0..60 {
            let inputs = rng.random_range(1..=3);
            let count = rng.random_range(1..=8);
            let nodes: Vec<Node> = (inputs..inputs + count)
                .map(|state| {
                    let edges = rng.random_range(1..=6);
                    Node::add((0..edges).map(|_| (OPS[rng.random_range(0..5)], rng.random_range(0..state))))
                })
                .collect();
            let output = (inputs..inputs + count)
                .filter(|&state| state == inputs || rng.random())
                .collect();
            let normal = Cell::new(inputs, nodes, output).unwrap();
            let layers: Vec<ChainLayer> = (0..rng.random_range(1..=14))
                .map(|i| ChainLayer {
                    filter_height: 3,
                    filter_width: 5,
                    stride_height: 1,
                    stride_width: 100,
                    filters: 1_000,
                    inputs: (0..i).filter(|_| rng.random_range(0..3) == 0).collect(),
                })
                .collect();
            for genotype in [
                Genotype::Darts(DartsGenotype {
                    normal,
                    reduction: None,
                }),
                Genotype::Chain(Chain::new(layers).unwrap()),
            ] {
                all.extend(diagrams(&genotype).iter().map(Layout::new));
            }
        }
        let config = HierarchicalConfig::default();
        let space = HierarchicalSpace::new(config, Operations::standard()).unwrap();
        for _ in 0..8 {
            let genotype = space.genotype(&space.sample(&mut rng)).unwrap();
            let mut cell = Layout::new(&diagrams(&genotype)[0]);
            for (wire, rect) in &cell.labels {
                if let Some(inside) = &cell.insides[*wire] {
                    assert!(inside.width < rect.width && inside.height + MOTIF_TOP < rect.height);
                }
            }
            all.extend(cell.insides.iter_mut().filter_map(Option::take));
            all.push(cell);
        }
        all
    }

    fn boxes(layout: &Layout) -> Vec<Rect> {
        let labels = layout.labels.iter().map(|(_, rect)| *rect);
        layout.blocks.iter().copied().chain(labels).collect()
    }

    #[test]
    fn no_two_boxes_come_closer_than_eight_pixels() {
        for layout in random_layouts() {
            let boxes = boxes(&layout);
            for (i, a) in boxes.iter().enumerate() {
                for b in &boxes[i + 1..] {
                    let apart_x = (a.x - b.x - b.width).max(b.x - a.x - a.width);
                    let apart_y = (a.y - b.y - b.height).max(b.y - a.y - a.height);
                    assert!(apart_x.max(apart_y) > 8.0, "{a:?} and {b:?}");
                }
            }
        }
    }

    #[test]
    fn everything_lies_within_the_picture() {
        for layout in random_layouts() {
            for rect in boxes(&layout) {
                assert!(
                    rect.x >= -0.01 && rect.x + rect.width <= layout.width + 0.01,
                    "{rect:?}"
                );
                assert!(
                    rect.y >= -0.01 && rect.y + rect.height <= layout.height + 0.01,
                    "{rect:?}"
                );
            }
            for (x, y) in layout.lines.iter().flat_map(|line| line.points) {
                assert!(x >= -0.01 && x <= layout.width + 0.01 && y >= -0.01 && y <= layout.height + 0.01);
            }
        }
    }

    /// The straight pieces are followed pixel by pixel. The curves lie between layers, where no box
    /// is.
    #[test]
    fn no_line_runs_through_a_box() {
        for layout in random_layouts() {
            let boxes = boxes(&layout);
            for line in &layout.lines {
                for piece in line.points.windows(2) {
                    for step in 0..=100 {
                        let part = f64::from(step) / 100.0;
                        let x = piece[0].0 + part * (piece[1].0 - piece[0].0);
                        let y = piece[0].1 + part * (piece[1].1 - piece[0].1);
                        let hit = boxes.iter().find(|rect| {
                            x > rect.x + 0.5
                                && x < rect.x + rect.width - 0.5
                                && y > rect.y + 0.5
                                && y < rect.y + rect.height - 0.5
                        });
                        assert!(hit.is_none(), "{line:?} through {hit:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn lines_into_a_box_arrive_at_places_of_their_own() {
        for layout in random_layouts() {
            let mut ends: Vec<(f64, f64)> = layout
                .lines
                .iter()
                .filter(|line| line.arrow)
                .map(|line| line.points[3])
                .collect();
            ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            for pair in ends.windows(2) {
                let distance = (pair[0].0 - pair[1].0).abs() + (pair[0].1 - pair[1].1).abs();
                assert!(distance > 3.0, "{pair:?}");
            }
        }
    }
}
