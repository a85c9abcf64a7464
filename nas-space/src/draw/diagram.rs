//! The items to draw, before they have positions.

use crate::cell::{Cell, Combine, Node};
use crate::genotype::{Blocks, Chain, ChainLayer, Genotype, MacroGenotype};
use crate::hierarchy::{Hierarchy, LiveLevels, NONE, Part};
use crate::nb101::Module;

/// One cell, chain or motif as boxes and wires. The last box is the output.
#[derive(Debug, Clone)]
pub(super) struct Diagram {
    pub(super) title: String,
    pub(super) flow: Flow,
    pub(super) boxes: Vec<Block>,
    /// In the order of their targets.
    pub(super) wires: Vec<Wire>,
}

/// Where a diagram's lines lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Right,
    Down,
}

/// A box.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) text: Text,
    pub(super) kind: BlockKind,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// What is written in a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// One line.
    Plain(String),
    /// c with this below the line.
    Subscripted(&'static str),
    /// A line and a smaller one below.
    Two(String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    Input,
    Inner,
    Output,
}

/// A line from box to box.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) on: On,
}

/// What stands on a wire.
#[derive(Debug, Clone)]
pub(super) enum On {
    Nothing,
    Operation(String),
    /// A picture of its own, from its first box to its last.
    Motif(Diagram),
}

impl Text {
    /// The text on one line, with subscripts as TeX writes them.
    pub(super) fn flat(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Subscripted(below) => format!("c_{{{below}}}"),
            Self::Two(first, second) => format!("{first}, {second}"),
        }
    }
}

/// The pictures that a genotype is made of.
pub(super) fn diagrams(genotype: &Genotype) -> Vec<Diagram> {
    match genotype {
        Genotype::Chain(chain) => return vec![of_chain(chain)],
        Genotype::Blocks(blocks) => return vec![of_blocks(blocks)],
        Genotype::EnasMacro(network) => return vec![of_macro(network)],
        Genotype::Hierarchical(hierarchy) => return vec![of_hierarchy(hierarchy)],
        Genotype::Nb101(module) => return vec![of_module(module)],
        _ => {}
    }
    let title = |name| match name {
        "normal" => "Normal cell",
        "reduction" => "Reduction cell",
        _ => "Cell",
    };
    let cells = genotype.cells().into_iter();
    cells.map(|(name, cell)| of_cell(title(name), cell)).collect()
}

fn of_cell(title: &'static str, cell: &Cell) -> Diagram {
    let inputs = cell.inputs();
    let input_text = |i: usize| match (inputs, i) {
        (1, _) | (2, 1) => Text::Subscripted("k-1"),
        (2, 0) => Text::Subscripted("k-2"),
        _ => Text::Plain(format!("in {i}")),
    };
    let small = |text, kind| Block {
        text,
        kind,
        width: 50.0,
        height: 34.0,
    };
    let mut boxes: Vec<Block> = (0..inputs)
        .map(|i| small(input_text(i), BlockKind::Input))
        .collect();
    let mut wires = Vec::new();
    for (i, node) in cell.nodes().into_iter().enumerate() {
        let state = inputs + i;
        boxes.push(Block {
            height: if node.edges.len() > 4 {
                14.0 + 9.0 * node.edges.len() as f64
            } else {
                34.0
            },
            ..small(node_text(state, &node), BlockKind::Inner)
        });
        wires.extend(node.edges.into_iter().map(|(operation, from)| Wire {
            from,
            to: state,
            on: On::Operation(operation),
        }));
    }
    let sink = boxes.len();
    boxes.push(Block {
        height: 34.0_f64.max(14.0 + 8.0 * cell.output().len() as f64),
        ..small(Text::Subscripted("k"), BlockKind::Output)
    });
    wires.extend(cell.output().iter().map(|&from| Wire {
        from,
        to: sink,
        on: On::Nothing,
    }));
    Diagram {
        title: title.to_owned(),
        flow: Flow::Right,
        boxes,
        wires,
    }
}

fn node_text(state: usize, node: &Node) -> Text {
    match node.combine {
        Combine::Add => Text::Plain(state.to_string()),
        Combine::Concat => Text::Two(state.to_string(), "concat".to_owned()),
    }
}

/// The cell of a hierarchy, with what is alive of every motif drawn where it stands.
fn of_hierarchy(hierarchy: &Hierarchy) -> Diagram {
    let levels = hierarchy.live();
    let top = levels.len() - 1;
    let mut diagram = of_motif(&levels, top, 0);
    "Cell".clone_into(&mut diagram.title);
    let last = diagram.boxes.len() - 1;
    for block in &mut diagram.boxes {
        (block.width, block.height) = (50.0, 34.0);
    }
    diagram.boxes[0].text = Text::Subscripted("k-1");
    diagram.boxes[last].text = Text::Subscripted("k");
    diagram
}

/// Motif `number` of a level, where the lowest of motifs is 0; its nodes keep their numbers.
fn of_motif(levels: &LiveLevels<'_>, level: usize, number: usize) -> Diagram {
    let block = |number: usize, kind| Block {
        text: Text::Plain(number.to_string()),
        kind,
        width: 30.0,
        height: 26.0,
    };
    let mut boxes = vec![block(0, BlockKind::Input)];
    let mut numbers = vec![0];
    let mut wires = Vec::new();
    for node in levels.motif(level, number).map_or(&[][..], |motif| &motif.nodes) {
        for &(from, part) in &node.edges {
            wires.push(Wire {
                from: numbers.iter().position(|&n| n == from).unwrap_or_default(),
                to: boxes.len(),
                on: match part {
                    Part::Operation(name) => On::Operation(name.to_owned()),
                    Part::Motif(inner) => On::Motif(of_motif(levels, level - 1, inner)),
                },
            });
        }
        numbers.push(node.number);
        boxes.push(block(node.number, BlockKind::Inner));
    }
    match boxes.as_mut_slice() {
        // Nothing gets through.
        [_] => {
            boxes.push(block(1, BlockKind::Output));
            let on = On::Operation(NONE.to_owned());
            wires.push(Wire { from: 0, to: 1, on });
        }
        [.., last] => last.kind = BlockKind::Output,
        [] => {}
    }
    Diagram {
        title: format!("level {}, motif {number}", level + 2),
        flow: Flow::Right,
        boxes,
        wires,
    }
}

