//! What the end-to-end tests share: hosts with daemons, pairs of them, and patience.

pub mod guest;
pub mod script;
pub mod superframe;
pub mod traffic;

mod capture;

mod dialup;
mod harness;
mod host;
mod pair;
mod pinned;
mod probe;
mod program;
mod relay;
mod routed;
mod supervisor;
mod translator;
mod wire;
mod xl2tpd;

pub use capture::Capture;
pub use dialup::{Dialup, LAC_INSIDE, LNS_INSIDE, MRU, Proof, Role, UNCOMPRESSED, ppp_devices};
pub use harness::{
    Test, eventually, needing, needing_python, needing_unpacked, python_packages, run, run_where,
    test, unpacked,
};
pub use host::{Host, Refusal};
pub use pair::{Encap, Family, Pair, Setup, Side, address_device};
pub use pinned::Pinned;
pub use probe::{Probe, bridged, frame, virtio_bridged};
pub use program::program;
pub use relay::{Disturbance, Relay, apart, lose_every, relayed, swap_every};
pub use routed::Routed;
pub use supervisor::{kill_supervisors, supervisors};
pub use translator::Translator;
pub use wire::{Passage, Weather, Wire};
pub use xl2tpd::Xl2tpd;
