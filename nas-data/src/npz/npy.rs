//! The header of an `.npy` file, versions 1 to 3.

use std::fmt;
use std::io::{self, Read};

use super::error::Fault;

/// A header may have this many bytes. NumPy itself refuses more than 10,000.
const MOST: u32 = 1 << 16;

/// What an array consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) is_big_endian: bool,
    pub(super) shape: Vec<u64>,
    /// Bytes before the first value.
    pub(super) length: u64,
}

/// Type of the values of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    U1,
    U2,
    U4,
    U8,
    I1,
    I2,
    I4,
    I8,
    F4,
    F8,
    Bool,
}

impl Kind {
    const ALL: [(&'static str, Self); 11] = [
        ("u1", Self::U1),
        ("u2", Self::U2),
        ("u4", Self::U4),
        ("u8", Self::U8),
        ("i1", Self::I1),
        ("i2", Self::I2),
        ("i4", Self::I4),
        ("i8", Self::I8),
        ("f4", Self::F4),
        ("f8", Self::F8),
        ("b1", Self::Bool),
    ];

    /// Bytes of one value.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::U1 | Self::I1 | Self::Bool => 1,
            Self::U2 | Self::I2 => 2,
            Self::U4 | Self::I4 | Self::F4 => 4,
            Self::U8 | Self::I8 | Self::F8 => 8,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, kind)| kind == self);
        f.write_str(name.map_or("?", |(name, _)| name))
    }
}

impl Header {
    /// Reads a header, and nothing behind it.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, Fault> {
        let cut = |error: io::Error| Fault::Damaged(format!("its header cannot be read: {error}"));
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(cut)?;
        let [b'\x93', b'N', b'U', b'M', b'P', b'Y', version, _] = start else {
            return Err(Fault::Damaged("it does not begin like an .npy file".to_owned()));
        };
        let (text_length, before) = match version {
            1 => {
                let mut length = [0; 2];
                reader.read_exact(&mut length).map_err(cut)?;
                (u32::from(u16::from_le_bytes(length)), 10)
            }
            2 | 3 => {
                let mut length = [0; 4];
                reader.read_exact(&mut length).map_err(cut)?;
                (u32::from_le_bytes(length), 12)
            }
            version => {
                let reason =
                    format!("it has version {version} of the .npy format; versions 1 to 3 are supported");
                return Err(Fault::Damaged(reason));
            }
        };
        if text_length > MOST {
            return Err(Fault::Damaged(format!("its header claims {text_length} bytes")));
        }
        let mut text = vec![0; text_length as usize];
        reader.read_exact(&mut text).map_err(cut)?;
        let mut header = parse(&String::from_utf8_lossy(&text))?;
        header.length = before + u64::from(text_length);
        Ok(header)
    }

    /// Number of values; `u64::MAX` where there are more.
    pub(super) fn count(&self) -> u64 {
        self.shape
            .iter()
            .fold(1, |count, &axis| count.saturating_mul(axis))
    }

    /// The shape as NumPy prints it.
    pub(super) fn shape_text(&self) -> String {
        match self.shape.as_slice() {
            [axis] => format!("({axis},)"),
            axes => {
                let axes: Vec<String> = axes.iter().map(u64::to_string).collect();
                format!("({})", axes.join(", "))
            }
        }
    }
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, with its entries in any order.
fn parse(text: &str) -> Result<Header, Fault> {
    let wrong = || Fault::Damaged(format!("its header cannot be parsed: {:.200}", text.trim()));
    let mut rest = Rest(text);
    let (mut descr, mut is_fortran, mut shape) = (None, None, None);
    rest.expect("{").ok_or_else(wrong)?;
    while rest.expect("}").is_none() {
        let key = rest.string().ok_or_else(wrong)?;
        rest.expect(":").ok_or_else(wrong)?;
        match key {
            "descr" => match rest.string() {
                Some(text) => descr = Some(text),
                None => return Err(Fault::Type("of records".to_owned())),
            },
            "fortran_order" => is_fortran = Some(rest.truth().ok_or_else(wrong)?),
            "shape" => shape = Some(rest.numbers().ok_or_else(wrong)?),
            _ => return Err(wrong()),
        }
        if rest.expect(",").is_none() {
            rest.expect("}").ok_or_else(wrong)?;
            break;
        }
    }
    let (Some(descr), Some(is_fortran), Some(shape)) = (descr, is_fortran, shape) else {
        return Err(wrong());
    };
    let unknown = || Fault::Type(format!("'{descr:.40}'"));
    let order = descr.chars().next().filter(|order| "<>|=".contains(*order));
    let name = &descr[order.map_or(0, char::len_utf8)..];
    let known = Kind::ALL.iter().find(|(known, _)| *known == name);
    let &(_, kind) = known.ok_or_else(unknown)?;
    // With one long axis, both orders are the same.
    if is_fortran && shape.iter().filter(|&&axis| axis != 1).count() > 1 {
        return Err(Fault::Fortran);
    }
    Ok(Header {
        kind,
        is_big_endian: order == Some('>') || (order == Some('=') && cfg!(target_endian = "big")),
        shape,
        length: 0,
    })
}

