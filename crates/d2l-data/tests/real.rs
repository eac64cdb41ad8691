//! The published files, if the environment variable `D2L_DATA` names a data folder that holds them. Otherwise these
//! tests print that they did not run.

use std::path::PathBuf;

use anyhow::{Context, Result};
use candle_core::Device;
use d2l_data::translation::{TranslationOptions, english_french};
use d2l_data::{
    BytePairs, Choice, Column, DiabetesForm, HouseEdition, ImageSet, Level, Source, Tabular,
    TextEdition, airfoil, diabetes, house_prices, image_classes, k_fold, names, time_machine,
    time_machine_text, titanic, wikitext2,
};

/// Checks the set's size, its mean training pixel, its digest and the examples per class in both parts.
fn check(set: ImageSet, mean: f64, sha256: &str, classes: [[usize; 10]; 2]) -> Result<()> {
    let Some(folder) = data_folder(set.name()) else {
        return Ok(());
    };
    let loaded = image_classes(set, Choice::Real, &folder)?;
    assert_eq!(loaded.notice, None);
    let set = loaded.data;
    assert_eq!(set.splits.provenance.source, Source::Real);
    assert_eq!(set.splits.provenance.sha256, sha256);
    assert_eq!(
        (set.splits.train.len(), set.splits.valid.len()),
        (60_000, 10_000)
    );
    if let Column::Pixels { values, shape } = set.splits.train.column(0) {
        assert_eq!(shape, &[1, 28, 28]);
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        let found = sum / values.len() as f64 / 255.0;
        assert!((found - mean).abs() < 5e-5, "mean {found}, wanted {mean}");
    }
    let counts = [&set.splits.train, &set.splits.valid].map(|part| {
        let mut counts = [0; 10];
        if let Column::Labels(labels) = part.column(1) {
            labels
                .iter()
                .for_each(|&label| counts[usize::from(label)] += 1);
        }
        counts
    });
    assert_eq!(counts, classes);
    Ok(())
}

#[test]
fn fashion_mnist_is_the_published_set() -> Result<()> {
    check(
        ImageSet::FashionMnist,
        0.2860,
        "4d8e31d2057f6f938ff47097ba334038e7aafbaf24b67665d2dd1ecda01730a3",
        [[6000; 10], [1000; 10]],
    )
}

#[test]
fn mnist_is_the_published_set() -> Result<()> {
    let counts = [
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    ];
    check(
        ImageSet::Mnist,
        0.1307,
        "e9914cff2ade526da2ab1ac60c072f9173cc53e35b9411692de8207cb1b9009d",
        counts,
    )
}

#[test]
fn cifar_10_or_the_part_of_it_that_is_there_is_read() -> Result<()> {
    let Some(folder) = data_folder("cifar-10") else {
        return Ok(());
    };
    let loaded = image_classes(ImageSet::Cifar10, Choice::Real, &folder)?;
    let splits = loaded.data.splits;
    let Column::Labels(labels) = splits.train.column(1) else {
        anyhow::bail!("found no labels");
    };
    // The published order: a frog, two trucks, a deer, a car.
    assert_eq!(labels[..5], [6, 9, 9, 4, 1]);
    let Column::Pixels { values, .. } = splits.train.column(0) else {
        anyhow::bail!("found no pixels");
    };
    assert_eq!(values[..4], [59, 43, 50, 68]);
    assert_eq!(splits.provenance.source, Source::Real);
    let (name, sha256) = match splits.train.len() {
        50_000 => ("cifar-10", SHA256_CIFAR_10),
        _ => ("cifar-10-subset", SHA256_CIFAR_10_SUBSET),
    };
    assert_eq!(splits.provenance.name, name);
    assert_eq!(loaded.notice.is_some(), name == "cifar-10-subset");
    assert_eq!(splits.provenance.sha256, sha256);
    if name == "cifar-10-subset" {
        assert_eq!((splits.train.len(), splits.valid.len()), (20_000, 4_000));
        let mut counts = [0; 10];
        labels
            .iter()
            .for_each(|&label| counts[usize::from(label)] += 1);
        let wanted = [1989, 1981, 2042, 2011, 2009, 1925, 2038, 2027, 2012, 1966];
        assert_eq!(counts, wanted);
    }
    Ok(())
}

