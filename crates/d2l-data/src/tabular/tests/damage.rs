//! Files that are missing or damaged, in a data folder of their own.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::drawn::tables;

fn message(result: Result<impl Sized>) -> String {
    match result {
        Ok(_) => panic!("wanted an error"),
        Err(error) => format!("{error:#}"),
    }
}

/// A data folder with these files, of which each is given as set, name and content.
fn folder(files: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (set, name, content) in files {
        fs::create_dir_all(folder.path().join(set)).unwrap();
        fs::write(folder.path().join(set).join(name), content).unwrap();
    }
    folder
}

/// `text` with `from` in its place once replaced by `to`.
fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn a_set_is_found_missing_and_its_twin_taken() -> Result<()> {
    let folder = folder(&[("house-prices", "kaggle_house_pred_train.csv", "")]);
    let loaded = house_prices(Choice::Auto, folder.path(), HouseEdition::Zh)?;
    assert_eq!(loaded.data.provenance.name, "drawn-houses");
    let notice = loaded.notice.unwrap_or_default();
    assert!(
        notice.contains("lacks kaggle_house_pred_test.csv: using the built-in drawn houses"),
        "{notice}"
    );
    let error = message(titanic(Choice::Real, folder.path()));
    assert!(
        error.contains("titanic: found no train.csv and no train.csv.gz"),
        "{error}"
    );
    let error = message(diabetes(Choice::Real, folder.path(), DiabetesForm::Scaled));
    assert!(
        error.contains("found no diabetes.csv and no diabetes.csv.gz"),
        "{error}"
    );
    Ok(())
}

#[test]
fn damage_is_told_with_its_place_and_never_hidden_by_the_twin() {
    let path = |set: &str, name: &str| PathBuf::from(set).join(name).display().to_string();

    let whole = tables::airfoils();
    let second = whole.lines().nth(1).unwrap_or_default();
    let last = whole.lines().last().unwrap_or_default();
    for (content, wanted) in [
        (
            changed(&whole, second, "800\t0\t0.3\tfast\t0.002\t126"),
            "line 2, column \"speed\": found \"fast\", wanted a number",
        ),
        (
            changed(&whole, second, "800\t0\t\t71\t0.002\t126"),
            "line 2, column \"chord\": found a missing value",
        ),
        (
            changed(&whole, last, ""),
            "line 1502: found the end of the file after 1502 rows, wanted 1503",
        ),
        (
            whole.replace('\t', ","),
            "line 1: found 1 columns, wanted 6",
        ),
    ] {
        let folder = folder(&[("airfoil", "airfoil_self_noise.dat", &content)]);
        let error = message(airfoil(Choice::Auto, folder.path()));
        assert!(error.contains(wanted), "{error}");
        assert!(
            error.contains(&path("airfoil", "airfoil_self_noise.dat")),
            "{error}"
        );
    }

    let whole = tables::passengers();
    let first = whole.lines().nth(1).unwrap_or_default();
    let row = |cells: &str| changed(&whole, first, &format!("1,0,3,\"A, B\",{cells}"));
    for (content, wanted) in [
        (
            row("other,30,1,0,1,7.25,,S"),
            "line 2, column \"Sex\": found \"other\", wanted female or male",
        ),
        (
            row(",30,1,0,1,7.25,,S"),
            "line 2, column \"Sex\": found a missing value, wanted female or male",
        ),
        (
            row("male,30,1,0,1,7.25,,X"),
            "line 2, column \"Embarked\": found \"X\", wanted C or Q or S",
        ),
        (
            row("male,30,1,0,1,-1,,S"),
            "column \"Fare\": found \"-1\", wanted a fare of 0 or more",
        ),
        (
            changed(&whole, first, "1,2,3,A,male,30,1,0,1,7,,S"),
            "column \"Survived\": found \"2\", wanted 0 or 1",
        ),
        (
            changed(&whole, "Pclass", "Class"),
            "found no column \"Pclass\" among PassengerId, Survived, Class",
        ),
    ] {
        let folder = folder(&[("titanic", "train.csv", &content)]);
        let error = message(titanic(Choice::Auto, folder.path()));
        assert!(error.contains(wanted), "{error}");
    }

    let whole = tables::patients();
    let first = whole.lines().next().unwrap_or_default();
    let content = changed(&whole, first, "6,148,72,35,0,33.6,0.6,50,yes");
    let folder_of = |content: &str| folder(&[("diabetes", "pima-indians-diabetes.csv", content)]);
    let damaged = folder_of(&content);
    let error = message(diabetes(Choice::Auto, damaged.path(), DiabetesForm::Raw));
    assert!(
        error.contains("line 1, column \"label\": found \"yes\", wanted a number"),
        "{error}"
    );

    let [train, test] = tables::houses();
    let first = train.lines().nth(1).unwrap_or_default();
    let cells: Vec<&str> = first.split(',').collect();
    let with = |column: usize, cell: &str| {
        let mut cells = cells.clone();
        cells[column] = cell;
        changed(&train, first, &cells.join(","))
    };
    for (train, test, wanted) in [
        (
            with(16, "inf"),
            test.clone(),
            "line 2, column \"GrLivArea\": found \"inf\", wanted a number",
        ),
        (
            numbers_for_words(&train),
            test.clone(),
            "found words in column \"MSZoning\" of one file and numbers in the other",
        ),
        (
            with(cells.len() - 1, "0"),
            test.clone(),
            "column \"SalePrice\": found \"0\", wanted a price above 0",
        ),
        (
            with(cells.len() - 1, "NA"),
            test.clone(),
            "column \"SalePrice\": found a missing value",
        ),
        (
            train.clone(),
            changed(&test, "LotArea", "Lot"),
            "found other columns in the test file",
        ),
        (
            train.clone(),
            changed(&test, "\n1461,", "\n1461.5,"),
            "line 2, column \"Id\": found \"1461.5\", wanted a whole number",
        ),
        (
            test.clone(),
            train.clone(),
            "found the end of the file after 1459 rows, wanted 1460",
        ),
    ] {
        let folder = folder(&[
            ("house-prices", "kaggle_house_pred_train.csv", &train),
            ("house-prices", "kaggle_house_pred_test.csv", &test),
        ]);
        let error = message(house_prices(Choice::Auto, folder.path(), HouseEdition::En));
        assert!(error.contains(wanted), "{error}");
    }
}

