//! Flags over a preset's recipe, and recipes that are refused.

use clap::{Args, FromArgMatches};

use super::*;
use crate::changes::{self, Change};

/// The recipe with these flags, and what they changed in it.
fn with(flags: &[&str]) -> Result<(Recipe, Vec<Change>)> {
    let command = Recipe::augment_args_for_update(clap::Command::new("test").no_binary_name(true));
    let mut recipe = Recipe::SGD;
    recipe.update_from_arg_matches(&command.try_get_matches_from(flags)?)?;
    let changes = changes::between(&changes::fields(&Recipe::SGD), &changes::fields(&recipe));
    Ok((recipe, changes))
}

#[test]
fn a_flag_that_repeats_the_preset_changes_nothing() -> Result<()> {
    assert_eq!(with(&[])?, (Recipe::SGD, vec![]));
    assert_eq!(with(&["--learning-rate", "0.1"])?, (Recipe::SGD, vec![]));
    let (recipe, changes) = with(&["--learning-rate", "0.5", "--epochs", "3"])?;
    assert_eq!((recipe.learning_rate, recipe.epochs), (0.5, 3));
    let names: Vec<String> = changes.iter().map(Change::in_name).collect();
    assert_eq!(names, ["epochs3", "learning-rate0.5"]);
    Ok(())
}

#[test]
fn every_kind_of_field_is_a_flag() -> Result<()> {
    let flags = [
        "--optimizer=adam",
        "--nesterov",
        "--clip-norm=1",
        "--schedule=cosine",
        "--initializer=normal:0.01",
    ];
    let (recipe, changes) = with(&flags)?;
    assert_eq!(recipe.optimizer, OptimizerKind::Adam);
    assert!(recipe.nesterov && !with(&["--nesterov", "false"])?.0.nesterov);
    assert_eq!(recipe.clip_norm, Some(1.0));
    let names: Vec<String> = changes.iter().map(Change::in_name).collect();
    let wanted = [
        "optimizer-adam",
        "nesterov",
        "schedule-cosine_end_0",
        "clip-norm1",
        "initializer-normal_0.01",
    ];
    assert_eq!(names, wanted);
    Ok(())
}

#[test]
fn impossible_recipes_are_usage_errors() {
    let bad = [
        Recipe { learning_rate: 0.0, ..Recipe::SGD },
        Recipe { learning_rate: f64::NAN, ..Recipe::SGD },
        Recipe { momentum: 1.0, ..Recipe::SGD },
        Recipe { nesterov: true, ..Recipe::SGD },
        Recipe { weight_decay: -1.0, ..Recipe::SGD },
        Recipe { clip_norm: Some(0.0), ..Recipe::SGD },
        Recipe {
            momentum: 0.9,
            nesterov: true,
            optimizer: OptimizerKind::Rmsprop,
            ..Recipe::SGD
        },
        Recipe { momentum: 0.9, optimizer: OptimizerKind::Adam, ..Recipe::SGD },
    ];
    for recipe in bad {
        let error = recipe.validate().expect_err("must be refused");
        assert!(error.is::<crate::Usage>(), "{error}");
    }
    Recipe::SGD.validate().expect("the base recipe is valid");
}
