//! The reader's language on the command line: `--lang`, and clap's help in Chinese.

use std::env;
use std::ffi::OsString;

use clap::builder::Resettable;
use clap::{Arg, Command};
use d2l_language::{Language, fixed, of_locale, translated};

/// The flag's name, without its dashes.
const FLAG: &str = "lang";
/// The variable that stands for `--lang`. A program that calls another of ours hands the language on in it.
pub const LANGUAGE_VARIABLE: &str = "D2L_LANG";

/// Help as clap lays it out, with the word before the synopsis in Chinese.
const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

/// `--lang`, which every program has.
pub(crate) fn flag() -> Arg {
    Arg::new(FLAG)
        .long(FLAG)
        .value_name("LANGUAGE")
        .value_parser([Language::English, Language::Chinese].map(Language::name))
        .env(LANGUAGE_VARIABLE)
        .global(true)
        .help_heading(Resettable::Reset) // not that of the flags before it
        .help("Language of help, messages and figures [default: by LC_ALL, LC_MESSAGES and LANG]")
}

/// The language of this call: that of `--lang`, else of `D2L_LANG`, else of the locale. clap would know it only after it
/// has printed help or an error.
pub(crate) fn of_call() -> Language {
    let variable = |name: &str| env::var(name).ok();
    let asked = asked(env::args_os().skip(1));
    let named = |name: String| Language::named(&name);
    asked
        .and_then(named)
        .or_else(|| variable(LANGUAGE_VARIABLE).and_then(named))
        .unwrap_or_else(|| of_locale(variable))
}

/// The value of `--lang` among the arguments; what follows `--` is somebody else's.
fn asked(arguments: impl Iterator<Item = OsString>) -> Option<String> {
    let words = arguments.map(|word| word.to_string_lossy().into_owned());
    let mut words = words.take_while(|word| word != "--");
    while let Some(word) = words.next() {
        match word
            .strip_prefix("--")
            .and_then(|flag| flag.strip_prefix(FLAG))
        {
            Some("") => return words.next(),
            Some(value) if value.starts_with('=') => return Some(value[1..].to_string()),
            _ => {}
        }
    }
    None
}

/// The command with its help in the reader's language.
pub(crate) fn localised(mut command: Command) -> Command {
    if d2l_language::current() == Language::English {
        return command;
    }
    command.build(); // adds --help, and the shared flags to all subcommands
    with_help_translated(command)
}

fn with_help_translated(mut command: Command) -> Command {
    let usage = usage(&mut command);
    let text = |help: &clap::builder::StyledStr| translated(&help.to_string());
    let about = command.get_about().map(text);
    let long_about = command.get_long_about().map(text);
    let after_help = command.get_after_help().map(text);
    let heading = command.get_subcommand_help_heading().unwrap_or("Commands");
    let heading = fixed(heading);
    let mut command = command
        .help_template(TEMPLATE)
        .override_usage(usage)
        .mut_args(argument)
        .mut_subcommands(with_help_translated);
    if let Some(heading) = heading {
        command = command.subcommand_help_heading(heading);
    }
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(about) = long_about {
        command = command.long_about(about);
    }
    if let Some(after_help) = after_help {
        command = command.after_help(after_help);
    }
    command
}

/// The synopsis, with the words in the reader's language that stand for what is to be put there.
fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    let words = usage
        .split(' ')
        .skip(1)
        .map(|word| match word.starts_with(['[', '<']) {
            true => translated(word),
            false => word.to_string(),
        });
    words.collect::<Vec<_>>().join(" ")
}

/// A flag's help in the reader's language, with the notes that clap can write in English alone.
fn argument(arg: Arg) -> Arg {
    let heading = arg.get_help_heading().unwrap_or(match arg.is_positional() {
        true => "Arguments",
        false => "Options",
    });
    let heading = fixed(heading);
    let values: Vec<_> = match arg.is_hide_possible_values_set() {
        true => Vec::new(),
        false => arg.get_possible_values(),
    };
    let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    let mut notes = Vec::new();
    if let Some(variable) = arg.get_env() {
        let value = env::var_os(variable).unwrap_or_default();
        let (variable, value) = (variable.to_string_lossy(), value.to_string_lossy());
        notes.push(translated(&format!("[env: {variable}={value}]")));
    }
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        notes.push(translated(&format!("[default: {}]", defaults.join(" "))));
    }
    let choice = translated(&format!("[possible values: {}]", names.join(", ")));
    let explained = values.iter().filter_map(|value| {
        let help = translated(&value.get_help()?.to_string());
        Some(format!("\n- {}：{help}", value.get_name()))
    });
    let explained: String = explained.collect();
    let of =
        |help: Option<&clap::builder::StyledStr>| help.map(|help| translated(&help.to_string()));
    let (help, long_help) = (of(arg.get_help()), of(arg.get_long_help()));
    let with_notes = |help: String, last: &str| {
        let last = (!names.is_empty()).then(|| last.to_string());
        let parts = std::iter::once(help)
            .chain(notes.iter().cloned())
            .chain(last);
        parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
            .replace(" \n", "\n")
    };
    let short = with_notes(help.clone().unwrap_or_default(), &choice);
    let long = long_help.or(help).unwrap_or_default();
    let long = match explained.as_str() {
        "" => with_notes(long, &choice),
        explained => with_notes(
            long,
            &format!("\n\n{}{explained}", translated("Possible values:")),
        ),
    };
    let arg = match heading {
        Some(heading) => arg.help_heading(heading),
        None => arg,
    };
    arg.hide_possible_values(true)
        .hide_default_value(true)
        .hide_env(true)
        .help(short)
        .long_help(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_found_before_clap_reads_it() {
        let asked = |words: &str| asked(words.split(' ').map(OsString::from));
        assert_eq!(asked("mlp --lang zh --seed 1"), Some("zh".to_string()));
        assert_eq!(asked("--lang=en"), Some("en".to_string()));
        assert_eq!(asked("--language zh"), None);
        assert_eq!(asked("sweep -- --lang zh"), None);
    }
}
