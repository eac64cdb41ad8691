//! Numbers as text, the same in every program, and their median.

/// A metric as text: four significant digits and at least four decimals. If that would be a row of zeros, or more than
/// five digits before the point, it is written with a power of ten.
///
/// ```
/// use d2l_log::shown;
///
/// assert_eq!([2.302585, -0.00141, 0.0000512].map(shown), ["2.3026", "-0.001410", "5.120e-5"]);
/// ```
pub fn shown(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0.0000".into();
    }
    if !(1e-3..1e5).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - size.log10().floor() as i32).max(4) as usize;
    format!("{value:.decimals$}")
}

/// The median: the middle value, or the mean of the two middle ones for an even count; `None` without values.
///
/// ```
/// use d2l_log::median;
///
/// assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
/// assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
/// assert_eq!(median(&[]), None);
/// ```
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_four_digits_whatever_its_size() {
        for (value, wanted) in [
            (10f64.ln(), "2.3026"),
            (0.8345, "0.8345"),
            (0.1, "0.1000"),
            (0.05, "0.05000"),
            (0.001, "0.001000"),
            (0.0009999, "9.999e-4"),
            (-0.00141, "-0.001410"),
            (123.4, "123.4000"),
            (99999.0, "99999.0000"),
            (-123456.0, "-1.235e5"),
            (0.0, "0.0000"),
            (-0.0, "0.0000"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(shown(value), wanted);
        }
    }

    #[test]
    fn the_middle_does_not_depend_on_the_order() {
        assert_eq!(median(&[0.9, 0.1, 0.5]), Some(0.5));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[5.0, -1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
