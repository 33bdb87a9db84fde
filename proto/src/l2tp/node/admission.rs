use super::super::config::{Limits, Rate};
use super::bucket::Bucket;
use crate::{Instant, Random};
use adit_wire::l2tp::TunnelId;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// How many sources' rates are remembered. A flood from more makes some be forgotten, which gives
/// those a full bucket again; the bound on half-open tunnels holds all the same.
const SOURCES: usize = 8_192;

/// Guards what a node does and holds for peers that have not proved yet that they receive at the
/// address they send from.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// The rate of each source.
    rates: BTreeMap<Source, Bucket>,
    /// Half-open tunnels by age: serial, id, source.
    half_open: BTreeMap<u32, (TunnelId, Source)>,
    /// How many of a source.
    per_source: BTreeMap<Source, u32>,
}

/// An IPv4 address or the /64 of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source(IpAddr);

impl Source {
    pub(super) fn of(address: IpAddr) -> Source {
        match address {
            IpAddr::V4(_) => Source(address),
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Source(Ipv6Addr::from_bits(network).into())
            }
        }
    }
}

impl Admission {
    /// Whether another SCCRQ of `source` may be looked at.
    pub(super) fn may_ask(
        &mut self,
        now: Instant,
        source: Source,
        rate: Rate,
        random: &mut Random,
    ) -> bool {
        if self.rates.len() >= SOURCES && !self.rates.contains_key(&source) {
            self.forget_some(now, random);
        }
        let bucket = self.rates.entry(source).or_insert(Bucket::full(now));
        bucket.take(now, rate)
    }

    /// Whether `source` may have another half-open tunnel.
    pub(super) fn may_open(&self, source: Source, limits: &Limits) -> bool {
        let count = self.per_source.get(&source).copied().unwrap_or_default();
        count < limits.half_open_per_source
    }

    /// The oldest half-open tunnel, if there must be one less for another to come.
    pub(super) fn in_the_way(&self, limits: &Limits) -> Option<TunnelId> {
        let full = self.half_open.len() >= limits.half_open.max(1) as usize;
        let oldest = self.half_open.values().next();
        oldest.filter(|_| full).map(|(id, _)| *id)
    }

    pub(super) fn opened(&mut self, serial: u32, id: TunnelId, source: Source) {
        self.half_open.insert(serial, (id, source));
        *self.per_source.entry(source).or_default() += 1;
    }

    /// The tunnel is proved or gone.
    pub(super) fn settled(&mut self, serial: u32) {
        let Some((_, source)) = self.half_open.remove(&serial) else {
            return;
        };
        if let Some(count) = self.per_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.per_source.remove(&source);
            }
        }
    }

    pub(super) fn half_open(&self) -> usize {
        self.half_open.len()
    }

    /// Makes room in `rates`: those that are full say nothing; without any, a random one goes.
    fn forget_some(&mut self, now: Instant, random: &mut Random) {
        self.rates.retain(|_, bucket| !bucket.is_full(now));
        if self.rates.len() >= SOURCES {
            let at = Source(IpAddr::V4(random.word().into()));
            let next = self.rates.range(at..).next().or(self.rates.iter().next());
            if let Some(source) = next.map(|(source, _)| *source) {
                self.rates.remove(&source);
            }
        }
    }
}
