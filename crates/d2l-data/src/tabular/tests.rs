//! The preparation of small made-up tables, compared with pandas; the built-in sets. `tests/real/` tests the
//! published files.

use super::*;

mod damage;

/// Made by scripts/pytorch/golden_tables.py.
const GOLDEN: &str = include_str!("../../tests/tables/golden.json");
/// Rows that statistics may come from: `TRAIN` in golden_tables.py.
const TRAIN: [usize; 5] = [0, 1, 2, 3, 4];

fn golden() -> serde_json::Value {
    serde_json::from_str(GOLDEN).unwrap()
}

fn strings(value: &serde_json::Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

#[track_caller]
fn assert_rows(features: &[f32], wanted: &serde_json::Value) {
    let wanted: Vec<Vec<f64>> = serde_json::from_value(wanted.clone()).unwrap();
    let wanted = wanted.concat();
    assert_eq!(features.len(), wanted.len());
    for (i, (&found, wanted)) in features.iter().zip(wanted).enumerate() {
        let close = (f64::from(found) - wanted).abs() <= 2e-7 * wanted.abs().max(1.0);
        assert!(close, "value {i}: found {found}, pandas has {wanted}");
    }
}

fn floats(column: &Column) -> &[f32] {
    match column {
        Column::Floats { values, .. } => values,
        _ => panic!("wanted floats"),
    }
}

fn all(features: &Features) -> Vec<f32> {
    let rows: Vec<usize> = (0..features.columns[0].len()).collect();
    floats(&features.column(&rows)).to_vec()
}

#[test]
fn a_column_of_countless_words_is_refused() -> Result<()> {
    let format = house_prices::format(HouseEdition::Zh);
    let mut text = "Id,Street,SalePrice\n".to_string();
    for row in 0..257 {
        text.push_str(&format!("{row},word{row},1\n"));
    }
    let table = Table::parse("houses", text.as_bytes(), &format)?;
    let provenance = house_prices(Choice::Builtin, Path::new(""), HouseEdition::Zh)?
        .data
        .provenance;
    let error = house_prices::prepare(&[table.clone(), table], provenance)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column \"Street\": found 257 different words, wanted at most 256"),
        "{error}"
    );
    Ok(())
}

#[test]
fn houses_become_the_features_that_pandas_makes() -> Result<()> {
    for (edition, name) in [(HouseEdition::Zh, "zh"), (HouseEdition::En, "en")] {
        let format = house_prices::format(edition);
        let tables = [
            Table::parse(
                "train",
                include_bytes!("../../tests/tables/houses_train.csv"),
                &format,
            )?,
            Table::parse(
                "test",
                include_bytes!("../../tests/tables/houses_test.csv"),
                &format,
            )?,
        ];
        let provenance = house_prices(Choice::Builtin, Path::new(""), edition)?
            .data
            .provenance;
        let houses = house_prices::prepare(&tables, provenance)?;
        let wanted = &golden()["houses"][name];
        assert_eq!(houses.feature_names, strings(&wanted["names"]));
        let features = [
            floats(houses.train.column(0)),
            floats(houses.test.column(0)),
        ]
        .concat();
        assert_rows(&features, &wanted["rows"]);
        let prices = [150_000.0, 182_000.0, 99_000.0, 310_500.0, 151_000.0];
        assert_eq!(floats(houses.train.column(1)), prices);
        assert_eq!(houses.test_ids, [6, 7, 8]);
    }
    Ok(())
}

#[test]
fn passengers_become_the_features_that_pandas_makes() -> Result<()> {
    let content = include_bytes!("../../tests/tables/titanic.csv");
    let table = Table::parse("titanic", content, &titanic::FORMAT)?;
    let features = titanic::prepare(&table, &TRAIN)?;
    let wanted = &golden()["titanic"];
    assert_eq!(features.names, strings(&wanted["names"]));
    assert_rows(&all(&features), &wanted["rows"]);
    Ok(())
}

#[test]
fn patients_become_the_features_that_pandas_makes() -> Result<()> {
    let content = include_bytes!("../../tests/tables/diabetes.csv");
    let table = Table::parse("diabetes", content, &diabetes::FORMAT)?;
    for (form, name) in [(DiabetesForm::Raw, "Raw"), (DiabetesForm::Filled, "Filled")] {
        let features = diabetes::prepare(&table, &TRAIN, form)?;
        assert_rows(&all(&features), &golden()["diabetes"][name]);
    }
    // Scaled values are taken as they are.
    let features = diabetes::prepare(&table, &TRAIN, DiabetesForm::Scaled)?;
    assert_eq!(
        features.columns[1][..3],
        table.required_numbers("glucose")?[..3]
    );
    Ok(())
}

