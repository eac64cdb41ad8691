//! What the gates of a trained network do: their activations over a text, character by character. D2L zh 9.1 and 9.2, en
//! 10.1 and 10.2; Karpathy et al. 2016, arXiv:1506.02078.

use anyhow::Result;
use candle_core::Tensor;
use d2l::Run;
use d2l::data::Corpus;
use d2l::nn::{Mode, no_grad};
use d2l::plot::{Matrix, heat_map};

use crate::by_hand::Gates;
use crate::language_model::{Recurrent, State};

/// Characters that the network reads, and those of them that the figure shows.
const READ: usize = 500;
const SHOWN: usize = 32;
/// Units that the figure shows of each gate: those that change most from character to character.
const UNITS: usize = 6;

/// Lets a network with gates by hand read the beginning of the text. Draws `figures/gates.svg`, and logs the largest
/// absolute value in its state, `state.largest`. Other networks don't show their gates.
pub fn show(model: &dyn Recurrent, corpus: &Corpus, run: &mut Run) -> Result<()> {
    let device = run.settings.device.clone();
    let mut all: Vec<Gates> = Vec::new();
    let mut state: Option<State> = None;
    let mut largest = 0f32;
    for (place, &token) in corpus.tokens.iter().take(READ).enumerate() {
        let x = Tensor::new(&[token], &device)?;
        if place < SHOWN {
            let gates = no_grad(|| model.gates_at(&x, state.as_deref()))?;
            if gates.is_empty() {
                return Ok(());
            }
            all.push(gates);
        }
        let x = x.unsqueeze(0)?;
        let (_, after) = no_grad(|| model.forward_from(&x, state.as_deref(), Mode::Evaluate))?;
        for part in &after {
            largest = largest.max(part.abs()?.flatten_all()?.max(0)?.to_scalar()?);
        }
        state = Some(after.iter().map(Tensor::detach).collect());
    }
    run.record_final("state.largest", f64::from(largest));
    run.say(&format!(
        "state   at most {largest:.2} in {READ} characters"
    ));
    draw(run, &all, corpus)
}

/// Draws for each gate the mean over all units, and the units that change most.
fn draw(run: &Run, all: &[Gates], corpus: &Corpus) -> Result<()> {
    let (Some(figure), Some(first)) = (run.figure("gates")?, all.first()) else {
        return Ok(());
    };
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for (gate, (name, _)) in first.iter().enumerate() {
        let steps = all.iter().filter_map(|gates| gates.get(gate));
        let steps: Vec<Vec<f32>> = steps
            .map(|(_, activations)| activations.flatten_all()?.to_vec1())
            .collect::<candle_core::Result<_>>()?;
        for (unit, activations) in most_changing(&steps) {
            rows.push(match unit {
                None => format!("{name}, mean"),
                Some(unit) => format!("{name} {unit}"),
            });
            values.extend(activations);
        }
    }
    let tokens = corpus.tokens.iter().take(all.len());
    let columns: Vec<String> = tokens
        .map(|&id| {
            corpus
                .vocabulary
                .token(id)
                .replace(' ', "_")
                .replace('\n', "↵")
        })
        .collect();
    let matrix = Matrix { values: &values, rows: &rows, columns: &columns };
    let shown = "how far each gate is open, from 0 (shut) to 1 (open)";
    let title = run.title(shown);
    heat_map(
        &figure,
        &title,
        "gate and unit",
        "token that is read (_ is a space)",
        &matrix,
        false,
    )
}

/// From activations by time step and unit: the mean over the units, without a number, then the units with the largest
/// variance over time.
fn most_changing(steps: &[Vec<f32>]) -> Vec<(Option<usize>, Vec<f64>)> {
    let units = steps.first().map_or(0, Vec::len);
    let of_unit = |unit: usize| -> Vec<f64> {
        let activations = steps.iter().filter_map(|step| step.get(unit));
        activations
            .map(|&activation| f64::from(activation))
            .collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let variance = |values: &[f64]| {
        let centre = mean(values);
        mean(
            &values
                .iter()
                .map(|value| (value - centre).powi(2))
                .collect::<Vec<_>>(),
        )
    };
    let mut order: Vec<(f64, usize)> = (0..units)
        .map(|unit| (variance(&of_unit(unit)), unit))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0)); // stable: of equal variances the first unit's comes first
    let over_units = steps.iter().map(|step| {
        let step: Vec<f64> = step
            .iter()
            .map(|&activation| f64::from(activation))
            .collect();
        mean(&step)
    });
    let mut found = vec![(None, over_units.collect())];
    let units = order.into_iter().take(UNITS);
    found.extend(units.map(|(_, unit)| (Some(unit), of_unit(unit))));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_that_change_most_come_first_and_the_mean_before_them() {
        let steps = [vec![0.5, 0.25, 0.0], vec![0.5, 0.75, 1.0]];
        let found = most_changing(&steps);
        let units: Vec<Option<usize>> = found.iter().map(|(unit, _)| *unit).collect();
        assert_eq!(units, [None, Some(2), Some(1), Some(0)]);
        assert_eq!(found[0].1, [0.25, 0.75]);
        assert_eq!(found[1].1, [0.0, 1.0]);
    }
}
