//! How fast the speaker's clock runs beside the microphone's.
//!
//! Both sides count samples. A straight line through the pairs of counts, the newest weighing
//! most, tells how many samples of the speaker pass for one of the microphone. Callbacks come early
//! and late, so pairs lie around the line; the line knows how far, and strays from the nominal
//! ratio only as fast as that allows.

use crate::units::{FRAME_LEN, SAMPLE_RATE_HZ};

/// How far a clock of a sound card is from its nominal rate at most, in parts per million. Crystals
/// promise 100; both clocks may err.
pub const MAX_DRIFT_PPM: f64 = 400.0;
/// What two clocks differ by as a rule: the estimate starts from zero with this doubt.
const USUAL_DRIFT: f64 = 100e-6;
/// Pairs are forgotten within about a minute, in which a card warms up.
const MEMORY_FRAMES: f64 = 3_000.0;
/// Callbacks do not scatter like noise, they repeat: their scatter tells this much less.
const REPEATING: f64 = 3.0;
/// Pairs that lie on one side of the line for this long have left it: half a second, longer than
/// any callback.
const LEFT_FRAMES: u32 = 25;
/// And at least so far from it: 5 ms of microphone samples.
const LEFT: f64 = 5.0 * SAMPLE_RATE_HZ as f64 / 1000.0;

/// The line. Lengths are in samples of the microphone, by nominal rates.
#[derive(Debug, Default)]
pub struct ClockRatio {
    /// Speaker's count less the microphone's when the line began.
    origin: Option<f64>,
    pairs: Pairs,
    /// While pairs lie aside: those before.
    before: Option<Pairs>,
    /// How long pairs have lain on one side, the sign of which it carries.
    aside: i32,
    /// The nearest of these to the line.
    nearest: f64,
    stood: bool,
}

/// What a pair of counts did to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Along,
    /// It lies aside, for good or not.
    Aside,
    /// The speaker skipped, waited or stood: the line goes on from where it is now.
    Jumped,
}

impl ClockRatio {
    /// Takes the counts at the end of a frame: samples captured, and samples played, which are as
    /// long as those captured by the nominal rate.
    pub fn push(&mut self, captured: f64, played: f64) -> Counted {
        let ahead = played - captured;
        if std::mem::take(&mut self.stood) {
            self.pairs = self.before.take().unwrap_or_else(|| self.pairs.clone());
            self.origin = Some(ahead - self.pairs.now());
            self.aside = 0;
            return Counted::Jumped;
        }
        let y = ahead - *self.origin.get_or_insert(ahead);
        self.pairs.age();
        if let Some(before) = &mut self.before {
            before.age();
        }
        let off = y - self.before.as_ref().unwrap_or(&self.pairs).now();
        let side = if off < -LEFT {
            -1
        } else if off > LEFT {
            1
        } else {
            0
        };
        if side == 0 || side != self.aside.signum() {
            (self.aside, self.nearest) = (0, off);
            self.before = (side != 0).then(|| self.pairs.clone());
        } else if off.abs() < self.nearest.abs() {
            self.nearest = off;
        }
        self.aside += side;
        self.pairs.add(y);
        if self.aside == 0 {
            return Counted::Along;
        }
        let left = self.aside.unsigned_abs() >= LEFT_FRAMES;
        let Some(before) = self.before.take_if(|_| left) else { return Counted::Aside };
        // The line goes on from the last pairs, and all earlier ones with it.
        let line = before.now();
        self.origin = self.origin.map(|origin| origin + line + self.nearest);
        self.pairs = before.moved_by(-line);
        self.aside = 0;
        Counted::Jumped
    }

    /// The speaker stood still for a time of which no pairs were taken: the line goes on from the
    /// next pair.
    pub fn stood(&mut self) {
        self.stood = true;
    }

    /// Speaker's samples to one of the microphone, less one.
    pub fn drift(&self) -> f64 {
        self.pairs.slope() / FRAME_LEN as f64
    }

    /// The drift in parts per million.
    pub fn drift_ppm(&self) -> f32 {
        (self.drift() * 1e6) as f32
    }

    /// How many samples the speaker is ahead of the microphone now, by the line.
    pub fn ahead(&self) -> f64 {
        self.origin.unwrap_or(0.0) + self.pairs.now()
    }
}

