//! What the columns of a list are.

use super::Side;
use super::folder::is_image_ending;
use super::rows::Row;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Path,
    Label,
    Split,
    Group,
}

/// Where in a row everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) path: usize,
    pub(super) label: usize,
    pub(super) split: Option<usize>,
    pub(super) group: Option<usize>,
    /// Whether the first row names the columns.
    pub(super) has_header: bool,
}

/// What is wrong with the columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// What the user has named.
    Given(String),
    /// What the list says.
    List(String),
}

impl Columns {
    /// Finds the columns: those that are `given`, else those that the first row names, else path,
    /// label, split and group in this order. `exists` says whether there is a file of this path.
    ///
    /// # Errors
    /// The problem and, for a list, what the list has instead.
    pub(super) fn find(
        first: &Row,
        given: Option<&[String]>,
        exists: impl Fn(&str) -> bool,
    ) -> Result<Self, Wrong> {
        let is_path = |field: &str| {
            let ending = field
                .rsplit_once('.')
                .map(|(_, ending)| ending.to_ascii_lowercase());
            exists(field) || ending.is_some_and(|ending| is_image_ending(&ending))
        };
        let named: Vec<Option<Role>> = first.fields.iter().map(|field| role(field)).collect();
        if let Some(given) = given {
            let mut columns = Self::of_roles(&roles_given(given)?).map_err(Wrong::Given)?;
            if given.len() > first.fields.len() {
                return Err(Wrong::Given(format!(
                    "{} columns are named and the list has {}",
                    given.len(),
                    first.fields.len()
                )));
            }
            columns.has_header = !is_path(&first.fields[columns.path]);
            return Ok(columns);
        }
        let texts = || first.fields.join(", ");
        if named.contains(&Some(Role::Path)) && named.contains(&Some(Role::Label)) {
            let mut columns = Self::of_roles(&named)
                .map_err(|problem| Wrong::List(format!("{problem} in its header ({})", texts())))?;
            columns.has_header = true;
            return Ok(columns);
        }
        if !is_path(&first.fields[0]) {
            return Err(Wrong::List(format!(
                "its first line ({}) neither names a column 'path' and a column 'label' nor begins with the path of a file",
                texts()
            )));
        }
        match first.fields.as_slice() {
            [_, _] => Self::of_roles(&[Some(Role::Path), Some(Role::Label)]),
            [_, _, split] if Side::of_name(split).is_some() => {
                Self::of_roles(&[Some(Role::Path), Some(Role::Label), Some(Role::Split)])
            }
            [_, _, split, _] if Side::of_name(split).is_some() => Self::of_roles(&[
                Some(Role::Path),
                Some(Role::Label),
                Some(Role::Split),
                Some(Role::Group),
            ]),
            fields => Err(format!(
                "it has no header, and {} columns that are not path, label, split and group",
                fields.len()
            )),
        }
        .map_err(|problem| Wrong::List(format!("{problem} (line {}: {})", first.line, texts())))
    }

    fn of_roles(roles: &[Option<Role>]) -> Result<Self, String> {
        let place = |role: Role, name: &str| {
            let mut places = roles
                .iter()
                .enumerate()
                .filter(|&(_, &of)| of == Some(role))
                .map(|(place, _)| place);
            match (places.next(), places.next()) {
                (_, Some(_)) => Err(format!("there are two columns '{name}'")),
                (place, None) => Ok(place),
            }
        };
        let needed =
            |role, name: &str| place(role, name)?.ok_or_else(|| format!("there is no column '{name}'"));
        Ok(Self {
            path: needed(Role::Path, "path")?,
            label: needed(Role::Label, "label")?,
            split: place(Role::Split, "split")?,
            group: place(Role::Group, "group")?,
            has_header: false,
        })
    }
}

fn roles_given(given: &[String]) -> Result<Vec<Option<Role>>, Wrong> {
    given
        .iter()
        .map(|name| match (name.trim(), role(name)) {
            ("_" | "", _) => Ok(None),
            (_, Some(role)) => Ok(Some(role)),
            (name, None) => Err(Wrong::Given(format!("'{name}' is no column"))),
        })
        .collect()
}

/// What people call a column.
pub(super) fn role(name: &str) -> Option<Role> {
    let plain: String = name.chars().filter(|letter| letter.is_alphanumeric()).collect();
    match plain.to_lowercase().as_str() {
        "path" | "file" | "filename" | "filepath" | "image" | "imagepath" | "imagefile" | "imagename"
        | "img" => Some(Role::Path),
        "label" | "class" | "target" => Some(Role::Label),
        "split" | "set" | "subset" => Some(Role::Split),
        "group" => Some(Role::Group),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(first: &str, given: Option<&str>) -> Result<Columns, Wrong> {
        let fields = first.split(',').map(str::to_owned).collect();
        let given: Option<Vec<String>> = given.map(|given| given.split(',').map(str::to_owned).collect());
        Columns::find(&Row { line: 1, fields }, given.as_deref(), |path| path == "there")
    }

    fn columns(
        path: usize,
        label: usize,
        split: Option<usize>,
        group: Option<usize>,
        has_header: bool,
    ) -> Columns {
        Columns {
            path,
            label,
            split,
            group,
            has_header,
        }
    }

    #[test]
    fn a_header_names_columns_in_any_order_and_case() {
        for (header, expected) in [
            ("path,label", columns(0, 1, None, None, true)),
            ("Class,id,FILENAME,Subset", columns(2, 0, Some(3), None, true)),
            (
                "image_path,Target,Group,set",
                columns(0, 1, Some(3), Some(2), true),
            ),
        ] {
            assert_eq!(find(header, None), Ok(expected), "{header}");
        }
    }

    #[test]
    fn without_a_header_columns_have_their_order() {
        for (first, expected) in [
            ("there,cat", columns(0, 1, None, None, false)),
            ("missing.JPG,cat", columns(0, 1, None, None, false)),
            ("there,cat,Val", columns(0, 1, Some(2), None, false)),
            ("there,cat,test,patient 7", columns(0, 1, Some(2), Some(3), false)),
        ] {
            assert_eq!(find(first, None), Ok(expected), "{first}");
        }
    }

    #[test]
    fn columns_that_are_given_pass_over_a_header() {
        assert_eq!(
            find("id,breed,there", Some("_,label,path")),
            Ok(columns(2, 1, None, None, false))
        );
        assert_eq!(
            find("id,breed,x", Some("path,label")),
            Ok(columns(0, 1, None, None, true))
        );
    }

    #[test]
    fn what_names_no_paths_and_labels_is_refused() {
        for (first, given) in [
            ("id,breed", None),
            ("path,size", None),
            ("file,image,label", None),
            ("there,cat,patient 7", None),
            ("there,a,b,c,d", None),
            ("there", None),
            ("there,cat", Some("path")),
            ("there,cat", Some("path,label,group")),
            ("there,cat", Some("path,name")),
            ("there,cat,dog", Some("path,label,label")),
        ] {
            assert!(find(first, given).is_err(), "{first} {given:?}");
        }
    }
}
