//! The modules below `nn/` that need nothing but the standard library, with their own tests.

#[path = "../../src/nn/attention.rs"]
pub mod attention;
#[path = "../../src/nn/byte_memory.rs"]
pub mod byte_memory;
#[path = "../../src/nn/kernels/mod.rs"]
pub mod kernels;
#[path = "../../src/nn/linear.rs"]
pub mod linear;
