mod state;

pub use state::SessionState;
pub(crate) use state::{Machine, SessionAction, SessionEvent, next};
