//! What a model's layers make of an input: names, outputs, costs, and how much of a picture each output sees.
//!
//! A layer reports itself each time it computes something, under the name that its parameters have: the prefix of its
//! `VarBuilder`. A function reports under its own name. [`observed`] collects the reports of one forward pass, whatever
//! the model's inputs are. `--summary`, feature maps and attention maps are made from them. If nothing listens, a
//! report is one flag check.
//!
//! A number in a feature map depends on a region of the picture, its receptive field: r pixels high and wide, and j
//! pixels away from its neighbour's (Araujo, Norris, Sim 2019, <https://distill.pub/2019/computing-receptive-fields>).
//! A kernel or pooling region of k pixels (dilated by d: k - 1 gaps of d) with stride s turns r and j into
//!
//! r' = r + d (k - 1) j,   j' = s j.
//!
//! If two paths from the same picture meet, in a sum or a concatenation, the wider field counts.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use candle_core::{Result, Tensor, TensorId};

/// The part of its input that one output of an operation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// The number in the same place.
    Same,
    /// A region of this height and width, gaps included. Neighbouring outputs' regions are `stride` apart.
    Window {
        /// Height and width.
        size: (usize, usize),
        /// Distance between regions, down and to the right.
        stride: (usize, usize),
    },
    /// Every number of its example.
    All,
}

/// The part of the picture that one number of a layer's output depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceptiveField {
    /// Pixels, high and wide. Near the border and in small pictures part of the field lies outside.
    Pixels(usize, usize),
    /// The whole picture.
    Whole,
}

/// One row of a model's summary: a layer, a function, or a block of them.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The prefix of the layer's parameters, or the function's name, numbered if the function is used several times.
    pub name: String,
    /// What it computed. The batch comes first.
    pub output: Tensor,
    /// Products with a weight, each with the addition of its result, for the whole batch. Biases, normalizations,
    /// activations and pooling are not counted: they are few beside these.
    pub multiply_adds: usize,
    /// What one number of the output depends on.
    pub receptive_field: ReceptiveField,
}

/// One operation's report.
struct Report {
    who: Who,
    inputs: Vec<TensorId>,
    output: Tensor,
    sees: Sees,
    multiply_adds: usize,
}

/// Who reports.
enum Who {
    /// A layer with the name of its parameters.
    Layer(String),
    /// A function without parameters.
    Function(&'static str),
    /// An operation that only moves or adds numbers. It has no row.
    Path,
}

/// Several reports that make one row.
struct Block {
    name: String,
    /// The first of its reports, and the one after the last.
    reports: (usize, usize),
    output: Tensor,
}

/// All reports of one pass, in order.
#[derive(Default)]
pub struct Observations {
    reports: Vec<Report>,
    /// The outermost blocks.
    blocks: Vec<Block>,
    /// How many blocks the pass is inside of.
    depth: usize,
    /// Weights of attention, by the layers' names.
    attention: Vec<(String, Tensor)>,
}

thread_local! {
    static LISTENING: RefCell<Option<Observations>> = const { RefCell::new(None) };
}

/// Calls `forward` and returns its result with what the layers in it reported on this thread.
///
/// # Errors
/// Those of `forward`.
pub fn observed<T>(forward: impl FnOnce() -> Result<T>) -> Result<(T, Observations)> {
    let outer = LISTENING.replace(Some(Observations::default()));
    let result = forward();
    let observations = LISTENING.replace(outer);
    Ok((result?, observations.unwrap_or_default()))
}

/// Whether an [`observed`] pass is running on this thread. A layer asks this before it does extra work for a report.
pub fn is_observed() -> bool {
    LISTENING.with_borrow(Option::is_some)
}

/// Reports that the layer `name`, the prefix of its parameters, computed `y` from `x` with `multiply_adds` products.
pub fn report_layer(name: &str, x: &Tensor, y: &Tensor, sees: Sees, multiply_adds: usize) {
    report(&[x], y, sees, multiply_adds, || {
        Who::Layer(name.to_string())
    });
}

/// Reports that the function `name` computed `y` from `inputs`.
pub fn report_function(name: &'static str, inputs: &[&Tensor], y: &Tensor, sees: Sees) {
    report(inputs, y, sees, 0, || Who::Function(name));
}

/// Reports an operation that only moves or adds the numbers of `inputs`: receptive fields pass through it, and it has
/// no row of its own.
pub fn report_path(inputs: &[&Tensor], y: &Tensor) {
    report(inputs, y, Sees::Same, 0, || Who::Path);
}

/// Reports the `weights` with which the attention layer `name`, the prefix of its parameters, averaged the values: how
/// much each query (the axis before the last) attends to each key (the last axis), before dropout. A layer that is used
/// several times in a pass reports each time.
pub fn report_attention(name: &str, weights: &Tensor) {
    LISTENING.with_borrow_mut(|listening| {
        if let Some(observations) = listening {
            let report = (name.to_string(), weights.detach());
            observations.attention.push(report);
        }
    });
}

fn report(
    inputs: &[&Tensor],
    y: &Tensor,
    sees: Sees,
    multiply_adds: usize,
    who: impl FnOnce() -> Who,
) {
    LISTENING.with_borrow_mut(|listening| {
        if let Some(observations) = listening {
            observations.reports.push(Report {
                who: who(),
                inputs: inputs.iter().map(|x| x.id()).collect(),
                output: y.clone(),
                sees,
                multiply_adds,
            });
        }
    });
}

/// Computes a block of layers, which a summary shows as one row named `name`: the prefix of its parameters. A name with
/// a number in it, such as `format_args!("stages.{i}")`, is written out only in an [`observed`] pass. A block inside
/// another belongs to the outer one.
///
/// # Errors
/// Those of `forward`.
pub fn block(name: impl Display, forward: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
    let start = LISTENING.with_borrow_mut(|listening| {
        let observations = listening.as_mut()?;
        observations.depth += 1;
        Some(observations.reports.len())
    });
    let output = forward()?;
    LISTENING.with_borrow_mut(|listening| {
        if let (Some(observations), Some(start)) = (listening.as_mut(), start) {
            observations.depth -= 1;
            if observations.depth == 0 {
                observations.blocks.push(Block {
                    name: name.to_string(),
                    reports: (start, observations.reports.len()),
                    output: output.clone(),
                });
            }
        }
    });
    Ok(output)
}

impl Observations {
    /// The weights of attention that layers reported, with the layers' names, in the order of the reports.
    pub fn attention(&self) -> &[(String, Tensor)] {
        &self.attention
    }

