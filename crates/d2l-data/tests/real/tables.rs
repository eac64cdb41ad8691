//! Tables: the features that pandas makes of them.

use anyhow::Result;
use d2l_data::{
    Choice, Column, DiabetesForm, HouseEdition, Source, Tabular, airfoil, diabetes, house_prices,
    k_fold, titanic,
};

use crate::data_folder;

/// The published tables as pandas and numpy prepare them; made by scripts/pytorch/golden_tables.py.
const GOLDEN: &str = include_str!("../tables/golden.json");
const SHA256_HOUSES: &str = "c57a97edb9370a9dd586ad93143969f9196eae8730f4039249ff9c429868c8e1";
const SHA256_AIRFOIL: &str = "a9cc0f282ee5f8f28401c51e9b7a131395f2e73386c25dca047b4c6bba49e107";
const SHA256_DIABETES: &str = "22df1a4b25932724485c0bc8e7d224ad24ced54977e3f3f6d08274e221b03c40";
const SHA256_SCALED: &str = "de9b0020f4e86ac1dc093f342b71fb5317fe8de1fd6997ca6ac3499539cfd939";
const SHA256_TITANIC: &str = "fc4b9996461d3443bf29442d872f236d14c1d76834a26c808304baefc2fd64c8";

fn floats(column: &Column) -> Vec<f64> {
    match column {
        Column::Floats { values, .. } => values.iter().map(|&value| f64::from(value)).collect(),
        _ => panic!("wanted floats"),
    }
}

/// Compares, feature by feature, the sum over the rows of (1 + row % 7) * value with `wanted`.
#[track_caller]
fn assert_weighted_sums(column: &Column, wanted_sums: &[f64], names: &[String]) {
    let values = floats(column);
    assert_eq!(column.shape(), [wanted_sums.len()]);
    for (i, (wanted, name)) in wanted_sums.iter().zip(names).enumerate() {
        let rows = values.iter().skip(i).step_by(wanted_sums.len()).enumerate();
        let found: f64 = rows.map(|(row, value)| (1 + row % 7) as f64 * value).sum();
        assert!(
            (found - wanted).abs() < 1e-3,
            "{name}: found {found}, pandas has {wanted}"
        );
    }
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    let values = value.as_array().into_iter().flatten();
    values.filter_map(serde_json::Value::as_f64).collect()
}

#[test]
fn house_prices_are_the_books_features() -> Result<()> {
    let Some(folder) = data_folder("house-prices") else {
        return Ok(());
    };
    let golden: serde_json::Value = serde_json::from_str(GOLDEN)?;
    for (edition, key, width) in [(HouseEdition::Zh, "zh", 331), (HouseEdition::En, "en", 330)] {
        let loaded = house_prices(Choice::Real, &folder, edition)?;
        assert_eq!(loaded.notice, None);
        let houses = loaded.data;
        let wanted = &golden["house-prices"][key];
        let names: Vec<String> = serde_json::from_value(wanted["names"].clone())?;
        assert_eq!(houses.feature_names, names);
        assert_eq!(names.len(), width);
        assert_eq!((houses.train.len(), houses.test.len()), (1460, 1459));
        assert_weighted_sums(houses.train.column(0), &numbers(&wanted["train"]), &names);
        assert_weighted_sums(houses.test.column(0), &numbers(&wanted["test"]), &names);
        let prices = floats(houses.train.column(1));
        assert_eq!(prices[..3], [208_500.0, 181_500.0, 223_500.0]);
        let wanted = &golden["counts"]["house-prices"]["prices"];
        assert_eq!(Some(prices.iter().sum()), wanted.as_f64());
        assert_eq!((houses.test_ids[0], houses.test_ids[1458]), (1461, 2919));
        assert_eq!(houses.provenance.name, "house-prices");
        assert_eq!(houses.provenance.sha256, SHA256_HOUSES);
        // The book's folds.
        let (train, valid) = k_fold(&houses.train, 5, 4)?;
        assert_eq!((train.len(), valid.len()), (1168, 292));
        assert_eq!(floats(valid.column(1)), prices[1168..]);
    }
    Ok(())
}

