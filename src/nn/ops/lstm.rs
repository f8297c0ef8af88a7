use std::sync::Arc;

use tract_onnx::tract_hir::internal::*;

use super::{Constants, Spelling, channels, filled, floats, time_major_fact};
use crate::nn::kernels::{Activation, Kernel};
use crate::nn::linear::WindowLinear;
use crate::nn::workspace::Scratch;

/// One step of a long short-term memory with W cells.
///
/// ONNX inputs: x `[1, 1, channels]`, state `[1, 1, 2 W]` (hidden, then cell), weight f32
/// `[channels + W, 4 W]` of the gates (input, forget, candidate, output), bias. Output: the next
/// state.
#[derive(Debug, Clone)]
pub struct LstmCell {
    kernel: Kernel,
    gates: Arc<WindowLinear>,
}

impl LstmCell {
    pub(super) fn make(
        spelling: &Spelling,
        constants: &Constants,
    ) -> TractResult<(Box<dyn TypedOp>, TVec<OutletId>)> {
        let (weight, bias) = (constants.tensor(2)?, constants.floats(3)?);
        let (inputs, outputs) = match *weight.shape() {
            [inputs, outputs] if outputs == bias.len() => (inputs, outputs),
            ref other => bail!("weight {other:?} does not fit a bias of {}", bias.len()),
        };
        ensure!(outputs > 0 && outputs.is_multiple_of(4), "{outputs} gates are not four per cell");
        ensure!(inputs > outputs / 4, "{inputs} inputs hold no state of {}", outputs / 4);
        let gates = WindowLinear::pack(spelling.kernel, floats(&weight)?, &bias, inputs);
        let op = Self { kernel: spelling.kernel, gates: Arc::new(gates) };
        Ok((Box::new(op), constants.kept(0..2)?))
    }

    fn cells(&self) -> usize {
        self.gates.outputs() / 4
    }
}

impl PartialEq for LstmCell {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.gates, &other.gates)
    }
}

impl Eq for LstmCell {}

impl Op for LstmCell {
    fn name(&self) -> StaticName {
        "LstmCell".into()
    }
    op_as_typed_op!();
}

impl EvalOp for LstmCell {
    op_out_of_plan!();
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (x, state) = (floats(&inputs[0])?, floats(&inputs[1])?);
        let (hidden, cell) = state.split_at(self.cells());
        let wanted = (self.gates.window() - hidden.len(), 2 * self.cells());
        ensure!((x.len(), state.len()) == wanted, "one step of {} channels", wanted.0);
        filled(context, inputs[1].shape(), |next, Scratch { joined, .. }| {
            joined.clear();
            joined.extend(x.iter().chain(hidden));
            let inputs = joined.len();
            joined.resize(inputs + self.gates.outputs(), 0.0);
            let (joined, gates) = joined.split_at_mut(inputs);
            self.gates.run(joined, Activation::None, gates);
            self.kernel.lstm_cell(gates, cell, next);
        })
    }
}

impl TypedOp for LstmCell {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (x, state) = (channels(inputs[0])?.1, channels(inputs[1])?.1);
        ensure!(
            state == 2 * self.cells() && x + self.cells() == self.gates.window(),
            "{x} channels and a state of {state} for {} cells behind {} inputs",
            self.cells(),
            self.gates.window()
        );
        Ok(time_major_fact(1.to_dim(), state))
    }
    as_op!();
}
