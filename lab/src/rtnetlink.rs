use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;

/// A conversation with the kernel about the links and addresses of the namespace of the thread
/// that opened it.
pub(crate) struct Conversation {
    socket: Socket,
}

impl Conversation {
    pub(crate) fn open() -> io::Result<Conversation> {
        let socket = Socket::new(NETLINK_ROUTE)?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Conversation { socket })
    }

    /// Asks for a change; `flags` such as NLM_F_CREATE are added to those of every request.
    pub(crate) fn change(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.ask(message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        Ok(())
    }

    /// Asks for every object of a kind.
    pub(crate) fn dump(
        &self,
        message: RouteNetlinkMessage,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.ask(message, NLM_F_REQUEST | NLM_F_DUMP)
    }

    fn ask(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut octets = vec![0; request.buffer_len()];
        request.serialize(&mut octets);
        self.socket.send(&octets, 0)?;

        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            if collect(&datagram, &mut answers)? {
                return Ok(answers);
            }
        }
    }
}

/// Takes the messages out of `datagram`; true when the last of them ends the answer.
fn collect(datagram: &[u8], answers: &mut Vec<RouteNetlinkMessage>) -> io::Result<bool> {
    let mut rest = datagram;
    while !rest.is_empty() {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let length = (message.header.length as usize).next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
        if let NetlinkPayload::InnerMessage(answer) = message.payload {
            answers.push(answer);
        } else if let NetlinkPayload::Error(error) = message.payload {
            let refused = error.code.is_some();
            return if refused {
                Err(error.to_io())
            } else {
                Ok(true)
            };
        } else if let NetlinkPayload::Done(_) = message.payload {
            return Ok(true);
        }
    }
    Ok(false)
}
