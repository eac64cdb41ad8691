//! Time of scaled dot-product attention, forward and backward, at batch 16, 4 heads, 128 tokens, 64 dimensions.
//!
//! RAYON_NUM_THREADS=1 cargo run -p d2l-nn --example attention_step
//!
//! Prints the fastest of all repetitions.

use std::time::Instant;

use candle_core::{DType, Device, Result, Var};
use d2l_nn::testing::filled;
use d2l_nn::{AttentionOptions, scaled_dot_product_attention};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPE: (usize, usize, usize, usize) = (16, 4, 128, 64);

fn main() -> Result<()> {
    let var = |salt| Var::from_tensor(&filled(SHAPE, salt, 2.0, DType::F32, &Device::Cpu)?);
    let (q, k, v) = (var(1)?, var(2)?, var(3)?);
    for (name, causal, wants_weights) in [
        ("plain", false, false),
        ("causal", true, false),
        ("definition", false, true),
    ] {
        let mut best = [f64::INFINITY; 2];
        for _ in 0..100 {
            let begin = Instant::now();
            let options = AttentionOptions {
                causal,
                wants_weights,
                ..Default::default()
            };
            let (output, _) = scaled_dot_product_attention(&q, &k, &v, options)?;
            let loss = output.sum_all()?;
            let forward = begin.elapsed().as_secs_f64();
            loss.backward()?;
            let backward = begin.elapsed().as_secs_f64() - forward;
            if forward + backward < best[0] + best[1] {
                best = [forward, backward];
            }
        }
        let [forward, backward] = best.map(|seconds| 1e3 * seconds);
        println!(
            "{name:10} {:.2} ms (forward {forward:.2}, backward {backward:.2})",
            forward + backward
        );
    }
    Ok(())
}
