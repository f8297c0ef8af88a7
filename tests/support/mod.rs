//! What several integration tests need. Each test program uses a part of it.

#![allow(dead_code, reason = "compiled into every test program, used in parts by each")]

pub mod agent;
pub mod vcard;
