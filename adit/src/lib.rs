//! The program `adit`: the daemon that carries L2TP pseudowires and the command line that asks
//! it to. `main.rs` calls [`cli::main`] and nothing else.
#![deny(unsafe_code)]

mod complaint;

pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod demo;
pub mod input;
pub mod policy;
