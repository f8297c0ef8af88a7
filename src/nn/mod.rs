//! Neural models as tract plans: loading, our quantised operators, and the kernels they run on.
//!
//! [`load()`] turns ONNX bytes into an optimised plan in which the operators of domain `ai.mynah`
//! ([`ops`]) run on the best [`kernels::Kernel`] of this CPU. [`linear`] and [`attention`] hold
//! what those operators compute, free of tract, so that tests and other stages can use them
//! directly. A [`Session`] runs a plan again and again without new memory.

pub mod attention;
pub mod byte_memory;
pub mod kernels;
pub mod linear;
mod load;
pub mod ops;
pub mod stream;
pub mod streaming;
mod team;
pub mod tree;
mod workspace;

pub use load::{Network, NnError, Plan, load};
pub use team::Team;
pub use workspace::Session;
