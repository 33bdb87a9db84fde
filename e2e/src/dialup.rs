//! xl2tpd with pppd, as either end of a call: their files, which are the same wherever they run.

use adit_lab::Namespace;
use std::net::{IpAddr, Ipv4Addr};

/// The end of a tunnel that a program plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Waits for calls, asks for a name and a secret, gives addresses.
    Lns,
    /// Calls.
    Lac,
}

impl Role {
    /// The other end's.
    pub fn other(self) -> Role {
        match self {
            Role::Lns => Role::Lac,
            Role::Lac => Role::Lns,
        }
    }

    /// Its address inside the first call.
    pub fn inside(self) -> Ipv4Addr {
        match self {
            Role::Lns => LNS_INSIDE.into(),
            Role::Lac => LAC_INSIDE.into(),
        }
    }
}

/// How the LNS wants the caller to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// PAP (RFC 1334).
    Pap,
    /// CHAP with MD5 (RFC 1994).
    Chap,
    /// MS-CHAPv2 (RFC 2759).
    MsChapV2,
}

impl Proof {
    /// The option of pppd that demands it.
    fn demand(self) -> &'static str {
        match self {
            Proof::Pap => "require-pap",
            Proof::Chap => "require-chap",
            Proof::MsChapV2 => "require-mschap-v2",
        }
    }
}

/// One end of a call.
#[derive(Debug, Clone)]
pub struct Dialup {
    /// Which end it is.
    pub role: Role,
    /// What the LNS demands.
    pub proof: Proof,
    /// The address of this end below the tunnel.
    pub own: IpAddr,
    /// The address of the other end.
    pub peer: IpAddr,
    /// More options of pppd, one a line. Without them pppd asks for all the compression that it
    /// knows.
    pub options: &'static str,
}

/// Options of pppd that neither ask for compression nor take any.
pub const UNCOMPRESSED: &str = "noccp\nnovj\n";

/// The address of the LNS inside the call.
pub const LNS_INSIDE: [u8; 4] = [10, 9, 0, 1];
/// The address that the first caller is given.
pub const LAC_INSIDE: [u8; 4] = [10, 9, 0, 10];
/// What each end can receive inside the call.
pub const MRU: usize = 1400;

impl Dialup {
    /// The files of /etc/ppp by name: pppd looks for its secrets there and nowhere else, so
    /// everything is there.
    pub fn files(&self) -> [(&'static str, String); 5] {
        let secrets = "caller * secret *\n".to_owned();
        [
            ("xl2tpd.conf", self.configuration()),
            ("call", self.options()),
            // What every pppd reads first, and misses when it is not there.
            ("options", String::new()),
            ("pap-secrets", secrets.clone()),
            ("chap-secrets", secrets),
        ]
    }

    /// The command that runs xl2tpd in the foreground.
    pub fn command() -> &'static str {
        "xl2tpd -D -c /etc/ppp/xl2tpd.conf -s /dev/null -p /run/xl2tpd.pid -C /run/xl2tpd.control"
    }

    fn configuration(&self) -> String {
        let Dialup { own, peer, .. } = self;
        let global = format!("[global]\nlisten-addr = {own}\nport = 1701\n");
        let rest = match self.role {
            Role::Lns => {
                "[lns default]\nip range = 10.9.0.10-10.9.0.20\nlocal ip = 10.9.0.1\nname = lns\n\
                 require authentication = yes\n"
                    .to_owned()
            }
            Role::Lac => {
                format!("[lac call]\nlns = {peer}\nautodial = yes\nredial = no\nname = caller\n")
            }
        };
        format!("{global}{rest}length bit = yes\npppoptfile = /etc/ppp/call\n")
    }

    fn options(&self) -> String {
        let common = format!(
            "debug\nlogfile /etc/ppp/pppd.log\nipcp-accept-local\nipcp-accept-remote\n\
             mtu {MRU}\nmru {MRU}\nnodefaultroute\nlcp-echo-interval 1\n\
             lcp-echo-failure 4\n+ipv6\n{}",
            self.options
        );
        let own = match self.role {
            // pppd draws its magic numbers from the time and its process number. Two that start in the
            // same moment may draw the same and believe the line is looped, so one goes without.
            Role::Lns => format!("name lns\nnomagic\nauth\n{}\n", self.proof.demand()),
            Role::Lac => "name caller\nremotename lns\nnoauth\n".to_owned(),
        };
        common + &own
    }
}

/// How many network devices `pppN` there are in a namespace.
///
/// # Panics
/// When its devices cannot be listed.
#[track_caller]
pub fn ppp_devices(namespace: &Namespace) -> usize {
    let links = namespace.links().expect("links");
    links
        .iter()
        .filter(|link| link.name.starts_with("ppp"))
        .count()
}
