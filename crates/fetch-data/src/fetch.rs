//! Getting a set's files, from the network or from another folder.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};

use crate::archive::unpack;
use crate::digest::raw;
use crate::http::{Http, forget};
#[cfg(any(test, feature = "candle-datasets"))]
use crate::hub;
use crate::manifest::{Archive, HubSet, Item, Manifest, Set, Source};
use crate::place::{State, Survey, copy, install, part, part_of, remove, remove_empty_folders};
use crate::progress::Progress;

/// Why there is no Hub, if the program has none.
pub(crate) const NO_HUB: &str = "this program was built without candle-datasets, wanted cargo run -p fetch-data \
                                 --features candle-datasets";

/// Longest archive that is fetched.
const LONGEST_ARCHIVE: u64 = 1 << 30;

/// The settings for fetching sets.
pub(crate) struct Fetcher<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) data_dir: &'a Path,
    pub(crate) http: Http,
    pub(crate) progress: Progress,
    pub(crate) hub_first: bool,
}

/// How fetching a set ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was whole already.
    WasThere,
    /// It is whole now.
    Got,
    /// None of it is in the folder of `--from`.
    NotInFolder,
}

/// A set while it is fetched: the missing files, and the attempts so far.
struct Order<'a> {
    set: &'a Set,
    folder: PathBuf,
    lacking: Vec<&'a Item>,
    /// Name of the file, address, and why the address did not give it.
    failures: Vec<(String, String, anyhow::Error)>,
}

impl Fetcher<'_> {
    /// Gets the missing or wrong files of `set` from its sources, in their order.
    pub(crate) fn by_network(&self, set: &Set) -> Result<Outcome> {
        let Some(mut order) = self.order(set)? else {
            return Ok(Outcome::WasThere);
        };
        let data_dir_is_new = !self.data_dir.exists();
        let mut sources: Vec<&Source> = set.sources.iter().collect();
        if self.hub_first {
            sources.sort_by_key(|source| !matches!(source, Source::Hub(_))); // the rest keeps its order
        }
        // An archive that someone saved by hand comes before the network.
        let folder = order.folder.clone();
        order.unpack_local(&[&folder]);
        for source in sources {
            match source {
                _ if order.lacking.is_empty() => break,
                Source::Files(template) => self.ask_for_files(template, &mut order),
                Source::Archive(archive) => self.ask_for_archive(archive, &mut order),
                Source::Hub(set) => self.ask_the_hub(*set, &mut order),
            }
        }
        if order.lacking.is_empty() {
            return Ok(Outcome::Got);
        }
        remove_empty_folders(set, &order.folder);
        if data_dir_is_new {
            let _ = std::fs::remove_dir(self.data_dir); // fails if the folder isn't empty
        }
        Err(order.complaint())
    }

    /// Gets the missing or wrong files of `set` from `from`, which is laid out like the data folder or holds one of the
    /// set's archives.
    pub(crate) fn by_folder(&self, set: &Set, from: &Path) -> Result<Outcome> {
        let Some(mut order) = self.order(set)? else {
            return Ok(Outcome::WasThere);
        };
        let there = Survey::best(set, from, self.manifest)?;
        for found in there.files.iter().filter(|f| f.state == State::Whole) {
            if order.lacks(&found.item.name) {
                copy(&found.path, found.item, &order.folder)?;
                order.lacking.retain(|item| item.name != found.item.name);
            }
        }
        let archive_found = order.unpack_local(&[from, &there.folder]);
        if order.lacking.is_empty() {
            return Ok(Outcome::Got);
        }
        remove_empty_folders(set, &order.folder);
        if !archive_found && !there.is_there() {
            return Ok(Outcome::NotInFolder);
        }
        let mut problems = there.problems();
        let failures = order.failures.iter();
        problems.extend(failures.map(|(name, address, why)| format!("{address}: {name}: {why:#}")));
        Err(anyhow!("{}: {}", set.name, problems.join("; ")))
    }

    /// The missing files, unless the set is whole.
    fn order<'a>(&self, set: &'a Set) -> Result<Option<Order<'a>>> {
        if Survey::best(set, self.data_dir, self.manifest)?.is_whole() {
            return Ok(None);
        }
        let folder = self.data_dir.join(&set.name);
        let lacking = Survey::of(set, &folder, self.manifest)?.lacking();
        Ok(Some(Order { set, folder, lacking, failures: Vec::new() }))
    }

    fn ask_for_files(&self, template: &str, order: &mut Order) {
        for item in order.lacking.clone() {
            let address = item.address(template);
            let got = self.file(&address, item, &order.folder);
            order.note(item, &address, got);
        }
    }

    fn file(&self, address: &str, item: &Item, folder: &Path) -> Result<()> {
        let part = part(folder, item)?;
        // A little more than the content, because gzip adds its own bytes to content that it can't compress.
        let bytes = item.bytes.unwrap_or(LONGEST_ARCHIVE);
        let limit = bytes + bytes / 100 + 1024;
        self.http.download(address, &part, limit, self.progress)?;
        let installed = install(&part, item, folder);
        if installed.is_err() {
            forget(&part)?;
        }
        installed
    }

    fn ask_for_archive(&self, archive: &Archive, order: &mut Order) {
        let path = order.folder.join(archive.file_name());
        let unpacked = part_of(&path).and_then(|part| {
            self.http
                .download(&archive.address, &part, LONGEST_ARCHIVE, self.progress)?;
            let unpacked = order.unpack(archive, &part, &archive.address);
            remove(&part)?;
            unpacked
        });
        order.note_all(&archive.address, unpacked);
    }

    #[cfg(any(test, feature = "candle-datasets"))]
    fn ask_the_hub(&self, set: HubSet, order: &mut Order) {
        let address = format!("{} (candle-datasets)", hub::address());
        let fetched = hub::fetch(set, &self.http, self.progress);
        let fetched = fetched.map(|files| {
            for item in order.lacking.clone() {
                let file = files.iter().find(|file| file.name == item.file_name());
                let file = file.ok_or_else(|| anyhow!("candle-datasets gives no such file"));
                let got = file.and_then(|file| {
                    let part = part(&order.folder, item)?;
                    let got = file
                        .write(&part)
                        .and_then(|()| install(&part, item, &order.folder));
                    if got.is_err() {
                        forget(&part)?;
                    }
                    got
                });
                order.note(item, &address, got);
            }
        });
        order.note_all(&address, fetched);
    }

    #[cfg(not(any(test, feature = "candle-datasets")))]
    fn ask_the_hub(&self, _: HubSet, order: &mut Order) {
        order.note_all("the Hugging Face Hub", Err(anyhow!(NO_HUB)));
    }
}