/// The published tables as pandas and numpy prepare them; made by scripts/pytorch/golden_tables.py.
const GOLDEN: &str = include_str!("tables/golden.json");

/// Digest of the whole set, computed from the published digests of its files.
const SHA256_CIFAR_10: &str = "a0546053b6069300b68a349299da40b9257c84c2c8909055aca06547979bd2bc";
const SHA256_CIFAR_10_SUBSET: &str =
    "4e17e74544f5b679dd13971b87589ac697a8d8fbb1b25bc9b5da7b3f4316d576";
const SHA256_FRA_ENG: &str = "823b6a8be8a9c098cb2180229cb44fe2cefad4d2987e4d03088d081ddf7c8fce";
const SHA256_HOUSES: &str = "c57a97edb9370a9dd586ad93143969f9196eae8730f4039249ff9c429868c8e1";
const SHA256_AIRFOIL: &str = "a9cc0f282ee5f8f28401c51e9b7a131395f2e73386c25dca047b4c6bba49e107";
const SHA256_DIABETES: &str = "22df1a4b25932724485c0bc8e7d224ad24ced54977e3f3f6d08274e221b03c40";
const SHA256_SCALED: &str = "de9b0020f4e86ac1dc093f342b71fb5317fe8de1fd6997ca6ac3499539cfd939";
const SHA256_NAMES: &str = "526c41535fa73de8552401bae4329b9b7583d6be42829544278da166d559aea7";
const SHA256_WIKITEXT: &str = "6fa607207d992ce53216b1e13be004701d4fbafb031d677e76c66e44f353522d";
const SHA256_TIME_MACHINE: &str =
    "8d6ce2c235e112898b80945d385f6ee7133f283b656155cb1314846ed0f0d6a2";
const SHA256_TITANIC: &str = "fc4b9996461d3443bf29442d872f236d14c1d76834a26c808304baefc2fd64c8";

/// The data folder; if there is none, prints which set was not read.
fn data_folder(set: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("D2L_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("D2L_DATA is not set: {set} was not read");
    }
    folder
}

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

/// Counts and sums are Python's, with `unicodedata.normalize` and `Counter.most_common`.
#[test]
fn the_names_and_the_words_are_the_published_ones() -> Result<()> {
    if let Some(folder) = data_folder("names") {
        let names = names(Choice::Real, &folder)?.data;
        assert_eq!(names.languages.len(), 18);
        assert_eq!(names.languages[14], "Russian");
        let splits = names.for_classification()?;
        assert_eq!((splits.train.len(), splits.valid.len()), (17_042, 3_008));
        let Column::Tokens { values, shape } = splits.train.column(0) else {
            panic!("wanted tokens");
        };
        assert_eq!((weighted_sum(values), &shape[..]), (63_394_481, &[21][..]));
        let Column::Labels(languages) = splits.valid.column(1) else {
            panic!("wanted labels");
        };
        let count = |number| languages.iter().filter(|&&label| label == number).count();
        assert_eq!([14, 4, 0, 17].map(count), [1407, 550, 300, 11]);
        assert_eq!(names.provenance.sha256, SHA256_NAMES);
    }
    if let Some(folder) = data_folder("wikitext-2") {
        let text = wikitext2(Choice::Real, &folder)?.data;
        let counts = (text.train.len(), text.valid.len(), text.vocabulary.len());
        assert_eq!(counts, (2_088_628, 217_646, 33_278));
        let frequent: Vec<&str> = (0..4).map(|id| text.vocabulary.token(id)).collect();
        assert_eq!(frequent, ["<unk>", "the", ",", "."]);
        assert_eq!(weighted_sum(&text.train), 18_553_118_683);
        assert_eq!(weighted_sum(&text.valid), 1_721_373_898);
        assert_eq!(text.provenance.sha256, SHA256_WIKITEXT);
    }
    Ok(())
}

