//! Files of named tensors: safetensors with a header that describes them.
//!
//! The metadata of the file has one entry, `nas`, whose value is JSON: `format` and `version`, the
//! SHA-256 of everything else, and `content`, the JSON text of the data that belong to the tensors.
//! Files of another format, truncated files and files with a flipped bit are all detected.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use indexmap::IndexMap;
use nas_files::fingerprint;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::EvalError;

/// The one entry of the metadata.
const KEY: &str = "nas";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    sha256: String,
    content: String,
}

/// Writes the tensors (`f32` or `f64`) and what belongs to them; the same arguments give the same
/// bytes.
///
/// # Errors
/// [`EvalError::Io`] where the file cannot be written, [`EvalError::Format`] for another element
/// type.
pub fn save(
    path: &Path,
    format: &str,
    version: u32,
    content: &impl Serialize,
    tensors: &IndexMap<String, Tensor>,
) -> Result<(), EvalError> {
    let file = bytes(path, format, version, content, tensors)?;
    nas_files::replace(path, &file).map_err(|e| EvalError::io(path, e))
}

/// What [`save`] writes to the file, which `path` names in errors.
///
/// # Errors
/// [`EvalError::Format`] for an element type that is neither `f32` nor `f64`.
pub fn bytes(
    path: &Path,
    format: &str,
    version: u32,
    content: &impl Serialize,
    tensors: &IndexMap<String, Tensor>,
) -> Result<Vec<u8>, EvalError> {
    let content = serde_json::to_string(content).map_err(|e| EvalError::format(path, e.to_string()))?;
    let mut bytes = BTreeMap::new();
    for (name, tensor) in tensors {
        bytes.insert(name.as_str(), (tensor, little_endian(path, tensor)?));
    }
    let mut views = BTreeMap::new();
    for (name, (tensor, data)) in &bytes {
        let dtype = if tensor.dtype() == DType::F64 {
            Dtype::F64
        } else {
            Dtype::F32
        };
        let view = TensorView::new(dtype, tensor.dims().to_vec(), data);
        views.insert(*name, view.map_err(|e| EvalError::format(path, e.to_string()))?);
    }
    let sha256 = checksum(&content, &views);
    let header = Header {
        format: format.to_owned(),
        version,
        sha256,
        content,
    };
    let header = serde_json::to_string(&header).map_err(|e| EvalError::format(path, e.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), header)]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| EvalError::format(path, e.to_string()))
}

/// Whether a file begins with the length of a header that it can hold, and with that header's
/// brace. Files of other kinds may be of any length, and are not read for nothing.
fn begins_like_tensors(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut beginning = Vec::new();
    file.take(9).read_to_end(&mut beginning)?;
    let Some((header, rest)) = beginning.split_first_chunk() else {
        return Ok(false);
    };
    Ok(rest == b"{" && u64::from_le_bytes(*header) < length)
}

/// Reads a file of this format and of one of these versions: what belongs to the tensors, and the tensors by
/// name.
///
/// # Errors
/// [`EvalError::Io`] where the file cannot be read, [`EvalError::Format`] where it is no such file
/// or damaged.
pub fn load<C: DeserializeOwned>(
    path: &Path,
    format: &str,
    versions: RangeInclusive<u32>,
    device: &Device,
) -> Result<(C, IndexMap<String, Tensor>), EvalError> {
    let wrong = |reason: String| EvalError::format(path, reason);
    if !begins_like_tensors(path).map_err(|e| EvalError::io(path, e))? {
        let reason = "not a complete safetensors file (it does not begin with a header that it holds); it may be torn: write it \
                      again";
        return Err(wrong(reason.to_owned()));
    }
    let file = fs::read(path).map_err(|e| EvalError::io(path, e))?;
    let torn = |e| {
        wrong(format!(
            "not a complete safetensors file ({e}); it may be torn: write it again"
        ))
    };
    let (_, metadata) = SafeTensors::read_metadata(&file).map_err(torn)?;
    let header = metadata.metadata().as_ref().and_then(|entries| entries.get(KEY));
    let header =
        header.ok_or_else(|| wrong(format!("not written by this program: it has no '{KEY}' entry")))?;
    let header: Header =
        serde_json::from_str(header).map_err(|e| wrong(format!("its '{KEY}' entry cannot be read: {e}")))?;
    if header.format != format {
        return Err(wrong(format!(
            "this is a file of format '{}', expected '{format}'",
            header.format
        )));
    }
    if !versions.contains(&header.version) {
        let (got, last) = (header.version, versions.end());
        let reads = match versions.start() {
            first if first == last => format!("version {last}"),
            first => format!("versions {first} to {last}"),
        };
        return Err(wrong(format!(
            "format '{format}' has version {got}, this program reads {reads}"
        )));
    }
    let stored = SafeTensors::deserialize(&file).map_err(torn)?;
    let views: BTreeMap<&str, TensorView<'_>> = stored.iter().collect();
    if checksum(&header.content, &views) != header.sha256 {
        return Err(wrong(
            "the checksum does not match: the file is damaged".to_owned(),
        ));
    }
    let content = serde_json::from_str(&header.content).map_err(|e| {
        wrong(format!(
            "what format '{format}' says of its tensors cannot be read: {e}"
        ))
    })?;
    let mut tensors = IndexMap::new();
    for (name, view) in views {
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F64 => DType::F64,
            other => {
                return Err(wrong(format!(
                    "tensor '{name}' is {other:?}, expected F32 or F64"
                )));
            }
        };
        // An empty tensor may be of any size in its other dimensions; strides are products of them.
        let sizes = view.shape().iter().filter(|size| **size != 0);
        if sizes.copied().try_fold(1, usize::checked_mul).is_none() {
            return Err(wrong(format!(
                "tensor '{name}' has shape {:?}, whose sizes have no product",
                view.shape()
            )));
        }
        let tensor = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), device)?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok((content, tensors))
}

