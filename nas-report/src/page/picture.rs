//! Pictures of pixels, as a page holds them: PNG in the text of the page.

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

/// Digits of base 64 (RFC 4648, section 4).
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// The level between the pictures of a sheet: it is seen beside black and beside white.
const BETWEEN: u8 = 128;

/// What pixels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colours {
    /// One level for each pixel.
    Grey,
    /// Three: red, green, blue.
    Rgb,
}

/// Pixels of 8 bits: rows from the top, the levels of a pixel one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    colours: Colours,
    pixels: Vec<u8>,
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
        let mut text = "data:image/png;base64,".to_owned();
        for bytes in file.chunks(3) {
            let byte = |place: usize| u32::from(bytes.get(place).copied().unwrap_or_default());
            let number = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                text.push(match digit {
                    digit if digit > bytes.len() => '=',
                    digit => char::from(DIGITS[(number >> (18 - 6 * digit)) as usize & 63]),
                });
            }
        }
        text
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

    /// The pixels of an address of [`Picture::address`], decoded, with width and height.
    fn decoded(address: &str) -> (u32, u32, Vec<u8>) {
        let text = address.strip_prefix("data:image/png;base64,").unwrap();
        assert!(text.len().is_multiple_of(4));
        let mut bits = 0_u32;
        let (mut file, mut held) = (Vec::new(), 0);
        for digit in text.bytes().filter(|digit| *digit != b'=') {
            let value = DIGITS.iter().position(|known| *known == digit).unwrap() as u32;
            (bits, held) = (bits << 6 | value, held + 6);
            if held >= 8 {
                held -= 8;
                file.push((bits >> held) as u8);
            }
        }
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        pixels.truncate(info.buffer_size());
        (info.width, info.height, pixels)
    }

    #[test]
    fn an_address_holds_the_same_pixels() {
        for (width, height, colours) in [(1, 1, Colours::Grey), (5, 3, Colours::Rgb), (7, 2, Colours::Grey)] {
            let levels = width * height * colours.levels();
            let pixels: Vec<u8> = (0..levels).map(|place| (place * 37 % 251) as u8).collect();
            let picture = Picture::new(width, height, colours, pixels.clone()).unwrap();
            assert_eq!(decoded(&picture.address()), (width as u32, height as u32, pixels));
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
