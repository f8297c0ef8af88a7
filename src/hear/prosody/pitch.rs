//! How high a voice is, hop by hop: the period at which the sound of 30 ms resembles itself most.

use heapless::HistoryBuf;

use crate::units::SAMPLE_RATE_HZ;

/// Samples between two estimates at [`SAMPLE_RATE_HZ`]: 10 ms.
pub const HOP_LEN: usize = SAMPLE_RATE_HZ as usize / 100;

/// The lowest and highest voices looked for, in hertz: from a creak to a child that calls.
pub const LOWEST_HZ: f32 = 60.0;
pub const HIGHEST_HZ: f32 = 500.0;

/// Half the rate is enough below 1 kHz, where the harmonics are that matter.
const RATE_HZ: f32 = SAMPLE_RATE_HZ as f32 / 2.0;
const SHORTEST: usize = (RATE_HZ / HIGHEST_HZ) as usize;
const LONGEST: usize = (RATE_HZ / LOWEST_HZ) as usize;
/// What is compared with itself: two periods of the lowest voices, and less than a syllable.
const WINDOW_LEN: usize = 240;
/// A lag on either side more, to find the top between two.
const KEPT: usize = WINDOW_LEN + LONGEST + 1;
/// A voice repeats itself so well. Breath does not, though a narrow formant makes it try.
const LEAST_CLARITY: f32 = 0.65;
/// After one period a voice resembles itself less than after two or three if it changes; the
/// shortest that is nearly as good is the period.
const NEARLY: f32 = 0.87;
/// Corners of the band, in hertz.
const LOW_HZ: f32 = 70.0;
const HIGH_HZ: f32 = 900.0;

/// A voice at some moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pitch {
    pub hz: f32,
    /// How well it repeats itself, up to 1.
    pub clarity: f32,
}

/// The band of a voice, at half the rate.
#[derive(Debug)]
pub struct PitchTracker {
    filters: [Biquad; 3],
    newest: HistoryBuf<f32, KEPT>,
}

impl Default for PitchTracker {
    fn default() -> Self {
        let filters = [
            Biquad::high_pass(LOW_HZ, 0.707),
            Biquad::low_pass(HIGH_HZ, 0.541),
            Biquad::low_pass(HIGH_HZ, 1.307),
        ];
        Self { filters, newest: HistoryBuf::new() }
    }
}

impl PitchTracker {
    /// Takes the next 10 ms. Returns the mean power of its low band, where vowels are.
    pub fn push(&mut self, hop: &[f32; HOP_LEN]) -> f32 {
        let mut sum = 0.0;
        for (i, sample) in hop.iter().enumerate() {
            let low = self.filters.iter_mut().fold(*sample, |x, filter| filter.push(x));
            sum += low * low;
            if i % 2 == 1 {
                self.newest.write(low);
            }
        }
        sum / HOP_LEN as f32
    }

    /// The voice of the newest 30 ms and what came before them, if there is one.
    pub fn pitch(&self) -> Option<Pitch> {
        let mut sound = [0.0; KEPT];
        if self.newest.len() < KEPT {
            return None;
        }
        sound.iter_mut().zip(self.newest.oldest_ordered()).for_each(|(to, from)| *to = *from);
        // Lag by lag, the window against what lies so much earlier.
        let window = &sound[KEPT - WINDOW_LEN..];
        let energy = dot(window, window);
        if energy <= 0.0 {
            return None;
        }
        let likeness = |lag: usize| {
            let earlier = &sound[KEPT - WINDOW_LEN - lag..KEPT - lag];
            dot(window, earlier) / (energy * dot(earlier, earlier)).sqrt().max(f32::MIN_POSITIVE)
        };
        let mut likenesses = [0.0; LONGEST + 2];
        for (lag, to) in likenesses.iter_mut().enumerate().skip(SHORTEST - 1) {
            *to = likeness(lag);
        }
        let is_top = |lag: &usize| {
            let at = &likenesses[*lag - 1..=*lag + 1];
            at[1] >= at[0] && at[1] > at[2]
        };
        let tops = || (SHORTEST..=LONGEST).filter(is_top);
        let best = tops().map(|lag| likenesses[lag]).reduce(f32::max)?;
        let lag = tops().find(|lag| likenesses[*lag] >= NEARLY * best)?;
        let (before, top, after) = (likenesses[lag - 1], likenesses[lag], likenesses[lag + 1]);
        // The top of the parabola through the three.
        let off = 0.5 * (before - after) / (before - 2.0 * top + after).min(-1e-6);
        let clarity = top - 0.25 * (before - after) * off;
        (clarity >= LEAST_CLARITY).then(|| Pitch { hz: RATE_HZ / (lag as f32 + off), clarity })
    }
}

/// In eight sums, which the compiler keeps in one register.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// A filter of second order, as Robert Bristow-Johnson's cookbook has it.
#[derive(Debug)]
struct Biquad {
    b: [f32; 3],
    a: [f32; 2],
    x: [f32; 2],
    y: [f32; 2],
}

impl Biquad {
    fn low_pass(hz: f32, q: f32) -> Self {
        Self::new(hz, q, |cos| [(1.0 - cos) / 2.0, 1.0 - cos, (1.0 - cos) / 2.0])
    }

    fn high_pass(hz: f32, q: f32) -> Self {
        Self::new(hz, q, |cos| [f32::midpoint(1.0, cos), -1.0 - cos, f32::midpoint(1.0, cos)])
    }

    fn new(hz: f32, q: f32, b: impl Fn(f32) -> [f32; 3]) -> Self {
        let (sin, cos) = (std::f32::consts::TAU * hz / SAMPLE_RATE_HZ as f32).sin_cos();
        let alpha = sin / (2.0 * q);
        let a0 = 1.0 + alpha;
        let b = b(cos).map(|b| b / a0);
        Self { b, a: [-2.0 * cos / a0, (1.0 - alpha) / a0], x: [0.0; 2], y: [0.0; 2] }
    }

    fn push(&mut self, x: f32) -> f32 {
        let y = self.b[0] * x + self.b[1] * self.x[0] + self.b[2] * self.x[1]
            - self.a[0] * self.y[0]
            - self.a[1] * self.y[1];
        // What is not finite must not stay, and neither must what is too small to compute with.
        let y = if y.abs() > 1e-15 && y.is_finite() { y } else { 0.0 };
        self.x = [if x.is_finite() { x } else { 0.0 }, self.x[0]];
        self.y = [y, self.y[0]];
        y
    }
}
