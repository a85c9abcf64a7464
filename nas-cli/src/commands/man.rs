//! `nas man`: manual pages, made of the command line's own help.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Command;
use clap_mangen::Man;
use nas_report::number::counted;
use nas_runner::{Usage, shell};
use serde::Serialize;

use crate::args::{ManArgs, visible};
use crate::output::Output;

/// The JSON of `nas man`.
#[derive(Debug, Serialize)]
struct Written {
    folder: PathBuf,
    /// Names of the files.
    pages: Vec<String>,
}

/// Writes a page for each command.
pub(crate) fn run(args: &ManArgs, output: Output) -> Result<()> {
    let folder = &args.dir;
    if folder.exists() && !folder.is_dir() {
        let why = format!("DIR: {} is a file; expected a folder", folder.display());
        return Err(Usage::new(why).into());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut names = Vec::new();
    for (name, page) in pages()? {
        let path = folder.join(&name);
        nas_files::replace(&path, &page).with_context(|| format!("cannot write {}", path.display()))?;
        names.push(name);
    }
    let written = Written {
        folder: folder.clone(),
        pages: names,
    };
    output.result(&written, || {
        format!(
            "wrote  {} to {}\nread   man {}",
            counted(written.pages.len(), "page"),
            folder.display(),
            shell::quoted(&folder.join("nas.1"))
        )
    })
}

/// The pages by the names of their files.
fn pages() -> Result<Vec<(String, Vec<u8>)>> {
    fn add(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        for one in command.get_subcommands() {
            add(one, pages)?;
        }
        pages.push(page(command)?);
        Ok(())
    }
    let mut command = in_full(visible()).disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

/// The command, where everything is shown that `-h` leaves out.
fn in_full(command: Command) -> Command {
    command
        .mut_args(|arg| arg.hide_short_help(false))
        .mut_subcommands(in_full)
}

/// The page of a command and the name of its file.
fn page(command: &Command) -> Result<(String, Vec<u8>)> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    // Without it, the synopsis would list every option.
    let shown = command.clone().override_usage(usage);
    let man = Man::new(shown)
        .source(concat!("nas ", env!("CARGO_PKG_VERSION")))
        .manual("Commands of nas");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let after = command.get_after_long_help().or(command.get_after_help());
    if let Some(after) = after {
        write_notes(&mut page, &after.to_string())?;
    }
    if command.get_name() != "nas" {
        writeln!(page, ".SH SEE ALSO\n.BR nas (1)")?;
    }
    Ok((man.get_filename(), ascii(&String::from_utf8(page)?).into_bytes()))
}

/// What stands below the options: indented lines, such as commands, as they are.
fn write_notes(page: &mut Vec<u8>, text: &str) -> Result<()> {
    let is_heading = |line: &str| line == "Examples:" || line == "Example:";
    if !text.lines().next().is_some_and(is_heading) {
        writeln!(page, ".SH NOTES")?;
    }
    for line in text.lines() {
        match line.trim_start() {
            "" => writeln!(page, ".PP")?,
            _ if is_heading(line) => writeln!(page, ".SH EXAMPLES")?,
            rest if rest.len() < line.len() => writeln!(page, ".nf\n{}\n.fi", escaped(line))?,
            rest => writeln!(page, "{}\n.br", escaped(rest))?,
        }
    }
    Ok(())
}

/// The page with escapes in the place of letters that not every roff reads.
fn ascii(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for letter in page.chars() {
        match letter.is_ascii() {
            true => text.push(letter),
            false => text += &format!("\\[u{:04X}]", u32::from(letter)),
        }
    }
    text
}

/// A line of text in roff.
fn escaped(line: &str) -> String {
    let escaped = line.replace('\\', "\\e").replace('-', "\\-");
    match escaped.starts_with(['.', '\'']) {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_all_its_options() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "nas.1",
            "nas-search.1",
            "nas-data-check.1",
            "nas-table-build.1",
            "nas-man.1",
        ] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        for name in ["evaluate", "guard", "help"] {
            assert!(
                !names.iter().any(|page| page.contains(name)),
                "{name} in {names:?}"
            );
        }
        let mut command = visible();
        command.build();
        for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
            let name = format!("nas-{}.1", one.get_name());
            let (_, page) = pages.iter().find(|(found, _)| *found == name).unwrap();
            let page = String::from_utf8(page.clone()).unwrap();
            let page = page.replace("\\*(Aq", "'").replace("\\[u2026]", "…");
            let page = page.replace("\\[u00D7]", "×").replace('\\', "");
            for arg in one.get_arguments() {
                let help = arg.get_help().unwrap().to_string();
                let help = arg.get_long_help().map_or(help, ToString::to_string);
                let begin = help.lines().next().unwrap();
                assert!(page.contains(begin), "{name}: {begin}");
                if let Some(long) = arg.get_long() {
                    assert!(page.contains(&format!("--{long}")), "{name}: {long}");
                }
            }
        }
    }

    #[test]
    fn what_roff_would_take_for_a_command_is_text() {
        assert_eq!(escaped(".PP a-b \\n"), "\\&.PP a\\-b \\en");
        assert_eq!(escaped("'quoted'"), "\\&'quoted'");
        assert_eq!(ascii("3×3 …"), "3\\[u00D7]3 \\[u2026]");
    }
}
