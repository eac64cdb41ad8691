//! The training loss by step, in a bounded number of points, which a run of one epoch draws.

use serde::{Deserialize, Serialize};

/// A curve has fewer points than this. When it would reach this number, every two neighbours become one.
const MOST_POINTS: usize = 200;

/// Mean losses, each over the same number of steps. They are made from the losses that the epoch's mean has read
/// anyway, so they cost no time in a step. They are part of the checkpoint, so a resumed run draws the same curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossCurve {
    /// The number of steps that a point is the mean of.
    steps_per_point: usize,
    means: Vec<f64>,
    /// Sum and number of the losses after the last point.
    sum: f64,
    steps: usize,
}

impl Default for LossCurve {
    fn default() -> Self {
        Self { steps_per_point: 1, means: Vec::new(), sum: 0.0, steps: 0 }
    }
}

impl LossCurve {
    /// Adds the loss of the next step.
    pub fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.steps += 1;
        if self.steps < self.steps_per_point {
            return;
        }
        self.means.push(self.sum / self.steps as f64);
        (self.sum, self.steps) = (0.0, 0);
        if self.means.len() == MOST_POINTS {
            let pairs = self.means.chunks_exact(2);
            self.means = pairs.map(|pair| pair.iter().sum::<f64>() / 2.0).collect();
            self.steps_per_point *= 2;
        }
    }

    /// Each point's last step, counted from 1, and its mean loss; the last point may be the mean of fewer steps.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let every = self.steps_per_point;
        let steps = (1..).map(|point| (point * every) as f64);
        let mut points: Vec<(f64, f64)> = steps.zip(self.means.iter().copied()).collect();
        if self.steps > 0 {
            let last = self.means.len() * every + self.steps;
            points.push((last as f64, self.sum / self.steps as f64));
        }
        points
    }

    /// The number of steps that a point is the mean of.
    pub fn steps_per_point(&self) -> usize {
        self.steps_per_point
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(steps: usize) -> LossCurve {
        let mut curve = LossCurve::default();
        (1..=steps).for_each(|step| curve.add(step as f64));
        curve
    }

    #[test]
    fn few_steps_are_points_of_their_own() {
        assert_eq!(curve(3).points(), [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]);
        assert_eq!(curve(0).points(), []);
    }

    #[test]
    fn many_steps_are_joined_and_none_is_lost() {
        for steps in [199, 200, 201, 399, 400, 5_000, 60_000] {
            let curve = curve(steps);
            let points = curve.points();
            assert!((100..=MOST_POINTS).contains(&points.len()), "{steps} steps");
            assert_eq!(points.last().map(|point| point.0), Some(steps as f64));
            // The losses are 1, 2, 3, …: n of them before step s have the mean s - (n - 1) / 2.
            let mut before = 0.0;
            for (step, mean) in points {
                assert_eq!(
                    mean,
                    step - (step - before - 1.0) / 2.0,
                    "{steps} steps, at {step}"
                );
                before = step;
            }
        }
    }
}
