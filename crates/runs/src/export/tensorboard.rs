//! A folder of event files, `<chapter>/<run>/events.out.tfevents.…`, for `tensorboard --logdir`.
//!
//! A metric's tag has `/` where its name has a dot, because TensorBoard makes a section of the part before it. Numbers
//! lose digits: TensorBoard 2.21 serves only 32-bit numbers, and shows an empty chart for others. `epoch` is a curve
//! too, so that an import finds the epochs again.

use super::picture::{Painter, Picture};
use crate::tensorboard::message::*;
use crate::tensorboard::{FILE_NAME, HPARAMS, SESSION_END, SESSION_START, STEPS, VERSION, record};
use crate::text::{count, status};
use crate::{figures, output};
use anyhow::{Context, Result};
use d2l_command::warn;
use d2l_log::{Log, Status, metric_names};
use std::collections::BTreeMap;
use std::path::Path;
use std::slice;
use std::time::UNIX_EPOCH;

/// Values of an epoch that are curves besides its metrics.
const MORE: [&str; 3] = ["learning_rate", "seconds", "examples_per_second"];
/// Red, green, blue, opacity.
const CHANNELS: i32 = 4;
/// Header fields that say nothing about how a run was trained.
const NO_HYPERPARAMETERS: [&str; 3] = ["chapter", "parameters", "data.sha256"];

pub(crate) fn export(logs: &[Log], folder: &Path) -> Result<String> {
    let painter = Painter::new();
    let mut drawn = 0;
    for log in logs {
        let mut file = EventFile::new(started(log));
        file.hyperparameters(log);
        file.steps(log);
        let end = file.curves(log);
        for figure in figures::of(log)? {
            let picture = painter.paint(&figure.svg);
            let at = || format!("figure {} of {} not drawn", figure.name, log.name);
            file.picture(&figure.name, picture.with_context(at)?, log, end);
            drawn += 1;
        }
        file.end(log);
        let name = format!("events.out.{FILE_NAME}.{:.0}.runs", started(log));
        output::write(&folder.join(&log.name).join(name), &file.bytes)?;
    }
    if drawn > 0 && !painter.has_fonts() {
        warn(
            "this machine has no fonts: the figures have no text; install some, such as DejaVu, and export again",
        );
    }
    let (runs, pictures) = (count(logs.len(), "run"), count(drawn, "figure"));
    let place = folder.display();
    Ok(format!(
        "{place} written: {runs}, {pictures}; tensorboard --logdir {place}\n"
    ))
}

/// Seconds from 1970 to the start of the run; 0 if the log's time has another form.
fn started(log: &Log) -> f64 {
    let started = humantime::parse_rfc3339_weak(&log.header.started).ok();
    let since = started.and_then(|started| started.duration_since(UNIX_EPOCH).ok());
    since.unwrap_or_default().as_secs_f64()
}

/// An event file in the making.
struct EventFile {
    bytes: Vec<u8>,
    started: f64,
}

impl EventFile {
    fn new(started: f64) -> Self {
        let mut file = Self { bytes: Vec::new(), started };
        let what = Some(What::FileVersion(VERSION.into()));
        record::append(
            &mut file.bytes,
            &Event { wall_time: started, step: 0, what },
        );
        file
    }

    fn write(&mut self, seconds: f64, step: usize, values: Vec<Value>) {
        let wall_time = self.started + seconds;
        let what = Some(What::Summary(Summary { values }));
        record::append(
            &mut self.bytes,
            &Event { wall_time, step: step as i64, what },
        );
    }

    /// The curves of single steps. The log has no times for them, so they get the time of the start.
    fn steps(&mut self, log: &Log) {
        for step in &log.steps {
            let values = [("loss", step.loss), ("learning_rate", step.learning_rate)];
            let values = values
                .map(|(name, value)| scalar(with_fold(step.fold, format!("{STEPS}{name}")), value));
            self.write(0.0, step.step, values.into());
        }
    }

    /// The curves of the epochs; returns the seconds at their end and the last step.
    fn curves(&mut self, log: &Log) -> (f64, usize) {
        let mut metrics = metric_names(slice::from_ref(log));
        metrics.extend(MORE.map(String::from));
        let mut end = (0.0, 0);
        for epoch in &log.epochs {
            end = (end.0 + epoch.seconds, epoch.step);
            let values = metrics
                .iter()
                .filter_map(|metric| Some((metric.as_str(), epoch.metric(metric)?)));
            let number = ("epoch", epoch.epoch as f64);
            let values = values.chain([number]).map(|(metric, value)| {
                scalar(with_fold(epoch.fold, metric.replacen('.', "/", 1)), value)
            });
            let values = values.collect();
            self.write(end.0, end.1, values);
        }
        end
    }

    fn picture(&mut self, name: &str, picture: Picture, log: &Log, end: (f64, usize)) {
        let Picture { width, height, png } = picture;
        let image = Image {
            height: height as i32,
            width: width as i32,
            colorspace: CHANNELS,
            png,
        };
        let tag = format!("figures/{name}");
        let value = Value { tag, metadata: None, content: Some(Content::Image(image)) };
        self.write(end.0.max(log.seconds()), end.1, vec![value]);
    }

    fn hyperparameters(&mut self, log: &Log) {
        let start = SessionStart {
            hyperparameters: hyperparameters(log),
            start_time: self.started,
        };
        self.session(SESSION_START, Session::Start(start), 0.0);
    }

    fn end(&mut self, log: &Log) {
        let status = match log.end.as_ref().map(|end| end.status) {
            Some(Status::Finished) => SessionStatus::Success,
            Some(Status::Interrupted | Status::Failed) => SessionStatus::Failure,
            None => return,
        };
        let end_time = self.started + log.seconds();
        let end = SessionEnd { status: status.into(), end_time };
        self.session(SESSION_END, Session::End(end), log.seconds());
    }

    fn session(&mut self, tag: &str, session: Session, seconds: f64) {
        use prost::Message;
        let content = HyperparametersData { session: Some(session) }.encode_to_vec();
        let value = Value {
            tag: tag.into(),
            metadata: Some(Metadata { plugin: Some(Plugin { name: HPARAMS.into(), content }) }),
            content: Some(Content::Tensor(Tensor::empty())),
        };
        self.write(seconds, 0, vec![value]);
    }
}

fn with_fold(fold: Option<usize>, tag: String) -> String {
    match fold {
        Some(fold) => format!("fold{fold}/{tag}"),
        None => tag,
    }
}

fn scalar(tag: String, value: f64) -> Value {
    let content = Some(Content::Simple(value as f32));
    Value { tag, metadata: None, content }
}

/// The header's fields, those of the recipe under their own names.
fn hyperparameters(log: &Log) -> BTreeMap<String, JsonValue> {
    let fields = log.header.described().into_iter();
    let fields = fields.filter(|(name, _)| !NO_HYPERPARAMETERS.contains(&name.as_str()));
    let kind = |value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::Bool(truth) => Some(Kind::Truth(truth)),
        serde_json::Value::Number(number) => number.as_f64().map(Kind::Number),
        serde_json::Value::String(text) => Some(Kind::Text(text)),
        other => Some(Kind::Text(other.to_string())),
    };
    let named = fields.filter_map(|(name, value)| {
        let name = name.strip_prefix("recipe.").unwrap_or(&name).to_string();
        Some((name, JsonValue { kind: Some(kind(value)?) }))
    });
    let mut named: BTreeMap<_, _> = named.collect();
    let status = Kind::Text(status(log).into());
    named.insert("status".into(), JsonValue { kind: Some(status) });
    named
}
