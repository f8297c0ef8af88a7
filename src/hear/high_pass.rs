//! The filter that keeps hum, rumble and an offset out of levels.

/// -3 dB at 200 Hz.
const POLE: f32 = 0.925;

/// What was last given and taken. A sample that is not finite stays: who pushed it begins anew.
#[derive(Debug, Default)]
pub struct HighPass {
    x: f32,
    y: f32,
}

impl HighPass {
    pub fn push(&mut self, x: f32) -> f32 {
        self.y = POLE * (self.y + x - self.x);
        self.x = x;
        self.y
    }
}