/// Weighted sums over pairs (x, y): x frames from now, never positive, and y from the origin.
#[derive(Clone, Debug, Default)]
struct Pairs {
    weight: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Pairs {
    /// A frame passes.
    fn age(&mut self) {
        let keep = 1.0 - 1.0 / MEMORY_FRAMES;
        self.xx = keep * (self.xx - 2.0 * self.x + self.weight);
        self.xy = keep * (self.xy - self.y);
        self.x = keep * (self.x - self.weight);
        self.weight *= keep;
        self.y *= keep;
        self.yy *= keep;
    }

    /// A pair of now.
    fn add(&mut self, y: f64) {
        self.weight += 1.0;
        self.y += y;
        self.yy += y * y;
    }

    /// The same pairs, all `by` higher.
    fn moved_by(mut self, by: f64) -> Self {
        self.yy += 2.0 * by * self.y + by * by * self.weight;
        self.xy += by * self.x;
        self.y += by * self.weight;
        self
    }

    /// How far they spread in time, go up with it, and scatter.
    fn moments(&self) -> (f64, f64, f64) {
        let spread = self.xx - self.x * self.x / self.weight;
        let joint = self.xy - self.x * self.y / self.weight;
        let scatter = self.yy - self.y * self.y / self.weight;
        (spread.max(0.0), joint, scatter.max(0.0))
    }

    /// Samples per frame.
    fn slope(&self) -> f64 {
        if self.weight < 2.0 {
            return 0.0;
        }
        let (spread, joint, scatter) = self.moments();
        let explained = if spread > 0.0 { joint * joint / spread } else { 0.0 };
        // A count is exact to a sample at best.
        let noise = ((scatter - explained) / self.weight).max(0.0) + 1.0;
        let doubt = USUAL_DRIFT * FRAME_LEN as f64;
        let limit = MAX_DRIFT_PPM * 1e-6 * FRAME_LEN as f64;
        (joint / (spread + REPEATING * noise / (doubt * doubt))).clamp(-limit, limit)
    }

    /// Where the line is now.
    fn now(&self) -> f64 {
        if self.weight == 0.0 {
            return 0.0;
        }
        (self.y - self.slope() * self.x) / self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    /// Counts as they are seen at the end of each frame: the microphone's come in callbacks of
    /// `heard_every` samples, the speaker's are off by up to `jitter`.
    struct Counts {
        drift: f64,
        heard_every: f64,
        jitter: f32,
        frame: f64,
        skipped: f64,
        draw: Draw,
    }

    impl Counts {
        fn new(ppm: f64, heard_every: f64, jitter: f32) -> Self {
            let draw = Draw::new(1);
            Self { drift: ppm * 1e-6, heard_every, jitter, frame: 0.0, skipped: 7_777.0, draw }
        }

        fn run(&mut self, clock: &mut ClockRatio, seconds: f64) -> usize {
            let mut jumps = 0;
            for _ in 0..(seconds * 50.0) as usize {
                self.frame += 1.0;
                let heard = self.frame * FRAME_LEN as f64;
                // A frame is handed on when the callback that completes it comes.
                let now = (heard / self.heard_every).ceil() * self.heard_every;
                let off = self.draw.between(-self.jitter, self.jitter);
                let played = now * (1.0 + self.drift) + self.skipped + f64::from(off);
                jumps += usize::from(clock.push(heard, played) == Counted::Jumped);
            }
            jumps
        }
    }

    #[test]
    fn the_drift_is_found_soon_without_jitter_and_later_with_it() {
        for ppm in [-200.0, -100.0, -7.0, 0.0, 50.0, 200.0] {
            for (heard, jitter, seconds, within) in [
                (320.0, 0.5, 5.0, 8.0),
                (341.3, 16.0, 20.0, 80.0),
                (341.3, 16.0, 60.0, 8.0),
                (5_461.3, 80.0, 120.0, 120.0),
                (160.0, 320.0, 120.0, 15.0),
            ] {
                let mut clock = ClockRatio::default();
                let jumps = Counts::new(ppm, heard, jitter).run(&mut clock, seconds);
                let found = f64::from(clock.drift_ppm());
                assert!((found - ppm).abs() < within, "{ppm} ({heard}, {jitter}): {found}");
                assert_eq!(jumps, 0, "{ppm} ({heard}, {jitter})");
            }
        }
    }

    #[test]
    fn jitter_does_not_lead_it_astray() {
        let mut clock = ClockRatio::default();
        let mut counts = Counts::new(0.0, 320.0, 160.0);
        let mut worst = 0.0f32;
        for _ in 0..300 {
            counts.run(&mut clock, 0.2);
            worst = worst.max(clock.drift_ppm().abs());
        }
        assert!(worst < 60.0, "{worst}");
    }

    #[test]
    fn a_skip_shifts_the_line_and_keeps_its_slope() {
        for skip in [640.0, -640.0, 16_000.0] {
            let mut clock = ClockRatio::default();
            let mut counts = Counts::new(100.0, 320.0, 8.0);
            assert_eq!(counts.run(&mut clock, 30.0), 0);
            let before = clock.drift_ppm();
            counts.skipped += skip;
            assert_eq!(counts.run(&mut clock, 1.0), 1, "{skip}");
            let after = clock.drift_ppm();
            assert!((after - before).abs() < 15.0, "{skip}: {before} → {after}");
            let wanted = counts.skipped + counts.frame * FRAME_LEN as f64 * 100e-6;
            assert!((clock.ahead() - wanted).abs() < 170.0, "{} not {wanted}", clock.ahead());
            assert_eq!(counts.run(&mut clock, 20.0), 0, "{skip}");
            assert!((clock.drift_ppm() - 100.0).abs() < 25.0, "{skip}: {}", clock.drift_ppm());
        }
    }
}