/// Counts and sums are Python's: the book's cleaning by its regular expression, and `Counter.most_common`.
#[test]
fn the_time_machine_is_the_books() -> Result<()> {
    let Some(folder) = data_folder("time-machine") else {
        return Ok(());
    };
    let read = |edition, level| -> Result<_> {
        Ok(time_machine(edition, level, Choice::Real, &folder)?.data)
    };
    let characters = read(TextEdition::Zh, Level::Character)?;
    assert_eq!(
        (characters.tokens.len(), characters.vocabulary.len()),
        (170_580, 28)
    );
    let in_order: String = (1..28).map(|id| characters.vocabulary.token(id)).collect();
    assert_eq!(in_order, " etainoshrdlmucfwgypbvkxzjq");
    let begins: String = characters.tokens[..35]
        .iter()
        .map(|&id| characters.vocabulary.token(id))
        .collect();
    assert_eq!(begins, "the time machine by h g wellsithe t");
    assert_eq!(weighted_sum(&characters.tokens), 4_887_153);
    assert_eq!(characters.provenance.sha256, SHA256_TIME_MACHINE);

    let english = read(TextEdition::En, Level::Character)?;
    assert_eq!(
        (english.tokens.len(), english.vocabulary.len()),
        (173_428, 28)
    );
    let numbers = [" ", "<unk>", "a", "z"].map(|token| english.vocabulary.id(token));
    assert_eq!(numbers, [0, 1, 2, 27]);
    assert_eq!(weighted_sum(&english.tokens), 7_086_211);

    let words = read(TextEdition::Zh, Level::Word)?;
    assert_eq!(
        (words.tokens.len(), words.vocabulary.len()),
        (32_775, 4_580)
    );
    let most_common: Vec<(&str, usize)> = words.vocabulary.frequencies()[..5]
        .iter()
        .map(|(word, count)| (word.as_str(), *count))
        .collect();
    assert_eq!(
        most_common,
        [
            ("the", 2261),
            ("i", 1267),
            ("and", 1245),
            ("of", 1155),
            ("a", 816)
        ]
    );
    assert_eq!(weighted_sum(&words.tokens), 65_223_323);
    Ok(())
}

/// Counts and sums are those of Hugging Face's tokenizers 0.23.3 in Python:
///
/// ```text
/// tokens = ByteLevelBPETokenizer()
/// tokens.train_from_iterator([text], vocab_size=512, min_frequency=0)
/// ids = tokens.encode(text).ids
/// ```
#[test]
fn byte_pairs_of_the_time_machine_are_those_of_python() -> Result<()> {
    let Some(folder) = data_folder("time-machine") else {
        return Ok(());
    };
    let text = time_machine_text(Choice::Real, &folder)?.data.text;
    assert_eq!(text.len(), 178_979);
    for (size, count, sum) in [(512, 84_155, 82_450_670), (1024, 65_744, 96_533_048)] {
        let tokens = BytePairs::train(&text, size)?;
        let ids = tokens.encode(&text)?;
        assert_eq!((tokens.len(), ids.len()), (size, count));
        assert_eq!(weighted_sum(&ids), sum);
        assert_eq!(tokens.decode(&ids)?, text);
        let first: Result<Vec<String>> = (256..264).map(|id| tokens.decode(&[id])).collect();
        assert_eq!(first?, [" t", "he", " a", "in", " the", " s", "re", " o"]);
    }
    Ok(())
}

/// The pairs as Python prepares them; made by scripts/pytorch/golden_translation.py.
const PAIRS: &str = include_str!("translation/pairs.json");

/// Sizes, vocabularies and all numbers, with the book's options and with larger ones.
#[test]
fn english_french_pairs_are_the_books_sequences() -> Result<()> {
    let Some(folder) = data_folder("fra-eng") else {
        return Ok(());
    };
    let golden: serde_json::Value = serde_json::from_str(PAIRS)?;
    let cases = golden["cases"].as_array().context("no cases")?;
    assert_eq!(cases.len(), 4);
    for case in cases {
        let number = |key: &str| -> Result<usize> {
            Ok(case[key].as_u64().with_context(|| format!("no {key}"))? as usize)
        };
        let edition = match case["edition"].as_str() {
            Some("zh") => TextEdition::Zh,
            _ => TextEdition::En,
        };
        let options = TranslationOptions {
            edition,
            num_train: number("train")?,
            num_valid: number("valid")?,
            num_steps: number("steps")?,
            min_frequency: number("min_frequency")?,
        };
        let text = english_french(options, Choice::Real, &folder)?.data;
        for (vocabulary, key) in [
            (&text.source_vocabulary, "source"),
            (&text.target_vocabulary, "target"),
        ] {
            assert_eq!(Some(vocabulary.len() as u64), case[key]["tokens"].as_u64());
            let first: Vec<&str> = (0..12).map(|id| vocabulary.token(id)).collect();
            let wanted: Vec<String> = serde_json::from_value(case[key]["first"].clone())?;
            assert_eq!(first, wanted);
        }
        for (part, key) in [(&text.splits.train, "train"), (&text.splits.valid, "valid")] {
            assert_eq!(part.len(), number(key)?);
            let sums: Vec<u64> = (0..4)
                .map(|i| weighted_sum(whole(part.column(i))))
                .collect();
            let wanted: Vec<u64> = serde_json::from_value(case["sums"][key].clone())?;
            assert_eq!(sums, wanted, "{key} of {options:?}");
        }
        assert_eq!(text.splits.provenance.name, "fra-eng");
        assert_eq!(text.splits.provenance.sha256, SHA256_FRA_ENG);
    }
    Ok(())
}

