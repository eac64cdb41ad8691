//! Sets from the Hugging Face Hub through candle-datasets, written back in their published form.
//!
//! candle-datasets fetches a set's pictures (PNG in Parquet files) into the Hub's cache and gives tensors: pixels as
//! `f32` from 0 to 1, labels as bytes. Pixels were bytes before, so they can be restored exactly. The resulting files
//! are those that the authors published, byte for byte, as the digests show.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use candle_core::Tensor;
use candle_datasets::vision::{Dataset, cifar, fashion_mnist, mnist};

use crate::http::Http;
use crate::manifest::HubSet;
use crate::progress::Progress;

/// The Hub's address, unless the environment variable `HF_ENDPOINT` has another.
const HUB: &str = "https://huggingface.co";

/// The limit for candle-datasets, which would wait without end for a silent server; the largest set is 140 MB.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Batches of CIFAR-10's training part.
const BATCHES: usize = 5;

/// A file in its published form.
pub(crate) struct HubFile {
    /// The last part of its name.
    pub(crate) name: String,
    values: Vec<u8>,
    /// Sizes in the header of an IDX file; `None` where the file has no header.
    dims: Option<Vec<usize>>,
}

impl HubFile {
    /// Writes the file, plain.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        match &self.dims {
            Some(dims) => d2l_data::idx::write(path, &self.values, dims),
            None => std::fs::write(path, &self.values)
                .with_context(|| format!("{}: cannot be written", path.display())),
        }
    }
}

/// The Hub's address.
pub(crate) fn address() -> String {
    std::env::var("HF_ENDPOINT").unwrap_or_else(|_| HUB.to_string())
}

/// Fetches a set into the Hub's cache (`~/.cache/huggingface`) and turns it into its published files.
pub(crate) fn fetch(set: HubSet, http: &Http, progress: Progress) -> Result<Vec<HubFile>> {
    // The client that candle-datasets makes waits for a connection as long as the system does: minutes, many times.
    http.reach(&address())?;
    let _bar = progress.waiting("Hugging Face Hub");
    let data = load(set)?;
    match set {
        HubSet::Mnist | HubSet::FashionMnist => idx_files(&data),
        HubSet::Cifar10 => cifar_files(&data),
    }
}

/// Loads a set on a separate thread, because candle-datasets panics if a picture cannot be decoded.
fn load(set: HubSet) -> Result<Dataset> {
    let (sender, receiver) = channel();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {})); // the error is reported below, in one line
    std::thread::spawn(move || {
        let loaded = match set {
            HubSet::Mnist => mnist::load(),
            HubSet::FashionMnist => fashion_mnist::load(),
            HubSet::Cifar10 => cifar::load(),
        };
        let _ = sender.send(loaded); // nothing receives it after `LONGEST`
    });
    let loaded = receiver.recv_timeout(LONGEST);
    std::panic::set_hook(report);
    match loaded {
        Ok(loaded) => loaded.map_err(|error| {
            let error = error.to_string(); // with a backtrace after it if RUST_BACKTRACE is set
            anyhow!(
                "candle-datasets: {}",
                error.lines().next().unwrap_or_default()
            )
        }),
        Err(RecvTimeoutError::Timeout) => {
            bail!("found no end after {} minutes", LONGEST.as_secs() / 60)
        }
        Err(RecvTimeoutError::Disconnected) => {
            bail!("candle-datasets: found a picture that cannot be decoded")
        }
    }
}

/// The four IDX files of the MNIST family. Images are `[N, 784]`.
fn idx_files(data: &Dataset) -> Result<Vec<HubFile>> {
    let mut files = Vec::new();
    for (part, images, labels) in [
        ("train", &data.train_images, &data.train_labels),
        ("t10k", &data.test_images, &data.test_labels),
    ] {
        let (examples, pixels) = images.dims2()?;
        ensure!(
            pixels == 28 * 28,
            "found pictures of {pixels} pixels, wanted 28 x 28"
        );
        files.push(HubFile {
            name: format!("{part}-images-idx3-ubyte"),
            values: bytes(images)?,
            dims: Some(vec![examples, 28, 28]),
        });
        files.push(HubFile {
            name: format!("{part}-labels-idx1-ubyte"),
            values: labels.to_vec1()?,
            dims: Some(vec![labels.dim(0)?]),
        });
    }
    Ok(files)
}