#[test]
fn airfoil_is_the_books_1500_rows() -> Result<()> {
    let Some(folder) = data_folder("airfoil") else {
        return Ok(());
    };
    let golden: serde_json::Value = serde_json::from_str(GOLDEN)?;
    let airfoil = airfoil(Choice::Real, &folder)?.data;
    let wanted = numbers(&golden["airfoil"]);
    for part in [&airfoil.splits.train, &airfoil.splits.valid] {
        assert_eq!(part.len(), 1500);
        assert_weighted_sums(part.column(0), &wanted[..5], &airfoil.feature_names);
        assert_weighted_sums(part.column(1), &wanted[5..], &["sound".to_string()]);
    }
    assert_eq!(airfoil.splits.provenance.name, "airfoil");
    assert_eq!(airfoil.splits.provenance.sha256, SHA256_AIRFOIL);
    Ok(())
}

/// Examples with label 1 in both parts together.
fn ones(set: &Tabular) -> f64 {
    let parts = [&set.splits.train, &set.splits.valid];
    parts
        .map(|part| floats(part.column(1)).iter().sum::<f64>())
        .iter()
        .sum()
}

#[test]
fn diabetes_has_268_positives_of_768_and_the_scaled_file_496_ones_of_759() -> Result<()> {
    let Some(folder) = data_folder("diabetes") else {
        return Ok(());
    };
    for (form, sizes, wanted, name, sha256) in [
        (
            DiabetesForm::Raw,
            (576, 192),
            268.0,
            "diabetes",
            SHA256_DIABETES,
        ),
        (
            DiabetesForm::Filled,
            (576, 192),
            268.0,
            "diabetes",
            SHA256_DIABETES,
        ),
        (
            DiabetesForm::Scaled,
            (570, 189),
            496.0,
            "diabetes-scaled",
            SHA256_SCALED,
        ),
    ] {
        let set = diabetes(Choice::Real, &folder, form)?.data;
        assert_eq!((set.splits.train.len(), set.splits.valid.len()), sizes);
        assert_eq!(ones(&set), wanted);
        assert_eq!(set.splits.provenance.name, name);
        assert_eq!(set.splits.provenance.sha256, sha256);
        assert_eq!(set.splits.provenance.source, Source::Real);
        let features = floats(set.splits.train.column(0));
        if form == DiabetesForm::Scaled {
            assert!(features.iter().all(|value| value.abs() <= 1.0));
            continue;
        }
        for feature in 0..8 {
            let column: Vec<f64> = features.iter().skip(feature).step_by(8).copied().collect();
            let mean = column.iter().sum::<f64>() / 576.0;
            let square = column.iter().map(|value| value * value).sum::<f64>() / 576.0;
            assert!(
                mean.abs() < 1e-6 && (square - 1.0).abs() < 1e-5,
                "{feature}: {mean} {square}"
            );
        }
    }
    Ok(())
}

#[test]
fn titanic_has_342_survivors_of_891() -> Result<()> {
    let Some(folder) = data_folder("titanic") else {
        return Ok(());
    };
    let golden: serde_json::Value = serde_json::from_str(GOLDEN)?;
    let set = titanic(Choice::Real, &folder)?.data;
    assert_eq!((set.splits.train.len(), set.splits.valid.len()), (669, 222));
    assert_eq!(ones(&set), 342.0);
    let flagged = |name: &str| -> f64 {
        let feature = set
            .feature_names
            .iter()
            .position(|other| other == name)
            .unwrap();
        let parts = [&set.splits.train, &set.splits.valid];
        let sums = parts.map(|part| {
            floats(part.column(0))
                .iter()
                .skip(feature)
                .step_by(10)
                .sum::<f64>()
        });
        sums.iter().sum()
    };
    let counts = &golden["counts"]["titanic"];
    assert_eq!(Some(flagged("Sex_female")), counts["women"].as_f64());
    assert_eq!(
        Some(flagged("Age_missing")),
        counts["ages missing"].as_f64()
    );
    let ports = ["Embarked_C", "Embarked_Q", "Embarked_S"].map(flagged);
    assert_eq!(ports, [168.0, 77.0, 644.0]);
    assert_eq!(set.splits.provenance.sha256, SHA256_TITANIC);
    Ok(())
}
