//! Bad input gets one clear line on stderr and the right exit code: 2 for a wrong call, 1 for the rest.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::support::Desk;

/// Runs a call that must fail with `code` and one line that contains all of `wanted`.
fn refuse(desk: &Desk, name: &str, arguments: &[&str], code: i32, wanted: &[&str]) -> Result<()> {
    let output = desk.run(name, arguments)?;
    let stderr = String::from_utf8(output.stderr)?;
    let call = format!("{name} {}", arguments.join(" "));
    ensure!(
        output.status.code() == Some(code),
        "{call}: {}, wanted {code}\n{stderr}",
        output.status
    );
    ensure!(
        !stderr.contains("panicked") && !stderr.contains("stack backtrace"),
        "{call}: {stderr}"
    );
    ensure!(
        stderr.lines().count() == 1,
        "{call}: wanted one line, found\n{stderr}"
    );
    ensure!(stderr.starts_with("error: "), "{call}: {stderr}");
    for word in wanted {
        ensure!(stderr.contains(word), "{call}: no {word:?} in {stderr}");
    }
    Ok(())
}

#[test]
fn wrong_calls_exit_with_two() -> Result<()> {
    let desk = Desk::new()?;
    let calls: [(&[&str], &[&str]); 31] = [
        (&["zebra"], &["no model `zebra`", "mlp, dropout"]),
        (&["drop-out"], &["no model `drop-out`", "`mlp dropout`?"]),
        (
            &["lenet"],
            &["convolutional has: write `cargo run -p convolutional -- lenet`"],
        ),
        (
            &["transformr"],
            &[
                "no model `transformr`",
                "chapter: `cargo run -p transformer`?",
            ],
        ),
        (
            &["mlp", "--num-layers", "100000"],
            &["--num-layers", "from 1 to 1000"],
        ),
        (&["--model", "dropout"], &["--model", "subcommand"]),
        (&["--dropout1", "0.5"], &["--dropout1 belongs to dropout"]),
        (
            &["titanic", "--num-hiddens", "5"],
            &["--num-hiddens belongs to mlp, dropout"],
        ),
        (&["--batch-size", "0"], &["--batch-size", "from 1 to"]),
        (&["--batch-size", "-1"], &["--batch-size"]),
        (&["--learning-rate", "0"], &["--learning-rate", "above 0"]),
        (&["--learning-rate", "NaN"], &["--learning-rate"]),
        (&["--learning-rate", "fast"], &["--learning-rate"]),
        (&["--momentum", "1"], &["--momentum", "below 1"]),
        (&["--optimizer", "magic"], &["magic", "sgd", "yogi"]),
        (
            &["--optimizer", "yogi", "--momentum", "0.9"],
            &["--momentum", "sgd or rmsprop", "yogi"],
        ),
        (
            &["--optimizer", "rmsprop", "--momentum", "0.9", "--nesterov"],
            &["--nesterov", "sgd"],
        ),
        (&["--accumulate", "0"], &["--accumulate", "from 1 to"]),
        (&["--initializer", "magic"], &["magic", "xavier"]),
        (&["--schedule", "magic"], &["magic", "cosine", "one-cycle"]),
        (
            &["--schedule", "step:factor=0.5"],
            &["step", "every=… is missing"],
        ),
        (
            &["--schedule", "polynomial:power=0"],
            &["power=0", "above 0"],
        ),
        (
            &["--schedule", "cosine:epochs=5,warm-up=5"],
            &["epochs above warm-up"],
        ),
        (&["--device", "tpu"], &["tpu", "cuda"]),
        (
            &["--device", "cuda"],
            &["built for the CPU", "--features cuda"],
        ),
        (&["--precision", "half"], &["bf16 or f16"]),
        (
            &["--precision", "bf16", "--implementation", "scratch"],
            &["by hand", "--implementation concise"],
        ),
        (&["--threads", "0"], &["--threads"]),
        (&["--name", "../escape"], &["--name", "letters"]),
        (
            &["--verify", "--learning-rate", "0.5"],
            &["nothing to verify"],
        ),
        (&["--verify"], &["nothing to verify", "quick"]),
    ];
    for (arguments, wanted) in calls {
        refuse(&desk, "mlp", arguments, 2, wanted)?;
    }
    refuse(
        &desk,
        "mlp",
        &["--verify", "--preset", "zh", "--data", "builtin"],
        2,
        &["built-in"],
    )?;
    refuse(
        &desk,
        "convolutional",
        &["resnet"],
        2,
        &["no model `resnet`", "`convolutional resnet18`?"],
    )?;
    refuse(
        &desk,
        "convolutional",
        &["alexnet", "--side", "5000"],
        2,
        &["--side", "from 1 to 1024"],
    )?;
    refuse(
        &desk,
        "softmax-regression",
        &["--implementation", "scratch", "--optimizer", "adam"],
        2,
        &["plain SGD"],
    )?;
    refuse(
        &desk,
        "linear-regression",
        &["--implementation", "scratch", "--accumulate", "2"],
        2,
        &["--accumulate", "after every"],
    )?;
    ensure!(
        !desk.path().join("runs").exists(),
        "a refused call leaves no run behind"
    );
    Ok(())
}

