//! `nas list`: what there is to choose from.

use anyhow::Result;
use nas_eval::data::DATASETS;
use nas_report::number::grouped;
use nas_runner::methods::Method;
use nas_space::named;
use nas_space::spaces;
use nas_tables::BUILT_IN;
use serde::Serialize;

use crate::args::{ListArgs, Topic};
use crate::output::{Output, wrapped};

/// Columns of a line.
const COLUMNS: usize = 100;
/// Digits of the largest number that is written in full.
const FULL_DIGITS: usize = 9;

/// The JSON of `nas list`: of one topic, that one alone.
#[derive(Debug, Serialize)]
struct Listing {
    #[serde(skip_serializing_if = "Option::is_none")]
    spaces: Option<Vec<SpaceRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<Vec<MethodRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<DataRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    benchmarks: Option<Vec<Row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    architectures: Option<Vec<Row>>,
}

#[derive(Debug, Serialize)]
struct SpaceRow {
    name: String,
    decisions: usize,
    /// The number of architectures, all digits.
    size: String,
}

#[derive(Debug, Serialize)]
struct MethodRow {
    name: &'static str,
    description: &'static str,
    good_for: &'static str,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    description: String,
}

#[derive(Debug, Serialize)]
struct DataRow {
    name: &'static str,
    description: &'static str,
    image: String,
    classes: usize,
    built_in: bool,
}

/// Prints all names of the topic, or of all topics, with a few words on each.
pub(crate) fn run(args: &ListArgs, output: Output) -> Result<()> {
    let asked = |topic| args.topic.is_none_or(|one| one == topic);
    let listing = Listing {
        spaces: asked(Topic::Spaces).then(spaces).transpose()?,
        methods: asked(Topic::Methods).then(methods),
        data: asked(Topic::Data).then(data),
        benchmarks: asked(Topic::Benchmarks).then(benchmarks),
        architectures: asked(Topic::Architectures).then(architectures),
    };
    output.result(&listing, || text(&listing))
}

fn spaces() -> Result<Vec<SpaceRow>> {
    let row = |&name: &&str| {
        let space = spaces::by_name(name)?;
        Ok(SpaceRow {
            name: name.to_owned(),
            decisions: space.decisions().len(),
            size: space.size().to_string(),
        })
    };
    spaces::names().iter().map(row).collect()
}

fn methods() -> Vec<MethodRow> {
    let row = |method: Method| MethodRow {
        name: method.name(),
        description: method.description(),
        good_for: method.suits(),
    };
    Method::ALL.map(row).into()
}

fn data() -> Vec<DataRow> {
    let row = |info: &nas_eval::data::DatasetInfo| DataRow {
        name: info.name,
        description: info.description,
        image: info.shape.to_string(),
        classes: info.classes,
        built_in: info.layouts.is_empty(),
    };
    DATASETS.iter().map(row).collect()
}

fn benchmarks() -> Vec<Row> {
    let row = |table: &nas_tables::BuiltIn| Row {
        name: table.name.to_owned(),
        description: table.description.to_owned(),
    };
    BUILT_IN.iter().map(row).collect()
}

fn architectures() -> Vec<Row> {
    let row = |named: &named::Named| Row {
        name: named.name.clone(),
        description: named.source.clone(),
    };
    named::all().iter().map(row).collect()
}

/// A whole number as people read it: `15,625` in full up to nine digits, above that `1.1 × 10¹⁸`.
pub(super) fn short(digits: &str) -> String {
    if digits.len() <= FULL_DIGITS
        && let Ok(number) = digits.parse()
    {
        return grouped(number);
    }
    let leading = digits.get(..3).and_then(|three| three.parse::<u32>().ok());
    let Some(leading) = leading else {
        return digits.to_owned();
    };
    // Two digits, rounded; 9.96 becomes 1.0 of the next power.
    let (two, exponent) = match (leading + 5) / 10 {
        100 => (10, digits.len()),
        two => (two, digits.len() - 1),
    };
    format!("{}.{} × 10{}", two / 10, two % 10, superscript(exponent))
}

fn superscript(number: usize) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = number.to_string();
    digits
        .bytes()
        .map(|digit| DIGITS[usize::from(digit - b'0')])
        .collect()
}

