//! What the data path does to the frames it carries beside carrying them: all of it on request, or
//! because a frame does not fit.

pub(crate) mod too_big;

#[cfg(test)]
mod samples;
