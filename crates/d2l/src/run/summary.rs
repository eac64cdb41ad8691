//! The layer table of `--summary`.

use anyhow::Result;
use candle_core::Tensor;
use d2l_nn::{LayerWork, Network, ParamStore, ReceptiveField, observed};

use super::report::{grouped, print};

/// Prints a model's layers: name, output shape without the batch, number of parameters; where windows move over
/// pictures, also the multiply-adds for one example and the receptive field.
pub(super) fn print_table(network: &impl Network, x: &Tensor, params: &ParamStore) -> Result<()> {
    let (layers, observations) = observed(|| network.layers(x))?;
    let works = observations.layers(x, &layers);
    let with_work = observations.has_windows();
    let shape = |tensor: &Tensor| format!("{:?}", tensor.dims().get(1..).unwrap_or_default());
    let line = |cells: [&str; 5]| {
        let [name, output, parameters, multiply_adds, field] = cells;
        let line = format!("{name:<24}{output:<20}{parameters:>12}");
        let line = match with_work {
            true => format!("{line}{multiply_adds:>16}{field:>17}"),
            false => line,
        };
        print(line.trim_end());
    };
    line([
        "layer",
        "output",
        "parameters",
        "multiply-adds",
        "receptive field",
    ]);
    line(["input", &shape(x), "", "", ""]);
    let examples = x.dim(0)?.max(1);
    let (mut listed, mut total) = (0, 0);
    for (
        (name, output),
        LayerWork {
            multiply_adds,
            receptive_field,
        },
    ) in layers.iter().zip(works)
    {
        let count = params.count_under(name);
        listed += count;
        total += multiply_adds / examples;
        line([
            name,
            &shape(output),
            &grouped(count),
            &grouped(multiply_adds / examples),
            &seen(receptive_field),
        ]);
    }
    let parameters = params.parameter_count();
    line(["total", "", &grouped(parameters), &grouped(total), ""]);
    anyhow::ensure!(
        listed == parameters,
        "the layers hold {listed} of the parameters: one is missing"
    );
    Ok(())
}

/// `14 x 14`, or `all`.
fn seen(field: ReceptiveField) -> String {
    match field {
        ReceptiveField::Pixels(height, width) => format!("{height} x {width}"),
        ReceptiveField::Whole => "all".to_string(),
    }
}
