//! Taking files out of `.zip` and `.tar.gz` archives.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use flate2::bufread::MultiGzDecoder;

use crate::digest::is_gzipped;
use crate::manifest::Item;
use crate::place::{install, part, remove};

/// Longest file that is unpacked if its size is not known, so that an archive doesn't fill the disk.
const LONGEST: u64 = 1 << 30;

/// Unpacks `items`, which are recognised by the last part of their names, into `folder`. Each is checked and put in its
/// place.
///
/// Returns the errors by the item's name: of items that the archive lacks, and of items with unexpected content.
///
/// # Errors
///
/// If the archive cannot be read.
pub(crate) fn unpack(
    archive: &Path,
    items: &[&Item],
    folder: &Path,
) -> Result<BTreeMap<String, anyhow::Error>> {
    let mut unpacking = Unpacking { items, folder, outcomes: BTreeMap::new() };
    let file = File::open(archive).context("cannot be opened")?;
    let file = BufReader::with_capacity(1 << 16, file);
    if is_gzipped(archive)? {
        unpacking
            .tar(MultiGzDecoder::new(file))
            .map_err(|error| anyhow!("found no whole .tar.gz archive: {error}"))?;
    } else {
        let zip = zip::ZipArchive::new(file);
        let mut zip = zip.map_err(|error| anyhow!("found no archive, wanted one: {error}"))?;
        for index in 0..zip.len() {
            let mut member = zip.by_index(index)?;
            if member.is_file() {
                let name = member.name()?.into_owned();
                unpacking.take(&name, &mut member);
            }
        }
    }
    Ok(unpacking.failures())
}

struct Unpacking<'a> {
    items: &'a [&'a Item],
    folder: &'a Path,
    outcomes: BTreeMap<String, Result<()>>,
}

impl Unpacking<'_> {
    fn tar(&mut self, file: impl Read) -> Result<()> {
        for member in tar::Archive::new(file).entries()? {
            let mut member = member?;
            if member.header().entry_type().is_file() {
                let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
                self.take(&name, &mut member);
            }
        }
        Ok(())
    }

    /// Unpacks a member if it is one of the items, under the item's name: the member's own path is never used.
    fn take(&mut self, name: &str, member: &mut impl Read) {
        let last = name.rsplit(['/', '\\']).next();
        for item in self.items {
            if last == Some(item.file_name())
                && !matches!(self.outcomes.get(&item.name), Some(Ok(())))
            {
                let outcome = write(member, item, self.folder);
                self.outcomes.insert(item.name.clone(), outcome);
                return;
            }
        }
    }

    fn failures(mut self) -> BTreeMap<String, anyhow::Error> {
        let mut failures = BTreeMap::new();
        for item in self.items {
            match self.outcomes.remove(&item.name) {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    failures.insert(item.name.clone(), error);
                }
                None => {
                    let error = anyhow!("found no {} in the archive", item.file_name());
                    failures.insert(item.name.clone(), error);
                }
            }
        }
        failures
    }
}

fn write(member: &mut impl Read, item: &Item, folder: &Path) -> Result<()> {
    let part = part(folder, item)?;
    // One more byte than wanted is read: it shows that there is too much.
    let limit = item.bytes.unwrap_or(LONGEST).saturating_add(1);
    let written = File::create(&part)
        .and_then(|mut file| std::io::copy(&mut member.take(limit), &mut file))
        .with_context(|| format!("{}: cannot be unpacked", part.display()))
        .and_then(|_| install(&part, item, folder));
    if written.is_err() {
        remove(&part)?;
    }
    written
}
