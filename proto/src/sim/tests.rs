//! Whole nodes in worlds.

mod attacks;
mod calls;
mod circuits;
mod floods;
mod kit;
mod life;
mod roll_over;
mod set_up;
mod sublayer;
mod ties;
mod worlds;
