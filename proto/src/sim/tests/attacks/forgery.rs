//! Messages that look as if the peer had sent them.

use super::{Heard, Thread, V2, V3, V3_IP_PROVEN, V3_PROVEN};
use crate::Random;
use crate::l2tp::auth::{Cover, Keys, Nonces, cover, nonce, seal};
use crate::l2tp::config::Secret;
use crate::l2tp::{Encapsulation, MessageDrop, Path, ResultCode};
use crate::sim::World;
use crate::sim::tests::kit::{assert_agreed, assert_ends_clean, call, dial, open};
use adit_wire::l2tp::avp::{DigestType, DisconnectCode, Reason, StopCode};
use adit_wire::l2tp::control::{v2, v3};
use adit_wire::l2tp::{SessionId, TunnelId, Version};
use std::net::IpAddr;
use std::time::Duration;

/// The AVPs of a StopCCN and a CDN for the session.
fn endings(version: Version, session: SessionId) -> [Vec<u8>; 2] {
    let (stop, cdn) = (
        Reason::stop(StopCode::GENERAL_REQUEST),
        Reason::disconnect(DisconnectCode::ADMINISTRATIVE),
    );
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let written = match version {
        Version::V2 => {
            let stop = v2::StopCcn {
                assigned_tunnel: TunnelId(1),
                reason: stop,
            };
            let cdn = v2::Cdn {
                reason: cdn,
                assigned_session: session,
                q931_cause: None,
                disconnect_cause: None,
            };
            v2::Message::StopCcn(stop)
                .encode(&mut first)
                .and_then(|()| v2::Message::Cdn(cdn).encode(&mut second))
        }
        Version::V3 => {
            let stop = v3::StopCcn {
                reason: stop,
                assigned_connection: None,
            };
            let cdn = v3::Cdn {
                reason: cdn,
                local_session: session,
                remote_session: SessionId(0),
                disconnect_cause: None,
            };
            v3::Message::StopCcn(stop)
                .encode(&mut first)
                .and_then(|()| v3::Message::Cdn(cdn).encode(&mut second))
        }
    };
    written.expect("the values are sound");
    [first, second]
}

fn address(world: &World, host: usize) -> IpAddr {
    world.host(host).address.ip()
}

/// The id by which the peer of host 0 calls the only session.
fn peer_session(world: &World) -> SessionId {
    let path = world.host(0).paths.values().next();
    path.expect("the session is up").peer_session
}

/// The forgery was good: with the right address, numbers and secret it would have ended the session.
fn assert_would_end(world: &mut World, path: Path, message: Vec<u8>) {
    world.inject(path, message);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.host(0).paths.len(), 0);
}

fn assert_unharmed(world: &mut World) {
    world.run_for(Duration::from_secs(2));
    assert_eq!(assert_agreed(world, 0, 1), 1);
    assert_eq!(
        (
            world.host(0).node.tunnels().count(),
            world.host(1).node.tunnels().count()
        ),
        (1, 1)
    );
    // The channel goes on, both ways: Hellos are acknowledged.
    world.run_for(Duration::from_secs(200));
    assert_eq!(assert_agreed(world, 0, 1), 1);
}

/// All numbers are right, and the address is not.
#[test]
fn who_is_elsewhere_ends_nothing() {
    for how in [V2, V3] {
        for ending in [0, 1] {
            let (mut world, _, heard) = how.established(11);
            let thread = Thread::follow(&heard, address(&world, 1));
            let avps = &endings(how.version, peer_session(&world))[ending];
            let (mut other_port, mut other_address) = (thread.path, thread.path);
            other_port.local.set_port(4242);
            other_address.local.set_ip([10, 9, 9, 9].into());
            for path in [other_port, other_address] {
                world.inject(path, thread.write(how.version, avps));
            }
            world.run_for(Duration::from_secs(2));
            assert_eq!(assert_agreed(&world, 0, 1), 1);
            let dropped = world
                .host(0)
                .node
                .counters()
                .dropped(MessageDrop::WrongPeer);
            assert_eq!(dropped, 2);
            assert_would_end(&mut world, thread.path, thread.write(how.version, avps));
        }
    }
}

/// The address is right, and the numbers are guessed.
#[test]
fn who_guesses_ends_nothing() {
    for how in [V2, V3] {
        let (mut world, _, heard) = how.established(12);
        let thread = Thread::follow(&heard, address(&world, 1));
        let endings = endings(how.version, peer_session(&world));
        let mut random = Random::new([9; 32]);
        for guess in 0..2_000 {
            // Half of them know the tunnel id.
            let tunnel = match guess % 2 {
                0 => TunnelId(1 + random.below(0xffff)),
                _ => thread.tunnel,
            };
            // An Ns that is expected soon would be believed sooner or later.
            let ns = 100 + random.below(0x7000) as u16;
            let forged = Thread {
                tunnel,
                ns,
                nr: random.word() as u16,
                ..thread
            };
            world.inject(
                thread.path,
                forged.write(how.version, &endings[guess % 3 % 2]),
            );
        }
        assert_unharmed(&mut world);
        let counters = world.host(0).node.counters();
        let dropped = [
            MessageDrop::UnknownTunnel,
            MessageDrop::InvalidNr,
            MessageDrop::BeyondWindow,
        ];
        assert_eq!(
            dropped.map(|why| counters.dropped(why)).iter().sum::<u64>(),
            2_000
        );
    }
}

