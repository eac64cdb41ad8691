//! One README beside what its commands give.

use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, bail};

use crate::desk::{Call, Desk, Outcome};
use crate::markup::{Class, How, Names, Source};
use crate::page::{Command, Kind, Page, Part};
use crate::{definition, mask, number, output, table};

/// A place where a page and its commands differ.
pub struct Finding {
    /// Counted from 1.
    pub line: usize,
    pub found: String,
    pub wanted: String,
    /// The lines that would be right, in the place of these; there are none if somebody has to look.
    pub edit: Option<(Range<usize>, Vec<String>)>,
}

/// What was found on a page.
#[derive(Default)]
pub struct Checked {
    pub findings: Vec<Finding>,
    /// Commands that were run, and the seconds that they took.
    pub ran: usize,
    pub seconds: f64,
    /// Commands that were not run, because they take longer, or because they need the real data.
    pub longer: usize,
    pub without_data: usize,
    /// Remarks on single commands.
    pub notes: Vec<String>,
}

/// Seconds of a command of each class.
const SECONDS: f64 = 10.0;
const MINUTES: f64 = 120.0;

/// Runs a page's commands up to a class, and compares.
pub fn check(page: &Page, desk: &mut Desk, most: Class) -> Checked {
    let mut checker = Checker {
        page,
        desk,
        most,
        calls: Vec::new(),
        above: None,
        checked: Checked::default(),
    };
    for part in &page.parts {
        let line = part.lines.start + 1;
        // The other parts are looked at all the same.
        if let Err(error) = checker.part(part) {
            checker.checked.findings.push(Finding {
                line,
                found: format!("{error:#}"),
                wanted: "numbers that can be compared".into(),
                edit: None,
            });
        }
    }
    checker.definitions();
    checker.checked
}

struct Checker<'a> {
    page: &'a Page,
    desk: &'a mut Desk,
    most: Class,
    /// What has been run in the page's folder of runs.
    calls: Vec<Call>,
    /// What the last block of commands printed, if it was run.
    above: Option<Vec<String>>,
    checked: Checked,
}

