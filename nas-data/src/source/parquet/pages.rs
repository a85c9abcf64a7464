//! The headers of pages, checked before a page is unpacked, because unpacking allocates as much as
//! a header claims.

use std::io::{self, Read};

use parquet::file::reader::ChunkReader;

use super::in_file::InFile;

/// A page may always claim this number of bytes, whatever its packed size.
const ANY_PAGE: u64 = 64 << 20;
/// Beyond that, a page may claim this multiple of its packed size.
const PER_PACKED_BYTE: u64 = 32;
/// How deeply structures of a header may lie in each other. Those that there are need 3.
const DEEPEST: u32 = 8;
/// Encodings of values that take no more room than the page is large: plain, with a dictionary,
/// runs, and packed bits. All common writers use these for images and labels.
const ENCODINGS: [i64; 5] = [0, 2, 3, 4, 8];
/// The kind of a page that is a dictionary.
const DICTIONARY: i64 = 2;

/// Refuses a column chunk, `length` bytes from `start` on, with a page that claims more than can be
/// in it, or whose values are written in a way that is not read.
///
/// # Errors
/// What is wrong.
pub(super) fn check(file: &InFile, start: u64, length: u64) -> io::Result<()> {
    let mut at = start;
    let end = start
        .checked_add(length)
        .filter(|&end| end <= file.bytes())
        .ok_or_else(|| damaged("a column lies beyond the end of the file"))?;
    while at < end {
        let mut reader = Compact {
            bytes: file.get_read(at).map_err(io::Error::other)?.take(end - at),
        };
        let header = reader.page()?;
        let behind = end - reader.bytes.limit();
        let (packed, unpacked) = match (u64::try_from(header.packed), u64::try_from(header.unpacked)) {
            (Ok(packed), Ok(unpacked)) => (packed, unpacked),
            _ => return Err(damaged("a page has a negative length")),
        };
        if unpacked > ANY_PAGE.saturating_add(PER_PACKED_BYTE.saturating_mul(packed)) {
            return Err(damaged("a page claims to be far larger than it can be"));
        }
        if header.kind == DICTIONARY && !(0..=unpacked as i64).contains(&header.values) {
            return Err(damaged("a dictionary claims more values than it has bytes"));
        }
        if header
            .encoding
            .is_some_and(|encoding| !ENCODINGS.contains(&encoding))
        {
            return Err(damaged(
                "values have an unsupported encoding; write the file with plain or dictionary encoding",
            ));
        }
        at = behind.saturating_add(packed);
        if at > end {
            return Err(damaged("a page lies beyond the end of its column"));
        }
    }
    Ok(())
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What a header says of its page.
#[derive(Debug, Default)]
struct Page {
    kind: i64,
    unpacked: i64,
    packed: i64,
    values: i64,
    encoding: Option<i64>,
}

/// The part of Thrift's compact protocol that page headers use.
struct Compact<R: Read> {
    bytes: io::Take<R>,
}

impl<R: Read> Compact<R> {
    fn page(&mut self) -> io::Result<Page> {
        let mut page = Page {
            packed: -1,
            unpacked: -1,
            ..Page::default()
        };
        let mut last = 0;
        while let Some((field, kind)) = self.field(&mut last)? {
            match (field, kind) {
                (1, 5) => page.kind = self.number()?,
                (2, 5) => page.unpacked = self.number()?,
                (3, 5) => page.packed = self.number()?,
                // Data, the dictionary, data of the second version: where they say their encoding.
                (5 | 7, 12) => self.values(&mut page, 2)?,
                (8, 12) => self.values(&mut page, 4)?,
                _ => self.skip(kind, 0)?,
            }
        }
        Ok(page)
    }

    /// What is said of the values, and in field `encoding_field` of their encoding.
    fn values(&mut self, page: &mut Page, encoding_field: i64) -> io::Result<()> {
        let mut last = 0;
        while let Some((field, kind)) = self.field(&mut last)? {
            match (field, kind) {
                (1, 5) => page.values = self.number()?,
                (_, 5) if field == encoding_field => page.encoding = Some(self.number()?),
                _ => self.skip(kind, 0)?,
            }
        }
        Ok(())
    }

    /// The number and the kind of the next field; `None` at the end of a structure.
    fn field(&mut self, last: &mut i64) -> io::Result<Option<(i64, u8)>> {
        let byte = self.byte()?;
        let (step, kind) = (i64::from(byte >> 4), byte & 15);
        if kind == 0 {
            return Ok(None);
        }
        *last = match step {
            0 => self.number()?,
            step => last.wrapping_add(step),
        };
        Ok(Some((*last, kind)))
    }

    fn skip(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        if depth > DEEPEST {
            return Err(damaged("the header of a page is nested too deeply"));
        }
        match kind {
            // True and false are in the kind.
            1 | 2 => Ok(()),
            3 => self.pass(1),
            4..=6 => self.number().map(|_| ()),
            7 => self.pass(8),
            8 => {
                let length = self.length()?;
                self.pass(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let items = match byte >> 4 {
                    15 => self.length()?,
                    few => few.into(),
                };
                (0..items).try_for_each(|_| self.item(byte & 15, depth))
            }
            11 => {
                let items = self.length()?;
                let kinds = if items > 0 { self.byte()? } else { 0 };
                (0..items).try_for_each(|_| {
                    self.item(kinds >> 4, depth)?;
                    self.item(kinds & 15, depth)
                })
            }
            12 => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth + 1)?;
                }
                Ok(())
            }
            _ => Err(damaged("the header of a page is invalid")),
        }
    }

    /// An item of a list: of at least a byte, so that no list has more than there are bytes.
    fn item(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        match kind {
            1 | 2 => self.pass(1),
            kind => self.skip(kind, depth + 1),
        }
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        match io::copy(&mut self.bytes.by_ref().take(bytes), &mut io::sink())? {
            passed if passed == bytes => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.bytes.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn length(&mut self) -> io::Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(damaged("a number in the header of a page has no end"))
    }

    fn number(&mut self) -> io::Result<i64> {
        let value = self.length()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(bytes: &[u8]) -> io::Result<Page> {
        Compact {
            bytes: bytes.take(bytes.len() as u64),
        }
        .page()
    }

    #[test]
    fn lengths_values_and_encodings_are_read_and_the_rest_is_passed() {
        // Kind 0, 300 bytes unpacked, 20 packed, a checksum; of the data 7 values, encoding 8, levels.
        let header = [
            0x15, 0, 0x15, 0xd8, 4, 0x15, 40, 0x15, 9, 0x1c, 0x15, 14, 0x15, 16, 0x15, 6, 0x15, 6, 0, 0,
        ];
        let found = page(&header).unwrap();
        assert_eq!((found.kind, found.unpacked, found.packed), (0, 300, 20));
        assert_eq!((found.values, found.encoding), (7, Some(8)));
        for cut in 0..header.len() {
            assert!(page(&header[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn what_claims_more_than_can_be_is_refused_before_it_is_unpacked() {
        let check_of = |header: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, &[header, &[0; 20]].concat()).unwrap();
            let file = InFile::new(file).unwrap();
            check(&file, 0, file.bytes()).map_err(|error| error.to_string())
        };
        let of = |unpacked: &[u8], rest: &[u8]| {
            check_of(&[&[0x15, 0, 0x15], unpacked, &[0x15, 40], rest].concat())
        };
        let plain = [0x2c, 0x15, 14, 0x15, 0, 0, 0];
        assert_eq!(of(&[40], &plain), Ok(()));
        // 2 GiB.
        let refused = of(&[254, 255, 255, 255, 15], &plain).unwrap_err();
        assert!(refused.contains("far larger"), "{refused}");
        let refused = of(&[40], &[0x2c, 0x15, 14, 0x15, 14, 0, 0]).unwrap_err();
        assert!(refused.contains("encoding"), "{refused}");
        // A dictionary of 2^31 - 1 values in 20 bytes.
        let dictionary = [
            &[0x15, 4, 0x15, 40, 0x15, 40, 0x4c, 0x15][..],
            &[254, 255, 255, 255, 15],
            &[0x15, 0, 0, 0],
        ];
        let refused = check_of(&dictionary.concat()).unwrap_err();
        assert!(refused.contains("dictionary"), "{refused}");
        let file = InFile::new(tempfile::tempfile().unwrap()).unwrap();
        assert!(check(&file, 0, 1).is_err() && check(&file, u64::MAX, 2).is_err());
    }

    #[test]
    fn no_header_is_followed_without_end() {
        // Structures in structures; a list of as many items as a number can say; a long number.
        assert!(page(&[0x9c; 4000]).is_err());
        assert!(page(&[0x99, 0xf1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]).is_err());
        assert!(page(&[0x15, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]).is_err());
    }
}
