use crate::counters::DropReason;
use crate::user::inner::clamp::clamp;
use crate::user::inner::class;
use crate::user::line::Line;
use crate::user::marks::Arrival;
use crate::user::offload::merge::{Bundle, Merger};
use crate::user::order::Payload;
use crate::user::outbox::Outbox;
use crate::user::port::Port;
use crate::user::{Event, Notify};
use adit_wire::netlink::Stat;
use adit_wire::ppp::{self, ADDRESS_CONTROL};
use std::io;
use std::sync::Arc;

/// Ethernet's header, and the VLAN tag that may stand in front of a full-sized payload.
const ETHERNET: usize = 14;
const VLAN_TAG: usize = 4;

/// Sessions whose frames are joined at a time; one more ends the first.
const MAX_OPEN: usize = 16;

/// Frames of one batch on their way to their devices, and to the lines they are switched to.
pub(crate) struct Delivery<'a> {
    open: Vec<(Arc<Port>, Merger<'a>)>,
    relays: Vec<(Arc<Line>, Payload<'a>)>,
    notify: &'a Notify,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(notify: &'a Notify) -> Delivery<'a> {
        Delivery {
            open: Vec::new(),
            relays: Vec::new(),
            notify,
        }
    }

    /// Takes an Ethernet frame for the port's device; one that the device must not see is counted.
    pub(crate) fn take_frame(&mut self, port: &Arc<Port>, frame: Payload<'a>) {
        let longest = port.device.receive_mtu() as usize + ETHERNET + VLAN_TAG;
        if frame.len() < ETHERNET {
            return port.line.drop_received(DropReason::FrameShort, 1, None);
        }
        if frame.len() > longest {
            return port.line.drop_received(DropReason::FrameMtu, 1, None);
        }
        self.take_packet(port, frame);
    }

    /// Takes what the port's device takes as it is, but for its class and what hosts agree on in it.
    pub(crate) fn take_packet(&mut self, port: &Arc<Port>, mut frame: Payload<'a>) {
        let layer = port.device.tap.layer();
        match port.line.mark().arrived(layer, &frame, frame.class) {
            Arrival::AsItIs => {}
            Arrival::Marked(class) => class::set(layer, frame.octets.to_mut(), class),
            Arrival::Dropped => return port.line.drop_received(DropReason::Congestion, 1, None),
        }
        if let Some(place) = port.excess(&frame) {
            clamp(frame.octets.to_mut(), place, false);
        }
        let notify = self.notify;
        let merger = self.merger(port);
        merger.push(frame, &mut |bundle| write(port, &bundle, notify));
    }

    /// Takes a PPP frame, from its protocol field on, that leaves by another session.
    pub(crate) fn relay(&mut self, line: &Arc<Line>, frame: Payload<'a>) {
        self.relays.push((line.clone(), frame));
    }

    /// Writes and sends what is left.
    pub(crate) fn finish(mut self, outbox: &mut Outbox) {
        for (port, mut merger) in self.open.drain(..) {
            merger.flush(&mut |bundle| write(&port, &bundle, self.notify));
        }
        for (line, frame) in self.relays.drain(..) {
            if let Some((protocol, information)) = ppp::split(&frame) {
                let protocol = protocol.to_be_bytes();
                outbox.post(&line, &[&ADDRESS_CONTROL, &protocol, information]);
            }
        }
        outbox.flush();
    }

    fn merger(&mut self, port: &Arc<Port>) -> &mut Merger<'a> {
        let at = self
            .open
            .iter()
            .position(|(open, _)| Arc::ptr_eq(open, port));
        let at = at.unwrap_or_else(|| {
            if self.open.len() == MAX_OPEN {
                let (port, mut merger) = self.open.remove(0);
                merger.flush(&mut |bundle| write(&port, &bundle, self.notify));
            }
            let merger = Merger::new(port.device.tap.layer(), port.device.tap.joins());
            self.open.push((port.clone(), merger));
            self.open.len() - 1
        });
        &mut self.open[at].1
    }
}

/// Gives frames to the device and counts them.
fn write(port: &Port, bundle: &Bundle<'_>, notify: &Notify) {
    let session = &*port.line.session;
    let frames = bundle.frames.len();
    let written = port.device.tap.write(bundle.pieces);
    match (written, port.unit()) {
        (Ok(()), None) => {
            let octets: usize = bundle.frames.iter().map(Payload::packet_len).sum();
            session.rx.add(Stat::RxPackets, frames as u64);
            session.rx.add(Stat::RxBytes, octets as u64);
        }
        // PPP's frames are counted when they reach their channel.
        (Ok(()), Some(_)) => {}
        (Err(error), Some(_)) => port.line.discard(reason_of(&error), frames),
        (Err(error), None) => {
            port.line.drop_received(reason_of(&error), frames, None);
            if error.raw_os_error() == Some(libc::EBADFD) && port.device.lose() {
                notify(Event::DeviceLost(session.key));
            }
        }
    }
}

fn reason_of(error: &io::Error) -> DropReason {
    // The kernel's answer for a device that is not up.
    if error.raw_os_error() == Some(libc::EIO) {
        DropReason::DeviceDown
    } else {
        DropReason::DeviceWrite
    }
}
