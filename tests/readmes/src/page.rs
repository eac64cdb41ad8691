//! A README as the parts that have numbers.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::markup::{Class, How, Mark, Names, Source};
use crate::number;

/// A README.
pub struct Page {
    pub path: PathBuf,
    pub lines: Vec<String>,
    pub parts: Vec<Part>,
}

/// A part of a page; `lines` are those that its numbers stand in.
pub struct Part {
    pub lines: Range<usize>,
    pub kind: Kind,
}

pub enum Kind {
    /// An `sh` block.
    Commands(How),
    /// A block without a language.
    Output(Source),
    /// A paragraph or a table, and the commands whose numbers it has.
    Numbers(How, Vec<(String, Names)>),
    /// A table that is written from the results of a chapter.
    Results(String, Vec<(String, String)>),
    /// The table of page 1.
    Overview(Vec<(String, String)>),
}

/// A command of an `sh` block.
pub struct Command<'a> {
    /// Its place in the page.
    pub line: usize,
    pub text: String,
    /// What stands behind ` #`.
    pub comment: &'a str,
}

impl Page {
    /// # Errors
    /// If the file can't be read; if a mark is wrong or has nothing to mark; if a block with numbers has no mark. The
    /// message has file and line.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("{} not read", path.display()))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let lines: Vec<String> = text.lines().map(String::from).collect();
        let mut page = Self { path: path.to_path_buf(), lines, parts: Vec::new() };
        let mut at = 0;
        let mut mark = None;
        while at < page.lines.len() {
            let begin = at;
            at = page
                .part(at, &mut mark)
                .with_context(|| format!("{}:{}", path.display(), begin + 1))?;
        }
        ensure!(mark.is_none(), "{}: {mark:?} marks nothing", path.display());
        Ok(page)
    }

    /// Reads what begins in line `at`, and returns the line behind it.
    fn part(&mut self, at: usize, mark: &mut Option<Mark>) -> Result<usize> {
        let line = self.lines[at].as_str();
        if let Some(text) = line.strip_prefix("<!--") {
            let end = self.find(at, |line| line.trim_end().ends_with("-->"))?;
            let text = match end == at {
                true => text.to_string(),
                false => format!("{text}\n{}", self.lines[at + 1..=end].join("\n")),
            };
            let text = text.trim_end().trim_end_matches("-->");
            if let Some(found) = Mark::parse(text)? {
                let table = match found {
                    Mark::Results(chapter, rows) => Kind::Results(chapter, rows),
                    Mark::Overview(rows) => Kind::Overview(rows),
                    found => {
                        ensure!(mark.is_none(), "{mark:?} marks nothing");
                        *mark = Some(found);
                        return Ok(end + 1);
                    }
                };
                let close = self.find(end, |line| line.trim() == "<!-- end -->")?;
                self.parts.push(Part { lines: end + 1..close, kind: table });
                return Ok(close + 1);
            }
            return Ok(end + 1);
        }
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let language = language.to_string();
            let close = self.find(at + 1, |line| line.trim() == "```")?;
            let lines = at + 1..close;
            let kind = match (language.as_str(), mark.take()) {
                ("sh", Some(Mark::Run(how))) => Kind::Commands(how),
                ("", Some(Mark::Output(source))) => Kind::Output(source),
                ("sh", None) if !self.has_numbers(lines.clone()) => return Ok(close + 1),
                ("sh", None) => bail!(
                    "found an `sh` block with numbers and no mark, wanted `<!-- run … -->` before it"
                ),
                ("", None) => bail!(
                    "found a block without language and mark, wanted `<!-- output … -->` before it, or ```text \
                     for what no program prints"
                ),
                (_, None) => return Ok(close + 1),
                (language, Some(mark)) => bail!("{mark:?} doesn't fit a block of `{language}`"),
            };
            self.parts.push(Part { lines, kind });
            return Ok(close + 1);
        }
        if let Some(found) = mark.take_if(|_| !line.trim().is_empty()) {
            let Mark::Numbers(how, commands) = found else {
                bail!("{found:?} doesn't fit a paragraph");
            };
            let rest = self.lines[at..].iter();
            let end = at + rest.take_while(|line| !line.trim().is_empty()).count();
            let kind = Kind::Numbers(how, commands);
            self.parts.push(Part { lines: at..end, kind });
            return Ok(end);
        }
        Ok(at + 1)
    }

    /// The first line from `begin` on that is wanted.
    fn find(&self, begin: usize, wanted: impl Fn(&str) -> bool) -> Result<usize> {
        let mut lines = self.lines.iter().enumerate().skip(begin);
        let found = lines.find(|(_, line)| wanted(line));
        Ok(found.context("found no end of what begins here")?.0)
    }

    /// Whether a comment in these lines has a decimal number.
    fn has_numbers(&self, lines: Range<usize>) -> bool {
        let commands = self.commands(lines);
        commands
            .iter()
            .any(|command| !number::decimals(command.comment).is_empty())
    }

    /// The commands in these lines.
    pub fn commands(&self, lines: Range<usize>) -> Vec<Command<'_>> {
        let mut commands = Vec::new();
        let mut begun = String::new();
        for (line, whole) in self
            .lines
            .iter()
            .enumerate()
            .take(lines.end)
            .skip(lines.start)
        {
            let (text, comment) = whole.split_once(" #").unwrap_or((whole, ""));
            begun += text.trim();
            match begun.strip_suffix('\\') {
                Some(first) => begun = format!("{} ", first.trim_end()),
                None if begun.is_empty() => {}
                None => commands.push(Command { line, text: std::mem::take(&mut begun), comment }),
            }
        }
        commands
    }

    /// How many blocks are marked as never run.
    pub fn never(&self) -> usize {
        let is_never = |part: &&Part| match &part.kind {
            Kind::Commands(how) => how.class == Class::Never,
            Kind::Output(source) => *source == Source::Never,
            _ => false,
        };
        self.parts.iter().filter(is_never).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Page> {
        Page::parse(Path::new("README.md"), text)
    }

    #[test]
    fn parts_are_found_by_their_marks() -> Result<()> {
        let page = parse(
            "# Title\n\n<!-- run seconds -->\n```sh\ncargo run -p mlp \\\n  -- --seed 1   # 0.5\n```\n\n\
             <!-- output -->\n```\nepoch\n```\n\n<!-- numbers seconds\ncargo run -p mlp: train.loss\n-->\n\n| 0.5 |\n\nend\n",
        )?;
        let lines: Vec<_> = page.parts.iter().map(|part| part.lines.clone()).collect();
        assert_eq!(lines, [4..6, 10..11, 17..18]);
        let commands = page.commands(4..6);
        assert_eq!(commands[0].text, "cargo run -p mlp -- --seed 1");
        assert_eq!((commands[0].line, commands[0].comment.trim()), (5, "0.5"));
        Ok(())
    }

    #[test]
    fn numbers_without_a_mark_are_an_error() {
        let message = |text: &str| format!("{:#}", parse(text).err().expect("it has no mark"));
        let commands = message("a\n```sh\ncargo run -p mlp   # 0.8123 accuracy\n```\n");
        assert!(
            commands.starts_with("README.md:2: found an `sh` block"),
            "{commands}"
        );
        assert!(message("```\nepoch 1\n```\n").contains("without language and mark"));
        let sections = parse("```sh\ncargo run -p mlp   # 10 epochs, zh 4.3\n```\n");
        assert!(sections.is_ok_and(|page| page.parts.is_empty()));
    }

    #[test]
    fn a_mark_marks_what_follows() {
        assert!(parse("<!-- run seconds -->\ntext\n").is_err());
        assert!(parse("<!-- output -->\n```sh\nls\n```\n").is_err());
        assert!(parse("<!-- run seconds -->\n").is_err());
        assert!(
            parse("<!-- results mlp\n-->\n| |\n").is_err(),
            "without an end"
        );
    }
}
