//! A curve within one line of text.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One bar per value, from `▁` at the smallest finite value to `█` at the largest. A value that is not finite is
/// shown as `×`; where all values are equal the line is flat at half height. No values give an empty text.
///
/// ```
/// use d2l_plot::sparkline;
///
/// assert_eq!(sparkline(&[2.3, 1.2, 0.8, 0.7, 0.65]), "█▃▂▁▁");
/// assert_eq!(sparkline(&[1.0, f64::NAN, 2.0]), "▁×█");
/// ```
pub fn sparkline(values: &[f64]) -> String {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: f64| {
        if !value.is_finite() {
            '×'
        } else if low == high {
            BARS[BARS.len() / 2 - 1]
        } else {
            // Halved first: the difference of two finite numbers may overflow.
            let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
            let last = BARS.len() - 1;
            BARS[((share * last as f64).round() as usize).min(last)]
        }
    };
    values.iter().map(|&value| bar(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::sparkline;

    #[test]
    fn bars_rise_with_the_values() {
        let rising: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(sparkline(&rising), "▁▂▃▄▅▆▇█");
    }

    #[test]
    fn equal_values_are_flat_and_none_is_empty() {
        assert_eq!(sparkline(&[0.1; 4]), "▄▄▄▄");
        assert_eq!(sparkline(&[]), "");
    }

    #[test]
    fn values_that_are_not_finite_keep_their_place_without_setting_the_scale() {
        assert_eq!(sparkline(&[f64::INFINITY, 0.0, 1.0, f64::NAN]), "×▁█×");
        assert_eq!(sparkline(&[f64::NAN, f64::NEG_INFINITY]), "××");
        assert_eq!(sparkline(&[f64::NAN, 3.0]), "×▄");
        assert_eq!(sparkline(&[-f64::MAX, 0.0, f64::MAX]), "▁▅█");
    }
}
