//! Records as octets.

use super::{Edit, Origin};
use crate::control::{create_session, create_tunnel};
use crate::daemon::genl;
use adit_datapath::spec::{Device, SessionSpec, TunnelSpec};
use adit_wire::netlink::{Attr, Attributes, Command, Frames, Writer};

/// The record of a tunnel.
pub(super) fn tunnel(spec: &TunnelSpec, origin: Origin) -> Vec<u8> {
    let mut record = create_tunnel(spec, 0);
    record.extend(known(Command::TunnelGet, origin).finish());
    record
}

/// Whether a record can say all of a tunnel.
pub(super) fn holds_tunnel(spec: &TunnelSpec, origin: Origin) -> bool {
    read_tunnel(&tunnel(spec, origin)) == Some(Edit::Tunnel(*spec, origin))
}

/// Whether a record can say all of a session.
pub(super) fn holds_session(spec: &SessionSpec, origin: Origin) -> bool {
    let said = read_session(&session(spec, origin, None));
    said == Some(Edit::Session(spec.clone(), origin, None))
}

/// The record of a session.
pub(super) fn session(spec: &SessionSpec, origin: Origin, device: Option<&Device>) -> Vec<u8> {
    let mut record = create_session(spec, 0);
    let mut writer = known(Command::SessionGet, origin);
    if let Some(device) = device {
        writer = writer
            .string(Attr::Ifname, &device.name)
            .word(Attr::Ifindex, device.index)
            .half(Attr::Mtu, device.mtu.try_into().unwrap_or(u16::MAX));
    }
    record.extend(writer.finish());
    record
}

fn known(command: Command, origin: Origin) -> Writer {
    let writer = Writer::command(command, 0, 0, 0);
    match origin {
        Origin::Hand | Origin::Protocol => writer,
        Origin::File => writer.octet(Attr::Configured, 1),
    }
}

/// The tunnel of a record, or nothing when the octets are none.
pub(super) fn read_tunnel(record: &[u8]) -> Option<Edit> {
    let [create, known] = messages(record)?;
    Some(Edit::Tunnel(
        genl::tunnel_spec(&create).ok()?,
        origin(&known),
    ))
}

/// The session of a record, or nothing when the octets are none.
pub(super) fn read_session(record: &[u8]) -> Option<Edit> {
    let [create, known] = messages(record)?;
    let device = match (&known.ifname, known.ifindex, known.mtu) {
        (Some(name), Some(index), Some(mtu)) => Some(Device {
            name: name.clone(),
            index,
            mtu: mtu.into(),
        }),
        _ => None,
    };
    Some(Edit::Session(
        genl::session_spec(&create).ok()?,
        origin(&known),
        device,
    ))
}

fn origin(known: &Attributes) -> Origin {
    match known.configured {
        Some(1..) => Origin::File,
        Some(0) | None => Origin::Hand,
    }
}

fn messages(record: &[u8]) -> Option<[Attributes; 2]> {
    let mut frames = Frames::new(record).map(|frame| {
        let (_, _, attributes) = frame.ok()?.genl()?;
        Attributes::read(attributes).ok()
    });
    Some([frames.next()??, frames.next()??])
}
