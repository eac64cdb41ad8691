//! A sine with noise, and the windows of it that a model learns from. D2L zh 8.1.2, en 9.1.3.

use anyhow::Result;
use d2l::data::{Column, Dataset, Provenance, Splits};
use d2l::random::{Purpose, Stream};

/// Values of the series.
pub const POINTS: usize = 1000;
/// How fast the sine's argument grows with t.
const FREQUENCY: f64 = 0.01;
/// The book's standard deviation of the noise. No prediction of a new value has a mean squared error below its square,
/// 0.04.
pub const NOISE: f64 = 0.2;
/// The number of values that the book's models see.
pub const TAU: usize = 4;
/// Windows to train on; the others are held out.
pub const TRAIN: usize = 600;

/// The series x_1 … x_1000, with noise of this standard deviation.
pub fn series(seed: u64, noise: f64) -> Vec<f32> {
    let draws = Stream::once(seed, Purpose::Data, "autoregressive.noise");
    let noise = draws.normals(0.0, noise, POINTS);
    let sine = (1..=POINTS).map(|t| (FREQUENCY * t as f64).sin());
    sine.zip(noise)
        .map(|(x, noise)| (x + f64::from(noise)) as f32)
        .collect()
}

/// Windows of τ values `[τ]` and the value that follows them `[1]`, in the order of time: 600 to train on, the rest to
/// validate on.
pub fn windows(series: &[f32], tau: usize) -> Result<Splits<2>> {
    let windows: Vec<&[f32]> = series.windows(tau + 1).collect();
    let part = |windows: &[&[f32]]| {
        let column = |from: usize, to: usize| Column::Floats {
            values: windows
                .iter()
                .flat_map(|window| window.get(from..to).unwrap_or_default())
                .copied()
                .collect(),
            shape: vec![to - from],
        };
        Dataset::new([column(0, tau), column(tau, tau + 1)])
    };
    let (train, valid) = windows.split_at(TRAIN.min(windows.len()));
    let (train, valid) = (part(train)?, part(valid)?);
    let provenance = Provenance::synthetic("noisy-sine", &[&train, &valid]);
    Ok(Splits { train, valid, provenance })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn windows_are_cut_as_in_the_book() -> Result<()> {
        let series = series(0, NOISE);
        let splits = windows(&series, TAU)?;
        assert_eq!((splits.train.len(), splits.valid.len()), (600, 396));
        let [x, y] = splits.valid.batch(&[0], &Device::Cpu)?;
        assert_eq!(x.flatten_all()?.to_vec1::<f32>()?, series[600..604]);
        assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, series[604..605]);
        let longer = windows(&series, 12)?;
        assert_eq!((longer.train.len(), longer.valid.len()), (600, 388));
        let [x, y] = longer.train.batch(&[0], &Device::Cpu)?;
        assert_eq!(x.flatten_all()?.to_vec1::<f32>()?, series[..12]);
        assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, series[12..13]);
        Ok(())
    }

    /// x_t = 2 cos(ω) x_{t-1} - x_{t-2} holds for every sine.
    #[test]
    fn without_noise_two_values_determine_the_next() {
        let series = series(0, 0.0);
        let factor = 2.0 * FREQUENCY.cos();
        for window in series.windows(3) {
            let [before, last, next] = [window[0], window[1], window[2]].map(f64::from);
            assert!((factor * last - before - next).abs() < 1e-6, "{window:?}");
        }
    }
}
