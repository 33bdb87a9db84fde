mod state;

pub use state::TunnelState;
pub(crate) use state::{TunnelAction, TunnelEvent, next};
