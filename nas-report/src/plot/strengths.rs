//! The strength of each operation on each edge in a differentiable search, over the epochs: one
//! small panel for each edge, all with the same axes, a row for each state that edges lead to, a
//! column for each that they come from.

use std::collections::BTreeMap;
use std::fmt::Write;

use nas_space::genotype::Genotype;

use super::frame::{Frame, PANEL, StrengthScale, ticks};
use super::readout::{self, Strip};
use super::stroke::{Stroke, legend, stroke};
use super::{FAINT, INK, escaped};

const MARGIN: f64 = 28.0;
/// From the corner of a panel to that of the next, beyond the panel itself.
const BETWEEN: (f64, f64) = (40.0, 50.0);
const TITLE_HEIGHT: f64 = 52.0;
const CELL_TITLE: f64 = 50.0;

/// A cell of a supernet after an epoch of a differentiable search: fields of the same names are in `nas_darts::CellReport`.
#[derive(Debug, Clone, PartialEq)]
pub struct CellStrengths {
    /// Its name: `normal`, `reduction` or `cell`.
    pub name: String,
    /// Source and target state of each edge. States are counted from 0, inputs first.
    pub edges: Vec<(usize, usize)>,
    /// Names of the operations.
    pub operations: Vec<String>,
    /// Strengths in [0, 1]: a row for each of `edges`, in it a number for each of `operations`.
    pub strengths: Vec<Vec<f64>>,
    /// The edges that would be kept after this epoch, each with its operation: places in `edges` and `operations`.
    pub chosen: Vec<(usize, usize)>,
}

/// The chart of these epochs, each with its cells, as an SVG document, which needs no other file. With `architecture`, the
/// edges it keeps are marked, else those that the last epoch would keep; `of_epoch`, counted from 0, is marked by a line.
///
/// All epochs have the same cells; edges and operations are those of the last one. Nothing but a title for no epochs.
pub fn strengths(
    history: &[Vec<CellStrengths>],
    architecture: Option<&Genotype>,
    of_epoch: Option<u32>,
) -> String {
    let cells: &[CellStrengths] = history.last().map_or(&[], Vec::as_slice);
    let operations = operations(cells);
    let columns = cells.iter().flat_map(|cell| &cell.edges).map(|edge| edge.0 + 1);
    let width = columns.max().unwrap_or(0).max(3) as f64 * (PANEL.0 + BETWEEN.0) + 2.0 * MARGIN;
    let (legend, legend_height) = legend(&operations, width - 2.0 * MARGIN);
    let mut body = String::new();
    let scale = StrengthScale::of(history);
    let panels = cells.iter().map(|cell| cell.edges.len()).sum();
    let mut y = MARGIN + TITLE_HEIGHT + legend_height;
    for (index, cell) in cells.iter().enumerate() {
        let kept = kept(cell, index, architecture);
        let chart = CellChart {
            history,
            index,
            cell,
            kept: &kept,
            operations: &operations,
            scale,
            of_epoch,
            panels,
        };
        y += chart.draw(&mut body, y);
    }
    let height = y + MARGIN;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n\
         <title>Strength of each operation on each edge</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"18\" font-weight=\"bold\" fill=\"{INK}\">Strength of each operation on \
         each edge</text>\n\
         <text x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"12\" fill=\"{FAINT}\">Epochs to the right, strength \
         upwards. Framed in colour: the edges that the architecture keeps, and their operations.</text>\n",
        MARGIN + 14.0,
        MARGIN + 34.0,
    );
    let _ = write!(
        text,
        "<g transform=\"translate({MARGIN} {:.1})\">\n{legend}</g>\n{body}</svg>\n",
        MARGIN + TITLE_HEIGHT
    );
    text
}

/// All operations, in the order of the tables, each with its line.
fn operations(cells: &[CellStrengths]) -> Vec<(&str, Stroke)> {
    let mut operations: Vec<(&str, Stroke)> = Vec::new();
    for name in cells.iter().flat_map(|cell| &cell.operations) {
        if !operations.iter().any(|(known, _)| known == name) {
            operations.push((name, stroke(name, operations.len())));
        }
    }
    operations
}

