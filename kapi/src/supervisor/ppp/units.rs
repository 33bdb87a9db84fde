//! Requests to PPP units, and about their network devices.

use super::{ENOTTY, PppFile};
use crate::protocol::{Ask, PppAsk, Say};
use crate::supervisor::caller::{Caller, errno};
use crate::supervisor::{Reply, Supervisor, requests};
use crate::sys::seccomp::Outcome;
use adit_wire::netlink::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

/// BPF_MAXINSNS of `linux/bpf_common.h`.
const MOST_INSTRUCTIONS: usize = 4096;
/// What the kernel's PPP driver calls its version.
const VERSION: &[u8] = b"2.4.2\0";
/// Octets of `struct ppp_stats` and `struct ppp_comp_stats`.
const STATS_OCTETS: usize = 76;
const COMP_STATS_OCTETS: usize = 76;

impl PppFile {
    pub(super) async fn control_unit(
        &self,
        caller: &Caller<'_>,
        request: u32,
        argument: u64,
    ) -> Result<(), Errno> {
        let word = || caller.array(argument).map(u32::from_ne_bytes);
        match request {
            requests::GUNIT => self.tell(caller, argument, PppAsk::Unit).await,
            requests::GFLAGS => self.tell(caller, argument, PppAsk::Flags).await,
            requests::SFLAGS => self.ask(PppAsk::SetFlags(word()?)).await.map(drop),
            requests::SMRU => self.ask(PppAsk::SetMru(word()?)).await.map(drop),
            requests::GDEBUG => self.tell(caller, argument, PppAsk::Debug).await,
            requests::SDEBUG => self.ask(PppAsk::SetDebug(word()?)).await.map(drop),
            requests::GNPMODE | requests::SNPMODE => self.mode(caller, request, argument).await,
            requests::GIDLE32 | requests::GIDLE64 => self.idle(caller, request, argument).await,
            requests::SPASS | requests::SACTIVE => {
                let program = filter(caller, argument)?;
                let active = request == requests::SACTIVE;
                self.ask(PppAsk::SetFilter { active, program })
                    .await
                    .map(drop)
            }
            requests::SMAXCID => {
                let ask = PppAsk::SetMaxConnections(word()?);
                self.ask(ask).await.map(drop)
            }
            // An MRU of bundles, which there are none of.
            requests::SMRRU => word().map(drop),
            // No method of compression is known.
            requests::SCOMPRESS => caller.array::<16>(argument).and(Err(Errno::EINVAL)),
            _ => Err(ENOTTY),
        }
    }

    async fn tell(&self, caller: &Caller<'_>, argument: u64, ask: PppAsk) -> Result<(), Errno> {
        let number = self.number(ask).await?;
        caller.write(argument, &number.to_ne_bytes())
    }

    /// `struct npioctl`: what becomes of a network protocol's packets.
    async fn mode(&self, caller: &Caller<'_>, request: u32, argument: u64) -> Result<(), Errno> {
        let [p0, p1, p2, p3, m0, m1, m2, m3] = caller.array(argument)?;
        let protocol = u32::from_ne_bytes([p0, p1, p2, p3]);
        let protocol = u16::try_from(protocol).map_err(|_| Errno::EINVAL)?;
        match request {
            requests::GNPMODE => {
                let mode = self.number(PppAsk::NpMode(protocol)).await?;
                let mode = mode.to_ne_bytes();
                caller.write(argument, &[&[p0, p1, p2, p3], &mode[..]].concat())
            }
            _ => {
                let mode = u32::from_ne_bytes([m0, m1, m2, m3]);
                self.ask(PppAsk::SetNpMode(protocol, mode)).await.map(drop)
            }
        }
    }

