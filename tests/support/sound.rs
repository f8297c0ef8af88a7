//! Signals to play, and the comparison of what was heard with what was played.

/// A sweep with a changing envelope: unlike a tone, it correlates with itself at one shift only.
pub fn sweep(rate_hz: u32, seconds: f64) -> Vec<f32> {
    let len = (f64::from(rate_hz) * seconds) as usize;
    let mut phase = 0.0f64;
    (0..len)
        .map(|i| {
            let t = i as f64 / f64::from(rate_hz);
            let hz = 200.0 + 2_500.0 * t / seconds;
            phase += std::f64::consts::TAU * hz / f64::from(rate_hz);
            // Quiet at both ends, so that fades do not count.
            let edge = (t.min(seconds - t) / 0.05).clamp(0.0, 1.0);
            (phase.sin() * (0.3 + 0.15 * (t * 23.0).sin()) * edge) as f32
        })
        .collect()
}

/// How well `played` is found in `heard`: the largest normalised correlation over all shifts, and
/// that shift in samples. Both at the same rate.
pub fn correlation(played: &[f32], heard: &[f32]) -> (f64, usize) {
    let last = heard.len().saturating_sub(played.len());
    let at = |shift: usize, step: usize| {
        let (mut product, mut power, mut heard_power) = (0.0, 1e-12, 1e-12);
        for (a, b) in played.iter().zip(&heard[shift..]).step_by(step) {
            let (a, b) = (f64::from(*a), f64::from(*b));
            product += a * b;
            power += a * a;
            heard_power += b * b;
        }
        product / (power * heard_power).sqrt()
    };
    // Every shift with some of the samples, then the best ones with all.
    let mut shifts: Vec<(f64, usize)> = (0..=last).map(|shift| (at(shift, 37), shift)).collect();
    shifts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let candidates = shifts.iter().take(50).map(|(_, shift)| (at(*shift, 1), *shift));
    candidates.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 0))
}

#[test]
fn a_sweep_is_found_where_it_is() {
    let played = sweep(16_000, 0.5);
    let mut heard = vec![0.001; 3_000];
    heard.extend(&played);
    heard.extend([0.0; 2_000]);
    let (found, shift) = correlation(&played, &heard);
    assert!(found > 0.999 && shift == 3_000, "{found} at {shift}");
    let (none, _) = correlation(&played, &[0.1; 16_000]);
    assert!(none < 0.2, "{none}");
}
