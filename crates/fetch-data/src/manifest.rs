//! The list of sets: `data/manifest.toml`, built in, or another file of its form.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::digest::Digest;
use d2l_command::usage;

const BUILT_IN: &str = include_str!("../../../data/manifest.toml");

/// All sets, in the order in which they are listed and fetched.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    #[serde(rename = "set")]
    pub(crate) sets: Vec<Set>,
}

/// A data set: files in one folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Set {
    /// Name, and folder in the data folder.
    pub(crate) name: String,
    /// Another folder of the data folder in which the files may lie.
    also_in: Option<String>,
    pub(crate) what: String,
    pub(crate) licence: String,
    /// Where the files come from, tried in this order; none for a set that only `--from` gives.
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
    pub(crate) files: Vec<Item>,
}

/// A file of a set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    /// Path in the set's folder, without `.gz`.
    pub(crate) name: String,
    /// The text for `{path}` in addresses, if it isn't the name.
    path: Option<String>,
    /// Size of the content, decompressed.
    pub(crate) bytes: Option<u64>,
    /// SHA-256 of the content, decompressed. If there is none, the digest is recorded when the file is unpacked.
    pub(crate) sha256: Option<Digest>,
}

/// A place that gives some or all files of a set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// One address for each file, with `{path}` for the part that differs.
    Files(String),
    /// A `.zip` or `.tar.gz` with all files in it.
    Archive(Archive),
    /// The Hugging Face Hub, through candle-datasets.
    Hub(HubSet),
}

/// An archive and the digest of its bytes, if it is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Archive {
    pub(crate) address: String,
    pub(crate) sha256: Option<Digest>,
}

/// The sets that candle-datasets loads and that can be written in their published form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HubSet {
    Mnist,
    FashionMnist,
    #[serde(rename = "cifar-10")]
    Cifar10,
}

impl Manifest {
    /// The file at `path`, or the built-in list.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Self::parse(BUILT_IN);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}: not a list of sets", path.display()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        for (index, set) in manifest.sets.iter().enumerate() {
            set.check().with_context(|| format!("set {:?}", set.name))?;
            let first = manifest.sets.iter().position(|s| s.name == set.name);
            ensure!(first == Some(index), "found set {:?} twice", set.name);
        }
        Ok(manifest)
    }

    /// The sets of these names, in the list's order, each once.
    pub(crate) fn select(&self, names: &[String]) -> Result<Vec<&Set>> {
        for name in names {
            if !self.sets.iter().any(|set| set.name == *name) {
                let known: Vec<&str> = self.sets.iter().map(|set| set.name.as_str()).collect();
                usage!("found set {name:?}, wanted one of {}", known.join(", "));
            }
        }
        let named = |set: &&Set| names.contains(&set.name);
        Ok(self.sets.iter().filter(named).collect())
    }

    /// The set that has a file of this content.
    pub(crate) fn owner(&self, sha256: Digest) -> Option<&Set> {
        let has = |set: &&Set| set.files.iter().any(|item| item.sha256 == Some(sha256));
        self.sets.iter().find(has)
    }
}

impl Set {
    /// The set's own folder, then the other one if it has one.
    pub(crate) fn folders(&self, data_dir: &Path) -> Vec<PathBuf> {
        let names = [Some(&self.name), self.also_in.as_ref()];
        names
            .into_iter()
            .flatten()
            .map(|name| data_dir.join(name))
            .collect()
    }

    /// Size of all files, decompressed, if it is known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.files.iter().map(|item| item.bytes).sum()
    }

    fn check(&self) -> Result<()> {
        for name in [Some(&self.name), self.also_in.as_ref()]
            .into_iter()
            .flatten()
        {
            ensure!(is_inside(name), "found {name:?}, wanted a folder's name");
        }
        ensure!(!self.files.is_empty(), "found no files, wanted some");
        for item in &self.files {
            ensure!(
                is_inside(&item.name),
                "found {:?}, wanted a path inside the set's folder",
                item.name
            );
        }
        let digests_known = self.files.iter().all(|item| item.sha256.is_some());
        for source in &self.sources {
            match source {
                Source::Files(address) if self.files.len() > 1 && !address.contains("{path}") => {
                    bail!("found one address for several files ({address}), wanted {{path}} in it")
                }
                Source::Archive(archive) if digests_known || archive.sha256.is_some() => {}
                _ => ensure!(
                    digests_known,
                    "found a file without sha256, wanted one, or archives with sha256 alone"
                ),
            }
        }
        Ok(())
    }
}

