//! Files that are missing, damaged or of another model, and output that cannot be written.

use std::path::Path;

use anyhow::{Result, ensure};

use super::refuse;
use crate::support::Desk;

/// Writes an IDX file in the form of the data sets' files.
fn write_idx(path: &Path, dims: &[u32], bytes: &[u8]) -> Result<()> {
    let mut content = vec![0, 0, 8, dims.len() as u8];
    for dim in dims {
        content.extend(dim.to_be_bytes());
    }
    content.extend(bytes);
    std::fs::create_dir_all(path.parent().expect("a file has a folder"))?;
    Ok(std::fs::write(path, content)?)
}

/// A whole data set of the published sizes in the desk's folder `data`; its pictures are blank.
fn write_data(desk: &Desk) -> Result<std::path::PathBuf> {
    let folder = desk.path().join("data").join("fashion-mnist");
    for (split, examples) in [("train", 60_000), ("t10k", 10_000)] {
        let pixels = vec![0; examples as usize * 784];
        write_idx(
            &folder.join(format!("{split}-images-idx3-ubyte")),
            &[examples, 28, 28],
            &pixels,
        )?;
        let labels: Vec<u8> = (0..examples).map(|i| (i % 10) as u8).collect();
        write_idx(
            &folder.join(format!("{split}-labels-idx1-ubyte")),
            &[examples],
            &labels,
        )?;
    }
    Ok(folder)
}

#[test]
fn missing_and_damaged_data_files_exit_with_one() -> Result<()> {
    let desk = Desk::new()?;
    let real = ["--data", "real", "--epochs", "1", "--quiet"];
    refuse(
        &desk,
        "mlp",
        &real,
        1,
        &["fashion-mnist", "train-images-idx3-ubyte", "data/README.md"],
    )?;

    let folder = write_data(&desk)?;
    let images = folder.join("train-images-idx3-ubyte");
    let labels = folder.join("train-labels-idx1-ubyte");
    desk.succeed("mlp", &real)?; // the files that are damaged below were whole
    let whole = std::fs::read(&images)?;
    let whole_labels = std::fs::read(&labels)?;

    std::fs::write(&images, &whole[..1000])?;
    refuse(&desk, "mlp", &real, 1, &["train-images-idx3-ubyte"])?;
    refuse(
        &desk,
        "mlp",
        &["--epochs", "1", "--quiet"],
        1,
        &["train-images-idx3-ubyte"],
    )?;
    std::fs::write(&images, &whole_labels)?;
    refuse(&desk, "mlp", &real, 1, &["train-images-idx3-ubyte"])?;
    std::fs::write(&images, b"<html>404</html>")?;
    refuse(&desk, "mlp", &real, 1, &["train-images-idx3-ubyte"])?;
    std::fs::write(&images, [0x1f, 0x8b, 8, 0, 0])?;
    refuse(&desk, "mlp", &real, 1, &["train-images-idx3-ubyte"])?;
    write_idx(&images, &[u32::MAX, u32::MAX, u32::MAX], &[])?;
    refuse(&desk, "mlp", &real, 1, &["train-images-idx3-ubyte"])?;

    std::fs::write(&images, &whole)?;
    write_idx(&labels, &[60_000], &[250; 60_000])?;
    refuse(&desk, "mlp", &real, 1, &["train-labels-idx1-ubyte", "250"])?;
    write_idx(&labels, &[59_999], &[1; 59_999])?;
    refuse(
        &desk,
        "mlp",
        &real,
        1,
        &["train-labels-idx1-ubyte", "59999", "60000"],
    )?;
    Ok(())
}

#[test]
fn an_unwritable_runs_folder_exits_with_one() -> Result<()> {
    let desk = Desk::new()?;
    std::fs::write(desk.path().join("occupied"), "a file, not a folder")?;
    refuse(
        &desk,
        "linear-regression",
        &["--runs-dir", "occupied"],
        1,
        &["occupied", "--runs-dir"],
    )
}

#[test]
fn parameters_of_another_model_are_refused() -> Result<()> {
    let desk = Desk::new()?;
    desk.train("linear-regression", "small", &["--epochs", "0"])?;
    let file = "runs/linear-regression/small/model.safetensors";
    let flags = [
        "--data",
        "builtin",
        "--examples",
        "100",
        "--quiet",
        "--init",
    ];
    refuse(
        &desk,
        "mlp",
        &[&flags[..], &[file]].concat(),
        1,
        &["model.safetensors", "hidden.weight"],
    )?;
    refuse(
        &desk,
        "mlp",
        &[&flags[..], &["nowhere.safetensors"]].concat(),
        1,
        &["nowhere.safetensors"],
    )?;
    std::fs::write(desk.path().join("noise.safetensors"), [255; 64])?;
    refuse(
        &desk,
        "mlp",
        &[&flags[..], &["noise.safetensors"]].concat(),
        1,
        &["noise.safetensors"],
    )
}

#[test]
fn initial_parameters_that_are_not_finite_are_refused() -> Result<()> {
    let desk = Desk::new()?;
    let file = desk.path().join("huge.safetensors");
    let number = candle_core::Tensor::new(f32::NAN, &candle_core::Device::Cpu)?;
    candle_core::safetensors::save(&[("nothing", number)].into(), &file)?;
    let init = file.display().to_string();
    refuse(
        &desk,
        "linear-regression",
        &["--init", &init],
        1,
        &["huge.safetensors: nothing has a number that is not finite"],
    )
}

/// Linux's file on a disk that is always full.
#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_an_error() -> Result<()> {
    let desk = Desk::new()?;
    for arguments in [
        &["--help"][..],
        &["--list"],
        &["--summary"],
        &["--epochs", "1"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
        let mut command = desk.command("linear-regression", arguments);
        let output = command.stdout(full).spawn()?.wait_with_output()?;
        let stderr = String::from_utf8(output.stderr)?;
        ensure!(
            output.status.code() == Some(1),
            "{arguments:?}: {}",
            output.status
        );
        ensure!(
            stderr.contains("standard output not written"),
            "{arguments:?}: {stderr}"
        );
    }
    Ok(())
}