    /// Whether any layer moved a kernel or a pooling region over its input.
    pub fn has_windows(&self) -> bool {
        let is_window = |report: &Report| matches!(report.sees, Sees::Window { .. });
        self.reports.iter().any(is_window)
    }

    /// The bytes of all outputs that were reported, each tensor once.
    pub fn output_bytes(&self) -> u64 {
        let mut seen = HashSet::new();
        let outputs = self.reports.iter().map(|report| &report.output);
        let new = outputs.filter(|output| seen.insert(output.id()));
        new.map(|output| (output.elem_count() * output.dtype().size_in_bytes()) as u64)
            .sum()
    }

    /// A row for each layer, function or block, in the order in which they computed, for a pass that began with `inputs`.
    pub fn rows(&self, inputs: &[&Tensor]) -> Vec<Layer> {
        let fields = self.fields(inputs);
        let mut layers = Vec::new();
        let mut blocks = self.blocks.iter().peekable();
        let mut functions: Vec<(&'static str, usize)> = Vec::new();
        let mut at = 0;
        while at < self.reports.len() || blocks.peek().is_some() {
            let (name, output, end) = match blocks.next_if(|block| block.reports.0 == at) {
                Some(block) => (block.name.clone(), &block.output, block.reports.1),
                None => {
                    let Some(report) = self.reports.get(at) else {
                        break;
                    };
                    let name = match &report.who {
                        Who::Layer(name) => name.clone(),
                        Who::Function(name) => {
                            functions.push((name, layers.len()));
                            (*name).to_string()
                        }
                        Who::Path => {
                            at += 1;
                            continue;
                        }
                    };
                    (name, &report.output, at + 1)
                }
            };
            let reports = self.reports.get(at..end).unwrap_or_default();
            let seen = reports
                .iter()
                .filter_map(|report| fields.get(&report.output.id()));
            let field = match fields.get(&output.id()) {
                Some(&field) => Some(field),
                None => seen.copied().reduce(Field::wider),
            };
            layers.push(Layer {
                name,
                output: output.clone(),
                multiply_adds: reports.iter().map(|report| report.multiply_adds).sum(),
                receptive_field: field.unwrap_or(Field::OWN).size,
            });
            at = end;
        }
        number(&mut layers, &functions);
        layers
    }

    /// The field of every reported tensor.
    fn fields(&self, inputs: &[&Tensor]) -> HashMap<TensorId, Field> {
        let mut fields: HashMap<TensorId, Field> =
            inputs.iter().map(|x| (x.id(), Field::OWN)).collect();
        // The outputs that no report has used yet. An input that was not reported, such as a sum by candle, was
        // computed from these: branches join again before anything else is done with them.
        let mut open: Vec<TensorId> = inputs.iter().map(|x| x.id()).collect();
        for report in &self.reports {
            for &input in &report.inputs {
                let before = match fields.get(&input) {
                    Some(&field) => field,
                    None => {
                        let parts = open.drain(..).filter_map(|part| fields.get(&part));
                        let field = parts.copied().reduce(Field::wider).unwrap_or(Field::OWN);
                        fields.insert(input, field);
                        field
                    }
                };
                open.retain(|&tensor| tensor != input);
                let output = report.output.id();
                let field = before.through(report.sees);
                let field = match fields.get(&output) {
                    Some(&other) => other.wider(field),
                    None => field,
                };
                if fields.insert(output, field).is_none() {
                    open.push(output);
                }
            }
        }
        fields
    }
}

/// Numbers the functions that have more than one row: `relu1`, `relu2`. `functions` holds their names and rows.
fn number(layers: &mut [Layer], functions: &[(&'static str, usize)]) {
    let mut used: HashMap<&str, usize> = HashMap::new();
    for &(name, row) in functions {
        let rows = functions.iter().filter(|(other, _)| *other == name).count();
        let count = used.entry(name).or_default();
        *count += 1;
        if let (true, Some(layer)) = (rows > 1, layers.get_mut(row)) {
            layer.name = format!("{name}{count}");
        }
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
    const OWN: Self = Self { size: ReceptiveField::Pixels(1, 1), step: (1, 1) };

    /// The field after an operation.
    fn through(self, sees: Sees) -> Self {
        match (self.size, sees) {
            (_, Sees::Same) => self,
            (ReceptiveField::Whole, _) | (_, Sees::All) => {
                Self { size: ReceptiveField::Whole, ..self }
            }
            (ReceptiveField::Pixels(height, width), Sees::Window { size, stride }) => Self {
                size: ReceptiveField::Pixels(
                    height + size.0.saturating_sub(1) * self.step.0,
                    width + size.1.saturating_sub(1) * self.step.1,
                ),
                step: (self.step.0 * stride.0, self.step.1 * stride.1),
            },
        }
    }

    /// The field of what is computed from both.
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
