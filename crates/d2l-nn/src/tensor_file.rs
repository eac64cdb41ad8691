//! Tensors in safetensors files, written so that a crash leaves the old file or the new one whole, and with a checksum, so
//! that a file that was damaged or edited since is not taken for what was written.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::safetensors::Load;
use candle_core::{Device, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Named tensors in the order of their names.
type Tensors = BTreeMap<String, Tensor>;

/// The metadata's key for the SHA-256 of everything else in the file. Files of other programs have none.
const CHECKSUM: &str = "d2l.sha256";

/// The types of which candle 0.11 holds the bytes alone: it has no arithmetic for them and panics when it writes them.
const BYTES_ONLY: [Dtype; 4] = [Dtype::F4, Dtype::F6_E2M3, Dtype::F6_E3M2, Dtype::F8_E8M0];

/// The ending of a temporary file's name, behind the number of the process that writes it.
const TEMPORARY: &str = ".tmp";

/// Writes the tensors, and strings that describe them, to a safetensors file: to a temporary file beside it, synced,
/// renamed. Equal tensors and metadata give equal files, byte for byte.
///
/// # Errors
/// If the folder can't be written; the message names the file.
pub fn save_tensors(
    path: &Path,
    tensors: &Tensors,
    metadata: HashMap<String, String>,
) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let Some(name) = path.file_name() else {
        bail!("cannot write {}: wanted the name of a file", path.display());
    };
    let mut temporary = name.to_os_string();
    temporary.push(format!(".{}{TEMPORARY}", std::process::id()));
    let temporary = path.with_file_name(temporary);

    let written = write(&temporary, tensors, metadata)
        .and_then(|()| fs::rename(&temporary, path).map_err(Into::into))
        .with_context(context);
    if written.is_err() {
        // Nothing half-written stays behind; the first error is the one to report.
        let _ = fs::remove_file(&temporary);
    } else if let Some(folder) = path.parent() {
        sync_folder(folder);
    }
    written
}

/// Removes the temporary files of a folder. No process may be writing there.
///
/// # Errors
/// If the folder can't be read, or a file not be removed.
pub fn remove_temporary_files(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(TEMPORARY) && path.is_file() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Reads all tensors of a safetensors file, and its metadata.
///
/// # Errors
/// If the file can't be read, isn't a whole safetensors file, or was written by [`save_tensors`] with another content.
pub fn load_tensors(path: &Path, device: &Device) -> Result<(Tensors, HashMap<String, String>)> {
    load(path, device, false)
}

/// The same for a file that [`save_tensors`] wrote.
///
/// # Errors
/// As [`load_tensors`], and if the file has no checksum.
pub fn load_saved_tensors(
    path: &Path,
    device: &Device,
) -> Result<(Tensors, HashMap<String, String>)> {
    load(path, device, true)
}

fn load(path: &Path, device: &Device, is_ours: bool) -> Result<(Tensors, HashMap<String, String>)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let not_one = || {
        format!(
            "{} ({} bytes) is not a whole safetensors file",
            path.display(),
            bytes.len()
        )
    };
    let file = SafeTensors::deserialize(&bytes).with_context(not_one)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).with_context(not_one)?;
    let mut metadata = header.metadata().clone().unwrap_or_default();
    let written = metadata.remove(CHECKSUM);
    if is_ours || written.is_some() {
        let mut views = file.tensors();
        views.sort_by(|one, other| one.0.cmp(&other.0));
        let mut checksum = Checksum::of(&metadata);
        for (name, view) in &views {
            checksum.add(name, view);
        }
        if Some(checksum.text()) != written {
            bail!(
                "{} is not what was written: it was damaged or edited since",
                path.display()
            );
        }
    }
    let mut tensors = Tensors::new();
    for (name, view) in file.tensors() {
        check(&view).with_context(|| format!("{}: {name}", path.display()))?;
        let tensor = view
            .load(device)
            .with_context(|| format!("{}: {name}", path.display()))?;
        tensors.insert(name, tensor);
    }
    Ok((tensors, metadata))
}

/// Refuses a tensor that candle cannot hold.
fn check(tensor: &TensorView) -> Result<()> {
    ensure!(
        !BYTES_ONLY.contains(&tensor.dtype()),
        "found type {}, wanted one that candle computes with, such as F32 or BF16",
        tensor.dtype()
    );
    // A tensor without numbers may have any sizes beside its 0, and candle multiplies them for its strides.
    let mut sizes = tensor.shape().iter().filter(|&&size| size > 0);
    ensure!(
        sizes
            .try_fold(1usize, |product, &size| product.checked_mul(size))
            .is_some(),
        "found shape {:?}, wanted one whose sizes can be multiplied",
        tensor.shape()
    );
    Ok(())
}

