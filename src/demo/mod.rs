//! A simulated room for `mynah demo`: a customer who waits for their turn, in a noisy kitchen.
//! No device and no recording is needed, and every run is the same.

mod customer;
mod kitchen;

pub use customer::{Customer, Line, Room, Said};
pub use kitchen::Kitchen;
