//! The choice between real and built-in data, and the search for the files of a published set.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Whether a run takes the real set or the built-in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// The real set if its files are in the data folder, otherwise the built-in one.
    #[default]
    Auto,
    /// The built-in set.
    Builtin,
    /// The real set; an error if a file is missing.
    Real,
}

/// A data set, and a notice for the reader about how it was chosen.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The data set.
    pub data: T,
    /// One line for the reader if [`Choice::Auto`] took the built-in set.
    pub notice: Option<String>,
}

/// A set that is published as `N` files.
pub(crate) struct Published<const N: usize> {
    /// Name of the set and of its folder in the data folder.
    pub(crate) set: &'static str,
    /// The published names of its files; `.gz` may follow them.
    pub(crate) files: [&'static str; N],
    /// Name of the built-in set.
    pub(crate) twin: &'static str,
}

/// The files of a set that are in the data folder.
pub(crate) enum Found<const N: usize> {
    /// All its files, in their order.
    All([PathBuf; N]),
    /// The first file that is missing, both under its name and with `.gz` after it.
    Missing(&'static str),
}

impl<const N: usize> Published<N> {
    /// Reads the set with `real` from the folder of its name in the data folder `folder`, or makes the built-in one
    /// with `builtin`, as `choice` says. Damage is an error even under [`Choice::Auto`].
    pub(crate) fn load<T>(
        &self,
        choice: Choice,
        folder: &Path,
        real: impl FnOnce(&[PathBuf; N]) -> Result<T>,
        builtin: impl FnOnce() -> Result<T>,
    ) -> Result<Loaded<T>> {
        let found = match choice {
            Choice::Builtin => None,
            Choice::Auto | Choice::Real => Some(self.find(folder)?),
        };
        let (data, notice) = match found {
            None => (builtin()?, None),
            Some(Found::All(files)) => (real(&files)?, None),
            Some(Found::Missing(file)) if choice == Choice::Real => bail!(
                "{}: found no {file} and no {file}.gz, wanted {} of {}; `{}` fetches {} (see data/README.md), or \
                 choose the built-in data",
                folder.join(self.set).display(),
                if N == 1 { "the file" } else { "all files" },
                self.set,
                self.fetching(folder),
                if N == 1 { "it" } else { "them" },
            ),
            Some(Found::Missing(file)) => (builtin()?, Some(self.notice(folder, file))),
        };
        Ok(Loaded { data, notice })
    }

    /// Looks for the files in the set's folder in the data folder `folder`.
    pub(crate) fn find(&self, folder: &Path) -> Result<Found<N>> {
        let mut found = std::array::from_fn(|_| PathBuf::new());
        for (found, name) in found.iter_mut().zip(self.files) {
            let plain = folder.join(self.set).join(name);
            let gzipped = folder.join(self.set).join(format!("{name}.gz"));
            for path in [plain, gzipped] {
                let exists = path.try_exists();
                if exists.with_context(|| format!("{}: cannot be checked", path.display()))? {
                    *found = path;
                    break;
                }
            }
            if found.as_os_str().is_empty() {
                return Ok(Found::Missing(name));
            }
        }
        Ok(Found::All(found))
    }

    fn notice(&self, folder: &Path, file: &str) -> String {
        let missing = if folder.join(self.set).exists() {
            format!("{} lacks {file}", folder.join(self.set).display())
        } else {
            format!("{} is not in {}", self.set, folder.display())
        };
        format!(
            "{missing}: using the built-in {} (`{}` fetches the real ones)",
            self.twin.replace('-', " "),
            self.fetching(folder)
        )
    }

    /// The command that fetches the real set into `folder`.
    fn fetching(&self, folder: &Path) -> String {
        let command = format!("cargo run -p fetch-data -- {}", self.set);
        if folder == Path::new("data") {
            command // its default folder
        } else {
            format!("{command} --data-dir {}", folder.display())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_plain_before_gzipped() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let published = Published { set: "set", files: ["table.csv"], twin: "drawn-set" };
        let load = |choice| {
            published.load(
                choice,
                folder.path(),
                |[path]| Ok(path.display().to_string()),
                || Ok(String::new()),
            )
        };
        std::fs::create_dir(folder.path().join("set"))?;
        let notice = load(Choice::Auto)?.notice.unwrap_or_default();
        assert!(
            notice.contains("lacks table.csv: using the built-in drawn set"),
            "{notice}"
        );
        let error = load(Choice::Real).unwrap_err().to_string();
        assert!(
            error.contains("found no table.csv and no table.csv.gz, wanted the file of set"),
            "{error}"
        );

        std::fs::write(folder.path().join("set/table.csv.gz"), "")?;
        assert!(load(Choice::Auto)?.data.ends_with("table.csv.gz"));
        std::fs::write(folder.path().join("set/table.csv"), "")?;
        let loaded = load(Choice::Real)?;
        assert!(loaded.data.ends_with("table.csv"));
        assert_eq!(loaded.notice, None);
        assert_eq!(load(Choice::Builtin)?.data, "");
        Ok(())
    }
}
