//! The modules below `nn/` that need neither tract nor threads, with their own tests.

#[path = "../../src/nn/attention.rs"]
pub mod attention;
#[path = "../../src/nn/byte_memory.rs"]
pub mod byte_memory;
#[path = "../../src/nn/kernels/mod.rs"]
pub mod kernels;
#[path = "../../src/nn/linear.rs"]
pub mod linear;
#[path = "../../src/nn/tree.rs"]
pub mod tree;