/// The errors of a program know the models of all chapters from `crates/models.txt`.
#[test]
fn the_list_of_all_models_is_that_of_the_chapters() -> Result<()> {
    let mut wanted = String::new();
    for chapter in crate::support::chapters() {
        for model in &chapter.models {
            wanted += &format!("{} {}\n", model.name, chapter.name);
        }
    }
    let file = crate::support::root().join("crates/models.txt");
    ensure!(
        std::fs::read_to_string(&file)? == wanted,
        "{} must be\n{wanted}",
        file.display()
    );
    Ok(())
}

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
fn a_diverging_run_names_the_step_and_the_cause_and_closes_its_log() -> Result<()> {
    let desk = Desk::new()?;
    let flags = ["--learning-rate", "1e6", "--name", "wild", "--quiet"];
    refuse(
        &desk,
        "linear-regression",
        &flags,
        1,
        &["epoch 1", "step", "learning rate"],
    )?;
    let end = crate::support::log(&desk.run_folder("linear-regression", "wild"))?
        .end
        .expect("the log is closed");
    ensure!(end.status == d2l_log::Status::Failed, "{:?}", end.status);
    ensure!(
        end.reason
            .is_some_and(|reason| reason.contains("not a finite number"))
    );
    Ok(())
}

#[test]
fn a_descent_that_diverges_leaves_the_figure_that_shows_why() -> Result<()> {
    let desk = Desk::new()?;
    let flags = ["airfoil-descent", "--name", "wild", "--quiet"];
    let large = ["--learning-rate", "3", "--epochs", "200"];
    refuse(
        &desk,
        "linear-regression",
        &[&flags[..], &large].concat(),
        1,
        &["not a finite number", "learning rate"],
    )?;
    let figure = desk
        .run_folder("linear-regression", "wild")
        .join("figures/descent.svg");
    let svg = std::fs::read_to_string(figure)?;
    ensure!(svg.contains("η = 3") && !svg.contains("NaN") && !svg.contains("inf"));
    let few = ["airfoil-descent", "--examples", "1"];
    refuse(
        &desk,
        "linear-regression",
        &few,
        1,
        &["1 examples", "minimum"],
    )
}

#[test]
fn a_loss_that_only_validation_sees_explode_is_named_too() -> Result<()> {
    let desk = Desk::new()?;
    let flags = [
        "--learning-rate",
        "1",
        "--batch-size",
        "1000",
        "--epochs",
        "300",
        "--quiet",
    ];
    refuse(
        &desk,
        "linear-regression",
        &flags,
        1,
        &["not a finite number", "epoch", "learning rate"],
    )?;
    let huge = ["--initializer", "normal:1e20", "--quiet"];
    refuse(
        &desk,
        "linear-regression",
        &huge,
        1,
        &["epoch 1, step 1", "initial values"],
    )
}

