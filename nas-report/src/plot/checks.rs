//! What holds for every chart: read off its text.

use super::letters;

/// A rectangle: left, top, right, bottom.
type Room = [f64; 4];

/// Checks that everything is drawn within the picture, and that no text lies over another.
pub(super) fn check_within(svg: &str) {
    let [_, _, width, height] = view_box(svg);
    let mut texts: Vec<(Room, String)> = Vec::new();
    for element in elements(svg) {
        for room in rooms(&element) {
            let fits =
                room[0] >= -0.1 && room[1] >= -0.1 && room[2] <= width + 0.1 && room[3] <= height + 0.1;
            assert!(fits, "{room:?} is beyond {width} × {height}: {}", element.tag);
        }
        if let Some(room) = text_room(&element) {
            let fits = room[0] >= 0.0 && room[1] >= 0.0 && room[2] <= width && room[3] <= height;
            assert!(
                fits,
                "{room:?} is beyond {width} × {height}: {} {}",
                element.tag, element.inner
            );
            for (other, what) in &texts {
                let apart =
                    room[0] >= other[2] || room[2] <= other[0] || room[1] >= other[3] || room[3] <= other[1];
                assert!(apart, "'{}' {room:?} lies over '{what}' {other:?}", element.inner);
            }
            texts.push((room, element.inner.clone()));
        }
    }
}

/// Checks that every element is closed in order and every attribute and entity is whole.
pub(super) fn check_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let (text, tag) = rest.split_at(start);
        for (at, _) in text.match_indices('&') {
            let end = text[at..].find(';').expect("an entity ends");
            assert!(["&amp", "&lt", "&gt", "&quot", "&#39"].contains(&&text[at..at + end]));
        }
        assert!(!text.contains('>'), "{text}");
        let end = tag.find('>').expect("a tag ends");
        let inner = &tag[1..end];
        assert_eq!(inner.matches('"').count() % 2, 0, "{inner}");
        if let Some(name) = inner.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !inner.ends_with('/') {
            open.push(inner.split_whitespace().next().unwrap());
        }
        rest = &tag[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(rest.trim(), "");
}

struct Element {
    tag: String,
    /// The text up to the next tag.
    inner: String,
}

impl Element {
    fn name(&self) -> &str {
        self.tag.split_whitespace().next().unwrap_or("")
    }

    fn text(&self, name: &str) -> Option<&str> {
        let rest = self.tag.split(&format!(" {name}=\"")).nth(1)?;
        rest.split('"').next()
    }

    fn number(&self, name: &str) -> f64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(0.0)
    }
}

fn elements(svg: &str) -> Vec<Element> {
    let tags = svg.split('<').skip(1).filter(|tag| !tag.starts_with('/'));
    tags.map(|tag| {
        let (tag, inner) = tag.split_once('>').unwrap();
        Element {
            tag: tag.to_owned(),
            inner: unescaped(inner.trim()),
        }
    })
    .collect()
}

fn unescaped(text: &str) -> String {
    let signs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    signs
        .iter()
        .fold(text.to_owned(), |text, (name, sign)| text.replace(name, sign))
}

fn view_box(svg: &str) -> Room {
    let text = svg.split("viewBox=\"").nth(1).unwrap().split('"').next().unwrap();
    let numbers: Vec<f64> = text.split(' ').map(|n| n.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// Where shapes are.
fn rooms(element: &Element) -> Vec<Room> {
    let number = |name| element.number(name);
    match element.name() {
        "rect" if element.text("width") != Some("100%") => {
            let (x, y) = (number("x"), number("y"));
            assert!(
                number("width") >= 0.0 && number("height") >= 0.0,
                "{}",
                element.tag
            );
            vec![[x, y, x + number("width"), y + number("height")]]
        }
        "line" => vec![
            [number("x1"), number("y1"), number("x1"), number("y1")],
            [number("x2"), number("y2"), number("x2"), number("y2")],
        ],
        "circle" => {
            let (x, y, r) = (number("cx"), number("cy"), number("r"));
            vec![[x - r, y - r, x + r, y + r]]
        }
        "path" => corners(element.text("d").unwrap()),
        "polyline" => {
            let points = element.text("points").unwrap().split(' ');
            let point = |text: &str| {
                let (x, y) = text.split_once(',').unwrap();
                let (x, y) = (x.parse().unwrap(), y.parse().unwrap());
                [x, y, x, y]
            };
            points.map(point).collect()
        }
        _ => Vec::new(),
    }
}

/// The corners of a path of straight pieces.
fn corners(path: &str) -> Vec<Room> {
    let (mut x, mut y) = (0.0, 0.0);
    let mut corners = Vec::new();
    let mut rest = path;
    while let Some(command) = rest.chars().next() {
        rest = &rest[1..];
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let numbers: Vec<f64> = rest[..end]
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        rest = &rest[end..];
        match (command, numbers.as_slice()) {
            ('M' | 'L', &[to_x, to_y]) => (x, y) = (to_x, to_y),
            ('l', &[by_x, by_y]) => (x, y) = (x + by_x, y + by_y),
            ('H', &[to]) => x = to,
            ('V', &[to]) => y = to,
            ('h', &[by]) => x += by,
            ('v', &[by]) => y += by,
            ('z', []) => {}
            other => panic!("{other:?} in {path}"),
        }
        corners.push([x, y, x, y]);
    }
    corners
}

/// Where a text is.
fn text_room(element: &Element) -> Option<Room> {
    if element.name() != "text" || element.inner.is_empty() {
        return None;
    }
    let size = element.number("font-size");
    let width = letters::width(&element.inner, size);
    let before = match element.text("text-anchor") {
        Some("middle") => width / 2.0,
        Some("end") => width,
        _ => 0.0,
    };
    if let Some(transform) = element.text("transform") {
        // Turned to the left: written upwards.
        let place = transform.strip_prefix("translate(")?.split(')').next()?;
        let (x, y) = place.split_once(' ')?;
        let (x, y): (f64, f64) = (x.parse().ok()?, y.parse().ok()?);
        return Some([x - 0.75 * size, y + before - width, x + 0.22 * size, y + before]);
    }
    let (x, y) = (element.number("x") - before, element.number("y"));
    Some([x, y - 0.75 * size, x + width, y + 0.22 * size])
}

#[test]
#[should_panic(expected = "is beyond")]
fn a_text_that_is_cut_off_is_found() {
    check_within(
        "<svg viewBox=\"0 0 20 20\"><text x=\"5\" y=\"15\" font-size=\"10\">a long text</text></svg>",
    );
}

#[test]
#[should_panic(expected = "lies over")]
fn texts_that_overlap_are_found() {
    let text = |x: u32| format!("<text x=\"{x}\" y=\"15\" font-size=\"10\">abc</text>");
    check_within(&format!(
        "<svg viewBox=\"0 0 90 20\">{}{}</svg>",
        text(5),
        text(15)
    ));
}
