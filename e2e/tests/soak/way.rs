//! The ways in which a session may be set up.

use adit_e2e::{Encap, Family, Setup, Side, Weather};

/// What lies between the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Carries packets as NICs send and merge them; loses some, and lets some overtake others.
    Wire,
    /// A veth pair: loses nothing, and super-frames cross it whole.
    Cable,
}

/// One way.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) setup: Setup,
    pub(super) links: &'static [Link],
    /// The ends that use the path inside the kernel.
    pub(super) fast: &'static [Side],
    /// For the command line of both daemons.
    pub(super) arguments: &'static [&'static str],
    pub(super) sequence: Sequence,
}

/// What sequence numbers do to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sequence {
    /// Nothing: there are none.
    No,
    /// What is out of order is dropped.
    Dropped,
    /// What is out of order waits.
    Restored,
}

impl Way {
    fn new(name: &'static str, setup: Setup) -> Way {
        Way {
            name,
            setup,
            links: &[Link::Wire, Link::Cable],
            fast: &[],
            arguments: &[],
            sequence: Sequence::No,
        }
    }

    fn numbered(self) -> Way {
        Way {
            setup: self.setup.session("seq both"),
            sequence: Sequence::Dropped,
            ..self
        }
    }

    fn reordered(self) -> Way {
        Way {
            setup: self.setup.session("seq both reorder_timeout 100"),
            sequence: Sequence::Restored,
            ..self
        }
    }

    fn with(self, arguments: &'static [&'static str]) -> Way {
        Way { arguments, ..self }
    }

    fn fast(self) -> Way {
        Way {
            fast: &[Side::A, Side::B],
            ..self
        }
    }

    /// With the path inside the kernel at one end, whose peer cannot read what crosses a cable whole.
    fn fast_at(self, fast: &'static [Side]) -> Way {
        Way {
            fast,
            links: &[Link::Wire],
            ..self
        }
    }

    /// Whether frames of one source stay in their order, whatever they are; else those of a flow do.
    pub(super) fn keeps_sources_in_order(&self) -> bool {
        self.fast.is_empty() && !self.arguments.contains(&"--queues")
    }

    /// What the wire does. Where one packet that is lost or late takes others along, streams would
    /// come to a standstill.
    pub(super) fn weather(&self) -> Weather {
        let (loss, disorder) = match self.sequence {
            Sequence::No | Sequence::Restored => (50, 60),
            Sequence::Dropped => (300, 400),
        };
        Weather { loss, disorder }
    }

    /// Whether what comes is in order at all times: a peer's user space sends with checksums and without,
    /// which take two paths with `--fast-path=all`.
    pub(super) fn receives_in_order(&self) -> bool {
        self.fast != [Side::B]
    }

    /// The command line of the daemon at `side`. The wire is a TAP device, for which programs have to be
    /// asked for as for a veth pair.
    pub(super) fn command_line(&self, side: Side) -> Vec<&'static str> {
        let mut line = self.arguments.to_vec();
        if self.fast.contains(&side) {
            line.push("--fast-path=all");
        }
        line
    }
}

/// Each way once.
pub(super) fn all() -> Vec<Way> {
    let udp4 = || Setup::new(Encap::Udp, Family::V4);
    let udp6 = || Setup::new(Encap::Udp, Family::V6);
    let unsummed6 = || udp6().tunnel("udp6_csum_tx off udp6_csum_rx off");
    let ip4 = || Setup::new(Encap::Ip, Family::V4);
    let ip6 = || Setup::new(Encap::Ip, Family::V6);
    let bare = "l2spec_type none";
    vec![
        Way::new("udp4", udp4()),
        Way::new("udp4_checksums", udp4().tunnel("udp_csum on")),
        Way::new("udp4_no_checksums", udp4().tunnel("udp_csum off")),
        Way::new("udp4_cookie_4_bare", udp4().cookie(4).session(bare)),
        Way::new("udp4_numbered", udp4()).numbered(),
        Way::new("udp4_reordered", udp4().cookie(8)).reordered(),
        Way::new("udp6", udp6()),
        Way::new("udp6_cookie_8", udp6().cookie(8)),
        Way::new("udp6_numbered", udp6().cookie(4)).numbered(),
        Way::new("udp6_reordered", udp6()).reordered(),
        Way::new("ip4", ip4()),
        Way::new("ip4_cookie_8_bare", ip4().cookie(8).session(bare)),
        Way::new("ip4_numbered", ip4().cookie(4)).numbered(),
        Way::new("ip6", ip6()),
        Way::new("ip6_cookie_4", ip6().cookie(4)),
        Way::new("ip6_reordered", ip6().cookie(8)).reordered(),
        Way::new("queues", udp4()).with(&["--queues", "2"]),
        Way::new("queues_reordered", udp6())
            .reordered()
            .with(&["--queues", "2"]),
        Way::new("workers", udp4().second()).with(&["--workers", "3"]),
        Way::new("workers_ip_reordered", ip4().second())
            .reordered()
            .with(&["--workers", "3", "--queues", "2"]),
        Way::new("fast4", udp4()).fast(),
        Way::new("fast4_cookie_4_bare", udp4().cookie(4).session(bare)).fast(),
        Way::new("fast6", unsummed6().cookie(8)).fast(),
        Way::new("fast_ip4", ip4().cookie(8)).fast(),
        Way::new("fast_ip6", ip6()).fast(),
        Way::new("fast_queues_workers", udp4().second())
            .fast()
            .with(&["--queues", "2", "--workers", "3"]),
        Way::new("fast_sender", udp4().cookie(8)).fast_at(&[Side::A]),
        Way::new("fast_receiver", unsummed6()).fast_at(&[Side::B]),
    ]
}