/// Refused before anything is allocated or trained.
#[test]
fn sizes_that_cannot_be_are_refused_in_one_line() -> Result<()> {
    let desk = Desk::new()?;
    let last = u64::MAX.to_string();
    for (program, arguments, code, wanted) in [
        (
            "mlp",
            &["mlp", "--num-hiddens", "1000000000"][..],
            1,
            "hidden.weight [1000000000, 784] is too large",
        ),
        (
            "mlp",
            &["mlp", "--num-hiddens", "99999999999"],
            2,
            "from 1 to 2147483648",
        ),
        (
            "mlp",
            &["mlp", "--num-hiddens", "2147483648", "--num-layers", "2"],
            1,
            "is too large",
        ),
        (
            "mlp",
            &["--batch-size", "18446744073709551615"],
            2,
            "from 1 to 2147483648",
        ),
        ("mlp", &["--batch-size", "0"], 2, "from 1 to 2147483648"),
        (
            "recurrent",
            &["lstm", "--num-hiddens", "2000000000"],
            1,
            "is too large",
        ),
        (
            "attention",
            &["bahdanau", "--num-hiddens", "2000000000"],
            1,
            "is too large",
        ),
        (
            "transformer",
            &["gpt", "--num-hiddens", "2000000000"],
            1,
            "is too large",
        ),
        (
            "linear-regression",
            &["--seed", &last, "--seeds", "2"],
            2,
            "the last seed would be larger",
        ),
        (
            "linear-regression",
            &["--checkpoint-every", "soon"],
            2,
            "wanted a time such as 5m",
        ),
    ] {
        let builtin = [arguments, &["--data", "builtin", "--quiet"]].concat();
        refuse(&desk, program, &builtin, code, &[wanted])?;
    }
    desk.succeed("linear-regression", &["--seed", &last, "--quiet"])?;
    Ok(())
}

#[test]
fn the_likely_cause_of_a_divergence_is_named() -> Result<()> {
    let desk = Desk::new()?;
    let deep = [
        "mlp",
        "--num-layers",
        "8",
        "--num-hiddens",
        "64",
        "--initializer",
        "normal:1",
    ];
    for (program, arguments, wanted) in [
        (
            "linear-regression",
            &["--learning-rate", "1e38"][..],
            "the learning rate 1e38",
        ),
        (
            "linear-regression",
            &["--learning-rate", "1e38", "--batch-size", "1000"],
            "the learning rate 1e38",
        ),
        ("mlp", &deep, "initial values (--initializer)"),
    ] {
        let builtin = [arguments, &["--data", "builtin", "--quiet"]].concat();
        refuse(
            &desk,
            program,
            &builtin,
            1,
            &["not a finite number", wanted],
        )?;
    }
    Ok(())
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

/// The only step of a run that holds nothing out: no loss would show what it did.
#[test]
fn parameters_that_are_not_finite_after_the_last_step_are_a_failure() -> Result<()> {
    let desk = Desk::new()?;
    let rate = ["--learning-rate", "1e300"];
    let call = [&["edge-kernel", "--epochs", "1"], &rate[..], &["--quiet"]].concat();
    refuse(
        &desk,
        "convolutional",
        &call,
        1,
        &[
            "the parameter",
            "not a finite number any more after epoch 1",
            "the learning rate 1e300",
        ],
    )
}

#[test]
fn a_wanted_backtrace_changes_no_message() -> Result<()> {
    let desk = Desk::new()?;
    let call = [
        "--init",
        "nowhere.safetensors",
        "--data",
        "builtin",
        "--quiet",
    ];
    let plain = desk.run("mlp", &call)?;
    let with = desk
        .command("mlp", &call)
        .env("RUST_BACKTRACE", "1")
        .output()?;
    ensure!(with.stderr == plain.stderr);
    ensure!(
        plain.status.code() == Some(1)
            && plain.stderr.iter().filter(|&&byte| byte == b'\n').count() == 1
    );
    Ok(())
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

/// Before anything is trained.
#[test]
fn a_last_minibatch_of_one_is_refused_where_there_is_batch_normalization() -> Result<()> {
    let desk = Desk::new()?;
    let flags = [
        "--data",
        "builtin",
        "--examples",
        "129",
        "--batch-size",
        "64",
        "--quiet",
    ];
    for model in [
        &["batchnorm-lenet"][..],
        &["batchnorm-lenet", "--implementation", "scratch"],
        &["resnet18"],
        &["densenet"],
        &["regnet"],
    ] {
        let call = [model, &flags].concat();
        refuse(
            &desk,
            "convolutional",
            &call,
            2,
            &["--batch-size 64", "the last of 129 examples"],
        )?;
    }
    ensure!(!desk.path().join("runs").exists(), "nothing has begun");
    desk.succeed("convolutional", &[&["lenet"][..], &flags].concat())?;
    Ok(())
}
