//! Charts and pages about searches: SVG and HTML that need no other file and no network.
//!
//! ```
//! use nas_report::{Curve, CurveChart, Dimension, Html, Page, Point, Scale, curves};
//!
//! let points = [(1.0, 88.0), (10.0, 91.2), (50.0, 93.5)].map(|(trial, best)| Point::new(trial, best));
//! let (x, y) = (Dimension::count("trials", Scale::Linear), Dimension::percent("accuracy", Scale::Linear));
//! let found = vec![Curve { name: "evolution".into(), points: points.to_vec() }];
//! let chart = CurveChart { title: "Best so far".into(), subtitle: "".into(), x, y, curves: found, dots: vec![] };
//! let mut body = Html::new();
//! body.figure(&curves(&chart), "The best validation accuracy after so many trials.");
//! let mut page = Page::new("A search", "What evolution found.");
//! page.section("Course", body);
//! assert!(page.render().contains("<svg"));
//! ```
//!
//! - [`plot`] draws charts from plain data: curves, box plots, bars, critical-difference diagrams,
//!   fronts, and charts for several kinds of searches. Cells and whole networks are drawn by
//!   [`nas_space::draw`].
//! - [`page`] has the building blocks of HTML pages; [`page::compare`] is the page of a comparison,
//!   [`page::images`] that of the user's own images.
//! - [`pareto`](mod@pareto) makes points of accuracy and cost of a run's trials, and finds those of the front.
//! - [`arena`] describes the memory of a network's feature maps and makes a chart of it.
//! - [`Shown`] and [`number`] write figures as people read them.
//!
//! The same input always gives the same text. The crate uses no tensors and writes no files.

pub mod arena;
pub mod number;
pub mod page;
pub mod pareto;
pub mod plot;
mod shown;

pub use page::{Align, Cell, Html, Page, Table};
pub use pareto::Pareto;
pub use plot::{
    Bar, BarChart, BoxChart, CellStrengths, Curve, CurveChart, Dimension, Joined, OnAxis, Point, RankChart,
    Ranked, Sample, Scale, bars, boxes, critical_difference, curves, strengths,
};
pub use shown::{SCORE_BY, Shown};
