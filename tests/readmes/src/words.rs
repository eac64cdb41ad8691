//! The words of the written tables.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use d2l_log::Point;
use serde::Deserialize;

/// In which language a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

/// The words of one language. `words.toml` explains the keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub chapter_head: Vec<String>,
    pub overview_head: Vec<String>,
    pub builds_range: String,
    pub outside: String,
    pub not_run: String,
    pub not_run_gpu: String,
    pub seconds: String,
    pub minutes: String,
    pub cores: String,
    pub megabytes: String,
    pub made: String,
    best: String,
    best_of_every: String,
    epoch: String,
    chapters: BTreeMap<String, String>,
    metrics: BTreeMap<String, String>,
    #[serde(default)]
    own: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct File {
    en: Words,
    zh: Words,
}

impl Words {
    /// # Errors
    /// If the file doesn't have what it should.
    pub fn of(language: Language) -> Result<Self> {
        let file: File = toml::from_str(include_str!("words.toml")).context("words.toml")?;
        Ok(match language {
            Language::English => file.en,
            Language::Chinese => file.zh,
        })
    }

    /// What a band's metric is called; a model may have words of its own.
    ///
    /// # Errors
    /// If the file has no words for it.
    pub fn metric(&self, model: &str, metric: &str) -> Result<String> {
        let (name, point) = match Point::of(metric) {
            // With the fold in front a name has a third part without being that of a point.
            (_, Point::End) => (metric, Point::End),
            of_point => of_point,
        };
        let own = self.own.get(model).and_then(|own| own.get(name));
        let words = own.or_else(|| self.metrics.get(name));
        let words = words.with_context(|| format!("words.toml has no words for {name}"))?;
        let said = |pattern: &str| pattern.replace("{metric}", words);
        Ok(match point {
            Point::End => words.clone(),
            Point::Best => said(&self.best),
            Point::BestOfEvery(_) => said(&self.best_of_every),
            Point::Epoch(epoch) => said(&self.epoch).replace("{}", &epoch.to_string()),
        })
    }

    /// What a chapter is called.
    ///
    /// # Errors
    /// If the file has no words for it.
    pub fn chapter(&self, chapter: &str) -> Result<&str> {
        let words = self.chapters.get(chapter);
        Ok(words.with_context(|| format!("words.toml has no words for chapter {chapter}"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_of_the_run_is_said() -> Result<()> {
        let words = Words::of(Language::English)?;
        let metric = |name| words.metric("mlp", name);
        assert_eq!(metric("valid.accuracy")?, "held-out accuracy");
        assert_eq!(
            metric("valid.accuracy.best")?,
            "held-out accuracy, best epoch"
        );
        assert_eq!(metric("train.loss.epoch2")?, "training loss, epoch 2");
        assert_eq!(
            words.metric("kernel-regression", "train.loss")?,
            "sum of the squared errors"
        );
        assert!(metric("speed.of_light").is_err());
        Ok(())
    }

    #[test]
    fn both_languages_have_the_same_words() -> Result<()> {
        let [english, chinese] = [Language::English, Language::Chinese].map(Words::of);
        let (english, chinese) = (english?, chinese?);
        let keys = |words: &BTreeMap<String, String>| words.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&english.metrics), keys(&chinese.metrics));
        assert_eq!(keys(&english.chapters), keys(&chinese.chapters));
        assert!(english.own.keys().eq(chinese.own.keys()));
        Ok(())
    }
}
