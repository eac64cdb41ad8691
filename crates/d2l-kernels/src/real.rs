//! The number types of the kernels, and functions of them that are fast in loops.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Sub, SubAssign};

/// C = α C + β A B. For each of C, A and B: a pointer, and the distances from column to column and from row to row.
pub type Gemm<T> = unsafe fn(
    rows: usize,
    columns: usize,
    inner: usize,
    c: *mut T,
    c_columns: isize,
    c_rows: isize,
    reads_c: bool,
    a: *const T,
    a_columns: isize,
    a_rows: isize,
    b: *const T,
    b_columns: isize,
    b_rows: isize,
    alpha: T,
    beta: T,
    conjugates_c: bool,
    conjugates_a: bool,
    conjugates_b: bool,
    parallelism: gemm_common::Parallelism,
);

/// The number types of the kernels: f32 to train in, f64 to check gradients in.
///
/// The functions of f32 are polynomials, so that a loop over them is computed eight elements at a time (see [`wide`]);
/// the standard library calls a function per element. The code says which products and sums are rounded once
/// ([`Real::mul_add`]). The compiler has no choice, so every processor gives the same bits. The functions of f64 are
/// the standard library's.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + SubAssign
    + Mul<Output = Self>
    + MulAssign
    + Div<Output = Self>
    + DivAssign
    + 'static
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
    /// e^x; in f32 at most 2 units in the last place off.
    fn exp(self) -> Self;
    /// e^x - 1, exact near 0 too; in f32 at most 3 units in the last place off.
    fn exp_m1(self) -> Self;
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
    /// Φ(x) = 1/√(2π) ∫ e^(-t²/2) dt up to x, the normal distribution's cumulative function, and e^(-x²/2); in f32 at
    /// most 7 units in the last place off.
    fn normal(self) -> (Self, Self);
    /// `yes` or `no`, without a jump. If one of them is a constant or takes much work, `if` would become a jump around
    /// what depends on it, and the loop would not be vectorised.
    fn choose(condition: bool, yes: Self, no: Self) -> Self;
    /// gemm's product in this type, for this processor.
    fn gemm() -> Gemm<Self>;

    /// 1 / (1 + e^-x)
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (Self::ZERO - self).exp())
    }
}

/// Runs `f` compiled for vectors of 256 bits, if this processor has them. Only what is inlined into `f` profits.
///
/// For loops over small blocks: with vectors of 512 bits LLVM takes those of a small convolution apart, and LeNet's step
/// takes seven times as long. Everything else uses [`widest`].
#[inline(always)]
pub fn wide<R>(f: impl FnOnce() -> R) -> R {
    // Not by `Arch`, for which every loop would be compiled once more, for vectors that this never takes.
    #[cfg(target_arch = "x86_64")]
    return match pulp::x86::V3::try_new() {
        Some(v3) => pulp::Simd::vectorize(v3, f),
        None => f(),
    };
    #[cfg(not(target_arch = "x86_64"))]
    widest(f)
}

/// Runs `f` compiled for the widest vectors that this processor has, up to 512 bits. For long loops that treat all
/// numbers alike: GELU takes 0.6 of the time that it takes with 256 bits, layer normalisation 0.8.
#[inline(always)]
pub fn widest<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

macro_rules! real {
    ($type:ident, $bits:ident, $gemm:ident, $exp:path, $exp_m1:path, $ln_1p:path, $tanh:path, $normal:path) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)] // or a loop around it is not vectorised
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                $exp_m1(self)
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
            #[inline(always)] // into `wide` or `widest`: one instruction, elsewhere perhaps a call
            fn mul_add(self, b: Self, c: Self) -> Self {
                $type::mul_add(self, b, c)
            }
            #[inline(always)]
            fn normal(self) -> (Self, Self) {
                $normal(self)
            }
            #[inline(always)]
            fn choose(condition: bool, yes: Self, no: Self) -> Self {
                let mask = <$bits>::from(condition).wrapping_neg();
                $type::from_bits((yes.to_bits() & mask) | (no.to_bits() & !mask))
            }
            fn gemm() -> Gemm<Self> {
                $gemm::gemm::$type::get_gemm_fn()
            }
        }
    };
}

