//! The settings of a sweep: all combinations of the flags' values.

use super::Args;
use anyhow::Result;
use d2l_command::usage;
use std::fmt;
use std::path::{Path, PathBuf};

/// The plan of a sweep.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) settings: Vec<Setting>,
    pub(crate) seeds: Vec<u64>,
    pub(crate) runs_dir: PathBuf,
    /// The flags of every run.
    fixed: Vec<String>,
}

/// A value for each flag that the sweep varies.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Setting(pub(crate) Vec<(String, String)>);

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let flags = self
            .0
            .iter()
            .map(|(flag, value)| format!("--{flag} {value}"));
        let flags: Vec<String> = flags.collect();
        f.write_str(
            if flags.is_empty() {
                "the setting".into()
            } else {
                flags.join(" ")
            }
            .as_str(),
        )
    }
}

/// A flag with its values.
type List = (String, Vec<String>);

/// The number of seeds of a setting if none is given, and the largest number that a chapter accepts.
const SEEDS: u64 = 1;
const MOST_SEEDS: u64 = 1000;

impl Plan {
    pub(crate) fn new(runs_dir: &Path, args: &Args) -> Result<Self> {
        let mut flags = args.settings.as_slice();
        let mut fixed = args.fixed.clone();
        if let Some(end) = flags.iter().position(|word| word == "--") {
            fixed.extend_from_slice(&flags[end + 1..]);
            flags = &flags[..end];
        }
        let mut lists: Vec<List> = Vec::new();
        for (flag, value) in pairs(flags)? {
            match lists.iter_mut().find(|(known, _)| *known == flag) {
                Some((_, values)) => values.push(value),
                None => lists.push((flag, vec![value])),
            }
        }
        let first = number(&mut lists, "seed")?.unwrap_or_default();
        let seeds = number(&mut lists, "seeds")?.unwrap_or(SEEDS);
        let end = first.checked_add(seeds);
        let Some(end) = end.filter(|_| (1..=MOST_SEEDS).contains(&seeds)) else {
            usage!(
                "--seed {first} --seeds {seeds}: wanted 1 to {MOST_SEEDS} seeds, of which the last is a number of 64 bits"
            );
        };
        let runs_dir = take(&mut lists, "runs-dir").map_or(runs_dir.to_path_buf(), PathBuf::from);
        for (flag, values) in &mut lists {
            if let [alone] = &values[..] {
                *values = alone.split(',').map(String::from).collect();
            }
            if values.iter().any(String::is_empty) {
                usage!("--{flag}: a value is missing; wanted some with commas between them");
            }
        }
        let settings = combinations(&lists);
        Ok(Self { settings, seeds: (first..end).collect(), runs_dir, fixed })
    }

    /// The arguments of one run.
    pub(crate) fn call(&self, setting: &Setting, seed: u64) -> Vec<String> {
        let mut call = self.of_setting(setting);
        call.extend(["--seed".into(), seed.to_string()]);
        call
    }

    /// The arguments that check all runs of a setting.
    pub(crate) fn dry_call(&self, setting: &Setting) -> Vec<String> {
        let mut call = self.of_setting(setting);
        let first = self.seeds.first().copied().unwrap_or_default();
        call.extend(["--seed".into(), first.to_string()]);
        call.extend(["--seeds".into(), self.seeds.len().to_string()]);
        call.push("--dry-run".into());
        call
    }

    fn of_setting(&self, setting: &Setting) -> Vec<String> {
        let mut call = self.fixed.clone();
        for (flag, value) in &setting.0 {
            call.extend([format!("--{flag}"), value.clone()]);
        }
        call.extend(["--runs-dir".into(), self.runs_dir.display().to_string()]);
        call
    }
}

/// Flags with their values: `--flag value` or `--flag=value`.
fn pairs(words: &[String]) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else {
            usage!(
                "found {word}, wanted a flag with its values; what every run gets comes after a `--` of its own"
            );
        };
        let pair = match flag.split_once('=') {
            Some((flag, value)) => Some((flag, value.to_string())),
            None => words.next().map(|value| (flag, value.clone())),
        };
        match pair {
            Some((flag, value)) => pairs.push((flag.to_string(), value)),
            None => usage!("--{flag}: wanted values with commas between them"),
        }
    }
    Ok(pairs)
}

/// Takes a flag of the sweep itself out of the lists; the last of several counts.
fn take(lists: &mut Vec<List>, flag: &str) -> Option<String> {
    let place = lists.iter().position(|(known, _)| known == flag)?;
    lists.remove(place).1.pop()
}

fn number(lists: &mut Vec<List>, flag: &str) -> Result<Option<u64>> {
    let Some(text) = take(lists, flag) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => usage!("--{flag} {text}: wanted a whole number"),
    }
}

/// All combinations; the last flag changes fastest.
fn combinations(lists: &[List]) -> Vec<Setting> {
    lists
        .iter()
        .fold(vec![Setting::default()], |settings, (flag, values)| {
            let extended = settings.iter().flat_map(|setting| {
                values.iter().map(|value| {
                    let mut setting = setting.clone();
                    setting.0.push((flag.clone(), value.clone()));
                    setting
                })
            });
            extended.collect()
        })
}

/// A call as it is typed.
pub(crate) fn shown(call: &[String]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:=+@".contains(c);
    let quoted = call.iter().map(
        |word| match !word.is_empty() && word.chars().all(is_plain) {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        },
    );
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &str) -> Result<Plan> {
        let settings = words.split(' ').map(String::from).collect();
        let args = Args {
            package: None,
            features: None,
            program: None,
            settings,
            fixed: Vec::new(),
        };
        Plan::new(Path::new("runs"), &args)
    }

    #[test]
    fn lists_are_combined_and_the_last_flag_changes_fastest() -> Result<()> {
        let plan = plan(
            "--learning-rate 0.1,0.3 --seeds 2 --batch-size=64,128 --seed 5 -- mlp --epochs 1",
        )?;
        let settings: Vec<String> = plan.settings.iter().map(Setting::to_string).collect();
        let wanted = [
            "--learning-rate 0.1 --batch-size 64",
            "--learning-rate 0.1 --batch-size 128",
            "--learning-rate 0.3 --batch-size 64",
            "--learning-rate 0.3 --batch-size 128",
        ];
        assert_eq!(settings, wanted);
        assert_eq!(plan.seeds, [5, 6]);
        assert_eq!(
            shown(&plan.call(&plan.settings[0], 6)),
            "mlp --epochs 1 --learning-rate 0.1 --batch-size 64 --runs-dir runs --seed 6"
        );
        Ok(())
    }

    #[test]
    fn a_flag_that_is_given_twice_takes_its_values_whole() -> Result<()> {
        let plan = plan("--schedule constant --schedule step:every=10,factor=0.5")?;
        assert_eq!(
            plan.settings[1].to_string(),
            "--schedule step:every=10,factor=0.5"
        );
        assert_eq!(plan.settings.len(), 2);
        Ok(())
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in [
            "mlp",
            "--learning-rate",
            "--learning-rate 0.1,",
            "--seeds 0",
            "--seeds x",
            "--seed -1",
        ] {
            assert!(plan(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_call_can_be_pasted() {
        let call = ["a b", "it's", "", "x=1"].map(String::from);
        assert_eq!(shown(&call), r"'a b' 'it'\''s' '' x=1");
    }
}
