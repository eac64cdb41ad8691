//! Wrong calls, and the models that every program knows.

use anyhow::{Result, ensure};

use super::refuse;
use crate::support::Desk;

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
