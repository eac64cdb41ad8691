//! The names in the tables that `export` writes and `import` reads.

/// The files.
pub(crate) const RUNS: &str = "runs.csv";
pub(crate) const EPOCHS: &str = "epochs.csv";
pub(crate) const STEPS: &str = "steps.csv";
/// The columns of a single step's values, separate from those of an epoch.
pub(crate) const STEP_LOSS: &str = "step.loss";
pub(crate) const STEP_RATE: &str = "step.learning_rate";