/// The SHA-256 of a file's content, whatever its order in the file.
struct Checksum(Sha256);

impl Checksum {
    /// Begins with the metadata.
    fn of(metadata: &HashMap<String, String>) -> Self {
        let sorted: BTreeMap<&String, &String> = metadata.iter().collect();
        let mut checksum = Self(Sha256::new());
        checksum.part(json!(sorted).to_string().as_bytes());
        checksum
    }

    /// A tensor; they come in the order of their names.
    fn add(&mut self, name: &str, tensor: &impl View) {
        let description = json!([name, tensor.dtype(), tensor.shape()]);
        self.part(description.to_string().as_bytes());
        self.part(&tensor.data());
    }

    /// The length in front says where a part ends.
    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn text(self) -> String {
        format!("{:x}", self.0.finalize())
    }
}

/// Writes the format itself: the library's own writer puts the metadata in an order that changes from run to run.
fn write(path: &Path, tensors: &Tensors, metadata: HashMap<String, String>) -> Result<()> {
    // Wide types first, so that every tensor starts at a multiple of its element's size.
    let mut order: Vec<(&String, &Tensor)> = tensors.iter().collect();
    order.sort_by_key(|(_, tensor)| std::cmp::Reverse(size_of_element(tensor)));

    let mut checksum = Checksum::of(&metadata);
    for (name, tensor) in tensors {
        checksum.add(name, &tensor);
    }
    let mut sorted: BTreeMap<String, String> = metadata.into_iter().collect();
    sorted.insert(CHECKSUM.to_string(), checksum.text());
    let mut header = Map::new();
    header.insert("__metadata__".to_string(), json!(sorted));
    let mut end = 0;
    for (name, tensor) in &order {
        let start = end;
        end += tensor.elem_count() * size_of_element(tensor);
        let entry = json!({"dtype": View::dtype(*tensor), "shape": tensor.dims(), "data_offsets": [start, end]});
        header.insert(name.to_string(), entry);
    }
    let mut header = Value::Object(header).to_string();
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));

    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for (_, tensor) in order {
        file.write_all(&View::data(tensor))?;
    }
    file.into_inner()
        .map_err(|error| error.into_error())?
        .sync_all()?;
    Ok(())
}

/// Bytes of one element. (`tensor.dtype()` would be the file format's type here.)
fn size_of_element(tensor: &Tensor) -> usize {
    Tensor::dtype(tensor).size_in_bytes()
}

