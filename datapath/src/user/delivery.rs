use crate::counters::DropReason;
use crate::user::offload::merge::{Bundle, Merger};
use crate::user::order::Payload;
use crate::user::port::Port;
use crate::user::{Event, Notify};
use adit_wire::netlink::Stat;
use std::io;
use std::sync::Arc;

/// Ethernet's header, and the VLAN tag that may stand in front of a full-sized payload.
const ETHERNET: usize = 14;
const VLAN_TAG: usize = 4;

/// Sessions whose frames are joined at a time; one more ends the first.
const MAX_OPEN: usize = 16;

/// Frames of one batch on their way to their devices.
pub(crate) struct Delivery<'a> {
    open: Vec<(Arc<Port>, Merger<'a>)>,
    notify: &'a Notify,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(notify: &'a Notify) -> Delivery<'a> {
        Delivery {
            open: Vec::new(),
            notify,
        }
    }

    /// Takes a frame for the port's device; a frame that the device must not see is counted.
    pub(crate) fn take(&mut self, port: &Arc<Port>, frame: Payload<'a>) {
        let longest = port.device.receive_mtu() as usize + ETHERNET + VLAN_TAG;
        if frame.len() < ETHERNET {
            return port.line.drop_received(DropReason::FrameShort, 1, None);
        }
        if frame.len() > longest {
            return port.line.drop_received(DropReason::FrameMtu, 1, None);
        }
        let notify = self.notify;
        let merger = self.merger(port);
        merger.push(frame, &mut |bundle| write(port, &bundle, notify));
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) {
        for (port, mut merger) in self.open.drain(..) {
            merger.flush(&mut |bundle| write(&port, &bundle, self.notify));
        }
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
            self.open.push((port.clone(), Merger::default()));
            self.open.len() - 1
        });
        &mut self.open[at].1
    }
}

/// Gives frames to the device and counts them.
fn write(port: &Port, bundle: &Bundle<'_>, notify: &Notify) {
    let session = &*port.line.session;
    let frames = bundle.frames.len();
    match port.device.tap.write(bundle.pieces) {
        Ok(()) => {
            let octets: usize = bundle.frames.iter().map(Payload::packet_len).sum();
            session.rx.add(Stat::RxPackets, frames as u64);
            session.rx.add(Stat::RxBytes, octets as u64);
        }
        Err(error) => {
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