/// Address and numbers are right, for this is somebody on the way. Only the secret is not known.
#[test]
fn who_lacks_the_secret_ends_nothing() {
    for how in [V3_PROVEN, V3_IP_PROVEN] {
        let (mut world, _, heard) = how.established(13);
        let thread = Thread::follow(&heard, address(&world, 1));
        let asked = nonce_of(&heard, address(&world, 0));
        let replied = nonce_of(&heard, address(&world, 1));
        let nonces = Nonces {
            local: &replied,
            remote: &asked,
        };
        let mut forged = 0;
        for avps in endings(how.version, peer_session(&world)) {
            let bare = thread.write(how.version, &avps);
            world.inject(thread.path, bare);
            for kind in [DigestType::HmacMd5, DigestType::HmacSha1] {
                for secret in ["", "other"] {
                    let sealed = sealed(&thread, &avps, kind, secret, nonces);
                    world.inject(thread.path, sealed);
                    forged += 1;
                }
            }
            forged += 1;
        }
        // Acknowledgements of what was not received, which would lose messages.
        let ahead = Thread {
            nr: thread.nr.wrapping_add(1),
            ..thread
        };
        world.inject(thread.path, ahead.write(how.version, &[]));
        world.inject(thread.path, ahead.write(how.version, &super::ACK));
        forged += 2;
        world.run_for(Duration::from_secs(2));
        assert_eq!(assert_agreed(&world, 0, 1), 1);
        let counters = world.host(0).node.counters();
        assert_eq!(counters.dropped(MessageDrop::Unauthentic), forged);
        let [stop, _] = endings(how.version, peer_session(&world));
        let right = sealed(&thread, &stop, DigestType::HmacSha1, "s3cret", nonces);
        assert_would_end(&mut world, thread.path, right);
    }
}

/// A message with a digest that was made with `secret`.
fn sealed(
    thread: &Thread,
    avps: &[u8],
    kind: DigestType,
    secret: &str,
    nonces: Nonces<'_>,
) -> Vec<u8> {
    let how = Cover {
        version: Version::V3,
        hide: None,
        digests: &[kind],
    };
    let mut body = Vec::new();
    cover(avps, how, &mut Random::new([0; 32]), &mut body).expect("nothing is too long");
    let mut message = thread.write(Version::V3, &body);
    let from = match thread.path.encapsulation {
        Encapsulation::Udp => 0,
        Encapsulation::Ip => 4,
    };
    let keys = Keys::new(&Secret(secret.into()));
    seal(&mut message[from..], &[keys], nonces).expect("there is room for it");
    message
}

/// The nonce in the first message of an end, which everybody can read.
fn nonce_of(heard: &[Heard], from: IpAddr) -> Vec<u8> {
    let mut of_it = heard.iter().filter(|(path, _)| path.local.ip() == from);
    let (path, octets) = of_it.next().expect("it said something");
    let header = match path.encapsulation {
        Encapsulation::Udp => 12,
        Encapsulation::Ip => 16,
    };
    nonce(&octets[header..]).expect("it has one").to_vec()
}

/// What was authentic in one tunnel is nothing in another between the same ends.
#[test]
fn what_was_said_elsewhere_ends_nothing() {
    let (mut world, tunnel, mut old) = V3_PROVEN.established(14);
    let code = ResultCode::stop(StopCode::GENERAL_REQUEST);
    world
        .drive(0, |node, now| node.close_tunnel(now, tunnel, code))
        .expect("it is open");
    world.run_for(Duration::from_secs(100));
    old.extend(world.overheard());
    assert_ends_clean(&mut world);
    let config = V3_PROVEN.config("lac");
    let tunnel = open(&mut world, Encapsulation::Udp, config);
    dial(&mut world, tunnel, call(Version::V3));
    world.run_for(Duration::from_secs(1));
    let new = world.overheard();
    for host in [0, 1] {
        let thread = Thread::follow(&new, address(&world, host));
        for (path, octets) in old
            .iter()
            .filter(|(path, _)| path.local == thread.path.local)
        {
            // Old bodies with their digests, under a header that fits now.
            world.inject(*path, thread.write(Version::V3, &octets[12..]));
        }
    }
    assert_unharmed(&mut world);
}
