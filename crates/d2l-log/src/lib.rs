//! The training log: one JSON object per line, written while a run trains, read and compared afterwards.
//!
//! A run's folder, `runs/<chapter>/<run>/`, holds [`FILE_NAME`] with these lines:
//!
//! | `kind` | how many | holds |
//! |---|---|---|
//! | `run` | one, first | [`Header`]: what is trained, on what, how |
//! | `step` | one per N steps with `--log-every N` | [`Step`]: loss, learning rate |
//! | `epoch` | one per epoch | [`Epoch`]: metrics, gradient norm, speed |
//! | `end` | one, last | [`End`]: status, final and best values, verdicts |
//!
//! Each line is written whole before training continues, so a killed run keeps its finished epochs. Numbers are read
//! bit for bit as they were written. JSON has none that are not finite: these are the texts `"NaN"`, `"Infinity"` and
//! `"-Infinity"`. The README describes every key; `schema.json` does so for programs.
//!
//! Reading order: `record` (the schema) and `number`, `verdict`, `writer` and `mark`, `log`, `point`, `reader`, `lines` and
//! `foreign` (one log, whatever its state), `folder` (all logs), `fields` (its values by name), `compare` and `mean`,
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
mod fields;
mod folder;
mod foreign;
mod lines;
mod log;
mod mark;
mod mean;
mod number;
mod numbers;
mod point;
mod reader;
mod record;
mod verdict;
mod writer;

pub use compare::{
    Comparison, Cost, Difference, Gap, Place, Row, Score, Table, compare, differences, flattened,
    metric_names,
};
pub use fields::check_field;
pub use folder::Listing;
pub use log::Log;
pub use mark::Mark;
pub use mean::mean;
pub use number::{of as number_of_json, value as json_number};
pub use numbers::{median, shown};
pub use point::Point;
pub use reader::Outline;
pub use record::{
    BandResult, Best, Data, End, Epoch, Header, MOST_STEPS, Metrics, Record, SCHEMA, Schema,
    Status, Step, higher_is_better,
};
pub use verdict::{Judged, judged};
pub use writer::Writer;

/// Name of the log in a run's folder.
pub const FILE_NAME: &str = "log.jsonl";
