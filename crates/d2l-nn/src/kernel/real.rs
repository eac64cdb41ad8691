//! The number types of the kernels, and functions of them that are fast in loops.

use candle_core::{CpuStorage, Result, WithDType, bail};

/// The number types of the kernels: f32 to train in, f64 to check gradients in.
///
/// The functions of f32 are polynomials, so that a loop over them is computed eight elements at a time (see [`wide`]);
/// the standard library calls a function per element. They add and multiply in a fixed order without contraction: every
/// processor gives the same bits. Those of f64 are the standard library's.
pub trait Real: WithDType {
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// e^x; in f32 at most 2 units in the last place off.
    fn exp(self) -> Self;
    /// √x
    fn sqrt(self) -> Self;
    /// |x|
    fn abs(self) -> Self;
    /// log(1 + x); in f32 at most 3 units in the last place off.
    fn ln_1p(self) -> Self;
    /// tanh x; in f32 at most 3 units in the last place off.
    fn tanh(self) -> Self;
    /// a · b + c, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// erf x = 2/√π ∫₀ˣ e^-t² dt; in f32 at most 3 units in the last place off.
    fn erf(self) -> Self;
    /// `yes` or `no`, without a jump. Where one of them is a constant or much work, `if` would become a jump around what
    /// depends on it, and the loop would not be vectorised.
    fn choose(condition: bool, yes: Self, no: Self) -> Self;
    /// The elements of a storage of this type, to be changed.
    fn elements_mut(storage: &mut CpuStorage) -> Result<&mut [Self]>;

    /// 1 / (1 + e^-x)
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (Self::ZERO - self).exp())
    }
}

/// Runs `f` compiled for the widest vectors that this processor has. Only what is inlined into `f` profits.
#[inline(always)]
pub(crate) fn wide<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

macro_rules! real {
    ($type:ident, $bits:ident, $variant:ident, $exp:path, $ln_1p:path, $tanh:path, $erf:path) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)] // or a loop around it is not vectorised
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                $ln_1p(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)] // into `wide`: one instruction, elsewhere perhaps a call
            fn mul_add(self, b: Self, c: Self) -> Self {
                $type::mul_add(self, b, c)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                $erf(self)
            }
            #[inline(always)]
            fn choose(condition: bool, yes: Self, no: Self) -> Self {
                let mask = <$bits>::from(condition).wrapping_neg();
                $type::from_bits((yes.to_bits() & mask) | (no.to_bits() & !mask))
            }
            fn elements_mut(storage: &mut CpuStorage) -> Result<&mut [Self]> {
                match storage {
                    CpuStorage::$variant(elements) => Ok(elements),
                    _ => bail!(
                        "found a tensor of another type, wanted {}",
                        stringify!($type)
                    ),
                }
            }
        }
    };
}

real!(f32, u32, F32, exp, ln_1p, tanh, erf);
real!(
    f64,
    u64,
    F64,
    f64::exp,
    f64::ln_1p,
    f64::tanh,
    candle_core::cpu::erf::erf_f64
);

/// A polynomial's value, its coefficients from the highest power down. Written out: a loop over them would be in the way of
/// vectorising the loop around it.
macro_rules! polynomial {
    ($x:expr; $highest:expr $(, $next:expr)+) => {{
        let sum = $highest;
        $(let sum = sum * $x + $next;)+
        sum
    }};
}

/// e^x = 2^n e^r with n = round(x / ln 2) and |r| ≤ ln 2 / 2, where a Taylor polynomial of degree 7 is exact to f32.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves an integer in the last bits
    const LN_2_HIGH: f32 = 0.693_359_4; // 9 bits, so that n · LN_2_HIGH is exact
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Beyond these, the result is 0 or infinite all the same. NaN compares as false and stays.
    let x = choose(x > 89.0, 89.0, x);
    let x = choose(x < -104.0, -104.0, x);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let sum = polynomial!(r; 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5);
    let power = (sum * r) * r + r + 1.0;
    // 2^n in two halves: n alone may be beyond the exponents of f32.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    power * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

#[inline(always)]
fn choose(condition: bool, yes: f32, no: f32) -> f32 {
    Real::choose(condition, yes, no)
}

/// log(1 + x) = n ln 2 + log m, where 1 + x = 2^n m up to rounding, √½ ≤ m < √2, and log m = 2 artanh s with
/// s = (m - 1) / (m + 1); what the sum 1 + x lost is added over 1 + x.
#[inline(always)]
fn ln_1p(x: f32) -> f32 {
    const SQRT_HALF: i32 = 0x3f35_04f3;
    let one_more = 1.0 + x;
    let lost = choose(one_more <= 2.0, x - (one_more - 1.0), 1.0 - (one_more - x));
    let bits = one_more.to_bits() as i32;
    // Wrapping: of a negative sum, whose result is NaN all the same, the difference has no place in an i32.
    let n = bits.wrapping_sub(SQRT_HALF) >> 23;
    let m = f32::from_bits(bits.wrapping_sub(n << 23) as u32);
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let sum = polynomial!(square; 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0);
    let log = s * square * sum + 2.0 * s + lost / one_more;
    let result = log + n as f32 * std::f32::consts::LN_2;
    // Beyond the numbers there is nothing to take apart: infinity and NaN stay, and -1 is the pole.
    let result = choose(one_more < f32::INFINITY, result, one_more);
    choose(
        one_more > 0.0,
        result,
        choose(one_more == 0.0, f32::NEG_INFINITY, f32::NAN),
    )
}

