//! A second thread for work that falls into two halves.

use std::sync::Arc;

use rayon_core::{ThreadPool, ThreadPoolBuilder};

/// Who computes: one thread, or two that share the rows of what is long enough.
///
/// Two save wall time and no CPU time; results do not depend on it.
#[derive(Debug, Clone, Default)]
pub struct Team(Option<Arc<ThreadPool>>);

/// Fewer rows are done sooner than a second thread wakes up.
const WORTH_SHARING: usize = 24;

impl Team {
    /// A team of one, the caller itself, or of two with threads of their own, which sleep while
    /// there is nothing to do.
    pub fn of(threads: u32) -> std::io::Result<Self> {
        if threads < 2 {
            return Ok(Self::default());
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(2)
            .thread_name(|index| format!("compute-{index}"))
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self(Some(Arc::new(pool))))
    }

    /// Runs `work` on one of the team's threads, so that what it shares is shared without a wait.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Of `rows` rows, how many the first half has. All of them where sharing would not pay.
    pub fn first_half(&self, rows: usize) -> usize {
        if self.0.is_some() && rows >= WORTH_SHARING { rows.div_ceil(2) } else { rows }
    }

    /// Runs both halves, at the same time if there are two to do so and `shared` says that the
    /// second holds anything.
    pub fn join(&self, shared: bool, first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
        match self.0.as_ref().filter(|_| shared) {
            Some(pool) => {
                pool.join(first, second);
            }
            None => {
                first();
                second();
            }
        }
    }
}
