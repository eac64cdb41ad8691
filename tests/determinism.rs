//! The same seed gives the same log and parameters, bit for bit, whatever the number of threads.

use anyhow::{Result, ensure};

use crate::support::{Desk, assert_equal_runs, comparable, implementations, log, programs};

const SHORT: [&str; 6] = ["--epochs", "2", "--examples", "1500", "--data", "builtin"];

#[test]
fn one_seed_gives_one_result_on_one_two_and_three_threads() -> Result<()> {
    let desk = Desk::new()?;
    for (chapter, implementation) in implementations() {
        let train = |threads: &str| {
            let flags = ["--implementation", &implementation, "--threads", threads];
            let name = format!("{implementation}-{threads}");
            desk.train(chapter, &name, &[&flags[..], &SHORT].concat())
        };
        let one = train("1")?;
        for threads in ["2", "3"] {
            assert_equal_runs(&one, &train(threads)?)?;
        }
    }
    Ok(())
}

#[test]
fn no_optimizer_depends_on_threads() -> Result<()> {
    let desk = Desk::new()?;
    let recipes: [&[&str]; 7] = [
        &[
            "--momentum",
            "0.9",
            "--nesterov",
            "--weight-decay",
            "0.001",
            "--clip-norm",
            "0.5",
        ],
        &["--optimizer", "adam", "--learning-rate", "0.001"],
        &[
            "--optimizer",
            "adamw",
            "--learning-rate",
            "0.001",
            "--weight-decay",
            "0.1",
        ],
        &["--optimizer", "adagrad", "--learning-rate", "0.01"],
        &[
            "--optimizer",
            "rmsprop",
            "--learning-rate",
            "0.001",
            "--momentum",
            "0.5",
        ],
        &["--optimizer", "adadelta", "--accumulate", "2"],
        &["--optimizer", "yogi", "--learning-rate", "0.001"],
    ];
    for (number, recipe) in recipes.iter().enumerate() {
        let train = |threads: &str| {
            let flags = [recipe, &SHORT[..], &["--threads", threads]].concat();
            desk.train("mlp", &format!("recipe{number}-{threads}"), &flags)
        };
        assert_equal_runs(&train("1")?, &train("3")?)?;
    }
    Ok(())
}

#[test]
fn accumulated_batches_train_as_one_large_batch() -> Result<()> {
    let desk = Desk::new()?;
    // 1,500 examples: the last group is short, and so is its last batch.
    let train = |name: &str, flags: &[&str]| {
        let recipe = ["--momentum", "0.9", "--clip-norm", "1"];
        let flags = [&SHORT[..], &recipe, flags].concat();
        desk.train("mlp", name, &flags)
    };
    let large = log(&train("large", &["--batch-size", "400"])?)?;
    let small = log(&train(
        "small",
        &["--batch-size", "100", "--accumulate", "4"],
    )?)?;
    let other = log(&train("other", &["--batch-size", "100"])?)?;
    let difference = |a: &d2l_log::Log, b: &d2l_log::Log| -> f64 {
        let pairs = a.epochs.iter().zip(&b.epochs);
        let gaps = pairs.map(|(a, b)| (a.valid["loss"] - b.valid["loss"]).abs());
        gaps.fold(0.0, f64::max)
    };
    ensure!(
        difference(&large, &small) < 1e-5,
        "{}",
        difference(&large, &small)
    );
    ensure!(
        difference(&large, &other) > 1e-3,
        "without --accumulate it would be the same"
    );
    Ok(())
}

#[test]
fn another_seed_gives_another_result() -> Result<()> {
    let desk = Desk::new()?;
    for chapter in programs() {
        let zero = comparable(&desk.train(chapter, "zero", &SHORT)?)?;
        let one =
            comparable(&desk.train(chapter, "one", &[&SHORT[..], &["--seed", "1"]].concat())?)?;
        ensure!(
            zero[1]["train"] != one[1]["train"],
            "{chapter}: seeds 0 and 1 train alike"
        );
    }
    Ok(())
}
