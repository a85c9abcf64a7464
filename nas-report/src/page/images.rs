//! The page of the user's own images: the findings of reading them, with pictures.
//!
//! It is made of plain data, and of pixels. The page has at most [`MOST_BYTES`]; if there are many
//! classes and pictures, each class gets fewer pictures, and the page says so.

use super::picture::times;
use super::{Align, Cell, Html, Page, Picture, Shown, Table};
use crate::number::{counted, grouped};

/// The most bytes of a page, where names and other texts are of an ordinary length.
pub const MOST_BYTES: usize = 5_000_000;
/// The most classes that are shown. The others are counted.
pub const MOST_CLASSES: usize = 50;
/// The most pictures of a contact sheet.
pub const MOST_ON_SHEET: usize = 24;
/// The most images of a set that is shown. The others are counted.
pub const MOST_OF_SET: usize = 4;

/// Bytes of a page that are for pictures.
const PICTURES: usize = 4_300_000;
/// Each kind of identical images may take these bytes divided by this number.
const OF_IDENTICAL: usize = 12;
/// Pictures of a contact sheet side by side.
const COLUMNS: usize = 8;
/// The least width of a picture on a sheet, in pixels of the page.
const LEAST_WIDTH: usize = 48;

/// All that is shown of images.
#[derive(Debug, Clone, PartialEq)]
pub struct ImagesData {
    /// The page's title.
    pub title: String,
    /// A sentence about the images.
    pub lead: String,
    /// The few figures that matter most: name, value, remark.
    pub figures: Vec<(&'static str, String, String)>,
    /// What should be known before training, in sentences.
    pub warnings: Vec<String>,
    /// What the images are, by name: sizes, splits.
    pub facts: Vec<(&'static str, String)>,
    /// What a search takes here, by name.
    pub search: Vec<(&'static str, String)>,
    /// All classes, in order.
    pub classes: Vec<ClassRow>,
    /// What pictures are, as a sentence: as the network sees the images, or smaller.
    pub pictures: String,
    /// Files that are not used, by reason.
    pub left_out: Vec<LeftOut>,
    /// Images that are the same, by what follows from that.
    pub identical: Vec<Identical>,
    /// What to type next.
    pub command: String,
}

/// A class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassRow {
    /// Its name.
    pub name: String,
    /// Images to train on.
    pub train: usize,
    /// Images to validate on, where the source gives some.
    pub valid: Option<usize>,
    /// Images to test on.
    pub test: usize,
    /// Training images, spread evenly over all of the class, all of one size; the first
    /// [`MOST_ON_SHEET`] are shown, or fewer.
    pub sample: Vec<Picture>,
    /// The images that look least like the others.
    pub odd: Vec<Shown>,
}

/// Files that are not used for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// Why.
    pub reason: String,
    /// Number of files.
    pub files: usize,
    /// The first of them, by name.
    pub named: Vec<String>,
}

/// Images that are the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Identical {
    /// What they are called.
    pub title: String,
    /// What becomes of them, as a sentence.
    pub lead: String,
    /// Number of sets.
    pub sets: usize,
    /// The first sets: the images of each that are shown, and the number of all.
    pub shown: Vec<(Vec<Shown>, usize)>,
}

/// The page as one HTML document. The same data always gives the same text.
pub fn page(data: &ImagesData) -> String {
    let mut page = Page::new(data.title.clone(), data.lead.clone());
    let mut opening = Html::new();
    opening.figures(&data.figures);
    for warning in &data.warnings {
        opening.note(warning);
    }
    page.opening(opening);
    page.section("Classes", classes(data));
    let mut facts = Html::new();
    facts.facts(&data.facts);
    page.section("Images", facts);
    page.section("Files left out", left_out(&data.left_out));
    let (identical, taken) = identical(&data.identical);
    page.section("The same image more than once", identical);
    let (odd, sheets) = pictures(data, PICTURES.saturating_sub(taken));
    page.section("Odd ones out", odd);
    page.section("Contact sheets", sheets);
    let mut search = Html::new();
    if !data.search.is_empty() {
        search.facts(&data.search);
    }
    search.paragraph("The next command:").broken_code(&data.command);
    page.section("A search", search);
    page.render()
}

