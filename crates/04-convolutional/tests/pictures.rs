//! Pictures in colour, changed at random, and what the program shows of a network: its table and its figures.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use d2l::testing::{log_of, program};
use serde_json::Value;

fn convolutional(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = program(env!("CARGO_BIN_EXE_convolutional"), folder, arguments);
    command.args(["--data", "builtin"]);
    Ok(command.output()?)
}

/// Trains a short run named `name`; its log, line by line, without times and numbers of threads.
fn train(folder: &Path, name: &str, flags: &[&str]) -> Result<Vec<Value>> {
    let short = ["--epochs", "1", "--quiet", "--name", name];
    let output = convolutional(folder, &[flags, &short].concat())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{flags:?}: {stderr}");
    log_of(&folder.join("runs/convolutional").join(name))
}

fn loss(log: &[Value]) -> Result<f64> {
    log[1]["train"]["loss"].as_f64().context("no training loss")
}

#[test]
fn networks_take_pictures_in_colour() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shapes = [
        "--data-set",
        "cifar-10",
        "--examples",
        "40",
        "--batch-size",
        "20",
    ];
    for (model, implementation, parameters) in [
        ("lenet", "scratch", 83_126),
        ("lenet", "concise", 83_126),
        ("batchnorm-lenet", "scratch", 62_458),
        ("batchnorm-lenet", "concise", 62_458),
        ("resnet18", "concise", 11_184_650),
    ] {
        let name = format!("{model}-{implementation}");
        let model = [model, "--implementation", implementation];
        let log = train(folder.path(), &name, &[&model[..], &shapes].concat())?;
        ensure!(log[0]["data"]["name"] == "drawn-shapes", "{}", log[0]);
        ensure!(
            log[0]["parameters"] == parameters,
            "{}",
            log[0]["parameters"]
        );
    }
    Ok(())
}

#[test]
fn random_changes_are_logged_and_do_not_depend_on_threads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shapes = [
        "lenet",
        "--data-set",
        "cifar-10",
        "--examples",
        "60",
        "--batch-size",
        "20",
    ];
    let run = |name: &str, more: &[&str]| train(folder.path(), name, &[&shapes[..], more].concat());
    let all = ["--augment", "colour,crop,flip"];
    let one = run("one", &[&all[..], &["--threads", "1"]].concat())?;
    ensure!(
        one[0]["recipe"]["augment"] == "flip+crop+colour",
        "{}",
        one[0]
    );
    ensure!(one[1]["train"] == run("two", &[&all[..], &["--threads", "2"]].concat())?[1]["train"]);
    ensure!(loss(&one)? != loss(&run("none", &[])?)?);
    ensure!(loss(&one)? != loss(&run("flip", &["--augment", "flip"])?)?);
    // In the default name too.
    let flags = [
        &shapes[..],
        &["--epochs", "1", "--quiet", "--augment", "flip"],
    ]
    .concat();
    ensure!(convolutional(folder.path(), &flags)?.status.success());
    let name =
        "lenet-concise-quick-cpu-s0-epochs1-batch-size20-examples60-data-set-cifar-10-augment-flip";
    let runs = folder.path().join("runs/convolutional");
    ensure!(
        runs.join(name).exists(),
        "{:?}",
        std::fs::read_dir(&runs)?.collect::<Vec<_>>()
    );
    Ok(())
}

#[test]
fn filters_and_feature_maps_are_drawn() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let few = ["lenet", "--examples", "30", "--batch-size", "10"];
    train(
        folder.path(),
        "seen",
        &[&few[..], &["--figure-image", "7"]].concat(),
    )?;
    let figures = folder.path().join("runs/convolutional/seen/figures");
    let features = std::fs::read_to_string(figures.join("features.svg"))?;
    for wanted in [
        "of picture 7",
        "input",
        "conv1",
        "6 × 28 × 28",
        "avg_pool2",
        "16 × 5 × 5",
    ] {
        ensure!(features.contains(wanted), "{wanted} is not in the figure");
    }
    ensure!(!features.contains("dense1"), "a vector has no feature maps");
    let filters = std::fs::read_to_string(figures.join("filters.svg"))?;
    ensure!(filters.contains("filters of conv1") && filters.matches("<image").count() == 6 + 1);

    for (flags, message) in [
        (["--figure-image", "30"], "has the pictures 0 to 29"),
        (["--augment", "turn"], "wanted flip, crop or colour"),
        (
            ["--data-set", "cifar"],
            "[possible values: fashion-mnist, mnist, cifar-10]",
        ),
    ] {
        let output = convolutional(folder.path(), &[&few[..], &flags].concat())?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2), "{flags:?}: {stderr}");
        ensure!(stderr.contains(message), "{stderr}");
    }
    Ok(())
}

/// Known numbers: a number at the end of ResNet-18's last stage sees 435 × 435 pixels, behind AlexNet's last pooling
/// layer 195 × 195 (Araujo, Norris, Sim 2019, <https://distill.pub/2019/computing-receptive-fields>).
#[test]
fn the_summary_counts_work_and_receptive_fields() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lines = |flags: &[&str]| -> Result<Vec<Vec<String>>> {
        let output = convolutional(folder.path(), &[&["--summary"], flags].concat())?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let stdout = String::from_utf8(output.stdout)?;
        Ok(stdout
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .map(String::from)
                    .collect()
            })
            .collect())
    };
    let row = |table: &[Vec<String>], name: &str| -> Result<String> {
        let row = table
            .iter()
            .find(|row| row.first().is_some_and(|cell| cell == name));
        Ok(row.context(name.to_string())?[1..].join(" | "))
    };
    for implementation in ["concise", "scratch"] {
        let lenet = lines(&["--implementation", implementation])?;
        for (name, wanted) in [
            ("conv1", "[6, 28, 28] | 156 | 117,600 | 5 x 5"),
            ("avg_pool1", "[6, 14, 14] | 0 | 0 | 6 x 6"),
            ("conv2", "[16, 10, 10] | 2,416 | 240,000 | 14 x 14"),
            ("dense1", "[120] | 48,120 | 48,000 | all"),
            ("total", "61,706 | 416,520"),
        ] {
            ensure!(
                row(&lenet, name)? == wanted,
                "{implementation} {name}: {}",
                row(&lenet, name)?
            );
        }
    }
    for (model, layer, field) in [
        ("resnet18", "stages.3", "435 x 435"),
        ("alexnet", "max_pool3", "195 x 195"),
        // 1 × 1, 3 × 3 and 5 × 5 side by side: the widest path counts.
        ("googlenet", "stage3", "107 x 107"),
    ] {
        let table = lines(&[model, "--preset", "zh"])?;
        ensure!(
            row(&table, layer)?.ends_with(field),
            "{}",
            row(&table, layer)?
        );
    }
    Ok(())
}
