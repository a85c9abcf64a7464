//! What a parser reads before it reaches what a mutation has changed.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{GzDecoder, MultiGzDecoder};
use flate2::write::GzEncoder;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::mutation::Mutator;

/// How an input is wrapped up. Most mutations are made inside and wrapped up anew, so that they are not all refused for a
/// length or a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// Not at all.
    None,
    /// Perhaps by gzip.
    Gzip,
    /// As a benchmark table: lengths, CRC-32, then header and figures.
    Table,
    /// As a file of named tensors: a header with a SHA-256 in it, then the numbers.
    Tensors,
}

/// Most bytes that are unpacked of a gzip file to be changed.
const UNPACKED: u64 = 1 << 20;
/// Bytes before a table's header.
const PREAMBLE: usize = 28;
/// The entry of a tensor file that says what the tensors are.
const KEY: &str = "nas";

impl Envelope {
    /// A mutation of an input of the pool, of which the first `kept` are the corpus: every other time it is one of those.
    pub(crate) fn mutate(
        self,
        mutator: &Mutator,
        pool: &[Vec<u8>],
        kept: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<u8> {
        let mut pick = || {
            let among = if rng.random() { kept } else { pool.len() };
            &pool[rng.random_range(0..among)]
        };
        let (input, other) = (pick(), pick());
        let inside = rng.random_range(0..4) != 0;
        match self.open(input).filter(|_| inside) {
            Some(mut parts) => {
                let others = self.open(other).unwrap_or_default();
                // Some harm takes a change in two parts that still fit together.
                for _ in 0..if rng.random_range(0..4) == 0 { 2 } else { 1 } {
                    let place = rng.random_range(0..parts.len());
                    let other = others.get(place).map_or(other.as_slice(), Vec::as_slice);
                    mutator.mutate(&mut parts[place], other, rng);
                }
                self.close(&parts)
            }
            None => {
                let mut input = input.clone();
                mutator.mutate(&mut input, other, rng);
                if self == Self::Gzip && rng.random_range(0..8) == 0 {
                    input = gzip(&input);
                }
                input
            }
        }
    }

    /// Bytes of an input, unwrapped where that is more.
    pub(crate) fn length(self, input: &[u8]) -> usize {
        let inside: usize = self.open(input).iter().flatten().map(Vec::len).sum();
        inside.max(input.len())
    }

    /// Bytes of an input without the compression it may have, up to where it is damaged. All of it is unpacked, and forgotten.
    pub(crate) fn unpacked(self, input: &[u8]) -> usize {
        let mut length = input.len();
        if self == Self::Gzip {
            let (mut reader, mut buffer) = (MultiGzDecoder::new(input), [0; 4096]);
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                length += read;
            }
        }
        length
    }

    /// What is inside, in parts that can be changed one by one; none where it is not wrapped up as it should be.
    fn open(self, input: &[u8]) -> Option<Vec<Vec<u8>>> {
        match self {
            Self::None => None,
            Self::Gzip => {
                let mut content = Vec::new();
                GzDecoder::new(input)
                    .take(UNPACKED)
                    .read_to_end(&mut content)
                    .ok()?;
                Some(vec![content])
            }
            Self::Table => {
                let length = u32::from_le_bytes(input.get(12..16)?.try_into().ok()?) as usize;
                let (header, figures) = input.get(PREAMBLE..)?.split_at_checked(length)?;
                Some(vec![header.to_vec(), figures.to_vec()])
            }
            Self::Tensors => {
                let length = u64::from_le_bytes(input.get(..8)?.try_into().ok()?);
                let (header, numbers) = input.get(8..)?.split_at_checked(usize::try_from(length).ok()?)?;
                let mut header: Map<String, Value> = serde_json::from_slice(header).ok()?;
                let about = header.remove("__metadata__")?;
                let about: Map<String, Value> = serde_json::from_str(about.get(KEY)?.as_str()?).ok()?;
                let text = |name| {
                    about
                        .get(name)
                        .and_then(Value::as_str)
                        .map(|text| text.as_bytes().to_vec())
                };
                Some(vec![
                    text("content")?,
                    serde_json::to_vec(&header).ok()?,
                    numbers.to_vec(),
                    text("format")?,
                ])
            }
        }
    }

    /// Wraps parts up as they should be.
    fn close(self, parts: &[Vec<u8>]) -> Vec<u8> {
        match (self, parts) {
            (Self::Gzip, [content]) => gzip(content),
            (Self::Table, [header, figures]) => table(header, figures),
            (Self::Tensors, [content, header, numbers, format]) => tensors(content, header, numbers, format),
            _ => parts.concat(),
        }
    }
}

/// The content as a gzip file.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Memory takes whatever it is given.
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

/// A benchmark table of these parts.
fn table(header: &[u8], figures: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89nastab\n".to_vec();
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(((PREAMBLE + header.len() + figures.len()) as u64).to_le_bytes());
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&bytes);
    checksum.update(header);
    checksum.update(figures);
    bytes.extend(checksum.finalize().to_le_bytes());
    bytes.extend(header);
    bytes.extend(figures);
    bytes
}

/// A file of tensors of these parts; the first, third and last of a whole one are texts, whatever became of them.
fn tensors(content: &[u8], header: &[u8], numbers: &[u8], format: &[u8]) -> Vec<u8> {
    let file = |about: Value| {
        let mut text = header.to_vec();
        if let Ok(mut tensors) = serde_json::from_slice::<Map<String, Value>>(header) {
            tensors.insert(
                "__metadata__".to_owned(),
                serde_json::json!({ KEY: about.to_string() }),
            );
            text = serde_json::to_vec(&tensors).unwrap_or(text);
        }
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text);
        bytes.extend(numbers);
        bytes
    };
    let (content, format) = (String::from_utf8_lossy(content), String::from_utf8_lossy(format));
    let about = |sha256: &str| serde_json::json!({ "format": format, "version": 1, "sha256": sha256, "content": content });
    let unsigned = file(about(""));
    match SafeTensors::deserialize(&unsigned) {
        Ok(tensors) => file(about(&checksum(&content, &tensors))),
        Err(_) => unsigned,
    }
}

/// The checksum that the files of tensors carry.
fn checksum(content: &str, tensors: &SafeTensors<'_>) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(content.as_bytes());
    for (name, view) in tensors.iter().collect::<BTreeMap<_, _>>() {
        part(name.as_bytes());
        part(format!("{:?} {:?}", view.dtype(), view.shape()).as_bytes());
        part(view.data());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
