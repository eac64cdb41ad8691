//! A price on large weights, by its definition: L1 and L2.
//!
//! D2L zh 4.5, en 3.7. J = l + λ₁ Σ |w| + λ₂/2 Σ w², over the weights, not the biases. The derivative of λ₂/2 w² is
//! λ₂w: large weights shrink fast and small ones slowly. That of λ₁|w| is ±λ₁: every weight shrinks alike, and many end
//! at zero, give or take a step.

use candle_core::{Result, Tensor, Var};
use d2l::nn::{ParamStore, Step};
use d2l::{Scores, Task};

/// A weight that is smaller than this counts as zero: steps of SGD hop over it.
const ZERO: f64 = 1e-3;

/// Another task with the penalty added to its training loss. Its evaluation shows the loss alone.
pub struct Penalized<T> {
    /// The task itself.
    pub task: T,
    weights: Vec<Var>,
    l1: f64,
    l2: f64,
}

impl<T> Penalized<T> {
    /// `task` with λ₁ = `l1` and λ₂ = `l2` on all weights of `params`.
    pub fn new(task: T, params: &ParamStore, l1: f64, l2: f64) -> Self {
        let mut weights = params.parameters();
        weights.retain(|(name, _)| name.ends_with("weight"));
        Self {
            task,
            weights: weights.into_iter().map(|(_, weight)| weight).collect(),
            l1,
            l2,
        }
    }

    /// λ₁ Σ |w| + λ₂/2 Σ w²; `None` where both λ are 0.
    fn penalty(&self) -> Result<Option<Tensor>> {
        let mut penalty: Option<Tensor> = None;
        let mut add = |term: Tensor| -> Result<()> {
            penalty = Some(match penalty.take() {
                None => term,
                Some(sum) => (sum + term)?,
            });
            Ok(())
        };
        for weight in &self.weights {
            if self.l1 > 0.0 {
                add((weight.abs()?.sum_all()? * self.l1)?)?;
            }
            if self.l2 > 0.0 {
                add((weight.sqr()?.sum_all()? * (self.l2 / 2.0))?)?;
            }
        }
        Ok(penalty)
    }

    /// Whether there is a price at all.
    pub fn is_priced(&self) -> bool {
        self.l1 > 0.0 || self.l2 > 0.0
    }

    /// The norm of all weights together, and the share of them that is zero.
    pub fn norm_and_zeros(&self) -> Result<(f64, f64)> {
        let (mut squares, mut zeros, mut count) = (0.0, 0, 0);
        for weight in &self.weights {
            for w in weight.flatten_all()?.to_vec1::<f32>()? {
                let w = f64::from(w);
                squares += w * w;
                zeros += usize::from(w.abs() < ZERO);
                count += 1;
            }
        }
        Ok((f64::sqrt(squares), zeros as f64 / count.max(1) as f64))
    }
}

impl<T: Task<N>, const N: usize> Task<N> for Penalized<T> {
    fn training_loss(
        &self,
        batch: &[Tensor; N],
        step: Step,
        scores: &mut Scores,
    ) -> Result<Tensor> {
        let loss = self.task.training_loss(batch, step, scores)?;
        match self.penalty()? {
            Some(penalty) => loss + penalty,
            None => Ok(loss),
        }
    }

    fn evaluate(&self, batch: &[Tensor; N], scores: &mut Scores) -> Result<()> {
        self.task.evaluate(batch, scores)
    }
}
