//! Pictures of pixels inside a page: PNG in the text of the page.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter};
use serde::{Deserialize, Serialize};

/// How an address begins.
const SCHEME: &str = "data:image/png;base64,";
/// The longest side of a picture that is read.
const LONGEST: u32 = 512;
/// The level between the pictures of a sheet: it is seen beside black and beside white.
const BETWEEN: u8 = 128;

/// The most letters of a name that are shown.
const LETTERS: usize = 100;

/// What pixels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colours {
    /// One level for each pixel.
    Grey,
    /// Three: red, green, blue.
    Rgb,
}

/// Pixels of 8 bits: rows from the top, the levels of a pixel one after the other. It is written as
/// its [address](Self::address).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Picture {
    width: usize,
    height: usize,
    colours: Colours,
    pixels: Vec<u8>,
}

/// An image with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The image, where there are pixels of it.
    pub picture: Option<Picture>,
    /// Its name.
    pub name: String,
    /// What is said of it.
    pub remark: String,
}

impl Shown {
    /// An image, with a name and a remark of any length: they are [`short`]ened.
    pub fn new(picture: Option<Picture>, name: &str, remark: &str) -> Self {
        let (name, remark) = (short(name), short(remark));
        Self {
            picture,
            name,
            remark,
        }
    }
}

/// A name that is not too long to be shown: its beginning and its end.
pub fn short(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= LETTERS {
        return name.to_owned();
    }
    let half = LETTERS / 2;
    let (begin, end) = (&letters[..half], &letters[letters.len() - half..]);
    format!(
        "{}…{}",
        begin.iter().collect::<String>(),
        end.iter().collect::<String>()
    )
}

/// How many times a picture of this width is enlarged, so that its pixels stay squares, to have at
/// least that one.
pub(super) fn times(own: usize, least: usize) -> usize {
    least.div_ceil(own.max(1)).max(1)
}

impl Picture {
    /// A picture of this size, at least one pixel wide and high. None where there are not exactly
    /// as many levels as that takes.
    pub fn new(width: usize, height: usize, colours: Colours, pixels: Vec<u8>) -> Option<Self> {
        let levels = width.checked_mul(height)?.checked_mul(colours.levels())?;
        let sides = 1..=u32::MAX as usize;
        (sides.contains(&width) && sides.contains(&height) && pixels.len() == levels).then_some(Self {
            width,
            height,
            colours,
            pixels,
        })
    }

    /// Pixels from left to right.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Pictures of one size in rows of at most `columns`, with lines of grey between them. It has
    /// colours where one of them has. None for no pictures, no columns, or pictures of several
    /// sizes.
    pub fn sheet(pictures: &[Self], columns: usize) -> Option<Self> {
        let first = pictures.first()?;
        let (width, height) = (first.width, first.height);
        if columns == 0
            || pictures
                .iter()
                .any(|other| (other.width, other.height) != (width, height))
        {
            return None;
        }
        let colours = pictures.iter().map(|picture| picture.colours).max()?;
        let levels = colours.levels();
        let gap = (width.min(height) / 32).max(1);
        let across = columns.min(pictures.len());
        let down = pictures.len().div_ceil(across);
        let all = (across * (width + gap) - gap, down * (height + gap) - gap);
        let mut pixels = vec![BETWEEN; all.0 * all.1 * levels];
        for (number, picture) in pictures.iter().enumerate() {
            let left = number % across * (width + gap);
            let top = number / across * (height + gap);
            for row in 0..height {
                let from = &picture.pixels[row * width * picture.colours.levels()..];
                let to = ((top + row) * all.0 + left) * levels;
                for column in 0..width {
                    for level in 0..levels {
                        pixels[to + column * levels + level] = match picture.colours {
                            Colours::Grey => from[column],
                            Colours::Rgb => from[column * levels + level],
                        };
                    }
                }
            }
        }
        Self::new(all.0, all.1, colours, pixels)
    }

    /// The picture as the address of an image that needs no file: `data:image/png;base64,…`. It has
    /// at most a few hundred bytes more than 4/3 of the levels, mostly less.
    pub fn address(&self) -> String {
        let mut file = Vec::new();
        // What is written to memory, in the size that was announced, cannot fail.
        let _ = self.write(&mut file);
        SCHEME.to_owned() + &BASE64.encode(file)
    }

