//! Scores of translations as sacreBLEU computes them. Made by scripts/pytorch/golden_bleu.py.

use anyhow::{Context, Result, ensure};
use d2l_data::translation::{Smoothing, corpus_bleu};
use serde_json::Value;

fn tokens(sentence: &Value) -> Result<Vec<String>> {
    let sentence = sentence.as_str().context("found no sentence")?;
    Ok(sentence.split_whitespace().map(str::to_string).collect())
}

fn all<'a>(list: &'a Value) -> Result<impl Iterator<Item = &'a Value> + use<'a>> {
    Ok(list.as_array().context("found no list")?.iter())
}

#[test]
fn scores_of_corpora_are_sacrebleus() -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("translation/bleu.json"))?;
    let mut compared = 0;
    for corpus in all(&golden["corpora"])? {
        let predictions = all(&corpus["predictions"])?.map(tokens);
        let predictions: Vec<Vec<String>> = predictions.collect::<Result<_>>()?;
        let references = all(&corpus["references"])?.map(|one| all(one)?.map(tokens).collect());
        let references: Vec<Vec<Vec<String>>> = references.collect::<Result<_>>()?;
        for (smoothing, name) in [(Smoothing::None, "none"), (Smoothing::Exponential, "exp")] {
            let found = corpus_bleu(&predictions, &references, smoothing)?;
            let wanted = &corpus[name];
            let [score, penalty] =
                [&wanted["score"], &corpus["brevity_penalty"]].map(Value::as_f64);
            let precisions = all(&wanted["precisions"])?.map(Value::as_f64);
            let pairs = precisions.zip(found.precisions.map(|p| 100.0 * p));
            let pairs = pairs.chain([
                (score, 100.0 * found.score),
                (penalty, found.brevity_penalty),
            ]);
            for (wanted, found) in pairs {
                let wanted = wanted.context("found no number")?;
                ensure!(
                    (wanted - found).abs() < 1e-10,
                    "{}, {name}: found {found}, sacreBLEU has {wanted}",
                    corpus["what"]
                );
                compared += 1;
            }
            ensure!(Some(found.prediction_len as u64) == corpus["prediction_len"].as_u64());
            ensure!(Some(found.reference_len as u64) == corpus["reference_len"].as_u64());
        }
    }
    ensure!(compared == 23 * 2 * 6, "compared {compared} numbers");
    Ok(())
}
