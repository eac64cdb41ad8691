//! What the trained model predicts one step ahead, many steps ahead, and from its own predictions. D2L zh 8.1.3, en 9.1.4.

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::Run;
use d2l::nn::{Mode, Network, no_grad};
use d2l::plot::{Series, scatter_with_fit};

use super::Autoregressive;
use super::series::TRAIN;

/// How many steps ahead predictions are compared.
const AHEAD: [usize; 4] = [1, 4, 16, 64];

/// Predictions of x_t for each number of steps ahead from 1 to `farthest`, from the values before t - k + 1 alone: item
/// k - 1 has the pairs (t, prediction).
pub fn predictions(
    model: &Autoregressive,
    series: &[f32],
    farthest: usize,
    device: &Device,
) -> Result<Vec<Vec<(usize, f32)>>> {
    let tau = model.tau;
    let starts = (series.len() + 1).saturating_sub(tau + farthest);
    let mut columns: Vec<Tensor> = (0..tau)
        .map(|i| Tensor::new(series.get(i..i + starts).unwrap_or_default(), device))
        .collect::<candle_core::Result<_>>()?;
    let mut all = Vec::new();
    for ahead in 1..=farthest {
        let x = Tensor::stack(columns.get(ahead - 1..).unwrap_or_default(), 1)?; // [starts, τ]
        let y_hat = no_grad(|| model.forward(&x, Mode::Evaluate))?
            .squeeze(1)?
            .detach();
        let first = tau + ahead; // t, counted from 1, of the first prediction
        all.push((first..).zip(y_hat.to_vec1::<f32>()?).collect());
        columns.push(y_hat);
    }
    Ok(all)
}

/// Predictions that go on from themselves after the training windows, to the end of the series.
fn multi_step(
    model: &Autoregressive,
    series: &[f32],
    device: &Device,
) -> Result<Vec<(usize, f32)>> {
    let known = (TRAIN + model.tau).min(series.len());
    let mut values: Vec<f32> = series.iter().take(known).copied().collect();
    for t in known..series.len() {
        let x =
            Tensor::new(values.get(t - model.tau..).unwrap_or_default(), device)?.unsqueeze(0)?; // [1, τ]
        let y_hat = no_grad(|| model.forward(&x, Mode::Evaluate))?;
        values.push(y_hat.flatten_all()?.get(0)?.to_scalar()?);
    }
    Ok((known + 1..).zip(values.into_iter().skip(known)).collect())
}

/// Logs and draws the predictions: one step ahead (`one-step.svg`), from its own predictions to the end of the series
/// (`multi-step.svg`), and 1, 4, 16 and 64 steps ahead (`k-steps.svg`).
pub fn report(run: &mut Run, model: &Autoregressive, series: &[f32]) -> Result<()> {
    let device = run.settings.device.clone();
    let farthest = AHEAD.into_iter().max().unwrap_or(1);
    let ahead = predictions(model, series, farthest, &device)?;
    let one = predictions(model, series, 1, &device)?.concat();
    let own = multi_step(model, series, &device)?;
    let mut steps = Vec::new();
    for k in AHEAD {
        let Some(found) = ahead.get(k - 1) else {
            continue;
        };
        let error = mean_squared_error(found, series);
        run.record_final(&format!("error.ahead{k}"), error);
        let unit = if k == 1 { "step" } else { "steps" };
        run.say(&format!(
            "{k:>2} {unit} ahead: mean squared error {error:.4}"
        ));
        steps.push(line(&format!("{k} {unit} ahead"), found));
    }
    let error = mean_squared_error(&own, series);
    run.record_final("error.own_predictions", error);
    run.say(&format!(
        "from its own predictions after t = {}: mean squared error {error:.4}",
        TRAIN + model.tau
    ));
    let one = line("1 step ahead", &one);
    for (name, lines) in [
        ("one-step", &[one.clone()][..]),
        ("multi-step", &[one, line("from its own predictions", &own)]),
        ("k-steps", &steps),
    ] {
        if let Some(figure) = run.figure(name)? {
            let dots: Vec<(f64, f64)> = (1..)
                .map(f64::from)
                .zip(series.iter().map(|&x| f64::from(x)))
                .collect();
            let title = run.title("the series and its predictions");
            scatter_with_fit(&figure, &title, "t (time step)", "x (value)", &dots, lines)?;
        }
    }
    Ok(())
}

/// The mean of (x̂_t - x_t)².
fn mean_squared_error(predictions: &[(usize, f32)], series: &[f32]) -> f64 {
    let errors = predictions.iter().filter_map(|&(t, predicted)| {
        let error = f64::from(predicted) - f64::from(*series.get(t - 1)?);
        Some(error * error)
    });
    errors.sum::<f64>() / predictions.len().max(1) as f64
}

fn line(name: &str, predictions: &[(usize, f32)]) -> Series {
    Series {
        name: name.to_string(),
        points: predictions
            .iter()
            .map(|&(t, x)| (t as f64, f64::from(x)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Hidden;
    use super::super::series::{POINTS, TAU};
    use super::*;
    use d2l::nn::Linear;

    /// x̂_t = x_{t-4} + … + x_{t-1}: what is predicted k steps ahead can be worked out by hand.
    fn sum_of_four() -> Result<Autoregressive> {
        let weight = Tensor::ones((1, TAU), candle_core::DType::F32, &Device::Cpu)?;
        let output = Linear::new(weight, None)?;
        Ok(Autoregressive { tau: TAU, hidden: Hidden::None, output })
    }

    #[test]
    fn a_prediction_further_ahead_uses_predictions_where_values_are_unknown() -> Result<()> {
        let series = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let found = predictions(&sum_of_four()?, &series, 2, &Device::Cpu)?;
        // One step ahead of t = 5: 1 + 2 + 3 + 4. Two steps ahead of t = 6: 2 + 3 + 4 + 10.
        assert_eq!(found[0], [(5, 10.0)]);
        assert_eq!(found[1], [(6, 19.0)]);
        let one = predictions(&sum_of_four()?, &series, 1, &Device::Cpu)?;
        assert_eq!(one[0], [(5, 10.0), (6, 14.0)]);
        assert_eq!(mean_squared_error(&one[0], &series), (25.0 + 64.0) / 2.0);
        Ok(())
    }

    #[test]
    fn after_the_training_windows_the_model_goes_on_from_its_own_predictions() -> Result<()> {
        let found = multi_step(&sum_of_four()?, &[0.25; POINTS], &Device::Cpu)?;
        assert_eq!(found.len(), POINTS - TRAIN - TAU);
        assert_eq!(found[..3], [(605, 1.0), (606, 1.75), (607, 3.25)]);
        Ok(())
    }
}
