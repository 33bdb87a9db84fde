//! The kinds of cable that the measurements run over.

use crate::sys::Features;
use serde::Serialize;
use std::io;

const TCP_SEGMENTATION: [&str; 4] = [
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-tcp6-segmentation",
];
const UDP_SEGMENTATION: &str = "tx-udp-segmentation";
const SOFTWARE_SEGMENTATION: &str = "tx-generic-segmentation";
const RECEIVE_MERGING: &str = "rx-gro";

/// What a veth pair is set to pass and to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wire {
    /// A veth pair as it comes: super-frames of up to 64 KiB cross it whole.
    Offload,
    /// Packets of the MTU's size on the wire, cut and merged by the kernel at its ends.
    Nic,
    /// Packets of the MTU's size all the way.
    Plain,
}

impl Wire {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Wire; 3] = [Wire::Nic, Wire::Offload, Wire::Plain];

    /// The word that selects it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Wire::Offload => "offload",
            Wire::Nic => "nic",
            Wire::Plain => "plain",
        }
    }

    /// A heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Wire::Offload => "Offloads on",
            Wire::Nic => "Like a NIC",
            Wire::Plain => "Offloads off",
        }
    }

    /// What it is, with the `ethtool` command that makes the same.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Wire::Offload => {
                "The veth pair's own defaults: super-frames of up to 64 KiB cross the wire whole."
            }
            Wire::Nic => {
                "MTU-sized packets on the wire, segmented and merged by the kernel at its ends \
                 (`ethtool -K DEV tso off tx-udp-segmentation off gso on gro on`)."
            }
            Wire::Plain => {
                "MTU-sized packets all the way \
                 (`ethtool -K DEV tso off tx-udp-segmentation off gso off gro off`)."
            }
        }
    }

    /// Sets `device`, which is in this thread's namespace, and checks that the kernel obeyed.
    pub(crate) fn apply(self, device: &str) -> io::Result<()> {
        let (hardware, software, merging) = match self {
            Wire::Offload => (true, true, false),
            Wire::Nic => (false, true, true),
            Wire::Plain => (false, false, false),
        };
        let features = Features::of(device)?;
        let mut wanted = vec![
            (UDP_SEGMENTATION, hardware),
            (SOFTWARE_SEGMENTATION, software),
            (RECEIVE_MERGING, merging),
        ];
        wanted.extend(TCP_SEGMENTATION.map(|name| (name, hardware)));
        for &(name, on) in &wanted {
            features.set(name, on)?;
        }
        for (name, on) in wanted {
            if features.active(name)? != on {
                let text = format!("{device}: the kernel does not set {name} to {on}");
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
        }
        Ok(())
    }
}