/// The table with 1 in the place of every word of its third column.
fn numbers_for_words(table: &str) -> String {
    let line = |(number, line): (usize, &str)| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if number > 0 {
            cells[2] = "1";
        }
        cells.join(",") + "\n"
    };
    table.lines().enumerate().map(line).collect()
}

/// The houses with `cell` in the first row of a column, or what is wrong with them.
fn houses_with(column: &str, cell: &str) -> Result<Loaded<HousePrices>> {
    let [train, test] = tables::houses();
    let mut lines: Vec<String> = train.lines().map(str::to_string).collect();
    let place = lines[0].split(',').position(|name| name == column);
    let mut cells: Vec<&str> = lines[1].split(',').collect();
    cells[place.expect("a column")] = cell;
    lines[1] = cells.join(",");
    let folder = folder(&[
        (
            "house-prices",
            "kaggle_house_pred_train.csv",
            &lines.join("\n"),
        ),
        ("house-prices", "kaggle_house_pred_test.csv", &test),
    ]);
    house_prices(Choice::Auto, folder.path(), HouseEdition::En)
}

#[test]
fn a_word_among_numbers_makes_words_of_all_and_the_reader_is_told() -> Result<()> {
    let loaded = houses_with("OverallQual", "good")?;
    let notice = loaded.notice.unwrap_or_default();
    assert!(
        notice.contains("line 2, column \"OverallQual\": found \"good\" among numbers"),
        "{notice}"
    );
    let names = loaded.data.feature_names;
    for name in ["OverallQual_5", "OverallQual_good", "OverallQual_nan"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    let error = message(houses_with("GrLivArea", "12x0"));
    assert!(
        error.contains("column \"GrLivArea\": found \"12x0\" among numbers")
            && error.contains("different words, wanted at most 256"),
        "{error}"
    );
    Ok(())
}

#[test]
fn the_test_file_may_have_its_columns_in_another_order() -> Result<()> {
    let [train, test] = tables::houses();
    let backwards = |line: &str| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n";
    let turned: String = test.lines().map(backwards).collect();
    let features = |test: &str| {
        let folder = folder(&[
            ("house-prices", "kaggle_house_pred_train.csv", &train),
            ("house-prices", "kaggle_house_pred_test.csv", test),
        ]);
        let houses = house_prices(Choice::Auto, folder.path(), HouseEdition::En)?.data;
        anyhow::Ok((floats(houses.test.column(0)).to_vec(), houses.feature_names))
    };
    assert_eq!(features(&turned)?, features(&test)?);
    Ok(())
}

#[test]
fn a_table_that_is_whole_is_read_from_its_folder() -> Result<()> {
    // The built-in text under the real name: the same examples, distinguished only by their provenance.
    let text = tables::patients();
    let folder = folder(&[("diabetes", "pima-indians-diabetes.csv", &text)]);
    let read = diabetes(Choice::Auto, folder.path(), DiabetesForm::Filled)?.data;
    let drawn = diabetes(Choice::Builtin, folder.path(), DiabetesForm::Filled)?.data;
    assert_eq!(read.splits.provenance.source, Source::Real);
    assert_eq!(read.splits.provenance.name, "diabetes");
    assert_eq!(
        read.splits.provenance.sha256,
        drawn.splits.provenance.sha256
    );
    for column in [0, 1] {
        let [read, drawn] = [&read, &drawn].map(|set| floats(set.splits.valid.column(column)));
        assert_eq!(read, drawn);
    }
    Ok(())
}