/// tanh x = x + x³ p(x²) near 0, where the other form would cancel; else ±(1 - 2 / (e^2|x| + 1)).
#[inline(always)]
fn tanh(x: f32) -> f32 {
    const NEAR: f32 = 0.625;
    // Least squares of the relative error at Chebyshev nodes in x² up to NEAR²; at most 5e-9 off before rounding.
    let size = x.abs();
    let square = x * x;
    let sum = polynomial!(
        square; -5.691_986e-3, 2.062_629e-2, -5.373_532e-2, 1.333_138e-1, -3.333_328e-1
    );
    let near = size + size * (square * sum);
    let far = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
    choose(size < NEAR, near, far).copysign(x)
}

/// erf x = x + x p(x²) near 0; else ±(1 - e^q(|x|)), where q is the logarithm of the complement.
#[inline(always)]
fn erf(x: f32) -> f32 {
    const NEAR: f32 = 0.9;
    const ONE_FROM: f32 = 4.0; // 1 - erf 4 is below half a unit in the last place of 1
    // Both by least squares at Chebyshev nodes: in x² up to NEAR², at most 1.3e-8 off before rounding, and in |x| from
    // NEAR to ONE_FROM, weighted so that 1 - e^q is at most 2e-9 off.
    let square = x * x;
    let p = polynomial!(
        square; -6.107e-4, 5.015_363_6e-3, -2.678_134_2e-2, 1.128_221_2e-1, -3.761_253e-1,
        1.283_791_6e-1
    );
    let size = x.abs();
    let near = size + size * p;
    let size = choose(size > ONE_FROM, ONE_FROM, size);
    let q = polynomial!(
        size; -1.729_628_2e-5, 3.841_404e-4, -3.896_722_6e-3, 2.432_139_2e-2, -1.069_405_7e-1,
        -6.346_468_5e-1, -1.128_838, 2.842_488_6e-5
    );
    let far = 1.0 - exp(q);
    choose(size < NEAR, near, far).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest distance of `found` from `wanted` in units of the last place of f32, over numbers in `range`.
    fn units_off(range: (f32, f32), found: fn(f32) -> f32, wanted: fn(f64) -> f64) -> f64 {
        const STEPS: i32 = 1_000_003;
        let (low, high) = range;
        (0..=STEPS)
            .map(|i| low + (high - low) * (i as f32 / STEPS as f32))
            .map(|x| {
                let wanted = wanted(f64::from(x));
                let exponent = (wanted.abs().log2().floor() as i32).max(-126);
                (f64::from(found(x)) - wanted).abs() / 2f64.powi(exponent - 23)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_exact_to_a_few_units_in_the_last_place() {
        for range in [(-103.0, 88.7), (-1.0, 1.0), (-1e-6, 1e-6)] {
            let off = units_off(range, exp, f64::exp);
            assert!(off <= 2.0, "exp in {range:?}: {off}");
        }
        for range in [(-12.0, 12.0), (-1.0, 1.0), (0.6, 0.7), (1e-30, 1e-3)] {
            let off = units_off(range, tanh, f64::tanh);
            assert!(off <= 3.0, "tanh in {range:?}: {off}");
        }
        for range in [
            (-0.999, 3.0),
            (-0.1, 0.1),
            (1e-30, 1e-3),
            (-1e-3, -1e-30),
            (1.0, 1e30),
        ] {
            let off = units_off(range, ln_1p, f64::ln_1p);
            assert!(off <= 3.0, "ln_1p in {range:?}: {off}");
        }
        for range in [(-6.0, 6.0), (-1.0, 1.0), (0.85, 0.95), (1e-30, 1e-3)] {
            let off = units_off(range, erf, candle_core::cpu::erf::erf_f64);
            assert!(off <= 3.0, "erf in {range:?}: {off}");
        }
    }

    #[test]
    fn the_ends_are_right() {
        for (x, y) in [
            (0.0, 1.0),
            (89.0, f32::INFINITY),
            (f32::INFINITY, f32::INFINITY),
        ] {
            assert_eq!(exp(x), y, "exp({x})");
        }
        for x in [-104.0, -1e30, f32::NEG_INFINITY] {
            assert_eq!(exp(x), 0.0, "exp({x})");
        }
        for x in [30.0, f32::INFINITY] {
            assert_eq!((tanh(x), tanh(-x)), (1.0, -1.0));
            assert!(Real::sigmoid(x) > 0.999_999_9 && Real::sigmoid(-x) < 1e-12);
        }
        assert_eq!(Real::sigmoid(f32::NEG_INFINITY), 0.0);
        assert_eq!(tanh(-0.0).to_bits(), (-0f32).to_bits());
        assert_eq!((erf(f32::INFINITY), erf(-30.0)), (1.0, -1.0));
        assert_eq!(erf(-0.0).to_bits(), (-0f32).to_bits());
        assert_eq!(
            (ln_1p(-1.0), ln_1p(f32::INFINITY)),
            (f32::NEG_INFINITY, f32::INFINITY)
        );
        assert_eq!((ln_1p(0.0), ln_1p(1e-40)), (0.0, 1e-40));
        assert!(ln_1p(f32::NAN).is_nan() && ln_1p(-1.5).is_nan());
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && erf(f32::NAN).is_nan());
    }
}