/// A section: its title, the headings of the other columns, rows, and whether each column is
/// aligned at the right.
fn section(headings: &[&str], right: &[bool], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        // Rows are indented below the title.
        let indent = if column == 0 { 2 } else { 0 };
        let heading = headings[column].chars().count();
        cells
            .map(|cell| cell + indent)
            .chain([heading])
            .max()
            .unwrap_or(heading)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let padded = cells
            .zip(&widths)
            .zip(right)
            .map(|((cell, &width), &right)| match right {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut headings.iter().map(|&heading| heading.to_owned()))];
    for row in rows {
        let indented = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("  {cell}"),
            _ => cell.clone(),
        });
        lines.push(line(&mut indented.into_iter()));
    }
    lines.join("\n")
}

fn text(listing: &Listing) -> String {
    let mut sections = Vec::new();
    if let Some(spaces) = &listing.spaces {
        let row = |row: &SpaceRow| vec![row.name.clone(), short(&row.size), row.decisions.to_string()];
        let rows: Vec<Vec<String>> = spaces.iter().map(row).collect();
        sections.push(section(
            &["spaces", "architectures", "decisions"],
            &[false, true, true],
            &rows,
        ));
        sections.push("  or a TOML file of your own: nas new space FILE.toml\n".to_owned());
    }
    if let Some(methods) = &listing.methods {
        let row = |row: &MethodRow| {
            [row.name, row.description, row.good_for]
                .map(str::to_owned)
                .into()
        };
        let rows: Vec<Vec<String>> = methods.iter().map(row).collect();
        sections.push(section(
            &["methods", "what it does", "good for"],
            &[false; 3],
            &rows,
        ));
        sections.push("  the options of one: nas search METHOD --help\n".to_owned());
    }
    if let Some(data) = &listing.data {
        let row = |row: &DataRow| {
            let place = if row.built_in { "built in" } else { "needs files" };
            vec![
                row.name.to_owned(),
                row.image.clone(),
                row.classes.to_string(),
                place.to_owned(),
                row.description.to_owned(),
            ]
        };
        let rows: Vec<Vec<String>> = data.iter().map(row).collect();
        let headings = ["data sets", "image", "classes", "", ""];
        sections.push(section(&headings, &[false, true, true, false, false], &rows));
        sections.push(
            "  or a path to images of your own: nas data check PATH; files to download: nas data list\n"
                .to_owned(),
        );
    }
    let described = |title: &str, rows: &[Row]| {
        let names = rows.iter().map(|row| row.name.chars().count() + 2);
        let indent = names.chain([title.len()]).max().unwrap_or_default() + 2;
        let text = |row: &Row| wrapped(&row.description, COLUMNS, indent);
        let cells = rows.iter().map(|row| vec![row.name.clone(), text(row)]);
        section(&[title, ""], &[false; 2], &cells.collect::<Vec<_>>())
    };
    if let Some(benchmarks) = &listing.benchmarks {
        sections.push(described("benchmarks", benchmarks));
        sections.push("  or the file of another table: nas table --help\n".to_owned());
    }
    if let Some(architectures) = &listing.architectures {
        sections.push(described("architectures", architectures));
    }
    sections.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_up_to_nine_digits_and_two_digits_above() {
        for (digits, expected) in [
            ("0", "0"),
            ("999", "999"),
            ("15625", "15,625"),
            ("509607936", "509,607,936"),
            ("999999999", "999,999,999"),
            ("1000000000", "1.0 × 10⁹"),
            ("1049999999", "1.0 × 10⁹"),
            ("1050000000", "1.1 × 10⁹"),
            ("9949999999", "9.9 × 10⁹"),
            ("9950000000", "1.0 × 10¹⁰"),
            ("1076746950000000000", "1.1 × 10¹⁸"),
        ] {
            assert_eq!(short(digits), expected, "{digits}");
        }
        assert_eq!(superscript(1_234_567_890), "¹²³⁴⁵⁶⁷⁸⁹⁰");
    }

    #[test]
    fn columns_are_aligned_and_lines_are_short() {
        let rows = [["a", "1 × 10⁹", "x"], ["longer", "15", "yy"]].map(|row| row.map(str::to_owned).to_vec());
        let text = section(&["name", "size", ""], &[false, true, false], &rows);
        assert_eq!(
            text,
            "name         size\n  a       1 × 10⁹  x\n  longer       15  yy"
        );
        let listing = Listing {
            spaces: Some(spaces().unwrap()),
            methods: Some(methods()),
            data: Some(data()),
            benchmarks: Some(benchmarks()),
            architectures: Some(architectures()),
        };
        for line in super::text(&listing).lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }
}
