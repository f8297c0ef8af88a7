//! A stack of convolutions run piece by piece, equal to the whole at once.
//!
//! Its layers keep their last inputs in a [`StreamMemory`] and answer what the newest completes, so
//! the output trails the input until the last piece, which brings the rest.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;

use super::TtsError;
use crate::models::ModelStore;
use crate::nn::ops::DepthStream;
use crate::nn::stream::StreamMemory;
use crate::nn::{self, Session};

/// Rows in one piece. A long piece uses the matrix kernels better, and the first sound waits for
/// it.
const PIECE: usize = 64;

/// The last piece is at least half, so at most one and a half times as long.
const LAST_PIECE: usize = PIECE * 3 / 2;

/// The network, and what its layers remember during a run.
pub struct Stack {
    name: &'static str,
    session: Session,
    memory: Arc<Mutex<StreamMemory>>,
    layers: usize,
    /// Numbers in a row of the input.
    width: usize,
}

/// How far one clause has come through a [`Stack`].
pub struct Passage {
    pushed: usize,
    memory: StreamMemory,
}

impl Stack {
    /// Loads a graph with one input `[1, N, width]` and one output.
    pub fn load(store: &ModelStore, name: &'static str, width: usize) -> Result<Self, TtsError> {
        let plan = nn::load(name, store.bytes(name)?)?;
        let layers = plan.model().nodes().iter().filter(|node| node.op_is::<DepthStream>()).count();
        let memory = Arc::new(Mutex::new(StreamMemory::new(layers)));
        let mut session = Session::new(&plan).map_err(|e| TtsError::plan(name, e))?;
        session.share(Arc::clone(&memory));
        Ok(Self { name, session, memory, layers, width })
    }

    /// Starts a clause.
    pub fn begin(&self) -> Passage {
        Passage { pushed: 0, memory: StreamMemory::new(self.layers) }
    }

    /// Runs the next piece of a clause, whose rows are `x`; `None` when it is done.
    pub fn step(&mut self, passage: &mut Passage, x: &[f32]) -> Result<Option<TValue>, TtsError> {
        let rest = &x[passage.pushed * self.width..];
        let left = rest.len() / self.width;
        if left == 0 {
            return Ok(None);
        }
        let rows = if left > LAST_PIECE { PIECE } else { left };
        if rows == left {
            passage.memory.end();
        }
        passage.pushed += rows;
        let given = self.run(&mut passage.memory, &rest[..rows * self.width]);
        given.map(Some).map_err(|e| TtsError::plan(self.name, e))
    }

    fn run(&mut self, memory: &mut StreamMemory, piece: &[f32]) -> TractResult<TValue> {
        let shape = [1, piece.len() / self.width, self.width];
        let input = self.session.input(&shape, |input| input.copy_from_slice(piece))?;
        // A poisoned memory held what a panicking run left there; what comes back is ours.
        let swap = |memory: &mut StreamMemory| {
            let mut shared = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut *shared, memory);
        };
        swap(memory);
        self.memory.clear_poison();
        let outputs = self.session.run(tvec!(input));
        swap(memory);
        Ok(outputs?.remove(0))
    }
}
