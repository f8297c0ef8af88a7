//! How far a search got, for explanations.

#[derive(Clone, Debug, Default)]
pub(in crate::nlu) struct Failures {
    pub at: u32,
    /// What would have fitted there.
    pub wanted: Vec<String>,
}

impl Failures {
    /// `wanted` would have fitted at a byte of the text.
    pub fn add(&mut self, at: u32, wanted: impl FnOnce() -> String) {
        if at > self.at {
            *self = Self { at, wanted: Vec::new() };
        }
        if at == self.at {
            let wanted = wanted();
            if !self.wanted.contains(&wanted) {
                self.wanted.push(wanted);
            }
        }
    }
}