fn of_chain(chain: &Chain) -> Diagram {
    let block = |text, kind| Block {
        text,
        kind,
        width: 150.0,
        height: 40.0,
    };
    let mut boxes = vec![block(Text::Plain("image".to_owned()), BlockKind::Input)];
    let mut wires = Vec::new();
    let mut is_read = vec![false; chain.layers().len()];
    let wire = |from, to| Wire {
        from,
        to,
        on: On::Nothing,
    };
    for (i, layer) in chain.layers().iter().enumerate() {
        let text = layer_text(i, layer);
        let letters = text.flat().chars().count() as f64;
        boxes.push(Block {
            width: 150.0_f64.max(5.0 * letters),
            ..block(text, BlockKind::Inner)
        });
        if layer.inputs.is_empty() {
            wires.push(wire(0, 1 + i));
        }
        for &source in &layer.inputs {
            is_read[source] = true;
            wires.push(wire(1 + source, 1 + i));
        }
    }
    let sink = boxes.len();
    boxes.push(block(Text::Plain("classifier".to_owned()), BlockKind::Output));
    let loose = (0..is_read.len()).filter(|&layer| !is_read[layer]);
    wires.extend(loose.map(|layer| wire(1 + layer, sink)));
    Diagram {
        title: "Chain".to_owned(),
        flow: Flow::Down,
        boxes,
        wires,
    }
}

/// A module, with its operations in the boxes.
fn of_module(module: &Module) -> Diagram {
    let last = module.vertices() - 1;
    let block = |vertex: usize| Block {
        text: Text::Plain(module.label(vertex).to_owned()),
        kind: match vertex {
            0 => BlockKind::Input,
            _ if vertex == last => BlockKind::Output,
            _ => BlockKind::Inner,
        },
        width: 150.0,
        height: 40.0,
    };
    let pairs = (0..=last).flat_map(|to| (0..to).map(move |from| (from, to)));
    let wires = pairs.filter(|&(from, to)| module.has_edge(from, to));
    Diagram {
        title: "Module".to_owned(),
        flow: Flow::Down,
        boxes: (0..=last).map(block).collect(),
        wires: wires
            .map(|(from, to)| Wire {
                from,
                to,
                on: On::Nothing,
            })
            .collect(),
    }
}

/// A box for the stem and each layer, which reads the one before it and what it adds.
fn of_macro(network: &MacroGenotype) -> Diagram {
    let block = |text: String, kind| Block {
        text: Text::Plain(text),
        kind,
        width: 150.0,
        height: 30.0,
    };
    let mut boxes = vec![block("stem".to_owned(), BlockKind::Input)];
    let mut wires = Vec::new();
    let wire = |from, to| Wire {
        from,
        to,
        on: On::Nothing,
    };
    for (number, layer) in network.layers().iter().enumerate() {
        let text = format!("{number}: {}", layer.operation.name());
        boxes.push(block(text, BlockKind::Inner));
        // State k is box k: what layer k computes on.
        wires.extend(layer.skips.iter().map(|&state| wire(state, number + 1)));
        wires.push(wire(number, number + 1));
    }
    let sink = boxes.len();
    boxes.push(block("classifier".to_owned(), BlockKind::Output));
    wires.push(wire(sink - 1, sink));
    Diagram {
        title: "Network".to_owned(),
        flow: Flow::Down,
        boxes,
        wires,
    }
}

/// A box for each block.
fn of_blocks(network: &Blocks) -> Diagram {
    let block = |text: Text, kind| {
        let letters = text.flat().chars().count() as f64;
        Block {
            width: 170.0_f64.max(4.6 * letters),
            text,
            kind,
            height: 40.0,
        }
    };
    let mut boxes = vec![block(Text::Plain("image".to_owned()), BlockKind::Input)];
    for (number, one) in network.blocks().iter().enumerate() {
        let (what, how) = one.words();
        boxes.push(block(
            Text::Two(format!("{number}: {what}"), how),
            BlockKind::Inner,
        ));
    }
    boxes.push(block(Text::Plain("classifier".to_owned()), BlockKind::Output));
    let wires = (1..boxes.len()).map(|to| Wire {
        from: to - 1,
        to,
        on: On::Nothing,
    });
    Diagram {
        title: "Network".to_owned(),
        flow: Flow::Down,
        wires: wires.collect(),
        boxes,
    }
}

fn layer_text(number: usize, layer: &ChainLayer) -> Text {
    let size = format!("{number}: conv {}×{}", layer.filter_height, layer.filter_width);
    let filters = match layer.filters {
        1 => "1 filter".to_owned(),
        n => format!("{n} filters"),
    };
    let stride = match (layer.stride_height, layer.stride_width) {
        (1, 1) => String::new(),
        (rows, columns) => format!(", stride {rows}×{columns}"),
    };
    Text::Two(size, filters + &stride)
}