/// The operation kept on each row that is.
fn kept(cell: &CellStrengths, index: usize, architecture: Option<&Genotype>) -> BTreeMap<usize, usize> {
    let Some(genotype) = architecture else {
        return cell.chosen.iter().copied().collect();
    };
    // By their place: a cell that serves as both has another name in a genotype.
    let Some(&(_, graph)) = genotype.cells().get(index) else {
        return BTreeMap::new();
    };
    let nodes = graph.nodes().into_iter().enumerate();
    let edges = nodes.flat_map(|(node, joint)| {
        let to = graph.inputs() + node;
        let edges = joint.edges.into_iter();
        edges.map(move |(operation, from)| (operation, from, to))
    });
    edges
        .filter_map(|(operation, from, to)| {
            let row = cell.edges.iter().position(|&edge| edge == (from, to))?;
            let column = cell.operations.iter().position(|name| *name == operation)?;
            Some((row, column))
        })
        .collect()
}

/// The panels of one cell.
struct CellChart<'a> {
    history: &'a [Vec<CellStrengths>],
    /// Which cell of each epoch.
    index: usize,
    cell: &'a CellStrengths,
    kept: &'a BTreeMap<usize, usize>,
    operations: &'a [(&'a str, Stroke)],
    scale: StrengthScale,
    of_epoch: Option<u32>,
    /// Panels of all cells.
    panels: usize,
}

