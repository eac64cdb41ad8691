//! Surnames in 18 languages, those of PyTorch's tutorials on character-level networks, or built-in names in their place.
//!
//! A name is a sequence of symbols: a letter or one of a few signs, without accents, and [`NAME_END`] after the last.
//! All sequences of a set are equally long, filled up with [`NAME_END`].

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use sha2::{Digest, Sha256};
use tokenizers::NormalizedString;

use crate::choice::Published;
use crate::drawn;
use crate::splits::digest;
use crate::table::{AGAIN, content};
use crate::{Choice, Column, Dataset, Loaded, Provenance, Source, Splits};

/// What a name is made of, in the order of the symbols' numbers.
pub const NAME_LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;'-";
/// The symbol that ends a name. It also begins one where a model writes it.
pub const NAME_END: u32 = NAME_LETTERS.len() as u32;
/// The number of symbols.
pub const NAME_SYMBOLS: usize = NAME_LETTERS.len() + 1;
/// A target that doesn't count, after a name's end.
pub const NAME_IGNORED: u32 = NAME_END + 1;

const FILES: Published<18> = Published {
    set: "names",
    files: [
        "Arabic.txt",
        "Chinese.txt",
        "Czech.txt",
        "Dutch.txt",
        "English.txt",
        "French.txt",
        "German.txt",
        "Greek.txt",
        "Irish.txt",
        "Italian.txt",
        "Japanese.txt",
        "Korean.txt",
        "Polish.txt",
        "Portuguese.txt",
        "Russian.txt",
        "Scottish.txt",
        "Spanish.txt",
        "Vietnamese.txt",
    ],
    twin: "drawn-names",
};
/// Of each 20 names in a row, these are held out: 15 %, as in the tutorial, which draws them at random.
const HELD_OUT: [usize; 3] = [0, 7, 14];
const OF_EACH: usize = 20;
/// Letters of the longest name that is accepted; all sequences of a set are as long as its longest.
const LONGEST: usize = 40;
/// Largest content of a file, twelve times that of the largest published one.
const LARGEST: usize = 1 << 20;

/// Names with their languages.
#[derive(Clone, Debug)]
pub struct Names {
    /// The languages, in the order of their numbers.
    pub languages: Vec<String>,
    /// The names in the order of the files, without accents.
    names: Vec<Name>,
    /// Where they came from, for the log.
    pub provenance: Provenance,
}

#[derive(Clone, Debug)]
struct Name {
    letters: String,
    language: u8,
}

/// The names, published or built-in, as `choice` says.
///
/// # Errors
/// If a file has no names, or one without letters or with more than 40, even under [`Choice::Auto`]; under
/// [`Choice::Real`] also if a file is missing.
pub fn names(choice: Choice, folder: &Path) -> Result<Loaded<Names>> {
    let real = |files: &[PathBuf; 18]| {
        let contents = files.iter().zip(FILES.files).map(|(path, file)| {
            let language = file.trim_end_matches(".txt").to_string();
            Ok((
                path.display().to_string(),
                language,
                content(path, LARGEST)?,
            ))
        });
        Names::parse(contents.collect::<Result<_>>()?, FILES.set, Source::Real)
    };
    let builtin = || {
        let lists = drawn::names::names().into_iter();
        let lists = lists.map(|(name, list)| (name.into(), name.into(), list.into_bytes()));
        Names::parse(lists.collect(), FILES.twin, Source::Builtin)
    };
    FILES.load(choice, folder, real, builtin)
}

impl Names {
    /// The names in these files, each with its path and its language.
    fn parse(files: Vec<(String, String, Vec<u8>)>, set: &str, source: Source) -> Result<Self> {
        let mut all = Vec::new();
        let mut parts = Vec::new();
        let mut languages = Vec::new();
        for (path, language, bytes) in files {
            let number = u8::try_from(languages.len()).context("more than 256 languages")?;
            let found =
                read(&bytes, number).map_err(|error| anyhow!("{path}: {error}; {AGAIN}"))?;
            all.extend(found);
            parts.push(Sha256::digest(&bytes).into());
            languages.push(language);
        }
        let provenance = Provenance { name: set.to_string(), source, sha256: digest(&parts) };
        Ok(Self { languages, names: all, provenance })
    }

