//! What the runs of one plan reuse, so that a steady run allocates nothing.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::attention::{AttentionScratch, PackedMemory};
use super::byte_memory::ByteMemoryScratch;
use super::linear::LinearScratch;
use super::{Plan, Team};

/// Room for intermediate results of one operator, and who computes them.
#[derive(Debug, Default)]
pub struct Scratch {
    pub team: Team,
    /// One for each half of the team.
    pub linear: [LinearScratch; 2],
    pub attention: [AttentionScratch; 2],
    pub byte_memory: ByteMemoryScratch,
    /// What the queries of one layer attend to.
    pub packed: PackedMemory,
    /// A row or a passage that an operator puts together before it computes.
    pub joined: Vec<f32>,
}

impl Scratch {
    fn set_fine_rows(&mut self, rows: usize) {
        let linear = self.linear.iter_mut().chain([&mut self.byte_memory.linear]);
        linear.for_each(|scratch| scratch.fine_rows = rows);
    }
}

/// Tensors and room that our operators share within one [`Session`].
#[derive(Debug, Default)]
pub struct Workspace {
    /// Everything handed out since the input shapes changed; free again once nobody else holds it.
    tensors: Vec<Arc<Tensor>>,
    scratch: Scratch,
}

impl Workspace {
    /// A tensor of `shape`, filled by `fill`, which must write every value: it may see old ones.
    pub fn fill(
        &mut self,
        shape: &[usize],
        fill: impl FnOnce(&mut [f32], &mut Scratch),
    ) -> TractResult<TValue> {
        let free = self
            .tensors
            .iter_mut()
            .position(|tensor| Arc::get_mut(tensor).is_some_and(|tensor| tensor.shape() == shape));
        let at = match free {
            Some(at) => at,
            None => {
                self.tensors.push(Arc::new(Tensor::zero::<f32>(shape)?));
                self.tensors.len() - 1
            }
        };
        let tensor = Arc::get_mut(&mut self.tensors[at]).context("a tensor nobody else holds")?;
        fill(tensor.try_as_plain_ram_mut()?.as_slice_mut()?, &mut self.scratch);
        Ok(Arc::clone(&self.tensors[at]).into_tvalue())
    }

    /// Runs `work` on the workspace of the session behind `context`, or on a fresh one where there
    /// is none: while a graph is being optimised.
    pub fn with<T>(context: &EvalContext, work: impl FnOnce(&mut Workspace) -> T) -> T {
        match context.shared.and_then(|shared| shared.get::<RefCell<Workspace>>()) {
            Some(workspace) => work(&mut workspace.borrow_mut()),
            None => work(&mut Workspace::default()),
        }
    }
}

/// One stream of runs through a plan, one at a time. Runs of equal input shapes reuse the tensors
/// of the run before.
pub struct Session {
    state: TypedSimpleState,
    /// Of the run before.
    shapes: Vec<usize>,
}

impl Session {
    pub fn new(plan: &Arc<Plan>) -> TractResult<Self> {
        Self::with_team(plan, Team::default())
    }

    /// A session whose runs `team` computes.
    pub fn with_team(plan: &Arc<Plan>, team: Team) -> TractResult<Self> {
        let mut session = Self { state: plan.spawn()?, shapes: Vec::new() };
        let mut workspace = Workspace::default();
        workspace.scratch.team = team;
        session.share(RefCell::new(workspace));
        Ok(session)
    }

    /// Hands operators something beside their inputs, found by its type; replaces the last of it.
    pub fn share<T: Any + Send>(&mut self, value: T) {
        self.state.turn_state.shared.insert(value);
    }

    /// An input for the next run: a tensor of `shape`, filled by `fill`, which must write every
    /// value.
    pub fn input(&mut self, shape: &[usize], fill: impl FnOnce(&mut [f32])) -> TractResult<TValue> {
        self.workspace()?.fill(shape, |values, _| fill(values))
    }

    /// Runs the plan. What it gives stays valid as long as the caller holds it; a value let go
    /// before the next run is reused by it.
    pub fn run(&mut self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let shapes = || inputs.iter().flat_map(|input| input.shape());
        if !shapes().eq(&self.shapes) {
            self.shapes.clear();
            self.shapes.extend(shapes());
            self.release()?;
        }
        let outputs = self.state.run(inputs);
        if outputs.is_err() {
            self.state.reset_turn()?;
        }
        outputs
    }

    /// Gives back the memory that a next run could reuse. What callers hold stays theirs.
    pub fn release(&mut self) -> TractResult<()> {
        let workspace = self.workspace()?;
        workspace.tensors.clear();
        let fine_rows = workspace.scratch.byte_memory.linear.fine_rows;
        let team = std::mem::take(&mut workspace.scratch.team);
        workspace.scratch = Scratch { team, ..Scratch::default() };
        workspace.scratch.set_fine_rows(fine_rows);
        Ok(())
    }

    /// From now on layers with inputs in 16 bits take only the first `rows` rows in 16 and the
    /// others in 8. For sessions without a team, whose halves would each count for themselves.
    pub fn set_fine_rows(&mut self, rows: usize) -> TractResult<()> {
        self.workspace()?.scratch.set_fine_rows(rows);
        Ok(())
    }

    fn workspace(&mut self) -> TractResult<&mut Workspace> {
        let shared = self.state.turn_state.shared.get_mut::<RefCell<Workspace>>();
        Ok(shared.context("every session has a workspace")?.get_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_reused_when_nobody_holds_it_and_its_shape_fits() {
        let mut workspace = Workspace::default();
        let mut fill = |shape: &[usize], value: f32| {
            workspace.fill(shape, |values, _| values.fill(value)).unwrap()
        };
        let at = |value: &TValue| std::ptr::from_ref::<Tensor>(value);
        let first = fill(&[1, 2], 1.0);
        let second = fill(&[1, 2], 2.0);
        assert_ne!(at(&first), at(&second), "the first is still held");
        let freed = at(&first);
        drop(first);
        assert_ne!(at(&fill(&[2, 1], 3.0)), freed, "another shape");
        let third = fill(&[1, 2], 4.0);
        assert_eq!(at(&third), freed);
        assert_eq!(third.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap(), [4.0, 4.0]);
        assert_eq!(second.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap(), [2.0, 2.0]);
    }
}
