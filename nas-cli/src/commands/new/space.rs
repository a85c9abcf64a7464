//! The file of a space.

use std::path::Path;

use anyhow::Result;
use nas_runner::shell;
use nas_space::op::Operations;
use nas_space::spaces::{self, CustomConfig, DARTS_OPERATIONS, NB201_OPERATIONS, Space as _};

use super::{Written, create, extension};
use crate::args::{Like, NewSpaceArgs};
use crate::commands::list;

/// The file, with names in braces for its values.
const TEMPLATE: &str = include_str!("space.toml");
/// Columns of a line.
const COLUMNS: usize = 110;

/// The values of a file.
struct Values {
    skeleton: &'static str,
    operations: &'static [&'static str],
    nodes: usize,
    inputs: &'static str,
    reduction: &'static str,
    output: &'static str,
    filled: bool,
}

impl Values {
    fn of(like: Like) -> Self {
        const SMALL: [&str; 4] = ["skip_connect", "sep_conv_3x3", "dil_conv_3x3", "max_pool_3x3"];
        let small = Self {
            skeleton: "darts",
            operations: &SMALL,
            nodes: 2,
            inputs: "2",
            reduction: "separate",
            output: "all",
            filled: false,
        };
        match like {
            Like::Small => small,
            Like::Darts => Self {
                operations: &DARTS_OPERATIONS,
                nodes: 4,
                ..small
            },
            Like::Growing => Self {
                nodes: 4,
                reduction: "shared",
                output: "loose",
                ..small
            },
            Like::Nb201 => Self {
                skeleton: "nb201",
                operations: &NB201_OPERATIONS,
                nodes: 3,
                inputs: "\"all\"",
                reduction: "shared",
                output: "last",
                filled: true,
            },
        }
    }
}

/// Writes the file of a space that is like one of those known.
pub(super) fn write(args: &NewSpaceArgs) -> Result<Written> {
    extension(&args.file, &["toml"])?;
    let text = text(&name(&args.file), &Values::of(args.like));
    let space = CustomConfig::from_toml(&text)?.build(Operations::standard())?;
    create(&args.file, &text)?;
    let file = shell::quoted(&args.file);
    Ok(Written {
        what: format!(
            "a space of {} architectures, {} decisions",
            list::short(&space.size().to_string()),
            space.decisions().len()
        ),
        next: vec![format!(
            "nas search random --space {file} --limit 200 --trials 2 --epochs 1 --final-epochs 1"
        )],
        change: "change what you like; every key is explained in the file",
        file: args.file.clone(),
    })
}

/// The name of a space in a file of this name.
fn name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name: String = stem.chars().map(|c| if legal(c) { c } else { '_' }).collect();
    match spaces::names().contains(&name.as_str()) {
        true => format!("my_{name}"),
        false => name,
    }
}

fn text(name: &str, values: &Values) -> String {
    let operations = values.operations.iter().map(|name| format!("    \"{name}\","));
    TEMPLATE
        .replace("{name}", name)
        .replace("{skeleton}", values.skeleton)
        .replace("{known}", &known())
        .replace("{operations}", &operations.collect::<Vec<_>>().join("\n"))
        .replace("{nodes}", &values.nodes.to_string())
        .replace("{inputs}", values.inputs)
        .replace("{reduction}", values.reduction)
        .replace("{output}", values.output)
        .replace("{filled}", &values.filled.to_string())
}

/// The names of all operations, as comments.
fn known() -> String {
    let operations = Operations::standard();
    let mut lines = vec![String::from("#")];
    for name in operations.names() {
        if lines
            .last()
            .is_some_and(|line| line.len() + name.len() + 2 > COLUMNS)
        {
            lines.push(String::from("#"));
        }
        if let Some(line) = lines.last_mut() {
            *line += &format!(" {name},");
        }
    }
    let text = lines.join("\n");
    text.trim_end_matches(',').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(like: Like) -> spaces::CellSpace {
        let text = text("mine", &Values::of(like));
        assert!(!text.contains(['{', '}']), "{text}");
        let config = CustomConfig::from_toml(&text).unwrap();
        config.build(Operations::standard()).unwrap()
    }

    #[test]
    fn a_file_like_a_published_space_is_that_space() {
        for (like, published) in [(Like::Darts, "darts"), (Like::Nb201, "nb201")] {
            let (mine, published) = (built(like), spaces::by_name(published).unwrap());
            assert_eq!(mine.size(), published.size());
            let choices = |space: &dyn spaces::Space| -> Vec<Vec<String>> {
                let decisions = space.decisions().iter();
                decisions.map(|decision| decision.options.clone()).collect()
            };
            assert_eq!(choices(&mine), choices(&*published));
            assert_eq!(mine.growth().is_some(), published.growth().is_some());
        }
        assert!(built(Like::Growing).growth().is_some());
    }

    #[test]
    fn every_key_is_in_the_file_with_its_default() {
        let text = text("mine", &Values::of(Like::Small));
        for key in [
            "name",
            "skeleton",
            "operations",
            "nodes",
            "inputs",
            "reduction",
            "output",
            "filled",
        ] {
            assert!(text.contains(&format!("\n{key} = ")), "{key}");
        }
        assert_eq!(
            text.matches("Default: ").count() + text.matches("Required.").count(),
            8
        );
        for name in Operations::standard().names() {
            assert!(text.contains(name), "{name}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }

    #[test]
    fn a_space_is_named_after_its_file() {
        for (file, expected) in [
            ("mine.toml", "mine"),
            ("a b/c d.toml", "c_d"),
            ("darts.toml", "my_darts"),
        ] {
            assert_eq!(name(Path::new(file)), expected);
        }
    }
}
