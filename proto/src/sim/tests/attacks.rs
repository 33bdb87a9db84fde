//! Worlds with somebody in them who means harm.

mod mirror;
