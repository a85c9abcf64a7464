//! Graphviz DOT.

use std::fmt::Write;

use super::diagram::{BlockKind, Diagram, Flow, On, diagrams};
use super::palette::paint;
use crate::genotype::Genotype;

/// The genotype in Graphviz's DOT language: one digraph with a cluster for each cell, and in it one
/// for each motif of a hierarchy, wherever it stands.
///
/// Nodes are named `cell/number`, counting the inputs first and the output last; every edge carries
/// its operation. Those of the motif on edge number w of a cluster are named `cluster/w/number`.
pub fn dot(genotype: &Genotype) -> String {
    let diagrams = diagrams(genotype);
    let direction = match diagrams.first().map(|diagram| diagram.flow) {
        Some(Flow::Down) => "TB",
        _ => "LR",
    };
    let mut text = String::from("digraph genotype {\n");
    let _ = writeln!(text, "  rankdir={direction};");
    text.push_str("  graph [fontname=\"Helvetica\"];\n");
    text.push_str("  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\"];\n");
    text.push_str("  edge [fontname=\"Helvetica\", fontsize=11];\n");
    let mut clusters = 0;
    for diagram in &diagrams {
        cluster(&mut text, &mut clusters, &diagram.title, diagram);
    }
    text.push_str("}\n");
    text
}

// Writing to a string cannot fail.
fn cluster(text: &mut String, clusters: &mut usize, path: &str, diagram: &Diagram) {
    let name = |state: usize| quoted(&format!("{path}/{state}"));
    let _ = writeln!(text, "  subgraph cluster_{clusters} {{");
    let _ = writeln!(text, "    label={};", quoted(&diagram.title));
    *clusters += 1;
    for (state, block) in diagram.boxes.iter().enumerate() {
        let fill = match block.kind {
            BlockKind::Input => "#e8edf4",
            BlockKind::Inner => "#ffffff",
            BlockKind::Output => "#d5dce7",
        };
        let label = quoted(&block.text.flat());
        let _ = writeln!(text, "    {} [label={label}, fillcolor=\"{fill}\"];", name(state));
    }
    for (number, wire) in diagram.wires.iter().enumerate() {
        let (from, to) = (name(wire.from), name(wire.to));
        if let On::Motif(motif) = &wire.on {
            let path = format!("{path}/{number}");
            cluster(text, clusters, &path, motif);
            let (first, last) = (0, motif.boxes.len() - 1);
            let _ = writeln!(text, "    {from} -> {};", quoted(&format!("{path}/{first}")));
            let _ = writeln!(text, "    {} -> {to};", quoted(&format!("{path}/{last}")));
            continue;
        }
        let _ = write!(text, "    {from} -> {to}");
        if let On::Operation(operation) = &wire.on {
            let paint = paint(operation);
            let style = if paint.dashed { ", style=dashed" } else { "" };
            let (label, line) = (quoted(operation), paint.line);
            let _ = write!(
                text,
                " [label={label}, color=\"{line}\", fontcolor=\"{}\"{style}]",
                paint.text
            );
        }
        text.push_str(";\n");
    }
    text.push_str("  }\n");
}

/// A DOT string that shows exactly this text: quotes are escaped, and so are backslashes, which
/// would otherwise begin one of Graphviz's own escapes. Line breaks become `\n`.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => {}
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Cell, Node};
    use crate::genotype::{Chain, ChainLayer, DartsGenotype, Nb201Genotype};

    #[test]
    fn every_edge_is_there_once_with_its_operation() {
        let normal = Cell::new(
            2,
            vec![Node::add([("sep_conv_3x3", 0), ("sep_conv_3x3", 0)])],
            vec![2],
        )
        .unwrap();
        let reduction = Cell::new(2, vec![Node::add([("max_pool_3x3", 1)])], vec![2]).unwrap();
        let genotype = Genotype::Darts(DartsGenotype {
            normal,
            reduction: Some(reduction),
        });
        let text = dot(&genotype);
        let lines = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        assert_eq!(
            lines("\"Normal cell/0\" -> \"Normal cell/2\" [label=\"sep_conv_3x3\""),
            2
        );
        assert_eq!(
            lines("\"Reduction cell/1\" -> \"Reduction cell/2\" [label=\"max_pool_3x3\""),
            1
        );
        assert_eq!(lines("\"Normal cell/2\" -> \"Normal cell/3\";"), 1);
        assert_eq!(lines(" -> "), 5);
        assert_eq!(lines("subgraph cluster_"), 2);
        assert_eq!(lines("label=\"c_{k-2}\""), 2);
    }

    #[test]
    fn names_with_quotes_and_backslashes_stay_one_string() {
        assert_eq!(quoted("a\"b\\n\nc"), "\"a\\\"b\\\\n\\nc\"");
        let cell = Cell::new(1, vec![Node::add([("odd\" -> \\\"", 0)])], vec![1]).unwrap();
        let text = dot(&Genotype::Nb201(Nb201Genotype { cell }));
        assert!(text.contains("[label=\"odd\\\" -> \\\\\\\"\", color="));
    }

    #[test]
    fn every_use_of_a_motif_is_a_cluster_in_that_of_the_cell() {
        let text = r#"{"kind": "hierarchical", "levels": [["|nor_conv_1x1~0|+|none~0|max_pool_3x3~1|", "|none~0|"],
            ["|motif0~0|+|motif1~0|motif0~1|"]]}"#;
        let text = dot(&text.parse().unwrap());
        assert_eq!(text.matches("subgraph cluster_").count(), 3);
        assert_eq!(text.matches("label=\"level 2, motif 0\"").count(), 2);
        assert_eq!(text.matches("label=\"nor_conv_1x1\"").count(), 2);
        for edge in [
            "\"Cell/0\" -> \"Cell/0/0\";",
            "\"Cell/0/2\" -> \"Cell/1\";",
            "\"Cell/1\" -> \"Cell/1/0\";",
            "\"Cell/1/2\" -> \"Cell/2\";",
        ] {
            assert!(text.contains(edge), "{edge}");
        }
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        assert_eq!(text.matches(" -> ").count(), 4 + 2 * 2);
    }

    #[test]
    fn a_chain_runs_down_and_loose_layers_lead_to_the_classifier() {
        let layer = |inputs: &[usize]| ChainLayer {
            filter_height: 3,
            filter_width: 3,
            stride_height: 1,
            stride_width: 2,
            filters: 24,
            inputs: inputs.to_vec(),
        };
        let chain = Chain::new(vec![layer(&[]), layer(&[0]), layer(&[0])]).unwrap();
        let text = dot(&Genotype::Chain(chain));
        assert!(text.contains("rankdir=TB"));
        assert!(text.contains("label=\"0: conv 3×3, 24 filters, stride 1×2\""));
        for (from, to) in [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)] {
            assert!(
                text.contains(&format!("\"Chain/{from}\" -> \"Chain/{to}\";")),
                "{from} {to}"
            );
        }
        assert_eq!(text.matches(" -> ").count(), 5);
    }
}
