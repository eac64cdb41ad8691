//! The training log: one JSON object per line, written while a run trains, read and compared afterwards.
//!
//! A run's folder, `runs/<chapter>/<run>/`, holds [`FILE_NAME`] with these lines:
//!
//! | `kind` | how many | holds |
//! |---|---|---|
//! | `run` | one, first | [`Header`]: what is trained, on what, how |
//! | `epoch` | one per epoch | [`Epoch`]: metrics, gradient norm, speed |
//! | `end` | one, last | [`End`]: status, final and best values, verdicts |
//!
//! Each line is written whole before training continues, so a killed run keeps its finished epochs. Numbers are read
//! bit for bit as they were written. A number that is not finite is refused, because JSON has none.
//!
//! Reading order: `record` (the schema), `writer` and `mark`, `log` and `reader` (one log), `folder` (all logs), `compare`,
//! `numbers` (how every program prints a metric). The crate doesn't depend on candle, so the `runs` command builds in
//! seconds. Programs in other languages can write the same lines.
//!
//! ```
//! use d2l_log::{Epoch, Metrics, Record};
//!
//! let train = Metrics::from([("loss".to_string(), 0.5)]);
//! let epoch = Record::Epoch(Epoch { epoch: 1, step: 235, train, ..Epoch::default() });
//! assert_eq!(
//!     serde_json::to_string(&epoch)?,
//!     r#"{"kind":"epoch","epoch":1,"step":235,"learning_rate":0.0,"train":{"loss":0.5},"gradient_norm":0.0,"seconds":0.0,"examples_per_second":0.0}"#,
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```

mod compare;
mod folder;
mod log;
mod mark;
mod numbers;
mod reader;
mod record;
mod writer;

pub use compare::{
    Comparison, Difference, Gap, Pace, Place, Row, Score, Table, compare, flattened, metric_names,
};
pub use folder::Listing;
pub use log::Log;
pub use mark::Mark;
pub use numbers::{median, shown};
pub use reader::Outline;
pub use record::{
    BandResult, Best, Data, End, Epoch, Header, Metrics, Record, SCHEMA, Status, higher_is_better,
};
pub use writer::Writer;

/// Name of the log in a run's folder.
pub const FILE_NAME: &str = "log.jsonl";