    /// Names `[T]` and their languages, a class for each. Of each 20 names 3 are held out.
    ///
    /// # Errors
    /// None that depends on the names.
    pub fn for_classification(&self) -> Result<Splits<2>> {
        self.splits(|names| Dataset::new([self.letters(names, 0, NAME_END), languages(names)]))
    }

    /// The symbols that a model reads `[T]`, beginning with [`NAME_END`]; the symbols that follow them `[T]`, with
    /// [`NAME_IGNORED`] after the name's end; and the language.
    ///
    /// # Errors
    /// None that depends on the names.
    pub fn for_generation(&self) -> Result<Splits<3>> {
        self.splits(|names| {
            let follow = self.letters(names, 0, NAME_IGNORED);
            Dataset::new([self.letters(names, 1, NAME_END), follow, languages(names)])
        })
    }

    fn splits<const N: usize>(
        &self,
        dataset: impl Fn(&[&Name]) -> Result<Dataset<N>>,
    ) -> Result<Splits<N>> {
        let numbered = self.names.iter().enumerate();
        let (valid, train): (Vec<_>, Vec<_>) =
            numbered.partition(|(row, _)| HELD_OUT.contains(&(row % OF_EACH)));
        let without = |part: Vec<(usize, _)>| part.into_iter().map(|(_, name)| name).collect();
        let (train, valid): (Vec<&Name>, Vec<&Name>) = (without(train), without(valid));
        Ok(Splits {
            train: dataset(&train)?,
            valid: dataset(&valid)?,
            provenance: self.provenance.clone(),
        })
    }

    /// A column of all symbols, with `before` ends in front and one after, filled up with `padding`.
    fn letters(&self, names: &[&Name], before: usize, padding: u32) -> Column {
        let longest = self.names.iter().map(|name| name.letters.len()).max();
        let steps = longest.unwrap_or(0) + 1;
        let mut values = Vec::with_capacity(names.len() * steps);
        for name in names {
            let mut row = vec![NAME_END; before];
            row.extend(name_symbols(&name.letters));
            row.push(NAME_END);
            row.resize(steps.max(row.len()), padding);
            row.truncate(steps);
            values.extend(row);
        }
        Column::Tokens { values, shape: vec![steps] }
    }
}

fn languages(names: &[&Name]) -> Column {
    Column::Labels(names.iter().map(|name| name.language).collect())
}

/// The names in a file, one a line; empty lines are passed over.
fn read(bytes: &[u8], language: u8) -> Result<Vec<Name>> {
    let mut names = Vec::new();
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let number = number + 1;
        let line = std::str::from_utf8(line)
            .map_err(|_| anyhow!("line {number}: found bytes that are not UTF-8, wanted UTF-8"))?;
        if line.trim().is_empty() {
            continue;
        }
        // Checked before it is normalized, so that no line takes more memory than a name.
        let characters = line.trim().chars().count();
        ensure!(
            characters <= LONGEST,
            "line {number}: found a name of {characters} characters, wanted at most {LONGEST}"
        );
        let letters = name_letters(line.trim());
        ensure!(
            letters.contains(char::is_alphabetic),
            "line {number}: found {:?}, wanted a name with a Latin letter",
            line.trim()
        );
        names.push(Name { letters, language });
    }
    ensure!(!names.is_empty(), "found no names, wanted one a line");
    Ok(names)
}

/// The name in letters of [`NAME_LETTERS`]: without accents (Unicode's form NFD), and without all other characters.
///
/// ```
/// assert_eq!(d2l_data::name_letters("Ślusàrski 1"), "Slusarski ");
/// ```
pub fn name_letters(name: &str) -> String {
    let mut apart = NormalizedString::from(name);
    apart.nfd();
    let known = |c: &char| NAME_LETTERS.contains(*c);
    apart.get().chars().filter(known).collect()
}

