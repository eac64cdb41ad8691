//! TensorBoard's event files: `message` has their content, `record` its layout in the file.
//!
//! An event file is a TFRecord file of protocol buffers. The messages are those of TensorFlow's `event.proto`,
//! `summary.proto` and `tensor.proto` and of TensorBoard's `plugins/hparams`, without the fields that nobody here reads
//! or writes.

pub(crate) mod message;
pub(crate) mod record;

/// What the file name of an event file contains; TensorBoard opens no others.
pub(crate) const FILE_NAME: &str = "tfevents";
/// The content of a file's first event.
pub(crate) const VERSION: &str = "brain.Event:2";
/// The beginning of the tags of single steps, which keeps them apart from the epochs' curves.
pub(crate) const STEPS: &str = "steps/";
/// Tag of a run's hyperparameters.
pub(crate) const SESSION_START: &str = "_hparams_/session_start_info";
/// Tag of a run's end.
pub(crate) const SESSION_END: &str = "_hparams_/session_end_info";
/// The plugin that shows hyperparameters.
pub(crate) const HPARAMS: &str = "hparams";
