//! Requests about what Linux makes of a tunnel's management socket: a session of the id 0.

use super::{Dialect, Header, Request, State, genl, news};
use crate::daemon::programs;
use adit_datapath::Error;
use adit_datapath::spec::{Change, Retuning};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::{Command, Errno};

/// What is asked about one.
pub(super) enum Errand {
    /// To tell of it.
    Get,
    /// To tune it, which shows and does nothing.
    Tune(Retuning),
    /// To take the tunnel from under the socket.
    Detach,
}

/// The tunnel whose management socket a request is about, if it is about one.
pub(super) fn errand(request: &Request<'_>, state: &State) -> Option<(TunnelId, Errand)> {
    if request.dialect == Dialect::Adit || request.dump {
        return None;
    }
    let attributes = request.attributes().ok()?;
    let errand = match request.command {
        Command::SessionGet => Errand::Get,
        Command::SessionModify => Errand::Tune(genl::linux_retuning(&attributes)),
        Command::SessionDelete => Errand::Detach,
        Command::Noop
        | Command::TunnelCreate
        | Command::TunnelDelete
        | Command::TunnelModify
        | Command::TunnelGet
        | Command::SessionCreate
        | Command::Reload
        | Command::Start
        | Command::Stop
        | Command::Drain
        | Command::ConnectionGet
        | Command::ControlGet => return None,
    };
    let tunnel = TunnelId(attributes.conn_id?);
    let by_id = attributes.ifname.is_none() && attributes.session_id == Some(0);
    (by_id && state.programs.manages(tunnel)).then_some((tunnel, errand))
}

/// Does what is asked; gives the message that answers.
pub(super) fn act(
    errand: Errand,
    tunnel: TunnelId,
    header: Header,
    state: &mut State,
) -> Option<Vec<u8>> {
    match errand {
        Errand::Get => return state.management_message(header, tunnel),
        Errand::Tune(change) => {
            state.programs.tune_management(tunnel, &change);
            news::of_management(tunnel, Command::SessionModify, header, state);
        }
        Errand::Detach => {
            news::of_management(tunnel, Command::SessionDelete, header, state);
            programs::detach_management(tunnel, state);
        }
    }
    None
}

/// Refuses a session that has the id of a management socket's.
pub(super) fn is_free(change: &Change, state: &State) -> Result<(), Error> {
    if let Change::AddSession(spec) = change
        && spec.key.session.0 == 0
        && state.programs.manages(spec.key.tunnel)
    {
        let text = format!("0 is that of tunnel {}'s manager", spec.key.tunnel);
        return Err(Error::new(Errno::EEXIST, "session_id", text));
    }
    Ok(())
}