/// The numbers of a name's letters; other characters have none.
pub fn name_symbols(letters: &str) -> Vec<u32> {
    let number = |c| NAME_LETTERS.find(c).map(|place| place as u32);
    letters.chars().filter_map(number).collect()
}

/// The name that these symbols spell, up to its end.
pub fn name_of_symbols(symbols: &[u32]) -> String {
    let letter = |&symbol: &u32| NAME_LETTERS.chars().nth(symbol as usize);
    symbols.iter().map_while(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(lists: &[&str]) -> Result<Names> {
        let files = lists.iter().enumerate().map(|(number, list)| {
            let name = format!("L{number}");
            (format!("{name}.txt"), name, list.as_bytes().to_vec())
        });
        Names::parse(files.collect(), "test", Source::Synthetic)
    }

    fn tokens(column: &Column) -> &[u32] {
        match column {
            Column::Tokens { values, .. } => values,
            _ => panic!("wanted tokens"),
        }
    }

    #[test]
    fn names_become_symbols_of_one_length_and_three_of_twenty_are_held_out() -> Result<()> {
        let many = "Ab\n".repeat(19);
        let names = names_in(&[&many, "  Élan \r\n\n"])?;
        let splits = names.for_classification()?;
        assert_eq!((splits.train.len(), splits.valid.len()), (17, 3));
        let last = tokens(splits.train.column(0)).chunks(5).next_back();
        let e = NAME_LETTERS.find('E').unwrap_or(0) as u32;
        assert_eq!(last, Some(&[e, 11, 0, 13, NAME_END][..]));
        assert!(matches!(splits.train.column(1), Column::Labels(labels) if labels[16] == 1));

        let splits = names.for_generation()?;
        let [read, wanted] = [0, 1].map(|i| tokens(splits.valid.column(i)));
        let (a, b) = (26, 1);
        assert_eq!(read[..5], [NAME_END, a, b, NAME_END, NAME_END]);
        let ignored = NAME_IGNORED;
        assert_eq!(wanted[..5], [a, b, NAME_END, ignored, ignored]);
        assert_eq!(name_of_symbols(&wanted[..5]), "Ab");
        Ok(())
    }

    #[test]
    fn a_damaged_list_is_named_with_its_line() {
        for (list, message) in [
            ("", "L0.txt: found no names, wanted one a line; get"),
            (
                "Ab\n\u{4e2d}\n",
                "line 2: found \"中\", wanted a name with a Latin letter",
            ),
            ("Ab\n\n12-\n", "line 3: found \"12-\""),
            (&"a".repeat(41), "line 1: found a name of 41 characters"),
        ] {
            let error = names_in(&[list]).expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
            assert_eq!(error.lines().count(), 1);
        }
        let bytes = vec![("f".to_string(), "f".to_string(), vec![b'A', 0xff])];
        let error = Names::parse(bytes, "test", Source::Real).expect_err("not UTF-8");
        assert!(error.to_string().contains("line 1: found bytes that are"));
    }

    #[test]
    fn built_in_names_stand_in_for_the_published_ones() -> Result<()> {
        let nowhere = Path::new("there is no such folder");
        let loaded = names(Choice::Auto, nowhere)?;
        let notice = loaded.notice.unwrap_or_default();
        assert!(
            notice.contains("using the built-in drawn names"),
            "{notice}"
        );
        assert_eq!(loaded.data.provenance.source, Source::Builtin);
        assert_eq!(loaded.data.languages.len(), 8);
        let splits = loaded.data.for_classification()?;
        assert_eq!((splits.train.len(), splits.valid.len()), (1700, 300));
        let error = names(Choice::Real, nowhere).expect_err("no files");
        assert!(error.to_string().contains("found no Arabic.txt"), "{error}");
        Ok(())
    }
}
