//! Whole nodes in worlds.

mod kit;
mod set_up;