impl Item {
    /// The address of this file, from a template with `{path}`.
    pub(crate) fn address(&self, template: &str) -> String {
        template.replace("{path}", self.path.as_deref().unwrap_or(&self.name))
    }

    /// The last part of the name, by which an archive's members are recognised.
    pub(crate) fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

impl Archive {
    /// The name under which a browser stores it.
    pub(crate) fn file_name(&self) -> &str {
        let path = self.address.split(['?', '#']).next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }
}

/// Whether a relative path stays inside its folder.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        match Manifest::parse(text) {
            Ok(_) => panic!("was taken: {text}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn the_built_in_list_is_well_formed() -> Result<()> {
        let manifest = Manifest::load(None)?;
        assert!(manifest.sets.len() >= 16);
        for set in &manifest.sets {
            assert!(!set.what.is_empty() && !set.licence.is_empty(), "{set:?}");
            for source in &set.sources {
                let address = match source {
                    Source::Files(address) => address,
                    Source::Archive(archive) => &archive.address,
                    Source::Hub(_) => continue,
                };
                // Fashion-MNIST's own site is the one without TLS; the digest is what vouches for the content.
                assert!(address.starts_with("http"), "{address}");
                if let Some(rest) = address.strip_prefix("https://raw.githubusercontent.com/") {
                    for item in &set.files {
                        let path = item.address(rest);
                        let commit = path.split('/').nth(2).unwrap_or_default();
                        assert_eq!(commit.len(), 40, "{path}");
                    }
                }
            }
        }
        Ok(())
    }

    #[test]
    fn the_readme_has_a_row_for_every_set_and_every_digest() -> Result<()> {
        let readme = include_str!("../../../data/README.md");
        for set in &Manifest::load(None)?.sets {
            assert!(readme.contains(&format!("`{}`", set.name)), "{}", set.name);
            for digest in set.files.iter().filter_map(|item| item.sha256) {
                assert!(
                    readme.contains(&digest.to_string()),
                    "{} {digest}",
                    set.name
                );
            }
        }
        Ok(())
    }

    #[test]
    fn a_list_that_leads_outside_or_checks_nothing_is_refused() {
        let set = |name: &str, sources: &str, files: &str| {
            format!(
                "[[set]]\nname = {name:?}\nwhat = 'x'\nlicence = 'x'\nsources = [{sources}]\nfiles = [{files}]\n"
            )
        };
        let good = "{ name = 'f', sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' }";
        assert!(Manifest::parse(&set("s", "", good)).is_ok());
        for name in ["../s", "/s", "", "."] {
            assert!(message(&set(name, "", good)).contains("wanted a folder's name"));
        }
        assert!(message(&set("s", "", "{ name = '../f' }")).contains("inside the set's folder"));
        assert!(message(&set("s", "", "")).contains("found no files"));
        let unchecked = "{ name = 'f' }";
        for source in [
            "{ files = 'http://a/b' }",
            "{ archive = { address = 'http://a' } }",
        ] {
            assert!(
                message(&set("s", source, unchecked)).contains("without sha256"),
                "{source}"
            );
        }
        let two = format!("{good}, {}", good.replace("'f'", "'g'"));
        assert!(message(&set("s", "{ files = 'http://a/b' }", &two)).contains("wanted {path}"));
        let twice = set("s", "", good).repeat(2);
        assert!(message(&twice).contains("twice"));
        assert!(message("[[set]]\nname = 's'").contains("missing field"));
        assert!(message(&set("s", "{ ftp = 'x' }", good)).contains("ftp"));
        let short = "{ name = 'f', sha256 = 'ba78' }";
        assert!(message(&set("s", "", short)).contains("64 hexadecimal digits"));
    }
}
