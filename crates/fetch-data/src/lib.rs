//! The `fetch-data` command: fetches the real data sets, and checks them against their published content.
//!
//! ```text
//! cargo run -p fetch-data -- --list
//! cargo run -p fetch-data -- mnist fashion-mnist
//! cargo run -p fetch-data -- --verify
//! cargo run -p fetch-data -- --all --from /media/stick/data
//! ```
//!
//! `data/manifest.toml` lists the sets, and `manifest` reads it. `fetch` gets a set from its sources in their order:
//! files by `http`, archives that `archive` unpacks, and the `hub` through candle-datasets. In each case `place` puts a
//! file in its place only if it has the expected content, which `digest` checks. `args` has every flag, `report` the
//! output of `--list`, `progress` the bar.
//!
//! candle-datasets brings candle and some two hundred other crates. So it is a feature, and the command without it builds
//! without candle; the tests always build it.

mod archive;
mod args;
mod digest;
mod fetch;
mod http;
#[cfg(any(test, feature = "candle-datasets"))]
mod hub;
mod manifest;
mod place;
mod progress;
mod report;

#[cfg(test)]
mod fuzz_corpus;

use std::process::ExitCode;

use anyhow::Result;
use d2l_command::{complain, print_translated, usage};
use indicatif::DecimalBytes;

pub use args::Args;
use fetch::{Fetcher, NO_HUB, Outcome};
use http::Http;
use manifest::{Manifest, Set};
use place::Survey;
use progress::Progress;

/// Carries out the arguments. The exit code is 1 if a set could not be fetched or isn't whole. Each error is one line
/// on stderr, and the other sets are fetched all the same.
pub fn run(args: &Args) -> Result<ExitCode> {
    Ok(if all_went_well(args)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn all_went_well(args: &Args) -> Result<bool> {
    let manifest = Manifest::load(args.manifest.as_deref())?;
    let named = manifest.select(&args.sets)?;
    if args.list {
        let sets = if named.is_empty() {
            manifest.sets.iter().collect()
        } else {
            named
        };
        print_translated(&report::list(&sets, &args.data_dir, &manifest)?)?;
        return Ok(true);
    }
    if args.verify {
        return verify(args, &manifest, &named);
    }
    if named.is_empty() && !args.all {
        usage!(
            "found no set to fetch, wanted names such as mnist, or --all; --list shows what there is"
        );
    }
    if args.hub && !cfg!(any(test, feature = "candle-datasets")) {
        usage!("--hub: {NO_HUB}");
    }
    fetch(args, &manifest, &named)
}

/// Checks the sets that were named, or all, or those that the data folder has.
fn verify(args: &Args, manifest: &Manifest, named: &[&Set]) -> Result<bool> {
    let mut all_whole = true;
    let mut any = false;
    for set in &manifest.sets {
        let is_named = named.iter().any(|other| other.name == set.name);
        if !named.is_empty() && !is_named {
            continue;
        }
        let survey = Survey::best(set, &args.data_dir, manifest)?;
        let is_wanted = is_named || (args.all && !set.sources.is_empty());
        if !is_wanted && !survey.is_there() {
            continue;
        }
        any = true;
        for problem in survey.problems() {
            complain(&format!(
                "{}: {problem}; cargo run -p fetch-data -- {0} gets it",
                set.name
            ));
        }
        all_whole &= survey.is_whole();
        if survey.is_whole() && !args.quiet {
            let folder = survey.folder.display();
            print_translated(&format!("{}: whole in {folder}\n", set.name))?;
        }
    }
    if !any && !args.quiet {
        print_translated(&format!("{}: found no data set\n", args.data_dir.display()))?;
    }
    Ok(all_whole)
}

/// Gets the sets that were named, or all that have a source.
fn fetch(args: &Args, manifest: &Manifest, named: &[&Set]) -> Result<bool> {
    if let Some(from) = &args.from
        && !from.is_dir()
    {
        let message = format!(
            "{}: found no such folder, wanted one laid out like the data folder",
            from.display()
        );
        return Err(anyhow::Error::msg(message));
    }
    let fetcher = Fetcher {
        manifest,
        data_dir: &args.data_dir,
        http: Http::new(args.timeout),
        progress: Progress::new(args.quiet),
        hub_first: args.hub,
    };
    let mut all_went_well = true;
    for set in &manifest.sets {
        let is_named = named.iter().any(|other| other.name == set.name);
        if !is_named && !args.all {
            continue;
        }
        let outcome = match &args.from {
            Some(from) => fetcher.by_folder(set, from),
            None if !is_named && set.sources.is_empty() => continue, // only --from has it
            None => fetcher.by_network(set),
        };
        let name = &set.name;
        let folder = Survey::best(set, &args.data_dir, manifest)?.folder;
        let folder = folder.display();
        match (outcome, &args.from) {
            (Ok(Outcome::NotInFolder), Some(from)) if is_named => {
                let from = from.join(name);
                complain(&format!(
                    "{name}: found nothing of it in {}, wanted its files there, plain or gzipped, or its archive",
                    from.display()
                ));
                all_went_well = false;
            }
            (Ok(_), _) if args.quiet => {}
            (Ok(Outcome::WasThere), _) => {
                print_translated(&format!("{name}: is already whole in {folder}\n"))?
            }
            (Ok(Outcome::Got), _) => {
                let size = set
                    .bytes()
                    .map_or(String::new(), |b| format!(", {}", DecimalBytes(b)));
                print_translated(&format!("{name}: whole in {folder}{size}\n"))?;
            }
            (Ok(Outcome::NotInFolder), from) => {
                let from = from.as_deref().unwrap_or(&args.data_dir).display();
                print_translated(&format!("{name}: not in {from}, left out\n"))?;
            }
            (Err(error), _) => {
                complain(&format!("{error:#}"));
                all_went_well = false;
            }
        }
    }
    Ok(all_went_well)
}
