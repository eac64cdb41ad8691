//! Whether a model is being trained or used.

/// The position of a training step in its run. Together with the layer's name it decides what dropout draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The run's seed.
    pub seed: u64,
    /// The epoch that the step belongs to.
    pub epoch: usize,
    /// The step, counted over the whole run.
    pub step: usize,
}

/// Training or evaluation: dropout and batch normalisation behave differently in the two modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A training step.
    Train(Step),
    /// Use of a trained model: nothing is random.
    Evaluate,
}
