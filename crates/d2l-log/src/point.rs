//! The point of a run at which a band's metric is taken.

use crate::{Best, Epoch, Log};

/// A point of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The end.
    End,
    /// The best epoch.
    Best,
    /// The best of the epochs with these multiples for numbers.
    BestOfEvery(usize),
    /// The epoch with this number.
    Epoch(usize),
}

impl Point {
    /// A band's metric as the log's metric and a point: `valid.accuracy.best`, `train.perplexity.best_of_every10`,
    /// `train_after.loss.epoch1`; without one of these words the end.
    ///
    /// ```
    /// # use d2l_log::Point;
    /// assert_eq!(Point::of("valid.accuracy.best"), ("valid.accuracy", Point::Best));
    /// assert_eq!(Point::of("train.loss.epoch5"), ("train.loss", Point::Epoch(5)));
    /// assert_eq!(Point::of("train.loss"), ("train.loss", Point::End));
    /// ```
    pub fn of(metric: &str) -> (&str, Self) {
        let (name, word) = match metric.rsplit_once('.') {
            Some((name, word)) if name.contains('.') => (name, word),
            _ => (metric, ""),
        };
        let number = |start: &str| word.strip_prefix(start)?.parse().ok();
        let point = match (word, number("best_of_every"), number("epoch")) {
            ("best", ..) => Self::Best,
            (_, Some(every), _) => Self::BestOfEvery(every),
            (.., Some(epoch)) => Self::Epoch(epoch),
            _ => Self::End,
        };
        (name, point)
    }
}

impl Best {
    /// The best value of a metric over the epochs whose numbers are multiples of `every`.
    pub fn of_every(epochs: &[Epoch], metric: &str, every: usize) -> Option<Self> {
        let seen = epochs.iter();
        let seen = seen.filter(|epoch| epoch.epoch.is_multiple_of(every));
        Self::of(&seen.cloned().collect::<Vec<_>>(), metric)
    }
}

impl Log {
    /// The value that a band's metric means.
    ///
    /// ```text
    /// valid.accuracy                     the end's, or the last epoch's
    /// valid.accuracy.best                the best epoch's
    /// train.perplexity.best_of_every10   the best of the epochs 10, 20, …
    /// train_after.loss.epoch1            the first epoch's
    /// ```
    pub fn result(&self, metric: &str) -> Option<f64> {
        let measured = self.end.as_ref().and_then(|end| end.last.get(metric));
        if let Some(value) = measured {
            return Some(*value);
        }
        match Point::of(metric) {
            (name, Point::End) => self.last(name),
            (name, Point::Best) => self.best(name).map(|best| best.value),
            (name, Point::BestOfEvery(every)) => {
                Best::of_every(&self.epochs, name, every).map(|best| best.value)
            }
            (name, Point::Epoch(number)) => {
                let mut epochs = self.epochs.iter().filter(|epoch| epoch.fold.is_none());
                epochs.find(|epoch| epoch.epoch == number)?.metric(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Result;

    const HEADER: &str = r#"{"kind":"run","schema":1,"chapter":"c","model":"m","implementation":"i","preset":"p","device":"cpu","threads":1,"seed":0,"recipe":{},"parameters":1,"versions":{},"started":"2026-11-22T21:14:00Z"}"#;

    #[test]
    fn a_band_says_which_epoch_counts() -> Result<()> {
        let mut log = Log::parse(format!("{HEADER}\n").as_bytes(), "log".into())?;
        let epoch = |(place, loss): (usize, &f64)| Epoch {
            epoch: place + 1,
            train: [("loss".to_string(), *loss)].into(),
            ..Epoch::default()
        };
        let losses = [0.5, 0.4, 0.1, 0.3, 0.6];
        log.epochs = losses.iter().enumerate().map(epoch).collect();
        let metrics = [
            ("train.loss", Some(0.6)),
            ("train.loss.best", Some(0.1)),
            ("train.loss.best_of_every2", Some(0.3)),
            ("train.loss.epoch2", Some(0.4)),
            ("train.loss.epoch6", None),
            ("valid.loss", None),
        ];
        for (metric, value) in metrics {
            assert_eq!(log.result(metric), value, "{metric}");
        }
        // A fold's epoch is not the run's.
        log.epochs.iter_mut().for_each(|epoch| epoch.fold = Some(1));
        assert_eq!(log.result("train.loss.epoch2"), None);
        Ok(())
    }
}