fn classes(data: &ImagesData) -> Html {
    let has_valid = data.classes.iter().any(|class| class.valid.is_some());
    let mut columns = vec![
        ("class", Align::Left),
        ("images", Align::Left),
        ("to train on", Align::Right),
    ];
    if has_valid {
        columns.push(("to validate on", Align::Right));
    }
    columns.push(("to test on", Align::Right));
    let mut table = Table::new(&columns);
    let all = |class: &ClassRow| class.train + class.valid.unwrap_or_default() + class.test;
    let most = data.classes.iter().map(all).max().unwrap_or_default().max(1);
    for class in data.classes.iter().take(MOST_CLASSES) {
        let mut cells = vec![
            Cell::text(&class.name),
            Cell::Bar((100 * all(class) / most) as u8),
            Cell::Text(grouped(class.train as u64)),
        ];
        if has_valid {
            cells.push(Cell::Text(grouped(class.valid.unwrap_or_default() as u64)));
        }
        cells.push(Cell::Text(grouped(class.test as u64)));
        table.row(cells);
    }
    let mut html = Html::new();
    html.table(&table);
    if data.classes.len() > MOST_CLASSES {
        let rest = &data.classes[MOST_CLASSES..];
        html.note(&format!(
            "These are the first {MOST_CLASSES} classes; the other {} have {} images. Pictures show only these.",
            rest.len(),
            grouped(rest.iter().map(all).sum::<usize>() as u64)
        ));
    }
    html
}

fn left_out(reasons: &[LeftOut]) -> Html {
    let mut html = Html::new();
    if reasons.is_empty() {
        return html;
    }
    let mut table = Table::new(&[
        ("reason", Align::Left),
        ("files", Align::Right),
        ("which", Align::Left),
    ]);
    for reason in reasons {
        let mut named = reason.named.join(", ");
        if reason.files > reason.named.len() {
            named += &format!(" and {} more", reason.files - reason.named.len());
        }
        table.row([
            Cell::text(&reason.reason),
            Cell::Text(grouped(reason.files as u64)),
            Cell::Text(named),
        ]);
    }
    html.table(&table);
    html
}

/// The sets of identical images, and the bytes that their pictures take.
fn identical(kinds: &[Identical]) -> (Html, usize) {
    let mut html = Html::new();
    let before = html.len();
    for kind in kinds.iter().filter(|kind| kind.sets > 0) {
        html.heading(&kind.title).paragraph(&kind.lead);
        let begin = html.len();
        let mut shown = 0;
        for (images, all) in &kind.shown {
            let mut set = Html::new();
            set.gallery(images);
            if *all > images.len() {
                set.paragraph(&format!("and {} more identical ones", all - images.len()));
            }
            if html.len() - begin + set.len() > PICTURES / OF_IDENTICAL {
                break;
            }
            html.append(&set);
            shown += 1;
        }
        if kind.sets > shown {
            html.paragraph(&format!(
                "These are {shown} of {}; --json names more.",
                counted(kind.sets, "set")
            ));
        }
    }
    let taken = html.len() - before;
    (html, taken)
}

/// Odd images and contact sheets of each class, in at most `most` bytes.
fn pictures(data: &ImagesData, most: usize) -> (Html, Html) {
    let shown = &data.classes[..data.classes.len().min(MOST_CLASSES)];
    let (mut odd, mut sheets) = (Html::new(), Html::new());
    let mut left = most;
    for (number, class) in shown.iter().enumerate() {
        let share = left / (shown.len() - number);
        let begin = odd.len() + sheets.len();
        // At most half of it, so that there is a sheet.
        for count in (1..=class.odd.len()).rev() {
            let mut gallery = Html::new();
            let images = &class.odd[..count];
            gallery.heading(&format!("Class {}", class.name));
            gallery.gallery(images);
            if gallery.len() <= share / 2 || count == 1 {
                odd.append(&gallery);
                break;
            }
        }
        sheet(
            class,
            share.saturating_sub(odd.len() + sheets.len() - begin),
            &mut sheets,
        );
        left = left.saturating_sub(odd.len() + sheets.len() - begin);
    }
    let mut begun = Html::new();
    if !odd.is_empty() {
        begun.paragraph(
            "For each class, the images that look least like its other images: darker or brighter, with \
             less contrast, or with another pattern. Look here for wrong labels and broken images. Rare \
             but correct images also appear here.",
        );
        begun.append(&odd);
    }
    let mut opened = Html::new();
    if !sheets.is_empty() {
        opened.paragraph(&data.pictures).append(&sheets);
    }
    (begun, opened)
}