impl Checker<'_> {
    fn part(&mut self, part: &Part) -> Result<()> {
        match &part.kind {
            Kind::Commands(how) => self.commands(part, how),
            Kind::Output(Source::Never) => Ok(()),
            Kind::Output(Source::Above) => {
                if let Some(printed) = self.above.clone() {
                    self.output(part, &printed);
                }
                Ok(())
            }
            Kind::Output(Source::Command(command, how)) => {
                let is_text = |line: &&String| !line.starts_with("<!--");
                let text: Vec<&str> = self
                    .page
                    .lines
                    .iter()
                    .filter(is_text)
                    .map(String::as_str)
                    .collect();
                if !text.join(" ").contains(command) {
                    bail!(
                        "`{command}` stands nowhere on the page, wanted the command that its readers see"
                    );
                }
                if self.is_due(how, 1) {
                    let outcome = self.run(how, command)?;
                    let printed = mask::lines(&outcome.text);
                    self.expect_success(part.lines.start, outcome.code, command);
                    self.output(part, &printed);
                }
                Ok(())
            }
            Kind::Numbers(how, commands) => self.numbers(part, how, commands),
            Kind::Results(chapter, rows) => {
                let language = table::language(&self.page.path);
                self.lines(part, table::results(chapter, rows, language)?);
                Ok(())
            }
            Kind::Overview(rows) => {
                let language = table::language(&self.page.path);
                self.lines(part, table::overview(rows, language)?);
                Ok(())
            }
        }
    }

    /// Links to definitions.
    fn definitions(&mut self) {
        let folder = self.page.path.parent().unwrap_or(Path::new("."));
        for (index, line) in self.page.lines.iter().enumerate() {
            let (wanted, edit) = match definition::corrected(line, folder) {
                Ok(right) if right == *line => continue,
                Ok(right) => (right.clone(), Some((index..index + 1, vec![right]))),
                Err(error) => (format!("{error:#}"), None),
            };
            self.checked.findings.push(Finding {
                line: index + 1,
                found: line.clone(),
                wanted,
                edit,
            });
        }
    }

    /// Whether commands are to be run now; counts those that are not.
    fn is_due(&mut self, how: &How, commands: usize) -> bool {
        if how.class == Class::Never {
            return false;
        }
        if how.class > self.most {
            self.checked.longer += commands;
            return false;
        }
        if how.real && !self.desk.has_data() {
            self.checked.without_data += commands;
            return false;
        }
        true
    }

    /// Runs a command after those before.
    fn run(&mut self, how: &How, command: &str) -> Result<Rc<Outcome>> {
        if how.new {
            self.calls.clear();
        }
        let call = Call {
            command: command.to_string(),
            real: how.real,
            seeds: how.seeds,
        };
        self.calls.push(call);
        let outcome = self.desk.run(&self.calls)?;
        self.checked.ran += 1;
        self.checked.seconds += outcome.seconds;
        let limit = if how.class == Class::Seconds {
            SECONDS
        } else {
            MINUTES
        };
        if outcome.seconds > limit {
            let seconds = outcome.seconds;
            let note =
                format!("`{command}` took {seconds:.0} s, more than the {limit:.0} s of its class");
            self.checked.notes.push(note);
        }
        Ok(outcome)
    }

    fn commands(&mut self, part: &Part, how: &How) -> Result<()> {
        self.above = None;
        let page = self.page;
        let commands = page.commands(part.lines.clone());
        if !self.is_due(how, commands.len()) {
            return Ok(());
        }
        let mut printed = Vec::new();
        for (place, command) in commands.iter().enumerate() {
            let how = How { new: how.new && place == 0, ..how.clone() };
            let outcome = self.run(&how, &command.text)?;
            let code = outcome.code;
            let (wanted, before) = number::exit_code(command.comment).unwrap_or((0, ""));
            let findings = match (wanted, how.names(place)) {
                (0, Some(names)) if code == 0 => beside(page, command, names, &outcome)?,
                (0, _) => Vec::new(),
                _ => at_step(page, command, before, &outcome),
            };
            let text = outcome.text.clone();
            if code != wanted {
                self.checked.findings.push(Finding {
                    line: command.line + 1,
                    found: format!("exit code {code} of `{}`: {}", command.text, text.trim()),
                    wanted: format!(
                        "{wanted}; a command that fails says its exit code in its comment"
                    ),
                    edit: None,
                });
            }
            self.checked.findings.extend(findings);
            printed.extend(mask::lines(&text));
        }
        self.above = Some(printed);
        Ok(())
    }

    fn expect_success(&mut self, line: usize, code: i32, command: &str) {
        if code != 0 {
            self.checked.findings.push(Finding {
                line: line + 1,
                found: format!("exit code {code} of `{command}`"),
                wanted: "0".into(),
                edit: None,
            });
        }
    }

    /// An output block beside what was printed.
    fn output(&mut self, part: &Part, printed: &[String]) {
        let fitted = output::fit(&self.page.lines[part.lines.clone()], printed);
        for lost in fitted.lost {
            self.checked.findings.push(Finding {
                line: part.lines.start + 1,
                found: lost,
                wanted: "a line that the program prints; `--write` leaves it out".into(),
                edit: None,
            });
        }
        self.lines(part, fitted.lines);
    }

    /// The lines of a part beside the right ones.
    fn lines(&mut self, part: &Part, right: Vec<String>) {
        let there = &self.page.lines[part.lines.clone()];
        if there == right {
            return;
        }
        let nothing = "nothing".to_string();
        let same = there
            .iter()
            .zip(&right)
            .take_while(|(one, other)| one == other)
            .count();
        self.checked.findings.push(Finding {
            line: part.lines.start + 1 + same,
            found: there.get(same).unwrap_or(&nothing).clone(),
            wanted: right.get(same).unwrap_or(&nothing).clone(),
            edit: Some((part.lines.clone(), right)),
        });
    }

    /// The decimal numbers of a paragraph beside the values of its commands.
    fn numbers(&mut self, part: &Part, how: &How, commands: &[(String, Names)]) -> Result<()> {
        if !self.is_due(how, commands.len()) {
            return Ok(());
        }
        let mut values = Vec::new();
        for (place, (command, names)) in commands.iter().enumerate() {
            let how = How { new: how.new && place == 0, ..how.clone() };
            let outcome = self.run(&how, command)?;
            for name in names {
                values.push(name.as_ref().map(|name| outcome.value(name)).transpose()?);
            }
            self.expect_success(part.lines.start, outcome.code, command);
        }
        let lines = &self.page.lines[part.lines.clone()];
        let found = lines.iter().map(|line| number::decimals(line));
        let found: Vec<_> = found.collect();
        let count: usize = found.iter().map(Vec::len).sum();
        if count != values.len() {
            bail!(
                "found {count} decimal numbers, wanted {}, one for each metric of the mark",
                values.len()
            );
        }
        let mut values = values.into_iter();
        let right = lines.iter().zip(&found).map(|(line, found)| {
            let values: Vec<_> = values.by_ref().take(found.len()).collect();
            replaced(line, found, &values)
        });
        let right = right.collect();
        self.lines(part, right);
        Ok(())
    }
}

