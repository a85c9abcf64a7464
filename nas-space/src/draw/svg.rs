//! SVG.

use std::fmt::Write;

use super::diagram::{BlockKind, Diagram, Flow, On, Text, diagrams};
use super::layout::{Layout, Line, MOTIF_TOP, Rect};
use super::palette::paint;
use crate::genotype::Genotype;

const MARGIN: f64 = 24.0;
const TITLE_HEIGHT: f64 = 34.0;
const BETWEEN: f64 = 34.0;
const ARROW: f64 = 7.0;
/// Colour of lines that come from no operation.
const PLAIN: &str = "#8792a5";

/// The genotype as an SVG document: its cells one under the other, each with a title.
///
/// It needs no other file and no script. Every operation stands in a box of its own on its edge,
/// and so does every motif of a hierarchy, with its own nodes and operations inside.
pub fn svg(genotype: &Genotype) -> String {
    let diagrams = diagrams(genotype);
    let layouts: Vec<Layout> = diagrams.iter().map(Layout::new).collect();
    let widest = layouts.iter().map(|layout| layout.width).fold(160.0, f64::max);
    let tallest: f64 = layouts.iter().map(|layout| TITLE_HEIGHT + layout.height).sum();
    let width = widest + 2.0 * MARGIN;
    let height = tallest + 2.0 * MARGIN + BETWEEN * (layouts.len() as f64 - 1.0);
    let mut text = String::new();
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let titles: Vec<&str> = diagrams.iter().map(|diagram| diagram.title.as_str()).collect();
    let _ = writeln!(text, "<title>{}</title>", escaped(&titles.join(", ")));
    let mut y = MARGIN;
    for (diagram, layout) in diagrams.iter().zip(&layouts) {
        let _ = writeln!(
            text,
            "<text x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"16\" font-weight=\"bold\" fill=\"#1f2733\">{}</text>",
            y + 14.0,
            escaped(&diagram.title)
        );
        y += TITLE_HEIGHT;
        let _ = writeln!(text, "<g transform=\"translate({MARGIN} {y:.1})\">");
        draw(&mut text, diagram, layout, 0);
        text.push_str("</g>\n");
        y += layout.height + BETWEEN;
    }
    text.push_str("</svg>\n");
    text
}

// Writing to a string cannot fail.
fn draw(text: &mut String, diagram: &Diagram, layout: &Layout, depth: usize) {
    // A white rim around the lines of each box, drawn before them, keeps crossings apart and
    // branches together.
    for source in 0..diagram.boxes.len() {
        let lines: Vec<&Line> = layout.lines.iter().filter(|line| line.source == source).collect();
        for &line in &lines {
            let path = path(line, diagram.flow);
            let _ = writeln!(
                text,
                "<path d=\"{path}\" fill=\"none\" stroke=\"#ffffff\" stroke-width=\"5\"/>"
            );
        }
        for &line in &lines {
            draw_line(text, diagram, line);
        }
    }
    for (wire, rect) in &layout.labels {
        match (&diagram.wires[*wire].on, &layout.insides[*wire]) {
            (On::Operation(operation), _) => draw_label(text, operation, rect),
            (On::Motif(motif), Some(inside)) => draw_motif(text, motif, inside, rect, depth + 1),
            _ => {}
        }
    }
    for (block, rect) in diagram.boxes.iter().zip(&layout.blocks) {
        draw_block(text, &block.text, block.kind, rect);
    }
}

fn draw_line(text: &mut String, diagram: &Diagram, line: &Line) {
    // Round ends leave no seams between the pieces of a line.
    const ROUND: &str = " stroke-linecap=\"round\"";
    let paint = line.wire.and_then(|wire| match &diagram.wires[wire].on {
        On::Operation(operation) => Some(paint(operation)),
        On::Motif(_) | On::Nothing => None,
    });
    let (colour, dashes) = match paint {
        Some(paint) if paint.dashed => (paint.line, " stroke-dasharray=\"4 3\""),
        Some(paint) => (paint.line, ROUND),
        None => (PLAIN, ROUND),
    };
    let path = path(line, diagram.flow);
    let _ = writeln!(
        text,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"{dashes}/>"
    );
    if line.arrow {
        let (x, y) = line.points[3];
        let (back, half) = (ARROW, 0.5 * ARROW);
        let corners = match diagram.flow {
            Flow::Right => [(x - back, y - half), (x - back, y + half)],
            Flow::Down => [(x - half, y - back), (x + half, y - back)],
        };
        let [(ax, ay), (bx, by)] = corners;
        let _ = writeln!(
            text,
            "<path d=\"M{x:.1} {y:.1}L{ax:.1} {ay:.1}L{bx:.1} {by:.1}Z\" fill=\"{colour}\"/>"
        );
    }
}

