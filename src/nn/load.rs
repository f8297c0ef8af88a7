//! From ONNX bytes to a plan that is ready to run.

use std::sync::Arc;

use prost::Message;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::{ToDim, TractErrorContext};

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

/// A network as it was loaded, of which plans for known or open shapes are made. Its packed
/// weights exist once, however many plans there are.
pub struct Network {
    name: String,
    model: TypedModel,
}

impl Network {
    /// Reads an ONNX model with our operators registered.
    ///
    /// `name` stands in error messages. Shapes the file claims for its outputs are ignored: they
    /// follow from the inputs.
    ///
    /// The weights pass through four forms, and none outlives the making of the next: most of the
    /// memory that loading takes at its worst is a few copies of them.
    pub fn read(name: &str, onnx: Vec<u8>) -> Result<Self, NnError> {
        // An impossible choice of kernel is the user's, and must not look like a broken model.
        Kernel::current()?;
        let read = || -> TractResult<TypedModel> {
            let mut framework = tract_onnx::onnx().with_ignore_output_shapes(true);
            ops::register(&mut framework.op_register);
            let file = ModelProto::decode(&*onnx)?;
            drop(onnx);
            let model = framework.model_for_proto_model(&file)?;
            drop(file);
            model.into_typed()?.into_decluttered()
        };
        let model = read().map_err(|error| unusable(name, &error))?;
        Ok(Self { name: name.to_owned(), model })
    }

    /// An optimised plan with these dimensions fixed, by the names the graph gives them. The others
    /// stay open.
    pub fn plan(&self, fixed: &[(&str, usize)]) -> Result<Arc<Plan>, NnError> {
        let plan = || -> TractResult<Arc<Plan>> {
            let size = |(name, size): &(&str, usize)| -> TractResult<(Symbol, TDim)> {
                let symbol = self.model.symbols.get(name);
                Ok((symbol.with_context(|| format!("no dimension `{name}`"))?, size.to_dim()))
            };
            let sizes = fixed.iter().map(size).collect::<TractResult<_>>()?;
            self.model.set_symbols(&sizes)?.into_optimized()?.into_runnable()
        };
        plan().map_err(|error| unusable(&self.name, &error))
    }
}

/// The plan of an ONNX model in which every open dimension stays open; see [`Network::read`].
pub fn load(name: &str, onnx: Vec<u8>) -> Result<Arc<Plan>, NnError> {
    Network::read(name, onnx)?.plan(&[])
}

fn unusable(model: &str, error: &TractError) -> NnError {
    let why = format!("{error:#}").lines().collect::<Vec<_>>().join(" ");
    NnError::Unusable { model: model.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_model_is_named() {
        let error = load("asr/encoder.onnx", b"not a model".to_vec()).unwrap_err().to_string();
        assert!(error.starts_with("asr/encoder.onnx: "), "{error}");
        assert!(error.contains("make models"), "{error}");
    }
}
