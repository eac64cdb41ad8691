//! The comments that say where a README's numbers come from.

use anyhow::{Context, Result, bail, ensure};

/// How long each command of a block takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum Class {
    /// It is not run.
    Never,
    /// Under ten seconds.
    Seconds,
    /// Under two minutes.
    Minutes,
}

/// Names of metrics, in the order of the numbers; `None` for a number that is not compared.
pub type Names = Vec<Option<String>>;

/// How commands are run.
#[derive(Clone, Debug, PartialEq)]
pub struct How {
    pub class: Class,
    /// With the data of `D2L_DATA`.
    pub real: bool,
    /// In a new folder of runs.
    pub new: bool,
    /// The seeds that each command is run with, if there are several.
    pub seeds: Option<usize>,
    /// What the numbers in the comments are: a list for all commands, or one for each.
    pub numbers: Vec<Names>,
}

/// What an output block shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// What the last `sh` block printed.
    Above,
    /// What this command prints.
    Command(String, How),
    /// It is not compared.
    Never,
}

/// A comment.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    Run(How),
    Output(Source),
    Numbers(How, Vec<(String, Names)>),
    /// A chapter, its experiments with their labels.
    Results(String, Vec<(String, String)>),
    /// Experiments with their chapter, each with its metric.
    Overview(Vec<(String, String)>),
    End,
}

impl Mark {
    /// The mark in the text of a comment; `None` for a comment of another kind.
    ///
    /// # Errors
    /// If the text begins as a mark and doesn't go on as one.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let mut lines = text.trim().lines().map(str::trim);
        let first = lines.next().unwrap_or_default();
        let (kind, rest) = first.split_once(' ').unwrap_or((first, ""));
        let pairs = |lines: &mut dyn Iterator<Item = &str>| -> Result<Vec<(String, String)>> {
            let pairs = lines.map(|line| {
                let pair = line.rsplit_once(": ");
                let (left, right) =
                    pair.with_context(|| format!("found `{line}`, wanted `… : …`"))?;
                Ok((left.trim().to_string(), right.trim().to_string()))
            });
            pairs.collect()
        };
        let mark = match kind {
            "run" => {
                let (words, _) = words_and_rest(rest)?;
                Self::Run(How::parse(words)?)
            }
            "output" if rest.is_empty() => Self::Output(Source::Above),
            "output" => {
                let (words, command) = words_and_rest(rest)?;
                let how = How::parse(words)?;
                match (how.class, command) {
                    (Class::Never, _) => Self::Output(Source::Never),
                    (_, "") => bail!("found no command, wanted `output {words}: COMMAND`"),
                    (_, command) => Self::Output(Source::Command(command.to_string(), how)),
                }
            }
            "numbers" => {
                let how = How::parse(rest)?;
                let pairs = pairs(&mut lines)?.into_iter();
                let commands =
                    pairs.map(|(command, metrics)| (command, of_seeds(names(&metrics), &how)));
                let commands = commands.collect();
                Self::Numbers(how, commands)
            }
            "results" => Self::Results(rest.trim().to_string(), pairs(&mut lines)?),
            "overview" => Self::Overview(pairs(&mut lines)?),
            "end" => Self::End,
            _ => return Ok(None),
        };
        Ok(Some(mark))
    }
}

/// What stands before and after the first `: `. `never` has a reason there.
fn words_and_rest(text: &str) -> Result<(&str, &str)> {
    let (words, rest) = text.split_once(": ").unwrap_or((text, ""));
    let is_explained = words.trim() != "never" || !rest.trim().is_empty();
    ensure!(is_explained, "found no reason, wanted `never: REASON`");
    Ok((words.trim(), rest.trim()))
}

/// The names in a list with commas between them.
fn names(list: &str) -> Names {
    let names = list.split(',').map(str::trim);
    let names = names.map(|name| (name != "-").then(|| name.to_string()));
    names.collect()
}

