//! Which columns of a Parquet file have images and labels.

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::file::metadata::FileMetaData;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use serde_json::Value;

use super::super::columns::{Role, role};

/// The columns of a file that are read, and what its labels mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// The number of the column, among those of the lowest level, with the bytes of image files.
    pub(super) image: usize,
    /// The number of the column with the labels.
    pub(super) label: usize,
    /// How labels are written.
    pub(super) label_kind: LabelKind,
    /// Names of the classes where labels are numbers, if the file has them.
    pub(super) names: Option<Vec<String>>,
}

/// How labels are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LabelKind {
    /// As numbers of 32 bits.
    Short,
    /// As numbers of 64 bits.
    Long,
    /// As texts.
    Text,
}

/// A column of the highest level.
struct Field {
    name: String,
    is: Is,
}

/// What can be in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Image(usize),
    Label(usize, LabelKind),
    Other,
}

impl Columns {
    /// Finds the columns: those that are `given`, from the left; else those whose types and names,
    /// or the features that Hugging Face notes, leave no doubt.
    ///
    /// # Errors
    /// What is wrong, and which columns there are.
    pub(super) fn find(file: &FileMetaData, given: Option<&[String]>) -> Result<Self, String> {
        let fields = fields(file.schema_descr());
        let features = features(file);
        let listed = || {
            let names = fields.iter().map(|field| match field.is {
                Is::Image(_) => format!("{} (bytes)", field.name),
                Is::Label(_, LabelKind::Text) => format!("{} (texts)", field.name),
                Is::Label(..) => format!("{} (numbers)", field.name),
                Is::Other => format!("{} (something else)", field.name),
            });
            names.collect::<Vec<_>>().join(", ")
        };
        let (image, label) = match given {
            Some(given) => chosen(&fields, given),
            None => found(&fields, features.as_ref()),
        }
        .map_err(|problem| format!("{problem}; its columns are {}", listed()))?;
        match (image.is, label.is) {
            (Is::Image(image), Is::Label(number, label_kind)) => Ok(Self {
                image,
                label: number,
                label_kind,
                names: features
                    .as_ref()
                    .and_then(|features| names(features, &label.name)),
            }),
            _ => Err(format!(
                "'{}' should have bytes of image files, and '{}' numbers or texts; its columns are {}",
                image.name,
                label.name,
                listed()
            )),
        }
    }
}

/// The columns that the user has named.
fn chosen<'a>(fields: &'a [Field], given: &[String]) -> Result<(&'a Field, &'a Field), String> {
    if given.len() > fields.len() {
        return Err(format!(
            "{} columns are named and it has {}",
            given.len(),
            fields.len()
        ));
    }
    let of_role = |wanted: Role, name: &str| {
        let mut of = given
            .iter()
            .zip(fields)
            .filter(|(given, _)| role(given) == Some(wanted));
        match (of.next(), of.next()) {
            (Some((_, field)), None) => Ok(field),
            _ => Err(format!("not one column is named '{name}'")),
        }
    };
    Ok((of_role(Role::Path, "image")?, of_role(Role::Label, "label")?))
}

/// The only columns that can be meant.
fn found<'a>(fields: &'a [Field], features: Option<&Value>) -> Result<(&'a Field, &'a Field), String> {
    let images = fields.iter().filter(|field| matches!(field.is, Is::Image(_)));
    let of_name = |field: &&Field| role(&field.name) == Some(Role::Path);
    let image = only(images.clone())
        .or_else(|| only(images.filter(of_name)))
        .ok_or("not one column has the bytes of image files")?;
    let labels = fields.iter().filter(|field| matches!(field.is, Is::Label(..)));
    let of_name = |field: &&Field| role(&field.name) == Some(Role::Label);
    let of_feature = |field: &&Field| features.is_some_and(|features| names(features, &field.name).is_some());
    let label = only(labels.clone().filter(of_name))
        .or_else(|| only(labels.filter(of_feature)))
        .ok_or("not one column is a label")?;
    Ok((image, label))
}

fn only<'a>(mut fields: impl Iterator<Item = &'a Field>) -> Option<&'a Field> {
    fields.next().filter(|_| fields.next().is_none())
}

/// The columns of the highest level, and what can be in them.
fn fields(schema: &SchemaDescriptor) -> Vec<Field> {
    let leaf = |wanted: &[&str]| {
        let is = |column: &ColumnDescriptor| {
            let parts = column.path().parts();
            parts.len() == wanted.len() && parts.iter().zip(wanted).all(|(part, wanted)| part == wanted)
        };
        let mut all = schema.columns().iter().enumerate();
        let (number, column) = all.find(|(_, column)| is(column))?;
        (column.max_rep_level() == 0).then_some((number, column))
    };
    let fields = schema.root_schema().get_fields().iter().map(|field| {
        let name = field.name();
        let is = if field.is_group() {
            match leaf(&[name, "bytes"]) {
                Some((number, column)) if is_bytes(column) => Is::Image(number),
                _ => Is::Other,
            }
        } else {
            match leaf(&[name]) {
                Some((number, column)) => of_column(number, column),
                None => Is::Other,
            }
        };
        Field {
            name: name.to_owned(),
            is,
        }
    });
    fields.collect()
}

fn of_column(number: usize, column: &ColumnDescriptor) -> Is {
    let is_number = matches!(
        (column.converted_type(), column.logical_type_ref()),
        (
            ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64
                | ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32,
            None | Some(LogicalType::Integer { .. })
        )
    );
    match column.physical_type() {
        Physical::INT32 if is_number => Is::Label(number, LabelKind::Short),
        Physical::INT64 if is_number => Is::Label(number, LabelKind::Long),
        Physical::BYTE_ARRAY if is_bytes(column) => Is::Image(number),
        Physical::BYTE_ARRAY if is_text(column) => Is::Label(number, LabelKind::Text),
        _ => Is::Other,
    }
}

fn is_bytes(column: &ColumnDescriptor) -> bool {
    column.physical_type() == Physical::BYTE_ARRAY
        && column.converted_type() == ConvertedType::NONE
        && column.logical_type_ref().is_none()
}

fn is_text(column: &ColumnDescriptor) -> bool {
    matches!(column.converted_type(), ConvertedType::UTF8 | ConvertedType::ENUM)
        || matches!(
            column.logical_type_ref(),
            Some(LogicalType::String | LogicalType::Enum)
        )
}

/// What Hugging Face notes of the columns.
fn features(file: &FileMetaData) -> Option<Value> {
    let noted = file
        .key_value_metadata()?
        .iter()
        .find(|note| note.key == "huggingface")?;
    let noted: Value = serde_json::from_str(noted.value.as_deref()?).ok()?;
    noted.get("info")?.get("features").cloned()
}

/// The names of the classes of a column.
fn names(features: &Value, column: &str) -> Option<Vec<String>> {
    let names = features.get(column)?.get("names")?.as_array()?;
    names
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect()
}
