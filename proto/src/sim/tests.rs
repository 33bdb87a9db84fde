//! Whole nodes in worlds.

mod attacks;
mod calls;
mod floods;
mod kit;
mod life;
mod set_up;
mod sublayer;
mod ties;
mod worlds;
