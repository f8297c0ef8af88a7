//! From ONNX bytes to a plan that is ready to run.

use std::sync::Arc;

use tract_onnx::prelude::*;

use super::kernels::{Kernel, KernelError};
use super::ops;

/// An optimised network: immutable, shared between threads; `spawn` gives the state of one run.
pub type Plan = TypedRunnableModel;

#[derive(Debug, thiserror::Error)]
pub enum NnError {
    #[error(transparent)]
    Kernel(#[from] KernelError),
    #[error("{model}: this program cannot run the model ({why}). Run `make models` again")]
    Unusable { model: String, why: String },
}

/// Loads an ONNX model with our operators registered, and optimises it.
///
/// `name` stands in error messages. Shapes the file claims for its outputs are ignored: they follow
/// from the inputs.
pub fn load(name: &str, onnx: &[u8]) -> Result<Arc<Plan>, NnError> {
    // An impossible choice of kernel is the user's, and must not look like a broken model.
    Kernel::current()?;
    let plan = || -> TractResult<Arc<Plan>> {
        let mut framework = tract_onnx::onnx().with_ignore_output_shapes(true);
        ops::register(&mut framework.op_register);
        framework.model_for_read(&mut &*onnx)?.into_optimized()?.into_runnable()
    };
    plan().map_err(|error| NnError::Unusable {
        model: name.to_owned(),
        why: format!("{error:#}").lines().collect::<Vec<_>>().join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_model_is_named() {
        let error = load("asr/encoder.onnx", b"not a model").unwrap_err().to_string();
        assert!(error.starts_with("asr/encoder.onnx: "), "{error}");
        assert!(error.contains("make models"), "{error}");
    }
}