    /// Seconds since a packet was sent, and since one was received.
    async fn idle(&self, caller: &Caller<'_>, request: u32, argument: u64) -> Result<(), Errno> {
        let Say::Idle(sent, received) = self.ask(PppAsk::Idle).await? else {
            return Err(Errno::EPROTO);
        };
        let seconds = [sent / 1000, received / 1000];
        let octets: Vec<u8> = match request {
            requests::GIDLE32 => seconds
                .iter()
                .flat_map(|one| (*one as u32).to_ne_bytes())
                .collect(),
            _ => seconds.iter().flat_map(|one| one.to_ne_bytes()).collect(),
        };
        caller.write(argument, &octets)
    }
}

/// `struct sock_fprog`: a length, and where the instructions are.
fn filter(caller: &Caller<'_>, argument: u64) -> Result<Vec<(u16, u8, u8, u32)>, Errno> {
    let [l0, l1, _, _, _, _, _, _, address @ ..]: [u8; 16] = caller.array(argument)?;
    let len = usize::from(u16::from_ne_bytes([l0, l1]));
    if len > MOST_INSTRUCTIONS {
        return Err(Errno::EINVAL);
    }
    let octets = caller.copy(u64::from_ne_bytes(address), 8 * len)?;
    let instruction = |octets: &[u8]| match *octets {
        [c0, c1, jt, jf, k0, k1, k2, k3] => {
            let code = u16::from_ne_bytes([c0, c1]);
            (code, jt, jf, u32::from_ne_bytes([k0, k1, k2, k3]))
        }
        _ => (0, 0, 0, 0),
    };
    Ok(octets.chunks(8).map(instruction).collect())
}

/// Answers SIOCGPPPSTATS and its like, asked of any socket about the device that a `struct ifreq`
/// names; what is no unit here is left to the kernel.
pub(crate) async fn counters(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    request: u32,
    argument: u64,
) -> Result<Reply, Errno> {
    let go_on = Ok(Reply::So(Outcome::Continue));
    let Ok(ifreq) = caller.array::<24>(argument) else {
        return go_on;
    };
    let (name, data) = ifreq.split_at(16);
    let name: Vec<u8> = name
        .iter()
        .copied()
        .take_while(|octet| *octet != 0)
        .collect();
    let Ok(name) = String::from_utf8(name) else {
        return go_on;
    };
    let data = data
        .first_chunk()
        .map_or(0, |data| u64::from_ne_bytes(*data));
    let file = caller.network_namespace().map_err(|err| errno(&err))?;
    let namespace = supervisor.namespaces.get(file).map_err(|err| errno(&err))?;
    let Some(link) = namespace.link().await else {
        return go_on;
    };
    // Names change, so the device is asked for by its index.
    let index = namespace.within(move || {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
        Ok(netdevice::name_to_index(&socket, &name)?)
    });
    let Ok(index) = index.await else {
        return go_on;
    };
    let Ok(Say::Counters(counters)) = link.settle(Ask::UnitCounters(index), &[]).await else {
        return go_on;
    };
    let octets = match request {
        requests::SIOCGPPPVER => VERSION.to_vec(),
        requests::SIOCGPPPCSTATS => vec![0; COMP_STATS_OCTETS],
        _ => statistics(&counters),
    };
    caller.write(data, &octets)?;
    Ok(Reply::So(Outcome::Value(0)))
}

/// `struct ppp_stats`, of which a daemon counts received octets, packets and errors, and sent ones.
fn statistics(counters: &[u64]) -> Vec<u8> {
    let counter = |at: usize| counters.get(at).map_or(0, |counter| *counter as u32);
    // ppp_discards, ppp_ibytes, ppp_ioctects, ppp_ipackets, ppp_ierrors, ppp_ilqrs, and the same
    // from ppp_obytes on; then those of header compression.
    let words = [
        (1, counter(0)),
        (3, counter(1)),
        (4, counter(2)),
        (6, counter(3)),
        (8, counter(4)),
        (9, counter(5)),
    ];
    let mut out = vec![0; STATS_OCTETS];
    for (at, word) in words {
        let octets = word.to_ne_bytes();
        out.iter_mut()
            .skip(4 * at)
            .zip(octets)
            .for_each(|(to, from)| *to = from);
    }
    out
}
