//! What the layers of a model do to one picture: how much they compute, and how much of the picture they see.
//!
//! A layer tells it with [`report`] each time it computes something; [`observed`] listens. Where nobody does, a report
//! costs a look at one flag.
//!
//! A number in a feature map depends on a window of the picture, its receptive field: r pixels high and wide, and j
//! pixels away from its neighbour's (Araujo, Norris, Sim 2019, <https://distill.pub/2019/computing-receptive-fields>).
//! A convolution or a pooling of windows of k (dilated by d: k - 1 gaps of d) with stride s makes of them
//!
//! r' = r + d (k - 1) j,   j' = s j.
//!
//! Where paths meet that saw the same picture, by a sum or side by side, the widest of them counts.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::{Result, Tensor, TensorId};

/// What one output of an operation sees of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// The number in its own place.
    Same,
    /// A window, height and width, gaps included; the windows are `stride` apart.
    Window {
        /// Height and width.
        size: (usize, usize),
        /// From one window to the next, down and to the right.
        stride: (usize, usize),
    },
    /// Every number of its example.
    All,
}

/// What of the picture a layer's output sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceptiveField {
    /// Pixels, high and wide. Near the border and in small pictures part of them lies outside.
    Pixels(usize, usize),
    /// The whole picture.
    Whole,
}

/// What a layer costs and sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerWork {
    /// Products with a weight, each with the addition of its result, for the whole batch. Biases, normalisations,
    /// activations and poolings are not counted: they are few beside them.
    pub multiply_adds: usize,
    /// What one number of the output sees.
    pub receptive_field: ReceptiveField,
}

/// One operation's report.
#[derive(Clone, Copy)]
struct Report {
    input: TensorId,
    output: TensorId,
    sees: Sees,
    multiply_adds: usize,
}

/// All reports of one pass, in their order.
pub struct Observations(Vec<Report>);

thread_local! {
    static REPORTS: RefCell<Option<Vec<Report>>> = const { RefCell::new(None) };
}

/// Calls `forward`, and returns with its result what the layers in it reported.
///
/// # Errors
/// Those of `forward`.
pub fn observed<T>(forward: impl FnOnce() -> Result<T>) -> Result<(T, Observations)> {
    let before = REPORTS.replace(Some(Vec::new()));
    let result = forward();
    let reports = REPORTS.replace(before);
    Ok((result?, Observations(reports.unwrap_or_default())))
}

/// Says that `y` was computed from `x`, with `multiply_adds` products with weights. For layers.
pub fn report(x: &Tensor, y: &Tensor, sees: Sees, multiply_adds: usize) {
    REPORTS.with_borrow_mut(|reports| {
        if let Some(reports) = reports {
            reports.push(Report {
                input: x.id(),
                output: y.id(),
                sees,
                multiply_adds,
            });
        }
    });
}

impl Observations {
    /// Whether any layer moved a window over its input.
    pub fn has_windows(&self) -> bool {
        let is_window = |report: &Report| matches!(report.sees, Sees::Window { .. });
        self.0.iter().any(is_window)
    }

    /// The work of each of a model's `layers` (names and outputs, in order), which saw the input `x`.
    pub fn layers(&self, x: &Tensor, layers: &[(String, Tensor)]) -> Vec<LayerWork> {
        let fields = self.fields(x);
        let mut done = 0;
        let mut field = Field::OWN;
        let mut works = Vec::new();
        for (_, output) in layers {
            let end = self.end(output.id()).unwrap_or(done).max(done);
            let reports = self.0.get(done..end).unwrap_or_default();
            field = fields.get(&output.id()).copied().unwrap_or(field);
            works.push(LayerWork {
                multiply_adds: reports.iter().map(|report| report.multiply_adds).sum(),
                receptive_field: field.size,
            });
            done = end;
        }
        works
    }

    /// How many reports were made when the tensor was there: up to the one that made it, or else, where it was made
    /// without a report, those before the first that used it.
    fn end(&self, tensor: TensorId) -> Option<usize> {
        let made = self.0.iter().rposition(|report| report.output == tensor);
        let used = || self.0.iter().position(|report| report.input == tensor);
        made.map(|index| index + 1).or_else(used)
    }

    /// What every reported tensor sees.
    fn fields(&self, x: &Tensor) -> HashMap<TensorId, Field> {
        let mut fields = HashMap::from([(x.id(), Field::OWN)]);
        // The outputs that no report has used yet. An input that nobody reported, a sum or a concatenation, was made of
        // these: what branches off comes together again before anything else is done with it.
        let mut open = vec![x.id()];
        for report in &self.0 {
            let input = match fields.get(&report.input) {
                Some(&field) => field,
                None => {
                    let parts = open.drain(..).filter_map(|part| fields.get(&part));
                    let field = parts.copied().reduce(Field::wider).unwrap_or(Field::OWN);
                    fields.insert(report.input, field);
                    field
                }
            };
            open.retain(|&tensor| tensor != report.input);
            // An operation of two tensors reports each of them.
            let field = input.through(report.sees);
            let field = match fields.get(&report.output) {
                Some(&other) => other.wider(field),
                None => field,
            };
            if fields.insert(report.output, field).is_none() {
                open.push(report.output);
            }
        }
        fields
    }
}

/// A receptive field, and how far it is from that of the next number, down and to the right.
#[derive(Clone, Copy)]
struct Field {
    size: ReceptiveField,
    step: (usize, usize),
}

impl Field {
    /// A pixel sees itself.
    const OWN: Self = Self {
        size: ReceptiveField::Pixels(1, 1),
        step: (1, 1),
    };

    /// The field behind an operation.
    fn through(self, sees: Sees) -> Self {
        match (self.size, sees) {
            (_, Sees::Same) => self,
            (ReceptiveField::Whole, _) | (_, Sees::All) => Self {
                size: ReceptiveField::Whole,
                ..self
            },
            (ReceptiveField::Pixels(height, width), Sees::Window { size, stride }) => Self {
                size: ReceptiveField::Pixels(
                    height + size.0.saturating_sub(1) * self.step.0,
                    width + size.1.saturating_sub(1) * self.step.1,
                ),
                step: (self.step.0 * stride.0, self.step.1 * stride.1),
            },
        }
    }

    /// The field of what is made of both.
    fn wider(self, other: Self) -> Self {
        let size = match (self.size, other.size) {
            (ReceptiveField::Pixels(a, b), ReceptiveField::Pixels(c, d)) => {
                ReceptiveField::Pixels(a.max(c), b.max(d))
            }
            _ => ReceptiveField::Whole,
        };
        Self {
            size,
            step: (self.step.0.max(other.step.0), self.step.1.max(other.step.1)),
        }
    }
}

#[cfg(test)]
mod tests;
