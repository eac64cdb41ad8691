//! Additive and scaled dot-product scores of one query and three keys, small enough to check by hand. D2L zh 10.3, en 11.3.
//!
//! `cargo run -p attention --example scores`

use attention::mask::masked_softmax;
use attention::score::{Additive, scaled_dot_product_scores};
use candle_core::{Device, Result, Tensor};

fn main() -> Result<()> {
    let device = &Device::Cpu;
    let query = Tensor::new(&[[[1f64, 0.0]]], device)?; // [1, 1, 2]
    let keys = Tensor::new(&[[[1f64, 0.0], [0.0, 1.0], [1.0, 1.0]]], device)?; // [1, 3, 2]
    let values = Tensor::new(&[[[10f64], [20.0], [30.0]]], device)?; // [1, 3, 1]
    let identity = Tensor::new(&[[1f64, 0.0], [0.0, 1.0]], device)?;
    let additive = Additive {
        w_q: identity.clone(),
        w_k: identity,
        w_v: Tensor::new(&[[1f64, 1.0]], device)?,
    };

    println!("query q = (1, 0), keys k1 = (1, 0), k2 = (0, 1), k3 = (1, 1), values 10, 20, 30\n");
    println!("additive, W_q = W_k = I, w_v = (1, 1):  tanh(q1 + k1) + tanh(q2 + k2)");
    let scores = additive.scores(&query, &keys)?;
    println!("  k1: tanh 2 + tanh 0   k2: tanh 1 + tanh 1   k3: tanh 2 + tanh 1");
    show(&scores, &values)?;
    println!("\nscaled dot product, d = 2:  (q1 k1 + q2 k2) / √2");
    println!("  k1: 1 / √2            k2: 0 / √2            k3: 1 / √2");
    show(&scaled_dot_product_scores(&query, &keys)?, &values)
}

/// The scores, the weights of all keys and of the first two, and the query's output with both.
fn show(scores: &Tensor, values: &Tensor) -> Result<()> {
    let line = |name: &str, numbers: &Tensor| -> Result<String> {
        let numbers: Vec<f64> = numbers.flatten_all()?.to_vec1()?;
        let cells = numbers.iter().map(|number| format!("{number:>9.4}"));
        Ok(format!("  {name:<24}{}", cells.collect::<String>()))
    };
    println!("{}", line("scores", scores)?);
    for (name, keys) in [
        ("weights of all keys", 3u32),
        ("weights, valid length 2", 2),
    ] {
        let lens = Tensor::new(&[keys], scores.device())?;
        let weights = masked_softmax(scores, Some(&lens))?;
        let output: f64 = weights.matmul(values)?.sum_all()?.to_scalar()?;
        println!("{}   output {output:.4}", line(name, &weights)?);
    }
    Ok(())
}
