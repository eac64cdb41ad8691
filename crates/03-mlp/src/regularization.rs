//! Penalties on large weights, L1 and L2, by their definition.
//!
//! D2L zh 4.5, en 3.7. J = l + λ₁ Σ |w| + λ₂/2 Σ w², over the weights, not the biases. The derivative of λ₂/2 w² is
//! λ₂w: large weights shrink fast and small ones slowly. The derivative of λ₁|w| is ±λ₁: every weight shrinks at the
//! same rate, and many end within a step of zero.

use candle_core::{Result, Tensor, Var};
use d2l::nn::{ParamStore, Step};
use d2l::{Scores, Task};

/// A weight that is smaller than this counts as zero: SGD's steps jump over the zero itself.
const ZERO: f64 = 1e-3;

/// Another task with the penalty added to its training loss. Evaluation shows the loss without the penalty.
pub struct Penalized<T> {
    /// The task without the penalty.
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

    /// λ₁ Σ |w| + λ₂/2 Σ w²; `None` if both λ are 0.
    fn penalty(&self) -> Result<Option<Tensor>> {
        let mut terms = Vec::new();
        for weight in &self.weights {
            if self.l1 > 0.0 {
                terms.push((weight.abs()?.sum_all()? * self.l1)?);
            }
            if self.l2 > 0.0 {
                terms.push((weight.sqr()?.sum_all()? * (self.l2 / 2.0))?);
            }
        }
        let terms = terms.into_iter().map(Ok);
        terms.reduce(|sum, term| sum? + term?).transpose()
    }

    /// Whether λ₁ or λ₂ is above 0.
    pub fn has_penalty(&self) -> bool {
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
