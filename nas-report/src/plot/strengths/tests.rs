use nas_space::cell::{Cell, Node};
use nas_space::genotype::DartsGenotype;

use super::super::checks::check_well_formed;
use super::*;

/// Strengths of the operations on the two edges of a cell with one node, over this number of
/// epochs.
fn history(epochs: &[[[f64; 3]; 2]]) -> Vec<Vec<CellStrengths>> {
    let operations = ["none", "skip_connect", "a<b & \"c\""].map(str::to_owned);
    let cell = |strengths: &[[f64; 3]; 2]| CellStrengths {
        name: "normal".to_owned(),
        edges: vec![(0, 2), (1, 2)],
        operations: operations.to_vec(),
        strengths: strengths.iter().map(|row| row.to_vec()).collect(),
        chosen: vec![(1, 2)],
    };
    epochs.iter().map(|strengths| vec![cell(strengths)]).collect()
}

/// The points of each line, in the order of the document.
fn lines(svg: &str) -> Vec<Vec<(f64, f64)>> {
    let lines = svg.split("<polyline points=\"").skip(1);
    let points = lines.map(|rest| rest.split('"').next().unwrap());
    let point = |text: &str| {
        let (x, y) = text.split_once(',').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    points.map(|text| text.split(' ').map(point).collect()).collect()
}

#[test]
fn every_operation_of_every_edge_has_a_line_through_every_epoch() {
    let epochs = [[[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]; 4];
    let svg = strengths(&history(&epochs), None, Some(2));
    check_well_formed(&svg);
    let lines = lines(&svg);
    assert_eq!(lines.len(), 6);
    assert!(lines.iter().all(|line| line.len() == 4));
    assert!(svg.contains("a&lt;b &amp; &quot;c&quot;") && !svg.contains("a<b"));
    assert!(svg.contains("the architecture is from this epoch"));
}

#[test]
fn strengths_and_epochs_are_where_the_axes_say() {
    let epochs = [
        [[0.0, 0.25, 0.75], [0.0, 0.0, 0.0]],
        [[1.0, 0.25, 0.5], [0.0, 0.0, 0.0]],
        [[0.5, 0.25, 0.0], [0.0, 0.0, 0.0]],
    ];
    let svg = strengths(&history(&epochs), None, None);
    let lines = lines(&svg);
    let (left, top) = (lines[0][0].0, lines[0][1].1);
    let (width, height) = PANEL;
    assert_eq!(
        lines[0],
        [
            (left, top + height),
            (left + width / 2.0, top),
            (left + width, top + height / 2.0)
        ]
    );
    assert!(lines[1].iter().all(|&(_, y)| y == top + 0.75 * height));
    assert_eq!(lines[2][0], (left, top + 0.25 * height));
    // The edge from state 1 is one panel to the right, in the row of state 2.
    let right = left + width + BETWEEN.0;
    assert_eq!(lines[3][0], (right, top + height));
    let frame = format!("<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width}\" height=\"{height}\"");
    assert!(svg.contains(&frame), "{svg}");
    for tick in ["0</text>", "0.5</text>", "1</text>", "2</text>", "3</text>"] {
        assert!(svg.contains(&format!(">{tick}")), "{tick}");
    }
}

#[test]
fn the_axis_is_as_short_as_shows_all_strengths() {
    for (least, largest, marks) in [
        (0.0, 1.0, [0.0, 0.5, 1.0]),
        (0.0, 0.85, [0.0, 0.5, 1.0]),
        (0.0, 0.6, [0.0, 0.3, 0.6]),
        (0.03, 0.39, [0.0, 0.2, 0.4]),
        (0.11, 0.14, [0.1, 0.12, 0.14]),
        (0.119, 0.141, [0.1, 0.15, 0.2]),
        (0.125, 0.125, [0.12, 0.13, 0.14]),
        (0.92, 1.0, [0.9, 0.95, 1.0]),
    ] {
        let edge = [least, largest, largest];
        assert_eq!(StrengthScale::of(&history(&[[edge, edge]])).marks(), marks);
    }
    // One epoch is drawn as a level line across the panel.
    let svg = strengths(&history(&[[[0.0, 0.1, 0.2], [0.0; 3]]]), None, None);
    let [first, last] = lines(&svg)[2][..] else {
        panic!("{svg}");
    };
    assert_eq!((last.0 - first.0, last.1), (PANEL.0, first.1));
}

#[test]
fn what_the_architecture_keeps_is_marked() {
    let history = history(&[[[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]]);
    let by_strength = strengths(&history, None, None);
    let thick = |svg: &str| -> Vec<bool> {
        let lines = svg.split("<polyline ").skip(1);
        lines.map(|line| line.contains("stroke-width=\"2.6\"")).collect()
    };
    assert_eq!(thick(&by_strength), [false, false, false, false, false, true]);
    // Of an architecture that is not the strongest, what it says.
    let cell = Cell::new(2, vec![Node::add([("skip_connect", 0)])], vec![2]).unwrap();
    let genotype = Genotype::Darts(DartsGenotype {
        normal: cell,
        reduction: None,
    });
    let by_architecture = strengths(&history, Some(&genotype), None);
    assert_eq!(thick(&by_architecture), [false, true, false, false, false, false]);
}

#[test]
fn strips_say_the_strengths_of_an_epoch_the_strongest_first() {
    let epochs = [
        [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]],
        [[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]],
    ];
    let svg = strengths(&history(&epochs), None, None);
    let title =
        "<title>0 → 2, epoch 2\nnone 0.600\nskip_connect 0.300\na&lt;b &amp; &quot;c&quot; 0.100</title>";
    assert!(svg.contains(title), "{svg}");
    assert_eq!(svg.matches("class=\"readout\"").count(), 2, "one for each edge");
    let long = vec![epochs[0]; 500];
    let long = strengths(&history(&long), None, None);
    check_well_formed(&long);
    let strips = long.matches(", epoch ").count();
    assert!((200..=302).contains(&strips), "{strips}");
}

#[test]
fn no_epochs_are_an_empty_picture() {
    let svg = strengths(&[], None, None);
    check_well_formed(&svg);
    assert!(lines(&svg).is_empty());
}

#[test]
fn ticks_are_few_and_begin_and_end_with_the_epochs() {
    assert!(ticks(0).is_empty());
    assert_eq!(ticks(1), [0]);
    assert_eq!(ticks(3), [0, 1, 2]);
    assert_eq!(ticks(15), [0, 4, 9, 14]);
    assert_eq!(ticks(50), [0, 19, 39, 49]);
    for epochs in 1..300 {
        let ticks = ticks(epochs);
        assert!(ticks.len() <= 6 && ticks.is_sorted(), "{epochs}: {ticks:?}");
        assert_eq!((ticks[0], ticks[ticks.len() - 1]), (0, epochs - 1));
    }
}