/// The six files of CIFAR-10's binary form: records of a label and a picture, `[3, height, width]`.
fn cifar_files(data: &Dataset) -> Result<Vec<HubFile>> {
    let train = cifar_records(&data.train_images, &data.train_labels)?;
    ensure!(
        train.len().is_multiple_of(BATCHES),
        "found {} training examples, wanted {BATCHES} batches of one size",
        train.len()
    );
    let mut files = Vec::new();
    for (batch, records) in train.chunks((train.len() / BATCHES).max(1)).enumerate() {
        files.push(HubFile {
            name: format!("data_batch_{}.bin", batch + 1),
            values: records.concat(),
            dims: None,
        });
    }
    files.push(HubFile {
        name: "test_batch.bin".to_string(),
        values: cifar_records(&data.test_images, &data.test_labels)?.concat(),
        dims: None,
    });
    Ok(files)
}

/// One record per example. `cifar::load` of candle-datasets 0.11.1 gives `[N, 3, width, height]`, while its `load_dir`
/// and the published form have height before width. No issue is known; the digests will show when it changes.
fn cifar_records(images: &Tensor, labels: &Tensor) -> Result<Vec<Vec<u8>>> {
    let (_, channels, width, height) = images.dims4()?;
    ensure!(
        (channels, width, height) == (3, 32, 32),
        "found pictures of {channels} x {width} x {height}, wanted 3 x 32 x 32"
    );
    let images = bytes(&images.transpose(2, 3)?)?; // [N, 3, height, width]
    let labels = labels.to_vec1::<u8>()?;
    let records = images.chunks_exact(channels * width * height).zip(&labels);
    Ok(records
        .map(|(image, &label)| [&[label], image].concat())
        .collect())
}

/// Pixels from 0 to 1 as the bytes that they were.
fn bytes(pixels: &Tensor) -> Result<Vec<u8>> {
    let pixels = pixels.flatten_all()?.to_vec1::<f32>()?;
    let byte = |pixel: f32| (pixel * 255.0).round() as u8;
    Ok(pixels.into_iter().map(byte).collect())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn every_byte_survives_as_a_pixel() -> Result<()> {
        let all: Vec<u8> = (0..=255).collect();
        // As candle-datasets does it.
        let pixels = (Tensor::from_vec(all.clone(), 256, &Device::Cpu)?
            .to_dtype(candle_core::DType::F32)?
            / 255.)?;
        assert_eq!(bytes(&pixels)?, all);
        Ok(())
    }

    #[test]
    fn files_of_cifar_10_read_by_candle_datasets_are_written_back_the_same() -> Result<()> {
        // `load_dir` reads the published form as it is. Transposed as `load` does, it must come back byte for byte.
        let folder = tempfile::tempdir()?;
        let mut names: Vec<String> = (1..=5).map(|n| format!("data_batch_{n}.bin")).collect();
        names.push("test_batch.bin".to_string());
        for (seed, name) in names.iter().enumerate() {
            let byte = |at: usize| match at % 3073 {
                0 => (at / 3073 % 10) as u8,
                _ => ((at * 31 + at / 32 * 7 + seed * 13) % 256) as u8,
            };
            let content: Vec<u8> = (0..10_000 * 3073).map(byte).collect();
            std::fs::write(folder.path().join(name), content)?;
        }
        let data = cifar::load_dir(folder.path())?;
        let data = Dataset {
            train_images: data.train_images.transpose(2, 3)?,
            test_images: data.test_images.transpose(2, 3)?,
            ..data
        };
        let files = cifar_files(&data)?;
        assert_eq!(
            files.iter().map(|f| &f.name).collect::<Vec<_>>(),
            names.iter().collect::<Vec<_>>()
        );
        for file in files {
            let published = std::fs::read(folder.path().join(&file.name))?;
            assert!(file.values == published, "{}", file.name);
        }
        Ok(())
    }
}