    /// The picture of an [address](Self::address), at most 512 pixels a side. None for anything
    /// else.
    pub fn of_address(address: &str) -> Option<Self> {
        let file = BASE64.decode(address.strip_prefix(SCHEME)?).ok()?;
        let mut reader = Decoder::new(Cursor::new(file)).read_info().ok()?;
        let (width, height) = reader.info().size();
        let colours = match reader.output_color_type() {
            (ColorType::Grayscale, BitDepth::Eight) => Colours::Grey,
            (ColorType::Rgb, BitDepth::Eight) => Colours::Rgb,
            _ => return None,
        };
        let small = width.max(height) <= LONGEST;
        let mut pixels = vec![0; reader.output_buffer_size().filter(|_| small)?];
        reader.next_frame(&mut pixels).ok()?;
        Self::new(width as usize, height as usize, colours, pixels)
    }

    fn write(&self, file: &mut Vec<u8>) -> Result<(), png::EncodingError> {
        let mut encoder = Encoder::new(file, self.width as u32, self.height as u32);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_color(match self.colours {
            Colours::Grey => ColorType::Grayscale,
            Colours::Rgb => ColorType::Rgb,
        });
        encoder.set_compression(Compression::High);
        encoder.set_filter(Filter::Adaptive);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()
    }
}

impl From<Picture> for String {
    fn from(picture: Picture) -> Self {
        picture.address()
    }
}

impl TryFrom<String> for Picture {
    type Error = &'static str;

    fn try_from(address: String) -> Result<Self, Self::Error> {
        Self::of_address(&address).ok_or("a picture is not the address of a small PNG in grey or RGB")
    }
}

impl Colours {
    /// Levels of a pixel.
    const fn levels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_the_same_picture() {
        for (width, height, colours) in [(1, 1, Colours::Grey), (5, 3, Colours::Rgb), (7, 2, Colours::Grey)] {
            let levels = width * height * colours.levels();
            let pixels: Vec<u8> = (0..levels).map(|place| (place * 37 % 251) as u8).collect();
            let picture = Picture::new(width, height, colours, pixels).unwrap();
            assert_eq!(Picture::of_address(&picture.address()), Some(picture));
        }
    }

    #[test]
    fn no_other_address_is_read() {
        let grey = |width, height| {
            let pixels = vec![7; width * height];
            Picture::new(width, height, Colours::Grey, pixels)
                .unwrap()
                .address()
        };
        let whole = grey(20, 20);
        for address in [
            "",
            "https://example.org/a.png",
            "data:image/svg+xml;base64,PHN2Zy8+",
            &format!("{SCHEME}\" onload=\""),
            &whole.replace("png", "gif"),
            &whole[..whole.len() - 24],
            &grey(LONGEST as usize + 1, 1),
        ] {
            assert_eq!(Picture::of_address(address), None, "{address}");
        }
    }

    #[test]
    fn a_sheet_has_its_pictures_in_rows() {
        let picture = |level: u8| Picture::new(2, 2, Colours::Grey, vec![level; 4]).unwrap();
        let red = Picture::new(2, 2, Colours::Rgb, [255, 0, 0].repeat(4)).unwrap();
        let sheet = Picture::sheet(&[picture(1), picture(2), red.clone()], 2).unwrap();
        assert_eq!(
            (sheet.width(), sheet.height(), sheet.colours),
            (5, 5, Colours::Rgb)
        );
        let pixel = |x: usize, y: usize| &sheet.pixels[3 * (5 * y + x)..][..3];
        assert_eq!(pixel(0, 0), [1, 1, 1]);
        assert_eq!(pixel(4, 1), [2, 2, 2]);
        assert_eq!(pixel(1, 4), [255, 0, 0]);
        assert_eq!(
            (pixel(2, 0), pixel(4, 4)),
            (&[128; 3][..], &[128; 3][..]),
            "between, and free"
        );
        assert_eq!(Picture::sheet(&[], 2), None);
        assert_eq!(Picture::sheet(std::slice::from_ref(&red), 0), None);
        let other = Picture::new(1, 2, Colours::Grey, vec![0; 2]).unwrap();
        assert_eq!(Picture::sheet(&[red, other], 2), None);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert_eq!(Picture::new(0, 2, Colours::Grey, vec![]), None);
        assert_eq!(Picture::new(2, 2, Colours::Grey, vec![0; 5]), None);
        assert_eq!(Picture::new(usize::MAX, 2, Colours::Rgb, vec![0; 5]), None);
    }
}
