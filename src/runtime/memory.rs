//! The thinker's memory of recent sound.

use std::collections::VecDeque;

use crate::units::{SAMPLE_RATE_HZ, SamplePos, Span};

/// Sound kept, in seconds; must exceed the longest utterance (checked in the endpoint settings).
pub const MEMORY_S: u32 = 40;
const MEMORY_LEN: usize = (MEMORY_S * SAMPLE_RATE_HZ) as usize;

/// The last [`MEMORY_S`] seconds of captured sound, addressed by position.
pub struct SoundMemory {
    samples: VecDeque<f32>,
    end: SamplePos,
}

impl SoundMemory {
    pub fn new() -> Self {
        Self { samples: VecDeque::with_capacity(MEMORY_LEN), end: SamplePos(0) }
    }

    pub fn push(&mut self, samples: &[f32]) {
        let over = (self.samples.len() + samples.len()).saturating_sub(MEMORY_LEN);
        self.samples.drain(..over.min(self.samples.len()));
        self.samples.extend(&samples[samples.len().saturating_sub(MEMORY_LEN)..]);
        self.end = self.end + samples.len() as u64;
    }

    /// The sound inside `span`; what lies outside the memory is left out.
    pub fn slice(&self, span: Span) -> Vec<f32> {
        let begin = self.end.back(self.samples.len() as u64);
        let from = span.start.since(begin) as usize;
        let to = (span.end.since(begin) as usize).min(self.samples.len());
        if from >= to {
            return Vec::new();
        }
        self.samples.range(from..to).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_by_position_also_after_forgetting() {
        let mut memory = SoundMemory::new();
        for second in 0..50 {
            memory.push(&[second as f32; SAMPLE_RATE_HZ as usize]);
        }
        let at = |second: u64| SamplePos(second * u64::from(SAMPLE_RATE_HZ));
        let both = memory.slice(Span::new(SamplePos(at(44).0 - 1), SamplePos(at(44).0 + 1)));
        assert_eq!(both, [43.0, 44.0]);
        assert!(memory.slice(Span::new(at(1), at(2))).is_empty(), "forgotten");
        assert!(memory.slice(Span::new(at(60), at(61))).is_empty(), "not yet heard");
        assert_eq!(memory.slice(Span::new(at(0), at(100))).len(), MEMORY_LEN);
    }
}
