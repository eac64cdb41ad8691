//! Better errors than clap's for a model or a flag that a chapter doesn't have: another model or chapter may have it.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{Chapter, Model};

/// Each model of the workspace and its chapter, one per line; a test in `tests/` compares it with the chapters.
const MODELS: &str = include_str!("../../models.txt");

/// How similar a name must be to be suggested for another: clap's own bound.
const SIMILAR: f64 = 0.7;

/// The message in place of clap's `error`, if there is a better one.
pub(crate) fn explain(chapter: &Chapter, error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else {
                return None;
            };
            unknown_model(chapter, name)
        }
        ErrorKind::UnknownArgument => {
            let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
                return None;
            };
            unknown_flag(chapter, flag)
        }
        _ => None,
    }
}

/// The error for a model that the chapter doesn't have: another chapter may have it, it may be a chapter itself, or the
/// name may be misspelled.
fn unknown_model(chapter: &Chapter, name: &str) -> Option<String> {
    let own = chapter
        .models
        .iter()
        .map(|model| (Some(model.name), chapter.name));
    let others = elsewhere(chapter.name).map(|(model, there)| (Some(model), there));
    let chapters = elsewhere(chapter.name).map(|(_, there)| (None, there));
    let meant = own
        .chain(others)
        .chain(chapters)
        .map(|(model, there)| {
            (
                strsim::jaro_winkler(model.unwrap_or(there), name),
                model,
                there,
            )
        })
        .filter(|(similarity, ..)| *similarity > SIMILAR)
        // The first of the most similar, so that a model of this chapter wins over another's of the same name.
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    let found = format!("{} has no model `{name}`", chapter.name);
    Some(match meant {
        None => format!("{found}; its models: {}", names(&chapter.models)),
        Some((_, Some(model), there)) if there == chapter.name => {
            format!("{found}; did you mean `{there} {model}`?")
        }
        Some((_, Some(model), there)) if model == name => {
            format!("{found}, but {there} has: write `cargo run -p {there} -- {model}`")
        }
        Some((_, Some(model), there)) => {
            format!(
                "{found}; did you mean `{model}` of {there}: `cargo run -p {there} -- {model}`?"
            )
        }
        Some((_, None, there)) => {
            format!("{found}; did you mean the chapter: `cargo run -p {there}`?")
        }
    })
}

/// The models of the other chapters.
fn elsewhere(chapter: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let pairs = MODELS.lines().filter_map(|line| line.split_once(' '));
    pairs.filter(move |(_, other)| *other != chapter)
}

fn names(models: &[Model]) -> String {
    let names: Vec<&str> = models.iter().map(|model| model.name).collect();
    names.join(", ")
}

/// The error for a flag that clap does not know here: it may be another model's.
fn unknown_flag(chapter: &Chapter, flag: &str) -> Option<String> {
    let flag = flag.split(['=', ' ']).next()?.strip_prefix("--")?;
    if flag == "model" {
        return Some(format!(
            "found --model; a model is a subcommand: write `{} {}`",
            chapter.name,
            chapter.models.last()?.name
        ));
    }
    let has_flag = |model: &&Model| {
        let command = model.command();
        command
            .get_arguments()
            .any(|arg| arg.get_long() == Some(flag))
    };
    let owners: Vec<&str> = chapter
        .models
        .iter()
        .filter(has_flag)
        .map(|model| model.name)
        .collect();
    let first = owners.first()?;
    Some(format!(
        "--{flag} belongs to {}: write `{} {first} --{flag} …`",
        owners.join(", "),
        chapter.name
    ))
}
