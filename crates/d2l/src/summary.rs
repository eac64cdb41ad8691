//! The layer table of `--summary`.

use anyhow::Result;
use candle_core::Tensor;
use d2l_language::{left, right, translated};
use d2l_nn::{Observations, ParamStore, ReceptiveField};
use indicatif::HumanCount;

use crate::terminal::print;

/// Prints a model's layers: name, output shape without the batch, number of parameters; for a model with kernels or
/// pooling regions also the multiply-adds for one example and the receptive field. Parameters that no layer reports,
/// such as those of a model written by hand, follow with their own shapes.
pub(crate) fn print_table(
    inputs: &[&Tensor],
    observations: &Observations,
    params: &ParamStore,
) -> Result<()> {
    let with_work = observations.has_windows();
    let rows = observations.rows(inputs);
    let names = rows.iter().map(|layer| layer.name.chars().count());
    let names = names.max().unwrap_or(0).max(22) + 2;
    let line = |cells: [&str; 5]| {
        let [name, output, parameters, multiply_adds, field] = cells;
        let line = left(name, names) + &left(output, 20) + &right(parameters, 12);
        let line = match with_work {
            true => line + &right(multiply_adds, 16) + &right(field, 17),
            false => line,
        };
        print(line.trim_end());
    };
    let count = |number: usize| HumanCount(number as u64).to_string();
    line([
        &translated("layer"),
        &translated("output"),
        &translated("parameters"),
        &translated("multiply-adds"),
        &translated("receptive field"),
    ]);
    for input in inputs {
        line([&translated("input"), &shape(input), "", "", ""]);
    }
    let examples = match inputs.first() {
        Some(input) => input.dim(0)?.max(1),
        None => 1,
    };
    let mut unreported = params.parameters();
    let mut total = 0;
    for layer in rows {
        let of_layer = |name: &str| match name.strip_prefix(&layer.name) {
            Some(rest) => rest.is_empty() || rest.starts_with('.'),
            None => false,
        };
        let own = unreported.extract_if(.., |(name, _)| of_layer(name));
        let parameters: usize = own.map(|(_, parameter)| parameter.elem_count()).sum();
        total += layer.multiply_adds / examples;
        line([
            &layer.name,
            &shape(&layer.output),
            &count(parameters),
            &count(layer.multiply_adds / examples),
            &seen(layer.receptive_field),
        ]);
    }
    for (name, parameter) in unreported {
        let dims = format!("{:?}", parameter.dims());
        line([&name, &dims, &count(parameter.elem_count()), "", ""]);
    }
    line([
        &translated("total"),
        "",
        &count(params.parameter_count()),
        &count(total),
        "",
    ]);
    Ok(())
}

/// A tensor's shape without the batch.
fn shape(tensor: &Tensor) -> String {
    format!("{:?}", tensor.dims().get(1..).unwrap_or_default())
}

/// `14 x 14`, or `all`.
fn seen(field: ReceptiveField) -> String {
    match field {
        ReceptiveField::Pixels(height, width) => format!("{height} x {width}"),
        ReceptiveField::Whole => translated("all"),
    }
}