impl CellChart<'_> {
    /// Draws it below `y`, and gives its height.
    fn draw(&self, text: &mut String, y: f64) -> f64 {
        let mut targets: Vec<usize> = self.cell.edges.iter().map(|edge| edge.1).collect();
        targets.sort_unstable();
        targets.dedup();
        let name = match self.cell.name.as_str() {
            "cell" => "cell".to_owned(),
            name => format!("{name} cell"),
        };
        let inputs = targets.first().copied().unwrap_or(0);
        let _ = writeln!(
            text,
            "<text x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"15\" font-weight=\"bold\" fill=\"{INK}\">{} <tspan \
             font-size=\"12\" font-weight=\"normal\" fill=\"{FAINT}\">{}</tspan></text>",
            y + 20.0,
            escaped(&name),
            match inputs {
                1 => "state 0 is its input".to_owned(),
                2 => "states 0 and 1 are its inputs".to_owned(),
                _ => format!("states 0 to {} are its inputs", inputs.saturating_sub(1)),
            }
        );
        for (row, &(from, to)) in self.cell.edges.iter().enumerate() {
            let line = targets.iter().position(|&target| target == to).unwrap_or(0);
            let frame = Frame {
                left: MARGIN + BETWEEN.0 / 2.0 + from as f64 * (PANEL.0 + BETWEEN.0),
                top: y + CELL_TITLE + line as f64 * (PANEL.1 + BETWEEN.1),
                epochs: self.history.len(),
                scale: self.scale,
            };
            self.panel(text, row, &frame);
        }
        CELL_TITLE + targets.len() as f64 * (PANEL.1 + BETWEEN.1)
    }

    fn panel(&self, text: &mut String, row: usize, frame: &Frame) {
        let (from, to) = self.cell.edges[row];
        let kept = self.kept.get(&row).and_then(|&column| {
            let name = self.cell.operations.get(column)?;
            Some((name.as_str(), self.stroke(name)))
        });
        let Frame { left, top, .. } = *frame;
        let (right, bottom) = (left + PANEL.0, top + PANEL.1);
        let (outline, thickness) = kept.map_or(("#d5dae3", 1.0), |(_, stroke)| (stroke.colour, 1.8));
        let _ = writeln!(text, "<g>");
        let _ = match kept {
            Some((name, stroke)) => writeln!(
                text,
                "<text x=\"{left:.1}\" y=\"{:.1}\" font-size=\"12\" font-weight=\"bold\" fill=\"{INK}\">{from} → {to} \
                 <tspan fill=\"{}\">{}</tspan></text>",
                top - 6.0,
                stroke.colour,
                escaped(name)
            ),
            None => writeln!(
                text,
                "<text x=\"{left:.1}\" y=\"{:.1}\" font-size=\"12\" fill=\"{FAINT}\">{from} → {to}</text>",
                top - 6.0
            ),
        };
        for strength in self.scale.marks() {
            let y = frame.y(strength);
            let _ = writeln!(
                text,
                "<line x1=\"{left:.1}\" y1=\"{y:.1}\" x2=\"{right:.1}\" y2=\"{y:.1}\" stroke=\"#eceff4\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\" text-anchor=\"end\" fill=\"{FAINT}\">{}</text>",
                left - 4.0,
                y + 3.0,
                strength
            );
        }
        for epoch in ticks(frame.epochs) {
            let x = frame.x(epoch);
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{bottom:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{FAINT}\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"9\" text-anchor=\"middle\" fill=\"{FAINT}\">{}</text>",
                bottom + 3.0,
                bottom + 13.0,
                epoch + 1
            );
        }
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\" text-anchor=\"end\" fill=\"{FAINT}\">epoch</text>",
            right,
            bottom + 23.0
        );
        if let Some(epoch) = self.of_epoch.filter(|&epoch| (epoch as usize) < frame.epochs) {
            let x = frame.x(epoch as usize);
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"{INK}\" \
                 stroke-dasharray=\"2 2\"><title>the architecture is from this epoch</title></line>"
            );
        }
        for (column, name) in self.cell.operations.iter().enumerate() {
            let stroke = self.stroke(name);
            let is_kept = kept.is_some_and(|(kept, _)| kept == name);
            let _ = writeln!(
                text,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{}>\
                 <title>{}</title></polyline>",
                self.points(row, column, frame),
                stroke.colour,
                if is_kept { 2.6 } else { 1.3 },
                stroke.dashes(),
                escaped(name)
            );
        }
        let _ = writeln!(
            text,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"{outline}\" \
             stroke-width=\"{thickness}\"/>\n</g>",
            PANEL.0, PANEL.1
        );
        readout::draw(text, (top, PANEL.1), &self.strips(row, frame));
    }

    /// The strengths of all operations on an edge, the strongest first, around each epoch or a few.
    fn strips(&self, row: usize, frame: &Frame) -> Vec<Strip> {
        let across: Vec<f64> = (0..frame.epochs).map(|epoch| frame.x(epoch)).collect();
        let edge = self
            .cell
            .edges
            .get(row)
            .map(|(from, to)| format!("{from} → {to}, epoch"));
        let edge = edge.unwrap_or_default();
        let strip = |(first, last): (usize, usize)| {
            let cell = self.history.get(last)?.get(self.index)?;
            let mut strengths: Vec<(&String, f64)> = self
                .cell
                .operations
                .iter()
                .zip(cell.strengths.get(row)?)
                .map(|(name, strength)| (name, *strength))
                .collect();
            strengths.sort_by(|a, b| b.1.total_cmp(&a.1));
            let mut text = format!("{edge} {}", last + 1);
            for (name, strength) in strengths {
                text += &format!("\n{name} {strength:.3}");
            }
            let middle = |place: usize| 0.5 * (across[place] + across[place + 1]);
            Some(Strip {
                left: first.checked_sub(1).map_or(frame.left, middle),
                right: match last + 1 == across.len() {
                    true => frame.left + PANEL.0,
                    false => middle(last),
                },
                text,
            })
        };
        let groups = readout::groups(&across, readout::most(self.panels));
        groups.into_iter().filter_map(strip).collect()
    }

    fn stroke(&self, name: &str) -> Stroke {
        let known = self.operations.iter().find(|(known, _)| *known == name);
        known.map_or(stroke(name, 0), |(_, stroke)| *stroke)
    }

    /// The line of an operation on an edge; a level one where there is one epoch only.
    fn points(&self, row: usize, column: usize, frame: &Frame) -> String {
        let strength = |cells: &[CellStrengths]| {
            let cell = cells.get(self.index)?;
            Some(*cell.strengths.get(row)?.get(column)?)
        };
        let points = self.history.iter().enumerate();
        let mut points: Vec<(f64, f64)> = points
            .filter_map(|(epoch, cells)| Some((frame.x(epoch), frame.y(strength(cells)?))))
            .collect();
        if let [(_, y)] = points[..] {
            points = vec![(frame.left, y), (frame.left + PANEL.0, y)];
        }
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        points.join(" ")
    }
}

#[cfg(test)]
mod tests;
