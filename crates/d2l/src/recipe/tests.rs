//! Flags over presets, names of runs, and recipes that are refused.

use super::*;

#[test]
fn a_flag_that_repeats_the_preset_changes_nothing() {
    let same = RecipeArgs {
        learning_rate: Some(0.1),
        ..Default::default()
    };
    assert_eq!(same.apply(&Recipe::SGD), (Recipe::SGD, vec![]));
    let other = RecipeArgs {
        learning_rate: Some(0.5),
        epochs: Some(3),
        ..Default::default()
    };
    let (recipe, overrides) = other.apply(&Recipe::SGD);
    assert_eq!((recipe.learning_rate, recipe.epochs), (0.5, 3));
    assert_eq!(
        overrides[1],
        Override {
            flag: "learning-rate",
            value: "0.5".into()
        }
    );
}

#[test]
fn a_changed_flag_reads_well_in_a_name() {
    let name = |flag, value: &str| {
        Override {
            flag,
            value: value.into(),
        }
        .in_name()
    };
    assert_eq!(name("learning-rate", "0.5"), "learning-rate0.5");
    assert_eq!(name("optimizer", "adam"), "optimizer-adam");
    assert_eq!(
        name("initializer", "normal:0.01"),
        "initializer-normal_0.01"
    );
    assert_eq!(name("dropout1", "0.3"), "dropout1-0.3");
    assert_eq!(name("no-shuffle", ""), "no-shuffle");
}

#[test]
fn impossible_recipes_are_usage_errors() {
    let bad = [
        Recipe {
            batch_size: 0,
            ..Recipe::SGD
        },
        Recipe {
            learning_rate: 0.0,
            ..Recipe::SGD
        },
        Recipe {
            learning_rate: f64::NAN,
            ..Recipe::SGD
        },
        Recipe {
            momentum: 1.0,
            ..Recipe::SGD
        },
        Recipe {
            nesterov: true,
            ..Recipe::SGD
        },
        Recipe {
            weight_decay: -1.0,
            ..Recipe::SGD
        },
        Recipe {
            clip_norm: Some(0.0),
            ..Recipe::SGD
        },
        Recipe {
            accumulate: 0,
            ..Recipe::SGD
        },
        Recipe {
            momentum: 0.9,
            nesterov: true,
            optimizer: OptimizerKind::Rmsprop,
            ..Recipe::SGD
        },
        Recipe {
            patience: Some(0),
            ..Recipe::SGD
        },
        Recipe {
            momentum: 0.9,
            optimizer: OptimizerKind::Adam,
            ..Recipe::SGD
        },
    ];
    for recipe in bad {
        let error = recipe.validate().expect_err("must be refused");
        assert!(error.is::<crate::Usage>(), "{error}");
    }
    Recipe::SGD.validate().expect("the base recipe is valid");
}
