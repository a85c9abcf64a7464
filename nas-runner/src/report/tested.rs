//! What a test on the test images has found.

use nas_eval::evaluator::JudgedBy;
use nas_report::number::{bounds, counted, grouped, percent, percent_within};
use nas_report::page::{Align, Cell, Html, Page, Picture, Shown, Table};
use nas_report::plot;
use nas_space::search::{ClassFigures, Interval, TestReport};

/// What brackets behind figures are.
pub(super) const BRACKETS: &str = "95 % intervals are in brackets. They hold for other test images of the same kind, but not for other trainings.";

/// A test with what is not in its report.
#[derive(Debug, Clone, Copy)]
pub struct Tested<'a> {
    /// The report.
    pub report: &'a TestReport,
    /// Names of the classes.
    pub classes: &'a [String],
    /// Pictures of its mistakes, in their order; may be empty.
    pub pictures: &'a [Picture],
}

/// The 95 % interval of a figure as the beginning of a remark on it; empty where it is not known.
pub(super) fn remark(interval: Option<Interval>) -> String {
    interval.map_or(String::new(), |_| format!("95 % interval{}; ", bounds(interval)))
}

impl Tested<'_> {
    /// The page of this test, whose data have that name.
    pub fn page(&self, arch: &str, data: &str) -> String {
        let Self { report, .. } = self;
        let images = report
            .images
            .map_or(String::new(), |images| counted(images, "test image"));
        let mut opening = Html::new();
        let mut figures = Vec::new();
        for (by, name, what) in [
            (JudgedBy::Accuracy, "Test accuracy", images.as_str()),
            (JudgedBy::Balanced, "Balanced accuracy", "each class counts alike"),
            (JudgedBy::MacroF1, "Macro F1", "the mean F1 of the classes"),
        ] {
            let remark = remark(by.interval_of_test(report)) + what;
            figures.extend(by.of_test(report).map(|value| (name, percent(value), remark)));
        }
        opening.figures(&figures).paragraph(BRACKETS).broken_code(arch);
        Page::new(
            format!("Test on {data}"),
            "The quality of a trained network on images that it has never seen.",
        )
        .opening(opening)
        .section("Classes", self.by_class())
        .section("Confidence", self.confidence())
        .section("The worst mistakes", self.mistakes())
        .render()
    }

    /// The confusions of classes, the calibration of the probabilities, and the worst mistakes.
    pub(super) fn section(&self) -> Html {
        let mut html = self.by_class();
        html.append(&self.confidence());
        if self.report.confusion.is_some() && self.report.calibration.is_none() {
            html.note(
                "This test was made by a version of the program that recorded no intervals, no confidence \
                 and no mistakes; `nas test RUN --page FILE` computes them from the data.",
            );
        }
        let mistakes = self.mistakes();
        if !mistakes.is_empty() {
            html.heading("The worst mistakes").append(&mistakes);
        }
        html
    }

    fn class(&self, class: usize) -> String {
        let name = self.classes.get(class);
        name.map_or_else(|| format!("class {class}"), Clone::clone)
    }

    fn confidence(&self) -> Html {
        let mut html = Html::new();
        let Some(calibration) = &self.report.calibration else {
            return html;
        };
        html.figure(
            &plot::reliability(calibration),
            &format!(
                "Expected calibration error: {}, the mean distance between confidence and accuracy over 15 bins.",
                percent(calibration.expected_error)
            ),
        );
        let mut table = Table::new(&[
            ("bin", Align::Right),
            ("test images", Align::Right),
            ("mean confidence", Align::Right),
            ("accuracy", Align::Right),
        ]);
        for (place, bin) in calibration
            .bins
            .iter()
            .enumerate()
            .filter(|(_, bin)| bin.images > 0)
        {
            table.row([
                Cell::text(place + 1),
                Cell::Text(grouped(bin.images)),
                Cell::Text(percent(bin.confidence)),
                Cell::Text(percent(bin.accuracy)),
            ]);
        }
        let mut inner = Html::new();
        inner.table(&table);
        html.details("Each bin in numbers", &inner);
        html
    }

    fn mistakes(&self) -> Html {
        let mut html = Html::new();
        let mistakes = &self.report.mistakes;
        if mistakes.is_empty() {
            return html;
        }
        html.paragraph(&format!(
            "{} with the most confident wrong answers, most confident first. Wrong labels are often among \
             them.",
            match mistakes.len() {
                1 => "The test image".to_owned(),
                images => format!("The {images} test images"),
            }
        ));
        let shown = mistakes.iter().enumerate().map(|(place, mistake)| {
            let name = mistake.name.clone();
            Shown::new(
                self.pictures.get(place).cloned(),
                &name.unwrap_or_else(|| format!("test image {}", mistake.image)),
                &format!(
                    "{}, taken for {}: {}",
                    self.class(mistake.class as usize),
                    self.class(mistake.given as usize),
                    percent(mistake.probability).replace(' ', "\u{a0}")
                ),
            )
        });
        html.gallery(&shown.collect::<Vec<_>>());
        if self.pictures.is_empty() {
            html.note(
                "Their pictures are not recorded; `nas test RUN --page FILE` draws them from the data.",
            );
        }
        html
    }

    /// The confusions of classes, and the recall, precision and F1 of each.
    fn by_class(&self) -> Html {
        let mut html = Html::new();
        let Some(rows) = &self.report.confusion else {
            return html;
        };
        if rows.len() != self.classes.len() {
            return html;
        }
        if let Some(picture) = plot::confusion(self.classes, rows) {
            html.figure(
                &picture,
                "The test images by their true class and the class that the network assigns.",
            );
        }
        let columns = [
            ("class", Align::Left),
            ("test images", Align::Right),
            ("recall", Align::Right),
            ("precision", Align::Right),
            ("F1", Align::Right),
            ("most often taken for", Align::Left),
        ];
        let share = |value: Option<f64>, interval| {
            value.map_or_else(
                || Cell::text("–"),
                |value| Cell::Text(percent_within(value, interval)),
            )
        };
        let mut table = Table::new(&columns);
        for (class, row) in rows.iter().enumerate() {
            let hits = row.get(class).copied().unwrap_or_default();
            let images: u64 = row.iter().sum();
            let given: u64 = rows.iter().filter_map(|row| row.get(class)).sum();
            let figures = ClassFigures::new(hits, given, images);
            let others = row
                .iter()
                .enumerate()
                .filter(|(given, number)| *given != class && **number > 0);
            let confused = others.max_by_key(|(given, number)| (**number, usize::MAX - given));
            table.row([
                Cell::text(&self.classes[class]),
                Cell::text(images),
                share(figures.recall, figures.recall_interval),
                share(figures.precision, figures.precision_interval),
                share(figures.f1, None),
                match confused {
                    Some((given, number)) => Cell::Text(format!("{} ({number})", self.classes[given])),
                    None => Cell::text("–"),
                },
            ]);
        }
        let mut inner = Html::new();
        inner.table(&table);
        html.details("Each class in numbers", &inner);
        html
    }
}