/// SHA-256, in hexadecimal, over the content and each tensor's name, type, shape and bytes, in the
/// order of the names.
fn checksum(content: &str, tensors: &BTreeMap<&str, TensorView<'_>>) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(content.as_bytes());
    for (name, view) in tensors {
        part(name.as_bytes());
        part(format!("{:?} {:?}", view.dtype(), view.shape()).as_bytes());
        part(view.data());
    }
    fingerprint::hex(hash)
}

fn little_endian(path: &Path, tensor: &Tensor) -> Result<Vec<u8>, EvalError> {
    let flat = tensor.flatten_all()?;
    match tensor.dtype() {
        DType::F32 => Ok(flat
            .to_vec1::<f32>()?
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect()),
        DType::F64 => Ok(flat
            .to_vec1::<f64>()?
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect()),
        other => Err(EvalError::format(
            path,
            format!("cannot store tensors of {}", other.as_str()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> IndexMap<String, Tensor> {
        let tensor = |v: &[f32]| Tensor::new(v, &Device::Cpu).unwrap();
        IndexMap::from([
            ("b".to_owned(), tensor(&[1.5, -2.0])),
            ("a".to_owned(), tensor(&[f32::MIN_POSITIVE])),
        ])
    }

    fn load_example(path: &Path) -> Result<(String, IndexMap<String, Tensor>), EvalError> {
        load(path, "test", 3..=3, &Device::Cpu)
    }

    #[test]
    fn a_file_that_does_not_begin_like_tensors_is_not_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("network");
        for beginning in [
            &b""[..],
            b"short",
            b"\x20\0\0\0\0\0\0\0{}",
            b"\x02\0\0\0\0\0\0\0[]",
        ] {
            fs::write(&path, beginning).unwrap();
            let refused = load::<u32>(&path, "f", 1..=1, &Device::Cpu)
                .unwrap_err()
                .to_string();
            assert!(refused.contains("not a complete safetensors file"), "{refused}");
        }
        // Of a terabyte of nothing, nine bytes are read.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let refused = load::<u32>(&path, "f", 1..=1, &Device::Cpu)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("does not begin with a header"), "{refused}");
    }

    #[test]
    fn content_and_tensors_come_back_and_the_bytes_are_the_same_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        save(&one, "test", 3, &"what it is", &example()).unwrap();
        save(&two, "test", 3, &"what it is", &example()).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        let (content, tensors) = load_example(&one).unwrap();
        assert_eq!(content, "what it is");
        assert_eq!(tensors["b"].to_vec1::<f32>().unwrap(), [1.5, -2.0]);
        assert_eq!(tensors["a"].to_vec1::<f32>().unwrap(), [f32::MIN_POSITIVE]);
    }

    #[test]
    fn a_file_cut_anywhere_or_with_a_flipped_bit_anywhere_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        save(&path, "test", 3, &"x", &example()).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(load_example(&path).is_err(), "cut to {length} of {}", whole.len());
        }
        for position in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[position] ^= 1;
            fs::write(&path, &flipped).unwrap();
            assert!(
                load_example(&path).is_err(),
                "bit 0 of byte {position} of {}",
                whole.len()
            );
        }
    }

    #[test]
    fn another_format_or_version_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        save(&path, "other", 3, &"x", &example()).unwrap();
        assert!(
            load_example(&path)
                .unwrap_err()
                .to_string()
                .contains("'other', expected 'test'")
        );
        save(&path, "test", 4, &"x", &example()).unwrap();
        assert!(load_example(&path).unwrap_err().to_string().contains("version 4"));
        candle_core::safetensors::save(&HashMap::from([("a", example()["a"].clone())]), &path).unwrap();
        assert!(
            load_example(&path)
                .unwrap_err()
                .to_string()
                .contains("not written by this program")
        );
    }
}
