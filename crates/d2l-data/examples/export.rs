//! Writes a drawn set as IDX files, to train on the same pictures elsewhere:
//! `cargo run -p d2l-data --example export -- fashion-mnist FOLDER`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use d2l_data::{Choice, Column, ImageSet, idx, image_classes};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [set, folder] = &words[..] else {
        bail!(
            "found {} arguments, wanted two: fashion-mnist or mnist, and a folder to write to",
            words.len()
        );
    };
    let sets = [ImageSet::FashionMnist, ImageSet::Mnist];
    let set = sets.into_iter().find(|known| known.name() == set);
    let set =
        set.with_context(|| format!("found set {:?}, wanted fashion-mnist or mnist", words[0]))?;
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: cannot be made", folder.display()))?;

    let splits = image_classes(set, Choice::Builtin, folder)?.data.splits;
    for (part, data) in [("train", &splits.train), ("t10k", &splits.valid)] {
        if let Column::Pixels { values, shape } = data.column(0) {
            let dims = [data.len(), shape[1], shape[2]];
            idx::write(
                &folder.join(format!("{part}-images-idx3-ubyte")),
                values,
                &dims,
            )?;
        }
        if let Column::Labels(labels) = data.column(1) {
            idx::write(
                &folder.join(format!("{part}-labels-idx1-ubyte")),
                labels,
                &[data.len()],
            )?;
        }
    }
    println!(
        "{} {} in {}",
        splits.provenance.name,
        splits.provenance.sha256,
        folder.display()
    );
    Ok(())
}
