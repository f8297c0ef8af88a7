//! Transcendental functions without branches or calls, so that loops over them vectorise.
//!
//! All are within a few units in the last place of single precision over the range they are used
//! in; the tests hold them against double precision. Integers wrap by name: an overflow check,
//! though never met, would keep a loop from vectorising in builds that have them.

/// Adding and subtracting this rounds to an integer (ties to even) while |x| < 2^22: the fraction
/// falls off the end of the significand.
const ROUNDER: f32 = 12_582_912.0;

/// The nearest integer, for |x| < 2^22, as float and as integer.
#[inline(always)]
pub fn round(x: f32) -> (f32, i32) {
    let shifted = x + ROUNDER;
    (shifted - ROUNDER, shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32)
}

/// e^x, 0 below -87 and flat above 88.
///
/// 2^n * e^r with |r| <= ln 2 / 2; ln 2 in two parts (Cody and Waite), and a polynomial that
/// continues the Taylor series of e^r to the seventh power.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < 88.0 { x } else { 88.0 };
    let low = x < -87.0;
    let x = if low { -87.0 } else { x };
    let (n, exponent) = round(x * std::f32::consts::LOG2_E);
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let series = 1.0
        + r * (1.0
            + r * (1.0 / 2.0
                + r * (1.0 / 6.0
                    + r * (1.0 / 24.0
                        + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0)))))));
    let scaled = series * f32::from_bits((exponent.wrapping_add(127) as u32).wrapping_shl(23));
    if low { 0.0 } else { scaled }
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh x, with full relative precision near 0 where `1 - 2 / (e^2x + 1)` would lose it.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    // The Taylor series to x^11 is off by less than 1e-7 of its value up to 0.3.
    let series = x
        * (1.0
            + square
                * (-1.0 / 3.0
                    + square
                        * (2.0 / 15.0
                            + square
                                * (-17.0 / 315.0
                                    + square * (62.0 / 2835.0 - square * (1382.0 / 155_925.0))))));
    let far = (1.0 - 2.0 / (exp(2.0 * size) + 1.0)).copysign(x);
    if size < 0.3 { series } else { far }
}

/// x * Φ(x): the Gaussian error linear unit in its exact form.
///
/// Φ(x) - 1/2 is x times a quotient of polynomials in x², fitted by least squares, reweighted until
/// the error is even, to 1.4e-7 over |x| <= 5.6; beyond, Φ is 0 or 1 to single precision. One
/// division and no exponential, at an error below 4e-7 of the larger of |x| and 1.
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    const END: f32 = 5.6;
    let x = if x < -END { -END } else { x };
    let inside = if x > END { END } else { x };
    let square = inside * inside;
    let above = 0.398_941_42
        + square
            * (0.061_986_2
                + square * (0.006_426_131 + square * (4.526_627e-4 + square * 8.051_58e-6)));
    let below = 1.0
        + square
            * (0.322_029_32
                + square
                    * (0.044_804_01
                        + square
                            * (0.003_507_537_4
                                + square * (1.628_104_2e-4 + square * 6.526_064_6e-7))));
    x * (0.5 + inside * above / below)
}

/// Sine and cosine of x, for |x| < 10 000.
///
/// x less whole quarter turns (in three parts, after Cody and Waite), then the Taylor series, which
/// are exact to single precision within an eighth of a turn.
#[inline(always)]
pub fn sin_cos(x: f32) -> (f32, f32) {
    const QUARTER_HIGH: f32 = 1.570_312_5;
    const QUARTER_MIDDLE: f32 = 4.837_513e-4;
    const QUARTER_LOW: f32 = 7.549_79e-8;
    let (n, quarter) = round(x * std::f32::consts::FRAC_2_PI);
    let r = x - n * QUARTER_HIGH - n * QUARTER_MIDDLE - n * QUARTER_LOW;
    let square = r * r;
    let sin = r
        * (1.0
            + square
                * (-1.0 / 6.0
                    + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square / 362_880.0))));
    let cos = 1.0
        + square
            * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square * (1.0 / 40_320.0))));
    let odd = quarter & 1 == 1;
    let (sin, cos) = if odd { (cos, sin) } else { (sin, cos) };
    // Bit 1 of the quarter turns is the sign: of the sine as it stands, of the cosine one ahead.
    let signed = |value: f32, bits: i32| {
        f32::from_bits(value.to_bits() ^ ((bits as u32 & 2).wrapping_shl(30)))
    };
    (signed(sin, quarter), signed(cos, quarter.wrapping_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sin_cos_follows_double_precision_over_many_turns() {
        for x in grid().chain((-5_000..5_000).map(|i| i as f32 * 1.97)) {
            let (sin, cos) = sin_cos(x);
            let (want_sin, want_cos) = f64::from(x).sin_cos();
            let error = (f64::from(sin) - want_sin).abs().max((f64::from(cos) - want_cos).abs());
            assert!(error < 5e-7, "sin_cos({x}) = {sin}, {cos}");
        }
    }

    fn grid() -> impl Iterator<Item = f32> {
        (-40_000..=40_000).map(|i| i as f32 * 0.000_5)
    }

    #[test]
    fn exp_follows_double_precision() {
        for x in grid() {
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) - want).abs() <= 3e-7 * want, "exp({x}) = {}", exp(x));
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert!(exp(1000.0).is_finite());
    }

    #[test]
    fn tanh_follows_double_precision_also_near_zero() {
        for x in grid().chain([1e-6, -1e-6, 1e-20]) {
            let want = f64::from(x).tanh();
            assert!((f64::from(tanh(x)) - want).abs() <= 5e-7 * want.abs(), "tanh({x})");
        }
    }

    #[test]
    fn gelu_follows_double_precision_and_ends_flat() {
        // The error function by its Taylor series, exact to 1e-8 up to 4.
        let erf = |z: f64| {
            let (mut term, mut sum) = (z, z);
            for n in 1..80 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * std::f64::consts::FRAC_2_SQRT_PI
        };
        for x in grid().map(|x| x * 0.28) {
            let want = f64::from(x) * 0.5 * (1.0 + erf(f64::from(x) / 2f64.sqrt()));
            let error = (f64::from(gelu(x)) - want).abs();
            assert!(error < 4e-7 * f64::from(x.abs().max(1.0)), "gelu({x}) = {}", gelu(x));
        }
        for (x, want) in [(1000.0, 1000.0), (-1000.0, 0.0), (f32::MIN, 0.0)] {
            assert!((gelu(x) - want).abs() <= 4e-4, "gelu({x}) = {}", gelu(x));
        }
        assert!(gelu(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_has_its_known_values() {
        for (x, want) in [(-2.0, 0.119_202_92), (0.0, 0.5), (2.0, 0.880_797_1)] {
            assert!((sigmoid(x) - want).abs() < 2e-7, "sigmoid({x}) = {}", sigmoid(x));
        }
    }

    #[test]
    fn rounding_is_to_even() {
        for (x, want) in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (254.6, 255)] {
            assert_eq!(round(x), (want as f32, want));
        }
    }
}
