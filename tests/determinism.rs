//! The same seed gives the same log and parameters, bit for bit, whatever the number of threads.

use anyhow::{Result, ensure};

use crate::support::{CHAPTERS, Desk, IMPLEMENTATIONS, assert_equal_runs, comparable};

const SHORT: [&str; 6] = ["--epochs", "2", "--examples", "1500", "--data", "builtin"];

#[test]
fn one_seed_gives_one_result_on_one_two_and_three_threads() -> Result<()> {
    let desk = Desk::new()?;
    for chapter in CHAPTERS {
        for implementation in IMPLEMENTATIONS {
            let train = |threads: &str| {
                let flags = ["--implementation", implementation, "--threads", threads];
                desk.train(
                    chapter,
                    &format!("{implementation}-{threads}"),
                    &[&flags[..], &SHORT].concat(),
                )
            };
            let one = train("1")?;
            for threads in ["2", "3"] {
                assert_equal_runs(&one, &train(threads)?)?;
            }
        }
    }
    Ok(())
}

#[test]
fn momentum_adam_and_adamw_do_not_depend_on_threads() -> Result<()> {
    let desk = Desk::new()?;
    let recipes: [&[&str]; 3] = [
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
fn another_seed_gives_another_result() -> Result<()> {
    let desk = Desk::new()?;
    for chapter in CHAPTERS {
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
