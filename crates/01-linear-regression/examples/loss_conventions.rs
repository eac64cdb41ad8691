//! The effect of sum, mean and ½ on the gradient, and so on the learning rate.
//!
//! `cargo run -p linear-regression --example loss_conventions`

use anyhow::Result;
use candle_core::Device;
use linear_regression::loss_conventions::{Convention, error_after_training, loss_and_gradient};
use linear_regression::synthetic::{TRUE_BIAS, TRUE_WEIGHT};

const RATE: f64 = 0.03;
const EPOCHS: usize = 3;

fn main() -> Result<()> {
    let data = d2l::data::synthetic_regression(0, &TRUE_WEIGHT, TRUE_BIAS, 0.01, 1000, 0)?.train;
    let batch = data.batch(&(0..10).collect::<Vec<_>>(), &Device::Cpu)?;

    println!("one batch of 10 examples, the same weights\n");
    println!("loss         value  |gradient|   ratio  rate for the same step");
    let (_, smallest) = loss_and_gradient(Convention::HalfMean, &batch)?;
    for convention in Convention::ALL {
        let (loss, norm) = loss_and_gradient(convention, &batch)?;
        println!(
            "{:<8}  {loss:>8.2}  {norm:>10.3}  {:>6.2}  {:>22}",
            convention.name(),
            norm / smallest,
            convention.same_step(RATE, 10),
        );
    }

    println!("\nmean squared error after {EPOCHS} epochs, the learning rate kept at {RATE}");
    table(&data, |_, _| RATE)?;
    println!("\nthe same with the rate for the same step");
    table(&data, |convention, batch_size| {
        convention.same_step(RATE, batch_size)
    })
}

/// A row for each batch size, a column for each convention.
fn table(data: &d2l::data::Dataset<2>, rate: impl Fn(Convention, usize) -> f64) -> Result<()> {
    let names = Convention::ALL.map(|convention| format!("{:>10}", convention.name()));
    println!("batch size{}", names.concat());
    for batch_size in [10, 32, 100] {
        print!("{batch_size:>10}");
        for convention in Convention::ALL {
            let rate = rate(convention, batch_size);
            let error = error_after_training(convention, data, batch_size, rate, EPOCHS)?;
            let text = match error {
                0.01..100.0 => format!("{error:.2}"),
                error => format!("{error:.1e}"),
            };
            print!("{text:>10}");
        }
        println!();
    }
    Ok(())
}