/// Straight, curved, straight; the arrow's length is left free at the end.
fn path(line: &Line, flow: Flow) -> String {
    let [(ax, ay), (bx, by), (cx, cy), (mut dx, mut dy)] = line.points;
    if line.arrow {
        match flow {
            Flow::Right => dx -= ARROW - 1.0,
            Flow::Down => dy -= ARROW - 1.0,
        }
    }
    // The curve ends before the arrow begins.
    let (cx, cy) = (cx.min(dx), cy.min(dy));
    let [(px, py), (qx, qy)] = match flow {
        Flow::Right => [(f64::midpoint(bx, cx), by), (f64::midpoint(bx, cx), cy)],
        Flow::Down => [(bx, f64::midpoint(by, cy)), (cx, f64::midpoint(by, cy))],
    };
    format!(
        "M{ax:.1} {ay:.1}L{bx:.1} {by:.1}C{px:.1} {py:.1} {qx:.1} {qy:.1} {cx:.1} {cy:.1}L{dx:.1} {dy:.1}"
    )
}

/// A frame with a title around the motif's own picture, and lines through it from side to side.
fn draw_motif(text: &mut String, motif: &Diagram, inside: &Layout, rect: &Rect, depth: usize) {
    let fill = if depth.is_multiple_of(2) {
        "#e9eef6"
    } else {
        "#f5f7fb"
    };
    let Rect { x, y, width, height } = rect;
    let _ = writeln!(
        text,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"10\" fill=\"{fill}\" \
         stroke=\"#a3b0c4\"/>"
    );
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11.5\" font-weight=\"bold\" fill=\"#5b6980\">{}</text>",
        x + 10.0,
        y + 16.0,
        escaped(&motif.title)
    );
    let left = x + (width - inside.width) / 2.0;
    let top = y + MOTIF_TOP;
    if let (Some(input), Some(output)) = (inside.blocks.first(), inside.blocks.last()) {
        let middle = y + height / 2.0;
        let at = |rect: &Rect| top + rect.y + rect.height / 2.0;
        let line = |from: (f64, f64), to: (f64, f64)| {
            let half = f64::midpoint(from.0, to.0);
            format!(
                "M{:.1} {:.1}C{half:.1} {:.1} {half:.1} {:.1} {:.1} {:.1}",
                from.0, from.1, from.1, to.1, to.0, to.1
            )
        };
        let ends = [
            line((*x, middle), (left + input.x, at(input))),
            line((left + output.x + output.width, at(output)), (x + width, middle)),
        ];
        for path in ends {
            let _ = writeln!(
                text,
                "<path d=\"{path}\" fill=\"none\" stroke=\"{PLAIN}\" stroke-width=\"1.6\"/>"
            );
        }
    }
    let _ = writeln!(text, "<g transform=\"translate({left:.1} {top:.1})\">");
    draw(text, motif, inside, depth);
    text.push_str("</g>\n");
}

fn draw_label(text: &mut String, operation: &str, rect: &Rect) {
    let paint = paint(operation);
    let dashes = if paint.dashed {
        " stroke-dasharray=\"4 3\""
    } else {
        ""
    };
    let Rect { x, y, width, height } = rect;
    let _ = writeln!(
        text,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\" fill=\"{}\" \
         stroke=\"{}\"{dashes}/>",
        paint.fill, paint.line
    );
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" font-family=\"Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"12\" \
         text-anchor=\"middle\" fill=\"{}\">{}</text>",
        x + width / 2.0,
        y + height / 2.0 + 4.2,
        paint.text,
        escaped(operation)
    );
}

fn draw_block(text: &mut String, content: &Text, kind: BlockKind, rect: &Rect) {
    let (fill, line, ink) = match kind {
        BlockKind::Input => ("#e8edf4", "#64748b", "#1f2733"),
        BlockKind::Inner => ("#ffffff", "#1f2733", "#1f2733"),
        BlockKind::Output => ("#334155", "#334155", "#ffffff"),
    };
    let Rect { x, y, width, height } = rect;
    let _ = writeln!(
        text,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"9\" fill=\"{fill}\" \
         stroke=\"{line}\" stroke-width=\"1.5\"/>"
    );
    let (middle, centre) = (x + width / 2.0, y + height / 2.0);
    let mut write_line = |y: f64, size: f64, style: &str, content: &str| {
        let _ = writeln!(
            text,
            "<text x=\"{middle:.1}\" y=\"{y:.1}\" font-size=\"{size}\"{style} text-anchor=\"middle\" \
             fill=\"{ink}\">{content}</text>"
        );
    };
    match content {
        Text::Plain(line) => write_line(centre + 4.8, 14.0, "", &escaped(line)),
        Text::Subscripted(below) => {
            let below = escaped(below).replace('-', "−");
            let content = format!("c<tspan dy=\"4\" font-size=\"10\" font-style=\"normal\">{below}</tspan>");
            write_line(centre + 3.5, 16.0, " font-style=\"italic\"", &content);
        }
        Text::Two(first, second) => {
            write_line(centre - 1.5, 13.5, "", &escaped(first));
            write_line(centre + 12.0, 10.5, "", &escaped(second));
        }
    }
}

