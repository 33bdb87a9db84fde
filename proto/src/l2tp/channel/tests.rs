//! The channel alone: rules of the RFCs one by one, then two ends over a network that loses,
//! doubles and reorders.

mod lossy;
mod rules;