/// Makes the rename itself durable. Not every system can sync a folder, and the file is whole in any case: no error.
fn sync_folder(folder: &Path) {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;

    #[test]
    fn every_type_and_shape_comes_back() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("tensors.safetensors");
        let mut tensors = Tensors::new();
        for (i, dtype) in [
            DType::U8,
            DType::F64,
            DType::U32,
            DType::F32,
            DType::I64,
            DType::BF16,
        ]
        .into_iter()
        .enumerate()
        {
            // odd sizes, so that a careless order would leave the wide types unaligned
            tensors.insert(
                format!("t{i}"),
                Tensor::arange(0u8, 3 + i as u8, &Device::Cpu)?.to_dtype(dtype)?,
            );
        }
        tensors.insert("scalar \"ü\"".to_string(), Tensor::new(7u32, &Device::Cpu)?);
        tensors.insert(
            "transposed".to_string(),
            Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?.t()?,
        );
        tensors.insert(
            "empty".to_string(),
            Tensor::zeros((0, 3), DType::F32, &Device::Cpu)?,
        );
        save_tensors(&file, &tensors, HashMap::new())?;
        let (found, metadata) = load_tensors(&file, &Device::Cpu)?;
        assert!(metadata.is_empty() && found.keys().eq(tensors.keys()));
        for (name, tensor) in &tensors {
            let found = &found[name];
            assert_eq!(
                (found.dims(), found.dtype()),
                (tensor.dims(), tensor.dtype()),
                "{name}"
            );
            assert_eq!(
                found
                    .to_dtype(DType::F64)?
                    .flatten_all()?
                    .to_vec1::<f64>()?,
                tensor
                    .to_dtype(DType::F64)?
                    .flatten_all()?
                    .to_vec1::<f64>()?,
                "{name}"
            );
        }
        Ok(())
    }

    #[test]
    fn damaged_files_are_named_and_refused() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("tensors.safetensors");
        let tensors = Tensors::from([(
            "w".to_string(),
            Tensor::zeros(100, DType::F32, &Device::Cpu)?,
        )]);
        save_tensors(&file, &tensors, HashMap::new())?;
        let whole = fs::read(&file)?;
        let mut huge_header = whole.clone();
        huge_header[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        let damaged: [&[u8]; 5] = [
            &whole[..whole.len() - 1],
            &whole[..20],
            &[],
            b"no safetensors file",
            &huge_header,
        ];
        for bytes in damaged {
            fs::write(&file, bytes)?;
            let error = format!(
                "{:#}",
                load_tensors(&file, &Device::Cpu).expect_err("damaged")
            );
            assert!(
                error.contains("tensors.safetensors")
                    && error.contains("not a whole safetensors file"),
                "{error}"
            );
        }
        Ok(())
    }

    /// Every bit but those of spaces behind the header, which mean nothing.
    #[test]
    fn a_flipped_bit_is_found() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("tensors.safetensors");
        let w = Tensor::new(&[[1f32, -2.0], [0.5, 3.0]], &Device::Cpu)?;
        let tensors = Tensors::from([
            ("w".to_string(), w),
            ("n".to_string(), Tensor::new(7u32, &Device::Cpu)?),
        ]);
        let metadata = HashMap::from([("step".to_string(), "12".to_string())]);
        save_tensors(&file, &tensors, metadata.clone())?;
        assert_eq!(load_tensors(&file, &Device::Cpu)?.1, metadata);
        let whole = fs::read(&file)?;
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[place] ^= 1 << bit;
                if whole[place] == b' ' && damaged[place].is_ascii_whitespace() {
                    continue;
                }
                fs::write(&file, damaged)?;
                let error = match load_saved_tensors(&file, &Device::Cpu) {
                    Ok(_) => panic!("bit {bit} of byte {place}, {:?}", char::from(whole[place])),
                    Err(error) => format!("{error:#}"),
                };
                assert!(error.contains("tensors.safetensors"), "{error}");
            }
        }
        Ok(())
    }

    #[test]
    fn files_of_other_programs_have_no_checksum() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("tensors.safetensors");
        let w = Tensor::new(&[1f32, 2.0], &Device::Cpu)?;
        safetensors::serialize_to_file([("w", &w)], None, &file)?;
        assert_eq!(
            load_tensors(&file, &Device::Cpu)?.0["w"].to_vec1::<f32>()?,
            [1.0, 2.0]
        );
        assert!(load_saved_tensors(&file, &Device::Cpu).is_err());
        Ok(())
    }

    #[test]
    fn tensors_that_candle_cannot_hold_are_refused() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("tensors.safetensors");
        let mut refused = BYTES_ONLY.map(|dtype| (dtype, vec![8])).to_vec();
        refused.push((Dtype::F32, vec![0, 1 << 62, 8]));
        for (dtype, shape) in refused {
            let bytes = vec![0; shape.iter().product::<usize>() * dtype.bitsize() / 8];
            let w = TensorView::new(dtype, shape, &bytes)?;
            safetensors::serialize_to_file([("w", &w)], None, &file)?;
            let error = load_tensors(&file, &Device::Cpu).expect_err("candle cannot hold it");
            let error = format!("{error:#}");
            assert!(error.contains("tensors.safetensors: w: found"), "{error}");
        }
        Ok(())
    }

    #[test]
    fn temporary_files_are_removed_and_others_not() -> Result<()> {
        let folder = tempfile::tempdir()?;
        for name in [
            "checkpoint.safetensors.17.tmp",
            "log.17.tmp",
            "log.jsonl",
            "model.safetensors",
        ] {
            fs::write(folder.path().join(name), "x")?;
        }
        remove_temporary_files(folder.path())?;
        assert_eq!(fs::read_dir(folder.path())?.count(), 2);
        Ok(())
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let taken = folder.path().join("folder");
        fs::create_dir(&taken)?;
        fs::write(taken.join("inside"), "x")?;
        let error = save_tensors(&taken, &Tensors::new(), HashMap::new())
            .expect_err("a folder has that name");
        assert!(format!("{error:#}").contains("cannot write"), "{error:#}");
        assert!(
            save_tensors(
                &folder.path().join("none/file"),
                &Tensors::new(),
                HashMap::new()
            )
            .is_err()
        );
        assert!(taken.join("inside").exists());
        assert_eq!(
            fs::read_dir(folder.path())?.count(),
            1,
            "no temporary file stays behind"
        );
        Ok(())
    }
}