/// The names with `METRIC@each` written out: `METRIC@0`, `METRIC@1`, … .
fn of_seeds(names: Names, how: &How) -> Names {
    let seeds = how.seeds.unwrap_or(1);
    let each = names.into_iter().flat_map(|name| {
        let metric = name.as_deref().and_then(|name| name.strip_suffix("@each"));
        match metric {
            Some(metric) => (0..seeds)
                .map(|seed| Some(format!("{metric}@{seed}")))
                .collect(),
            None => vec![name],
        }
    });
    each.collect()
}

impl How {
    fn parse(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace();
        let class = match words.next() {
            Some("seconds") => Class::Seconds,
            Some("minutes") => Class::Minutes,
            Some("never") => Class::Never,
            found => bail!(
                "found `{}`, wanted `seconds`, `minutes` or `never: REASON`",
                found.unwrap_or_default()
            ),
        };
        let mut how = Self {
            class,
            real: false,
            new: false,
            seeds: None,
            numbers: Vec::new(),
        };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("real", "") => how.real = true,
                ("new", "") => how.new = true,
                ("seeds", count) => {
                    let count = count.parse();
                    how.seeds = Some(count.with_context(|| {
                        format!("found `{word}`, wanted `seeds=` and their number")
                    })?);
                }
                ("numbers", lists) => how.numbers = lists.split(';').map(names).collect(),
                _ => bail!("found `{word}`, wanted `real`, `new`, `seeds=N` or `numbers=METRIC,…`"),
            }
        }
        Ok(how)
    }

    /// What the numbers beside a command are, by its place in the block.
    pub fn names(&self, place: usize) -> Option<&Names> {
        match &self.numbers[..] {
            [all] => Some(all),
            each => each.get(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_says_how_commands_run() -> Result<()> {
        let mark = Mark::parse(" run minutes real seeds=3 numbers=valid.accuracy,- ")?;
        let wanted = How {
            class: Class::Minutes,
            real: true,
            new: false,
            seeds: Some(3),
            numbers: vec![vec![Some("valid.accuracy".into()), None]],
        };
        assert_eq!(mark, Some(Mark::Run(wanted)));
        Ok(())
    }

    #[test]
    fn an_output_has_a_command_or_a_reason() -> Result<()> {
        let mark = Mark::parse("output seconds: cargo run -p mlp -- --summary")?;
        let Some(Mark::Output(Source::Command(command, how))) = mark else {
            bail!("{mark:?}");
        };
        assert_eq!(
            (command.as_str(), how.real),
            ("cargo run -p mlp -- --summary", false)
        );
        assert_eq!(
            Mark::parse("output never: times of one machine")?,
            Some(Mark::Output(Source::Never))
        );
        assert!(Mark::parse("output never").is_err(), "without a reason");
        Ok(())
    }

    #[test]
    fn numbers_have_a_command_each() -> Result<()> {
        let mark = Mark::parse("numbers seconds\ncargo run -p mlp -- a: train.loss, -\n")?;
        let Some(Mark::Numbers(_, commands)) = mark else {
            bail!("{mark:?}");
        };
        let names = vec![Some("train.loss".to_string()), None];
        assert_eq!(commands, [("cargo run -p mlp -- a".to_string(), names)]);
        Ok(())
    }

    #[test]
    fn each_seed_has_a_number() -> Result<()> {
        let mark = Mark::parse("numbers minutes seeds=2\ncargo run -p mlp: train.loss@each, -")?;
        let Some(Mark::Numbers(_, commands)) = mark else {
            bail!("{mark:?}");
        };
        let names = [
            Some("train.loss@0".to_string()),
            Some("train.loss@1".to_string()),
            None,
        ];
        assert_eq!(commands[0].1, names);
        Ok(())
    }

    #[test]
    fn a_word_that_nobody_knows_is_an_error() {
        assert!(Mark::parse("run quickly").is_err());
        assert!(Mark::parse("run seconds reel").is_err());
        assert_eq!(Mark::parse("a note to the writers").ok(), Some(None));
    }
}