/// The numbers in a command's comment beside its metrics.
fn beside(
    page: &Page,
    command: &Command,
    names: &Names,
    outcome: &Outcome,
) -> Result<Vec<Finding>> {
    if names.is_empty()
        || number::decimals(command.comment).is_empty()
            && number::integers(command.comment).is_empty()
    {
        return Ok(Vec::new());
    }
    let line = &page.lines[command.line];
    let found = number::named(command.comment, names.len()).with_context(|| {
        let count = number::decimals(command.comment).len();
        format!(
            "line {}: found {count} decimal numbers in `{}`, wanted {}, one for each of {names:?}",
            command.line + 1,
            command.comment.trim(),
            names.len()
        )
    })?;
    let values = names
        .iter()
        .map(|name| name.as_ref().map(|name| outcome.value(name)).transpose());
    let values = values.collect::<Result<Vec<_>>>()?;
    Ok(finding(
        command.line,
        line,
        command.comment,
        &replaced(command.comment, &found, &values),
    ))
}

/// The step at which a command fails, if its comment names one before the exit code.
fn at_step(page: &Page, command: &Command, before: &str, outcome: &Outcome) -> Vec<Finding> {
    let found = number::integers(before)
        .into_iter()
        .take(1)
        .collect::<Vec<_>>();
    let Some(step) = outcome.step().filter(|_| !found.is_empty()) else {
        return Vec::new();
    };
    let right = replaced(command.comment, &found, &[Some(step as f64)]);
    finding(
        command.line,
        &page.lines[command.line],
        command.comment,
        &right,
    )
}

/// A comment that is not right.
fn finding(place: usize, line: &str, comment: &str, right: &str) -> Vec<Finding> {
    if comment == right {
        return Vec::new();
    }
    let command = line.strip_suffix(comment).unwrap_or(line);
    vec![Finding {
        line: place + 1,
        found: comment.trim().to_string(),
        wanted: right.trim().to_string(),
        edit: Some((place..place + 1, vec![format!("{command}{right}")])),
    }]
}

/// A text with those of its numbers replaced that are not what a value looks like when it is written like them.
fn replaced(text: &str, found: &[Range<usize>], values: &[Option<f64>]) -> String {
    let mut right = text.to_string();
    for (range, value) in found.iter().zip(values).rev() {
        let there = &text[range.clone()];
        if let Some(value) = value
            && number::like(there, *value) != there
        {
            right.replace_range(range.clone(), &number::instead(there, *value));
        }
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_differ_are_replaced() {
        let comment = " 0.8123 (0.447), norm 10.1";
        let found = number::decimals(comment);
        let values = [Some(0.81229), Some(0.4471), None];
        assert_eq!(replaced(comment, &found, &values), comment);
        let values = [Some(0.8005), Some(0.4471), None];
        assert_eq!(
            replaced(comment, &found, &values),
            " 0.8005 (0.447), norm 10.1"
        );
    }
}
