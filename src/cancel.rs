//! Cooperative cancellation by epoch: one counter, any number of cheap tokens.
//!
//! The listener bumps the epoch when the thinker's current work has lost its purpose (speech went
//! on, somebody interrupted); long computations look at their token once per step.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The side that cancels.
#[derive(Clone, Debug, Default)]
pub struct CancelEpoch(Arc<AtomicU64>);

impl CancelEpoch {
    /// Cancels every token handed out so far.
    pub fn cancel(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// A token that is cancelled by the next [`CancelEpoch::cancel`].
    pub fn token(&self) -> CancelToken {
        CancelToken { epoch: Arc::clone(&self.0), at: self.0.load(Relaxed) }
    }
}

/// The side that looks.
#[derive(Clone, Debug)]
pub struct CancelToken {
    epoch: Arc<AtomicU64>,
    at: u64,
}

impl CancelToken {
    /// A token that nobody cancels.
    pub fn never() -> Self {
        CancelEpoch::default().token()
    }

    pub fn is_cancelled(&self) -> bool {
        self.epoch.load(Relaxed) != self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_reaches_old_tokens_only() {
        let epoch = CancelEpoch::default();
        let before = epoch.token();
        epoch.cancel();
        assert!(before.is_cancelled());
        assert!(!epoch.token().is_cancelled());
        assert!(!CancelToken::never().is_cancelled());
    }
}