/// What is not yet read of a header.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes `what`, after spaces.
    fn expect(&mut self, what: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(what)?;
        Some(())
    }

    /// Takes a text in quotes, without escapes.
    fn string(&mut self) -> Option<&'a str> {
        let quote = if self.expect("'").is_some() {
            '\''
        } else {
            self.expect("\"")?;
            '"'
        };
        let (text, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(text)
    }

    fn truth(&mut self) -> Option<bool> {
        let is_true = self.expect("True").is_some();
        if !is_true {
            self.expect("False")?;
        }
        Some(is_true)
    }

    /// Takes `()`, `(3,)` or `(3, 4)`. Python 2 wrote `3L`. NumPy has at most 64 axes.
    fn numbers(&mut self) -> Option<Vec<u64>> {
        let mut numbers = Vec::new();
        self.expect("(")?;
        while self.expect(")").is_none() {
            self.0 = self.0.trim_start();
            let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
            let (number, rest) = self.0.split_at(end);
            numbers.push(number.parse().ok()?);
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if self.expect(",").is_none() {
                self.expect(")")?;
                break;
            }
        }
        (numbers.len() <= 64).then_some(numbers)
    }
}

/// Gives `take` every value of whole values in `bytes`.
pub(super) fn values(header: &Header, bytes: &[u8], mut take: impl FnMut(f64)) {
    macro_rules! each {
        ($type:ty, $size:literal) => {
            for value in bytes.as_chunks::<$size>().0 {
                let value = if header.is_big_endian {
                    <$type>::from_be_bytes(*value)
                } else {
                    <$type>::from_le_bytes(*value)
                };
                take(value as f64);
            }
        };
    }
    match header.kind {
        Kind::U1 => bytes.iter().for_each(|&value| take(f64::from(value))),
        Kind::Bool => bytes.iter().for_each(|&value| take(f64::from(value != 0))),
        Kind::I1 => each!(i8, 1),
        Kind::U2 => each!(u16, 2),
        Kind::I2 => each!(i16, 2),
        Kind::U4 => each!(u32, 4),
        Kind::I4 => each!(i32, 4),
        Kind::U8 => each!(u64, 8),
        Kind::I8 => each!(i64, 8),
        Kind::F4 => each!(f32, 4),
        Kind::F8 => each!(f64, 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<(Kind, bool, Vec<u64>), Fault> {
        parse(text).map(|header| (header.kind, header.is_big_endian, header.shape))
    }

    #[test]
    fn headers_as_numpy_writes_them_are_read() {
        let known = [
            (
                "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }   \n",
                Kind::U1,
                false,
                vec![3, 4],
            ),
            (
                "{'descr': '>f8', 'fortran_order': False, 'shape': (7,), }\n",
                Kind::F8,
                true,
                vec![7],
            ),
            (
                "{'descr': '<i2', 'fortran_order': False, 'shape': (), }\n",
                Kind::I2,
                false,
                vec![],
            ),
            (
                "{\"shape\": (3L, 1L), \"descr\": \"|b1\", \"fortran_order\": True}",
                Kind::Bool,
                false,
                vec![3, 1],
            ),
        ];
        for (text, kind, is_big_endian, shape) in known {
            assert_eq!(header(text), Ok((kind, is_big_endian, shape)), "{text}");
        }
    }

    #[test]
    fn other_headers_are_refused() {
        let fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }";
        assert_eq!(header(fortran), Err(Fault::Fortran));
        for kind in ["<U5", "|O", "<c8", "<f2", "é", "", "<M8[ns]"] {
            let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (3,), }}");
            assert!(matches!(header(&text), Err(Fault::Type(_))), "{kind}");
        }
        let records = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }";
        assert!(matches!(header(records), Err(Fault::Type(_))));
        for text in [
            "",
            "{",
            "{}",
            "{'descr'",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3 4), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
        ] {
            assert!(matches!(header(text), Err(Fault::Damaged(_))), "{text}");
        }
    }
}