/// Text for XML: markup characters as entities, and no characters that XML does not allow.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Cell, Node};
    use crate::genotype::{Chain, ChainLayer, DartsGenotype};

    fn two_cells() -> Genotype {
        let normal = vec![
            Node::add([("sep_conv_3x3", 0), ("sep_conv_3x3", 1)]),
            Node::add([("sep_conv_3x3", 0), ("sep_conv_3x3", 0), ("none", 2)]),
        ];
        let reduction = vec![Node::add([("max_pool_3x3", 0), ("<&\"odd\"'>\u{1}", 1)])];
        Genotype::Darts(DartsGenotype {
            normal: Cell::new(2, normal, vec![2, 3]).unwrap(),
            reduction: Some(Cell::new(2, reduction, vec![2]).unwrap()),
        })
    }

    fn chain() -> Genotype {
        let layer = |inputs: &[usize]| ChainLayer {
            filter_height: 3,
            filter_width: 3,
            stride_height: 2,
            stride_width: 1,
            filters: 24,
            inputs: inputs.to_vec(),
        };
        Genotype::Chain(Chain::new(vec![layer(&[]), layer(&[0]), layer(&[0, 1])]).unwrap())
    }

    /// What stands between markup, after a check that every tag is closed in order, every attribute
    /// quoted, and every `&` the beginning of an entity.
    fn texts(xml: &str) -> Vec<String> {
        let mut open: Vec<&str> = Vec::new();
        let mut texts = Vec::new();
        for piece in xml.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').expect("a tag that ends");
            assert!(!text.contains('>'), "a bare '>' in {text:?}");
            for after in piece.split('&').skip(1) {
                let entity = after.split_once(';').expect("an entity that ends").0;
                assert!(["amp", "lt", "gt", "quot"].contains(&entity), "&{entity};");
            }
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else {
                let body = tag.strip_suffix('/').unwrap_or(tag);
                let (name, attributes) = body.split_once(' ').unwrap_or((body, ""));
                let quotes: Vec<&str> = attributes.split('"').collect();
                assert_eq!(quotes.len() % 2, 1, "an open quote in <{tag}>");
                let names = quotes[..quotes.len() - 1].iter().step_by(2);
                names.for_each(|name| assert!(name.ends_with('='), "{name} in <{tag}>"));
                if !tag.ends_with('/') {
                    open.push(name);
                }
            }
            if !text.trim().is_empty() {
                texts.push(text.trim().to_owned());
            }
        }
        assert!(open.is_empty(), "never closed: {open:?}");
        texts
    }

    /// One motif twice and one that nothing gets through.
    fn hierarchy() -> Genotype {
        let text = r#"{"kind": "hierarchical", "levels": [["|nor_conv_1x1~0|+|none~0|max_pool_3x3~1|", "|none~0|"],
            ["|motif0~0|+|motif1~0|motif0~1|"]]}"#;
        text.parse().unwrap()
    }

    fn zero() -> Genotype {
        r#"{"kind": "hierarchical", "levels": [["|none~0|"]]}"#.parse().unwrap()
    }

    #[test]
    fn documents_are_well_formed_xml() {
        for genotype in [two_cells(), chain(), hierarchy(), zero()] {
            let text = svg(&genotype);
            assert!(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
            assert!(!texts(&text).is_empty());
            assert!(!text.contains("NaN") && !text.contains("inf"));
        }
    }

    #[test]
    fn every_edge_shows_its_operation_once() {
        let texts = texts(&svg(&two_cells()));
        let count = |text: &str| texts.iter().filter(|&other| other == text).count();
        assert_eq!(count("sep_conv_3x3"), 4);
        assert_eq!(count("max_pool_3x3"), 1);
        assert_eq!(count("none"), 1);
        assert_eq!(count("&lt;&amp;&quot;odd&quot;'&gt;\u{fffd}"), 1);
        for title in ["Normal cell", "Reduction cell"] {
            assert_eq!(count(title), 1);
        }
        assert_eq!(count("k−2"), 2);
    }

    #[test]
    fn motifs_are_framed_wherever_they_are_used() {
        let count = |genotype: &Genotype, text: &str| {
            let texts = texts(&svg(genotype));
            texts.iter().filter(|&other| other == text).count()
        };
        assert_eq!(count(&hierarchy(), "level 2, motif 0"), 2);
        assert_eq!(count(&hierarchy(), "level 2, motif 1"), 0);
        assert_eq!(count(&hierarchy(), "max_pool_3x3"), 2);
        assert_eq!(count(&zero(), "none"), 1);
    }

    #[test]
    fn layers_of_a_chain_are_described() {
        let texts = texts(&svg(&chain()));
        for text in ["image", "1: conv 3×3", "24 filters, stride 2×1", "classifier"] {
            assert!(texts.iter().any(|other| other == text), "{text}");
        }
    }
}
