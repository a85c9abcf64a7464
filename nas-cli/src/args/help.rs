//! The command line as clap is given it, and its help.
//!
//! `-h` shows the everyday options of a command on one screen, `--help` all of them with examples.

use std::ffi::OsString;

use clap::CommandFactory as _;
use nas_runner::methods::{Method, help_of};

use super::Cli;

/// The whole command line. Where `words` ask for the help of a search by a method, it shows the
/// options of that method and of no other.
pub(crate) fn command(words: &[OsString]) -> clap::Command {
    let command = Cli::command();
    match method_in(words) {
        Some(method) => command.mut_subcommand("search", |search| help_of(method, search)),
        None => command,
    }
}

/// The method of `nas search METHOD --help`.
fn method_in(words: &[OsString]) -> Option<Method> {
    words.iter().find(|word| *word == "--help")?;
    let mut words = words.iter().skip_while(|word| *word != "search").skip(1);
    words.find_map(|word| Method::ALL.into_iter().find(|method| word == method.name()))
}

/// The command line without the commands that nobody types.
pub(crate) fn visible() -> clap::Command {
    let all = Cli::command();
    let mut command = clap::Command::new(all.get_name().to_owned())
        .propagate_version(true)
        .args(all.get_arguments().cloned())
        .subcommands(all.get_subcommands().filter(|one| !one.is_hide_set()).cloned());
    if let Some(version) = all.get_version() {
        command = command.version(version.to_owned());
    }
    if let Some(about) = all.get_about() {
        command = command.about(about.clone());
    }
    if let Some(after) = all.get_after_help() {
        command = command.after_help(after.clone());
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of the terminal that help is written for.
    const COLUMNS: usize = 100;
    /// Lines of one screen.
    const SCREEN: usize = 50;

    /// Every command that people type, by all its words.
    fn all() -> Vec<(String, clap::Command)> {
        fn add(path: &str, command: &clap::Command, all: &mut Vec<(String, clap::Command)>) {
            for one in command.get_subcommands() {
                add(&format!("{path} {}", one.get_name()), one, all);
            }
            all.push((path.to_owned(), command.clone()));
        }
        let mut root = visible().term_width(COLUMNS).disable_help_subcommand(true);
        root.build();
        let mut all = Vec::new();
        add("nas", &root, &mut all);
        all
    }

    /// A command line as a shell reads it, where quotes are single ones.
    fn words(line: &str) -> Vec<OsString> {
        let mut words = vec![String::new()];
        for (place, part) in line.split('\'').enumerate() {
            let (within, last) = (place % 2 == 1, words.len() - 1);
            if within {
                words[last] += part;
                continue;
            }
            let mut parts = part.split(' ');
            words[last] += parts.next().unwrap_or_default();
            words.extend(parts.map(str::to_owned));
        }
        let words = words.into_iter().filter(|word| !word.is_empty());
        words.map(OsString::from).collect()
    }

    #[test]
    fn the_short_help_of_every_command_is_one_screen() {
        for (path, mut command) in all() {
            let help = command.render_help().to_string();
            let lines = help.lines().count();
            assert!(lines <= SCREEN, "{path} -h has {lines} lines:\n{help}");
            for line in help.lines() {
                assert!(line.chars().count() <= COLUMNS, "{path} -h: {line}");
            }
        }
    }

    #[test]
    fn every_option_has_one_short_line_and_stands_under_a_heading_where_there_are_many() {
        for (path, command) in all() {
            for arg in command.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty(), "{path}: {} has no help", arg.get_id());
                let is_short = help.chars().count() <= 85 || arg.get_id() == "preset";
                assert!(is_short, "{path}: {}: {help}", arg.get_id());
            }
        }
    }

    #[test]
    fn the_long_help_of_a_search_has_its_headings_in_order_and_then_each_method() {
        let (_, mut search) = all().into_iter().find(|(path, _)| path == "nas search").unwrap();
        let help = search.render_long_help().to_string();
        let mut rest = &help[..];
        for heading in [
            "Task:",
            "Data:",
            "Your own images (--data PATH):",
            "Training:",
            "Budget:",
            "Network:",
            "Hardware:",
            "Output:",
            "Method evolution:",
            "Method pnas:",
            "Examples:",
        ] {
            let (_, after) = rest
                .split_once(&format!("\n{heading}\n"))
                .unwrap_or_else(|| panic!("{heading} is missing or out of place:\n{help}"));
            rest = after;
        }
    }

    #[test]
    fn the_help_of_a_search_by_one_method_has_the_options_of_that_method_alone() {
        let long = |line: &str| {
            let mut root = command(&words(line));
            root.build();
            let search = root.find_subcommand_mut("search").unwrap();
            search.render_long_help().to_string()
        };
        let (all, one) = (long("nas search --help"), long("nas search pnas --help"));
        for option in ["--surrogate", "--tournament", "--trials"] {
            assert!(all.contains(option), "{option}: {all}");
        }
        assert!(one.contains("--surrogate") && one.contains("--trials"), "{one}");
        assert!(
            !one.contains("--tournament") && !one.contains("--preset"),
            "{one}"
        );
        assert!(one.contains("\nMethod pnas:\n"), "{one}");
        let rl = long("nas search --json rl --help");
        assert!(rl.contains("zoph-le") && !rl.contains("authors' code"), "{rl}");
        assert!(
            rl.contains("--controller-rate") && !rl.contains("Methods "),
            "{rl}"
        );
    }

    #[test]
    fn every_example_can_be_typed() {
        let mut examples = 0;
        for (path, mut command) in all() {
            let help = command.render_long_help().to_string();
            let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
            for line in lines.filter(|line| line.starts_with("nas ")) {
                let line = line.split(" >").next().unwrap_or(line);
                let parsed = Cli::command().try_get_matches_from(words(line));
                assert!(parsed.is_ok(), "{path}: {line}: {}", parsed.unwrap_err());
                examples += 1;
            }
            let is_group = command.has_subcommands() && path == "nas";
            let count = help.matches("\n  nas ").count();
            let several = [
                "compare",
                "train",
                "table",
                "data check",
                "predict",
                "export",
                "show",
                "test",
            ];
            if several.iter().any(|name| path == format!("nas {name}")) {
                assert!((3..=5).contains(&count), "{path} has {count} examples");
            }
            assert!(
                is_group || count > 0 || path == "nas data list",
                "{path} has no example"
            );
        }
        assert!(examples > 40, "{examples}");
    }

    #[test]
    fn only_what_nobody_types_is_left_out() {
        let hidden: Vec<String> = Cli::command()
            .get_subcommands()
            .filter(|one| visible().find_subcommand(one.get_name()).is_none())
            .map(|one| one.get_name().to_owned())
            .collect();
        assert_eq!(hidden, ["evaluate", "guard"]);
        assert_eq!(visible().get_version(), Cli::command().get_version());
    }
}