/// Adds the contact sheet of a class, in at most `most` bytes; a sheet of one image may have more.
fn sheet(class: &ClassRow, most: usize, html: &mut Html) {
    let mut count = class.sample.len().min(MOST_ON_SHEET);
    while count > 0 {
        let pictures: Vec<Picture> = spread(class.sample.len(), count)
            .filter_map(|place| class.sample.get(place).cloned())
            .collect();
        let Some(sheet) = Picture::sheet(&pictures, COLUMNS) else {
            return;
        };
        let mut made = Html::new();
        made.heading(&format!("Class {}", class.name));
        let one = pictures.first().map_or(1, Picture::width);
        let shown = sheet.width() * times(one, LEAST_WIDTH);
        let alt = format!(
            "{count} of {} of class {}",
            counted(class.train, "training image"),
            class.name
        );
        made.picture(&sheet, shown, &alt);
        if made.len() <= most || count == 1 {
            html.append(&made);
            return;
        }
        count = (count * most / made.len()).clamp(1, count - 1);
    }
}

/// Places in a list of `all` items, spread evenly: `wanted` of them, or all where there are fewer.
pub fn spread(all: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let count = wanted.min(all);
    (0..count).map(move |number| (2 * number + 1) * all / (2 * count))
}

#[cfg(test)]
mod tests {
    use super::super::Colours;
    use super::*;

    /// A picture that no compression makes small.
    fn noise(seed: usize, side: usize) -> Picture {
        let mut state = seed as u64 * 2 + 1;
        let pixels = (0..3 * side * side).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        Picture::new(side, side, Colours::Rgb, pixels.collect()).unwrap()
    }

    fn data(classes: usize, side: usize) -> ImagesData {
        let shown = |seed: usize| Shown {
            picture: Some(noise(seed, side)),
            name: format!("a<b>/{seed}.png"),
            remark: "more like <x>".to_owned(),
        };
        ImagesData {
            title: "<photos>".to_owned(),
            lead: "lead".to_owned(),
            figures: vec![("Images", "3".to_owned(), String::new())],
            warnings: vec!["a <warning>".to_owned()],
            facts: vec![("Width", "3 to 5".to_owned())],
            search: vec![],
            classes: (0..classes)
                .map(|class| ClassRow {
                    name: format!("class <{class}>"),
                    train: 100 + class,
                    valid: None,
                    test: 10,
                    sample: (0..30).map(|image| noise(100 * class + image, side)).collect(),
                    odd: (0..6).map(|image| shown(class + image)).collect(),
                })
                .collect(),
            pictures: "as they are".to_owned(),
            left_out: vec![LeftOut {
                reason: "empty".to_owned(),
                files: 7,
                named: vec!["x.png".to_owned()],
            }],
            identical: vec![Identical {
                title: "Contradictory".to_owned(),
                lead: "None is used.".to_owned(),
                sets: 40,
                shown: (0..20).map(|set| (vec![shown(set), shown(set)], 5)).collect(),
            }],
            command: "nas search".to_owned(),
        }
    }

    #[test]
    fn a_page_has_a_sheet_and_the_odd_ones_of_each_class_and_escapes_names() {
        let text = page(&data(3, 8));
        for part in [
            "alt=\"24 of 102 training images of class class &lt;2&gt;\"",
            "a&lt;b&gt;/3.png",
            "more like &lt;x&gt;",
            "a &lt;warning&gt;",
            "x.png and 6 more",
            "and 3 more identical ones",
            "These are 20 of 40 sets",
            "Rare but correct images",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert_eq!(text.matches("<img ").count(), 3 + 3 * 6 + 40);
        assert_eq!(text.matches("<img ").count(), text.matches(" alt=\"").count());
        assert_eq!(text.matches("class=\"bar\"").count(), 3);
        assert_eq!(text.matches("<script").count(), 1, "our own");
        for word in ["http://", "https://", "<photos>"] {
            assert!(!text.contains(word), "{word}");
        }
        assert_eq!(text, page(&data(3, 8)));
    }

    #[test]
    fn a_page_stays_below_its_bound_and_counts_what_is_left_out() {
        let text = page(&data(MOST_CLASSES + 9, 64));
        assert!(text.len() < MOST_BYTES, "{}", text.len());
        assert!(text.len() > MOST_BYTES / 2, "the room is used: {}", text.len());
        assert!(text.contains("the other 9 have"));
        assert_eq!(
            text.matches(" training images of class").count(),
            MOST_CLASSES,
            "a sheet each"
        );
    }

    #[test]
    fn nothing_found_makes_no_section() {
        let mut data = data(1, 8);
        data.left_out.clear();
        data.identical.clear();
        data.classes[0].odd.clear();
        let text = page(&data);
        for title in ["Files left out", "more than once", "Odd ones out"] {
            assert!(!text.contains(title), "{title}");
        }
    }

    #[test]
    fn places_are_spread_evenly() {
        assert_eq!(spread(10, 5).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
        assert_eq!(spread(3, 24).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(0, 24).count(), 0);
    }
}
