//! The command that called this program, to be shown and called again.

use std::borrow::Cow;
use std::path::Path;

/// The command that resumes a run, ready to be pasted: this program's own, with `--resume` and the run's name. If `run`
/// is `None`, as for several seeds, the call's own `--name` stays.
pub(crate) fn to_resume(run: Option<Cow<str>>) -> String {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let mut words = program();
    words.extend(resuming(given, run));
    words
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The arguments with `--resume`, without what contradicts it.
fn resuming(given: Vec<String>, run: Option<Cow<str>>) -> Vec<String> {
    let mut words = Vec::new();
    let mut given = given.into_iter();
    while let Some(word) = given.next() {
        match word.as_str() {
            "--overwrite" | "--resume" => {}
            "--name" if run.is_some() => _ = given.next(),
            named if run.is_some() && named.starts_with("--name=") => {}
            _ => words.push(word),
        }
    }
    if let Some(run) = run {
        words.extend(["--name".to_string(), run.into_owned()]);
    }
    words.push("--resume".to_string());
    words
}

/// How this program was started: by `cargo run`, or by its path.
fn program() -> Vec<String> {
    let file = std::env::current_exe().unwrap_or_default();
    let by_cargo = std::env::var("CARGO_PKG_NAME").ok();
    let Some(package) =
        by_cargo.filter(|name| file.file_stem().is_some_and(|stem| stem == name.as_str()))
    else {
        return vec![file.display().to_string()];
    };
    let mut words = vec!["cargo".to_string(), "run".to_string()];
    let profile = file.parent().and_then(Path::file_name).unwrap_or_default();
    match &*profile.to_string_lossy() {
        "debug" => {}
        "release" => words.push("--release".to_string()),
        other => words.extend(["--profile".to_string(), other.to_string()]),
    }
    let features = [
        ("cuda", cfg!(feature = "cuda")),
        ("cudnn", cfg!(feature = "cudnn")),
        ("metal", cfg!(feature = "metal")),
        ("mkl", cfg!(feature = "mkl")),
        ("accelerate", cfg!(feature = "accelerate")),
    ];
    for (feature, _) in features.iter().filter(|(_, is_on)| *is_on) {
        words.extend(["--features".to_string(), feature.to_string()]);
    }
    words.extend(["-p".to_string(), package, "--".to_string()]);
    words
}

/// A word as a shell reads it.
fn quoted(word: &str) -> Cow<'_, str> {
    shlex::try_quote(word).unwrap_or(Cow::Borrowed(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(given: &str, run: Option<&str>) -> String {
        let given = given.split_whitespace().map(String::from).collect();
        resuming(given, run.map(Cow::Borrowed)).join(" ")
    }

    #[test]
    fn the_runs_name_replaces_that_of_the_call() {
        assert_eq!(
            after("lenet --epochs 3", Some("a-2")),
            "lenet --epochs 3 --name a-2 --resume"
        );
        assert_eq!(
            after("--name a --overwrite --init m.safetensors", Some("a")),
            "--init m.safetensors --name a --resume"
        );
        assert_eq!(after("--name=a --resume", Some("a")), "--name a --resume");
    }

    #[test]
    fn several_seeds_keep_the_name_of_the_call() {
        assert_eq!(
            after("--seeds 3 --name a", None),
            "--seeds 3 --name a --resume"
        );
        assert_eq!(after("--seeds 3 --overwrite", None), "--seeds 3 --resume");
    }

    #[test]
    fn a_word_with_a_space_is_quoted() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("--learning-rate"), "--learning-rate");
    }
}