real!(f32, u32, gemm_f32, exp, exp_m1, ln_1p, tanh, normal);
real!(
    f64,
    u64,
    gemm_f64,
    f64::exp,
    f64::exp_m1,
    f64::ln_1p,
    f64::tanh,
    normal_f64
);

/// A polynomial's value, its coefficients from the highest power down. It is written out, since a loop over them would
/// keep the loop around it from being vectorised.
macro_rules! polynomial {
    ($x:expr; $highest:expr $(, $next:expr)+) => {{
        let sum: f32 = $highest;
        $(let sum = sum.mul_add($x, $next);)+
        sum
    }};
}

/// n = round(x / ln 2), and e^r - 1 where x = n ln 2 + r with |r| ≤ ln 2 / 2.
#[inline(always)]
fn reduced(x: f32) -> (i32, f32) {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2^23: adding it leaves an integer in the last bits
    const LN_2_LOW: f32 = -1.904_654_3e-9; // the error of ln 2 in f32
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-std::f32::consts::LN_2, x));
    // (e^r - 1 - r) / r² by least squares at Chebyshev nodes: e^r is 4e-9 off before rounding.
    let sum = polynomial!(
        r; 1.375_071_9e-3, 8.369_106e-3, 4.166_956_3e-2, 1.666_651_7e-1, 4.999_998_8e-1
    );
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    (n, (r * r).mul_add(sum, r))
}

/// e^x = 2^n e^r
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Beyond these, the result is 0 or infinite all the same. NaN compares as false and stays.
    let x = choose(x > 89.0, 89.0, x);
    let x = choose(x < -104.0, -104.0, x);
    let (n, less_one) = reduced(x);
    // 2^n in two halves: n alone may be beyond the exponents of f32.
    let half = n >> 1;
    (less_one + 1.0) * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// e^x - 1 = 2 (2^(n-1) (e^r - 1) + 2^(n-1) - ½): 2^n alone may be beyond the exponents of f32.
#[inline(always)]
fn exp_m1(x: f32) -> f32 {
    let x = choose(x > 89.0, 89.0, x);
    let x = choose(x < -30.0, -30.0, x); // the result is -1
    let (n, less_one) = reduced(x);
    let half = power_of_two(n.wrapping_sub(1));
    let result = 2.0 * half.mul_add(less_one, half - 0.5);
    choose(x == 0.0, x, result) // -0 stays
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
/// s = (m - 1) / (m + 1). The rounding error of the sum 1 + x, divided by 1 + x, is added.
#[inline(always)]
fn ln_1p(x: f32) -> f32 {
    const SQRT_HALF: i32 = 0x3f35_04f3;
    let one_more = 1.0 + x;
    let lost = choose(one_more <= 2.0, x - (one_more - 1.0), 1.0 - (one_more - x));
    let bits = one_more.to_bits() as i32;
    // Wrapping: for a negative sum the difference does not fit into an i32; the result is NaN anyway.
    let n = bits.wrapping_sub(SQRT_HALF) >> 23;
    let m = f32::from_bits(bits.wrapping_sub(n << 23) as u32);
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let sum = polynomial!(square; 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0);
    let log = (s * square).mul_add(sum, 2.0 * s) + lost / one_more;
    let result = (n as f32).mul_add(std::f32::consts::LN_2, log);
    // Infinity and NaN stay as they are, and -1 is the pole.
    let result = choose(one_more < f32::INFINITY, result, one_more);
    choose(
        one_more > 0.0,
        result,
        choose(one_more == 0.0, f32::NEG_INFINITY, f32::NAN),
    )
}

/// tanh x = ±m / (m + 2) with m = e^2|x| - 1, exact near 0 because m is.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    const ONE_FROM: f32 = 10.0; // 1 - tanh 10 is below half a unit in the last place of 1
    let size = x.abs();
    let size = choose(size > ONE_FROM, ONE_FROM, size);
    let (n, less_one) = reduced(2.0 * size);
    let power = power_of_two(n);
    let m = power.mul_add(less_one, power - 1.0);
    (m / (m + 2.0)).copysign(x)
}