impl Order<'_> {
    fn lacks(&self, name: &str) -> bool {
        self.lacking.iter().any(|item| item.name == name)
    }

    /// Removes an item that came from the list, or notes why it did not come.
    fn note(&mut self, item: &Item, address: &str, got: Result<()>) {
        match got {
            Ok(()) => self.lacking.retain(|lacking| lacking.name != item.name),
            Err(why) => self
                .failures
                .push((item.name.clone(), address.to_string(), why)),
        }
    }

    /// Notes an error for all missing items.
    fn note_all(&mut self, address: &str, got: Result<()>) {
        if let Err(why) = got {
            for item in &self.lacking {
                let why = anyhow!("{why:#}");
                self.failures
                    .push((item.name.clone(), address.to_string(), why));
            }
        }
    }

    /// Unpacks those of the set's archives that someone put into one of `folders`, until nothing is missing. True if
    /// there was one.
    fn unpack_local(&mut self, folders: &[&Path]) -> bool {
        let set = self.set;
        let mut any = false;
        for source in &set.sources {
            let Source::Archive(archive) = source else {
                continue;
            };
            let mut paths = folders.iter().map(|f| f.join(archive.file_name()));
            if let Some(path) = paths.find(|path| path.is_file())
                && !self.lacking.is_empty()
            {
                any = true;
                let address = path.display().to_string();
                let unpacked = self.unpack(archive, &path, &address);
                self.note_all(&address, unpacked);
            }
        }
        any
    }

    /// Unpacks the missing files; if the archive's digest is known, checks the archive first.
    fn unpack(&mut self, archive: &Archive, path: &Path, address: &str) -> Result<()> {
        if let Some(wanted) = archive.sha256 {
            let found = raw(path)?;
            ensure!(
                found == wanted,
                "found an archive of SHA-256 {found}, wanted {wanted}"
            );
        }
        let mut failures = unpack(path, &self.lacking, &self.folder)?;
        for item in self.lacking.clone() {
            let got = failures.remove(&item.name).map_or(Ok(()), Err);
            self.note(item, address, got);
        }
        Ok(())
    }

    /// One line: the file that is missing, why each address failed, and what to do.
    fn complaint(&self) -> anyhow::Error {
        let name = &self.set.name;
        let folder = self.folder.display();
        let Some(first) = self.lacking.first().map(|item| &item.name) else {
            return anyhow!("{name}: nothing is missing");
        };
        let rest = match self.lacking.len() {
            1 => String::new(),
            all => format!(" (nor {} more)", all - 1),
        };
        if self.set.sources.is_empty() {
            return anyhow!(
                "{name}: found no {first}{rest} in {folder}, and no network address gives it; wanted a folder that has \
                 it: --from DIR"
            );
        }
        let tried = self.failures.iter().filter(|(item, _, _)| item == first);
        let tried: Vec<String> = tried
            .map(|(_, address, why)| format!("{address}: {why:#}"))
            .collect();
        let by_hand = self.set.sources.iter().find_map(|source| match source {
            Source::Files(_) => Some(format!(
                "{}, plain or with .gz",
                self.folder.join(first).display()
            )),
            Source::Archive(archive) => {
                Some(self.folder.join(archive.file_name()).display().to_string())
            }
            Source::Hub(_) => None,
        });
        let by_hand = by_hand.map_or(String::new(), |path| {
            format!(", or download the file by hand, save it as {path} and run the command again")
        });
        anyhow!(
            "{name}: found no way to {first}{rest}: {}; try again later{by_hand}, or name a folder that has it: \
             --from DIR",
            tried.join("; ")
        )
    }
}