/// The pairs that the book's models train on, and the sentences that they translate in the end. Ids are Python's.
#[test]
fn the_books_first_pairs_and_four_sentences_are_known() -> Result<()> {
    let Some(folder) = data_folder("fra-eng") else {
        return Ok(());
    };
    // Pairs 0 and 3: go . / va !, run ! / courez !, each with its end mark, then padding.
    for (edition, sizes, sources, targets, padding, new) in [
        (
            TextEdition::Zh,
            (184, 201),
            [[9, 4, 3], [54, 5, 3]],
            [[16, 5, 3], [93, 5, 3]],
            [1, 1],
            129,
        ),
        (
            TextEdition::En,
            (194, 214),
            [[59, 2, 3], [135, 0, 3]],
            [[201, 0, 4], [54, 0, 4]],
            [4, 5],
            128,
        ),
    ] {
        let options = TranslationOptions::book(edition);
        let text = english_french(options, Choice::Real, &folder)?.data;
        let found = (text.source_vocabulary.len(), text.target_vocabulary.len());
        assert_eq!(found, sizes);
        let [source, source_length, target, target_length] =
            text.splits.train.batch(&[0, 3], &Device::Cpu)?;
        for (tensor, begins, padding) in
            [(source, sources, padding[0]), (target, targets, padding[1])]
        {
            let wanted =
                begins.map(|ids| [&ids[..], &vec![padding; options.num_steps - 3]].concat());
            assert_eq!(tensor.to_vec2::<u32>()?, wanted);
        }
        assert_eq!(source_length.to_vec1::<u32>()?, [3, 3]);
        assert_eq!(target_length.to_vec1::<u32>()?, [3, 3]);

        for sentence in ["go .", "i lost .", "he's calm .", "i'm home ."] {
            let [ids, length] = text.encode(&[sentence])?.batch(&[0], &Device::Cpu)?;
            let ids = ids.flatten_all()?.to_vec1::<u32>()?;
            let length = length.to_vec1::<u32>()?[0] as usize;
            let words = ids[..length]
                .iter()
                .map(|&id| text.source_vocabulary.token(id));
            assert_eq!(
                words.collect::<Vec<_>>().join(" "),
                format!("{sentence} <eos>")
            );
        }
        // Of the 129 held-out pairs one of the English edition translates a training sentence.
        let sentences = text.test_sentences();
        assert_eq!(sentences.len(), 77);
        assert_eq!(
            sentences
                .iter()
                .map(|one| one.references.len())
                .sum::<usize>(),
            new
        );
    }
    // The Chinese edition's loss is a mean over so many target tokens.
    let text = english_french(
        TranslationOptions::book(TextEdition::Zh),
        Choice::Real,
        &folder,
    )?;
    let lengths = whole(text.data.splits.train.column(3));
    assert_eq!(lengths.iter().sum::<u32>(), 2541);
    Ok(())
}

/// The numbers of a column.
fn whole(column: &Column) -> &[u32] {
    match column {
        Column::Tokens { values, .. } => values,
        _ => panic!("wanted tokens"),
    }
}

/// Σ (1 + i % 7) · id_i
fn weighted_sum(tokens: &[u32]) -> u64 {
    let terms = tokens.iter().enumerate();
    terms
        .map(|(i, &id)| (1 + i as u64 % 7) * u64::from(id))
        .sum()
}
