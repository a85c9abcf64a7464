//! The options of all methods on one command line.
//!
//! Each method says which options it has; several may have the same. Here they are put together, each once, under a heading that names
//! its methods. Options that are typed and are not of the method that searches are refused.

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, FromArgMatches};

use super::{EachArgs, Method, meaningless};
use crate::usage::Usage;

/// The name of the option that names settings.
const PRESET: &str = "preset";

/// What was typed of the options of methods.
#[derive(Debug, Clone, Default)]
pub struct MethodArgs {
    pub(super) each: EachArgs,
    /// The settings that were named.
    pub preset: Option<String>,
    /// The options that were typed, and whose they are.
    typed: Vec<(String, Vec<&'static str>)>,
}

impl MethodArgs {
    /// These options, as if they had been typed.
    ///
    /// # Errors
    /// For an option that there is not, or a value that cannot be.
    pub fn parsed(options: &[&str]) -> Result<Self, clap::Error> {
        let command = <Self as clap::Args>::augment_args(Command::new("options").no_binary_name(true));
        Self::from_arg_matches(&command.try_get_matches_from(options)?)
    }

    /// Refuses options, or a preset, of other methods.
    ///
    /// # Errors
    /// Names the first, and the methods that it is for.
    pub fn check(&self, method: Method) -> Result<(), Usage> {
        let others = self
            .typed
            .iter()
            .find(|(_, methods)| !methods.contains(&method.name()));
        if let Some((option, methods)) = others {
            return Err(meaningless(&format!("--{option}"), method, methods));
        }
        let Some(preset) = &self.preset else {
            return Ok(());
        };
        let has = |method: &Method| method.presets().iter().any(|(name, _)| name == preset);
        if has(&method) {
            return Ok(());
        }
        let owners: Vec<&str> = Method::ALL.into_iter().filter(has).map(Method::name).collect();
        Err(meaningless(&format!("--{PRESET} {preset}"), method, &owners))
    }
}

/// Each option once, with the names of its methods.
fn all() -> Vec<(Arg, Vec<&'static str>)> {
    let mut all: Vec<(Arg, Vec<&'static str>)> = Vec::new();
    for method in Method::ALL {
        for arg in method.options().get_arguments() {
            match all.iter_mut().find(|(known, _)| known.get_id() == arg.get_id()) {
                Some((_, methods)) => methods.push(method.name()),
                None => all.push((arg.clone(), vec![method.name()])),
            }
        }
    }
    // Those of one method stand together, in the order of the methods.
    let place = |methods: &[&str]| Method::ALL.iter().position(|method| method.name() == methods[0]);
    all.sort_by_key(|(_, methods)| (place(methods), methods.len()));
    all
}

/// The presets of all methods.
fn presets() -> impl Iterator<Item = (Method, &'static (&'static str, &'static str))> + Clone {
    let all = Method::ALL.into_iter();
    all.flat_map(|method| method.presets().iter().map(move |preset| (method, preset)))
}

/// What the option that names settings says of these.
fn preset_help(listed: &[String]) -> String {
    format!(
        "Named settings, which replace those of a file: {}",
        listed.join("; ")
    )
}

/// The option that names settings.
fn preset() -> Arg {
    let listed: Vec<String> = presets()
        .map(|(method, (name, what))| format!("{name} ({method}): {what}"))
        .collect();
    Arg::new(PRESET)
        .long(PRESET)
        .value_name("NAME")
        .hide_possible_values(true)
        .value_parser(PossibleValuesParser::new(presets().map(|(_, (name, _))| *name)))
        .hide_short_help(true)
        .help(preset_help(&listed))
}

/// The command, whose help shows the options of this method and of no other.
pub fn help_of(method: Method, command: Command) -> Command {
    let all = all();
    command.mut_args(|arg| {
        let methods = all.iter().find(|(known, _)| known.get_id() == arg.get_id());
        let listed = |(name, what): &(&str, &str)| format!("{name}: {what}");
        match methods {
            Some((_, methods)) if methods.contains(&method.name()) => {
                arg.help_heading(heading(&[method.name()]))
            }
            Some(_) => arg.hide(true),
            None if arg.get_id() == PRESET && method.presets().is_empty() => arg.hide(true),
            None if arg.get_id() == PRESET => {
                let listed: Vec<String> = method.presets().iter().map(listed).collect();
                arg.help(preset_help(&listed))
                    .help_heading(heading(&[method.name()]))
            }
            None => arg,
        }
    })
}

fn heading(methods: &[&str]) -> String {
    match methods {
        [one] => format!("Method {one}"),
        several => format!("Methods {}", several.join(", ")),
    }
}

impl clap::Args for MethodArgs {
    fn augment_args(command: Command) -> Command {
        let owners: Vec<&str> = Method::ALL
            .into_iter()
            .filter(|method| !method.presets().is_empty())
            .map(Method::name)
            .collect();
        let command = command.arg(preset().help_heading(heading(&owners)));
        all().into_iter().fold(command, |command, (arg, methods)| {
            command.arg(arg.help_heading(heading(&methods)).hide_short_help(true))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for MethodArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = all()
            .into_iter()
            .filter(|(arg, _)| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine))
            .map(|(arg, methods)| (arg.get_long().unwrap_or_default().to_owned(), methods));
        Ok(Self {
            each: EachArgs::from_arg_matches(matches)?,
            preset: matches.get_one::<String>(PRESET).cloned(),
            typed: typed.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
