//! Sum, mean and ½: the gradients have the stated ratios, and the rates for the same step give the same steps.

use anyhow::{Result, ensure};
use candle_core::Device;
use d2l::data::{Dataset, synthetic_regression};
use linear_regression::loss_conventions::{Convention, error_after_training, loss_and_gradient};

fn data() -> Result<Dataset<2>> {
    Ok(synthetic_regression(0, &[2.0, -3.4], 4.2, 0.01, 1000, 0)?.train)
}

#[test]
fn losses_and_gradients_differ_by_two_and_by_the_batch_size() -> Result<()> {
    for batch_size in [1, 7, 32] {
        let batch = data()?.batch(&(0..batch_size).collect::<Vec<_>>(), &Device::Cpu)?;
        let (loss, norm) = loss_and_gradient(Convention::HalfMean, &batch)?;
        ensure!(loss > 0.1 && norm > 0.1, "{loss} {norm}");
        let examples = batch_size as f64;
        for (convention, ratio) in [
            (Convention::Mean, 2.0),
            (Convention::HalfSum, examples),
            (Convention::Sum, 2.0 * examples),
        ] {
            let (other, other_norm) = loss_and_gradient(convention, &batch)?;
            for (found, base) in [(other, loss), (other_norm, norm)] {
                ensure!(
                    (found / base / ratio - 1.0).abs() < 1e-5,
                    "{convention:?}, {batch_size}: {found} and {base}"
                );
            }
            let same = convention.same_step(0.03, batch_size) * other_norm;
            let step = Convention::HalfMean.same_step(0.03, batch_size) * norm;
            ensure!((same / step - 1.0).abs() < 1e-5, "{same} and {step}");
        }
    }
    Ok(())
}

/// 20 divides the number of examples. A smaller last batch would need another rate for the sum.
#[test]
fn with_the_rate_for_the_same_step_all_end_at_the_same_error() -> Result<()> {
    let data = data()?;
    let after = |convention: Convention| {
        let rate = convention.same_step(0.01, 20);
        error_after_training(convention, &data, 20, rate, 2)
    };
    let wanted = after(Convention::Mean)?;
    ensure!((0.1..10.0).contains(&wanted), "on the way down: {wanted}");
    for convention in Convention::ALL {
        let found = after(convention)?;
        ensure!(
            (found / wanted - 1.0).abs() < 1e-4,
            "{convention:?}: {found}"
        );
    }
    Ok(())
}

#[test]
fn the_sum_diverges_at_a_rate_that_suits_the_mean() -> Result<()> {
    let data = data()?;
    let after = |convention| error_after_training(convention, &data, 100, 0.03, 3);
    ensure!(after(Convention::Mean)? < 1.0);
    let sum = after(Convention::Sum)?;
    ensure!(!sum.is_finite() || sum > 1e6, "{sum}");
    Ok(())
}