/// Φ(-|x|) = e^(-x²/2) R(|x|), where R falls like Mills' ratio: t p(t) with t = 1 / (1 + |x|/4).
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    const ZERO_FROM: f32 = 14.5; // e^(-x²/2) is 0
    let size = x.abs();
    let size = choose(size > ZERO_FROM, ZERO_FROM, size);
    let square = size * size;
    let lost = size.mul_add(size, -square); // the rounding error of the square
    let power = exp(-0.5 * square);
    let power = power.mul_add(-0.5 * lost, power);
    let t = 1.0 / size.mul_add(0.25, 1.0);
    // By least squares of the relative error at Chebyshev nodes in t; at most 1e-8 off before rounding.
    let p = polynomial!(
        t; 1.718_990_4e-2, -6.614_414_3e-2, 5.963_523_5e-2, 1.763_651e-2, 2.184_056_1e-2,
        8.166_565e-2, 7.376_163_5e-2, 9.512_888e-2, 9.954_041e-2, 9.974_536e-2
    );
    let tail = power * (t * p);
    (choose(x > 0.0, 1.0 - tail, tail), power)
}

fn normal_f64(x: f64) -> (f64, f64) {
    let erf = libm::erf(x * std::f64::consts::FRAC_1_SQRT_2);
    (0.5 + 0.5 * erf, (-0.5 * x * x).exp())
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
        for range in [(-20.0, 20.0), (-1.0, 1.0), (80.0, 88.7), (1e-30, 1e-3)] {
            let off = units_off(range, exp_m1, f64::exp_m1);
            assert!(off <= 3.0, "exp_m1 in {range:?}: {off}");
        }
        // Further down, 1 + erf cancels in f64.
        for range in [(-4.0, 6.0), (-1.0, 1.0), (-1e-3, 1e-3)] {
            let off = units_off(range, |x| normal(x).0, |x| normal_f64(x).0);
            assert!(off <= 7.0, "Φ in {range:?}: {off}");
        }
        for range in [(-13.0, 13.0), (-1.0, 1.0)] {
            let off = units_off(range, |x| normal(x).1, |x| normal_f64(x).1);
            assert!(off <= 4.0, "e^(-x²/2) in {range:?}: {off}");
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
        assert_eq!(
            (normal(f32::INFINITY), normal(-30.0)),
            ((1.0, 0.0), (0.0, 0.0))
        );
        assert_eq!((normal(0.0), normal(-0.0)), ((0.5, 1.0), (0.5, 1.0)));
        assert_eq!((exp_m1(-30.0), exp_m1(f32::NEG_INFINITY)), (-1.0, -1.0));
        assert_eq!(
            (exp_m1(89.0), exp_m1(f32::INFINITY)),
            (f32::INFINITY, f32::INFINITY)
        );
        assert_eq!(exp_m1(-0.0).to_bits(), (-0f32).to_bits());
        assert_eq!(
            (ln_1p(-1.0), ln_1p(f32::INFINITY)),
            (f32::NEG_INFINITY, f32::INFINITY)
        );
        assert_eq!((ln_1p(0.0), ln_1p(1e-40)), (0.0, 1e-40));
        assert!(ln_1p(f32::NAN).is_nan() && ln_1p(-1.5).is_nan());
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && exp_m1(f32::NAN).is_nan());
        assert!(normal(f32::NAN).0.is_nan() && normal(f32::NAN).1.is_nan());
    }
}
