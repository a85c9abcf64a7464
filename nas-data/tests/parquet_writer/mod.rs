//! Parquet files in the form in which Hugging Face writes images.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// Images as structures of bytes and path, numbers as labels.
pub(crate) const SCHEMA: &str = "message schema {
    optional group image { optional byte_array bytes; optional byte_array path (utf8); }
    optional int64 label;
}";

/// The bytes of an image and its label.
pub(crate) type Row = (Option<Vec<u8>>, Option<i64>);

/// How a file is written.
pub(crate) struct Form<'a> {
    pub(crate) compression: Compression,
    /// Rows of a group.
    pub(crate) group: usize,
    /// Names of the classes.
    pub(crate) names: Option<&'a [&'a str]>,
}

impl Default for Form<'_> {
    fn default() -> Self {
        Self {
            compression: Compression::SNAPPY,
            group: 100,
            names: None,
        }
    }
}

/// Writes rows of [`SCHEMA`].
pub(crate) fn write(path: &Path, rows: &[Row], form: &Form<'_>) {
    let note = form.names.map(|names| {
        let features = serde_json::json!({"info": {"features": {
            "image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"},
        }}});
        vec![KeyValue::new("huggingface".to_owned(), features.to_string())]
    });
    let properties = WriterProperties::builder()
        .set_compression(form.compression)
        .set_key_value_metadata(note)
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::new(properties)).unwrap();
    for rows in rows.chunks(form.group) {
        let mut group = writer.next_row_group().unwrap();
        let bytes: Vec<ByteArray> = rows
            .iter()
            .filter_map(|(bytes, _)| Some(bytes.clone()?.into()))
            .collect();
        let levels: Vec<i16> = rows
            .iter()
            .map(|(bytes, _)| if bytes.is_some() { 2 } else { 1 })
            .collect();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&bytes, Some(&levels), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&[], Some(&vec![1; rows.len()]), None)
            .unwrap();
        column.close().unwrap();
        let labels: Vec<i64> = rows.iter().filter_map(|&(_, label)| label).collect();
        let levels: Vec<i16> = rows.iter().map(|(_, label)| label.is_some().into()).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&labels, Some(&levels), None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}