#[test]
fn a_quarter_is_held_out_and_no_row_twice() {
    for rows in [759, 768, 891] {
        let [train, valid] = held_out_quarter("some set", rows);
        assert_eq!(valid.len(), rows / 4);
        assert!(valid.is_sorted() && train.is_sorted());
        let mut both = [train, valid].concat();
        both.sort_unstable();
        assert_eq!(both, (0..rows).collect::<Vec<_>>());
    }
    // Scores can be compared only if the rows stay the same.
    assert_eq!(held_out_quarter("diabetes", 768)[1][..8], HELD_OUT);
}

/// Written down from the first version.
const HELD_OUT: [usize; 8] = [1, 2, 5, 6, 9, 13, 21, 22];

#[test]
fn the_median_is_the_middle() {
    assert_eq!(median(vec![]), 0.0);
    assert_eq!(median(vec![3.0]), 3.0);
    assert_eq!(median(vec![5.0, -1.0, 2.0]), 2.0);
    assert_eq!(median(vec![5.0, -1.0, 2.0, 3.0]), 2.5);
}

/// Mean and standard deviation of each feature, and the mean of the targets.
fn moments(data: &Dataset<2>) -> (Vec<(f64, f64)>, f64) {
    let (x, width) = (floats(data.column(0)), data.column(0).shape()[0]);
    let feature = |i: usize| -> Vec<f64> {
        x.iter()
            .skip(i)
            .step_by(width)
            .map(|&x| f64::from(x))
            .collect()
    };
    let y: Vec<f64> = floats(data.column(1))
        .iter()
        .map(|&y| f64::from(y))
        .collect();
    let features = (0..width).map(|i| mean_and_std(&feature(i), 0.0)).collect();
    (features, mean_and_std(&y, 0.0).0)
}

#[test]
fn the_twins_have_the_form_of_the_real_sets() -> Result<()> {
    let nowhere = Path::new("");
    let load = |form| diabetes(Choice::Builtin, nowhere, form);
    for (loaded, name, sizes, width, mean) in [
        (
            airfoil(Choice::Builtin, nowhere)?,
            "drawn-airfoils",
            (1500, 1500),
            5,
            0.0,
        ),
        (
            load(DiabetesForm::Raw)?,
            "drawn-patients",
            (576, 192),
            8,
            0.35,
        ),
        (
            load(DiabetesForm::Filled)?,
            "drawn-patients",
            (576, 192),
            8,
            0.35,
        ),
        (
            load(DiabetesForm::Scaled)?,
            "drawn-patients-scaled",
            (570, 189),
            8,
            0.65,
        ),
        (
            titanic(Choice::Builtin, nowhere)?,
            "drawn-passengers",
            (669, 222),
            10,
            0.38,
        ),
    ] {
        assert_eq!(loaded.notice, None);
        let Tabular { splits, feature_names } = loaded.data;
        assert_eq!(splits.provenance.name, name);
        assert_eq!(splits.provenance.source, Source::Builtin);
        assert_eq!((splits.train.len(), splits.valid.len()), sizes);
        assert_eq!(feature_names.len(), width);
        let (features, found) = moments(&splits.train);
        assert!(
            (found - mean).abs() < 0.06,
            "{name}: mean target {found}, wanted about {mean}"
        );
        for ((mean, std), feature) in features.into_iter().zip(&feature_names) {
            assert!(std > 0.05, "{name}: {feature} is the same everywhere");
            let flag = feature.contains('_');
            if !flag && !name.ends_with("scaled") {
                assert!(
                    mean.abs() < 0.01 && (std - 1.0).abs() < 0.01,
                    "{feature}: {mean} {std}"
                );
            }
            assert!(!name.ends_with("scaled") || (mean.abs() <= 1.0 && std <= 1.0));
        }
    }
    let houses = |edition| house_prices(Choice::Builtin, nowhere, edition);
    let (zh, en) = (
        houses(HouseEdition::Zh)?.data,
        houses(HouseEdition::En)?.data,
    );
    assert_eq!((zh.train.len(), zh.test.len()), (1460, 1459));
    assert_eq!((zh.test_ids[0], zh.test_ids[1458]), (1461, 2919));
    let none = zh
        .feature_names
        .iter()
        .position(|name| name == "MasVnrType_None");
    let mut without = zh.feature_names.clone();
    without.remove(none.unwrap_or_default());
    assert_eq!(en.feature_names, without);
    Ok(())
}
