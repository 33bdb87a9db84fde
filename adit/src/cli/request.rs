use super::verb::{Object, Verb, form};
use crate::control::{self, ControlTarget, SessionSelector};
use crate::input::keyword::{
    CALL, CONNECTION, NAME, OFFSET, PEER_OFFSET, SESSION_ID, TUNNEL_ID, Word,
};
use crate::input::{FieldError, Fields, build};
use adit_datapath::spec::{Retuning, SessionSpec, TunnelRetuning, TunnelSpec};
use adit_wire::l2tp::{SessionId, TunnelId};
use adit_wire::netlink::{Attributes, Command};

/// A command about tunnels and sessions, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    AddTunnel(TunnelSpec),
    AddSession(SessionSpec),
    DeleteTunnel(TunnelId),
    DeleteSession(SessionSelector),
    SetTunnel(TunnelId, TunnelRetuning),
    SetSession(SessionSelector, Retuning),
    ShowTunnels(Filter),
    ShowSessions(Filter),
    /// All of them, or the one of this name.
    ShowConnections(Option<String>),
    ShowControl,
    Control(Command, ControlTarget),
}

/// Which objects to show: those that match everything given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Filter {
    pub(super) tunnel: Option<TunnelId>,
    pub(super) session: Option<SessionId>,
    pub(super) name: Option<String>,
}

impl Request {
    /// Reads the words behind `verb` and `object`.
    pub(super) fn parse(
        verb: Verb,
        object: Object,
        words: &[String],
    ) -> Result<(Request, Vec<Note>), FieldError> {
        let fields = Fields::from_words(form(verb, object), words)?;
        let tunnel = || fields.demand(&TUNNEL_ID).map(TunnelId);
        let request = match (verb, object) {
            (_, Object::Connection) => Request::ShowConnections(fields.get(&CONNECTION)?),
            (_, Object::Control) => Request::ShowControl,
            // Only `drain` has it for an object.
            (_, Object::Daemon) => Request::Control(Command::Drain, target(&fields, object)?),
            (Verb::Add, Object::Tunnel) => Request::AddTunnel(build::tunnel(&fields)?),
            (Verb::Add, Object::Session) => {
                Request::AddSession(build::session(tunnel()?.0, &fields)?)
            }
            (Verb::Delete, Object::Tunnel) => Request::DeleteTunnel(tunnel()?),
            (Verb::Delete, Object::Session) => Request::DeleteSession(build::selector(&fields)?),
            (Verb::Set, Object::Tunnel) => {
                Request::SetTunnel(tunnel()?, build::tunnel_change(&fields)?)
            }
            (Verb::Set, Object::Session) => {
                Request::SetSession(build::selector(&fields)?, build::session_change(&fields)?)
            }
            (Verb::Show, Object::Tunnel) => Request::ShowTunnels(Filter::read(&fields)?),
            (Verb::Show, Object::Session) => Request::ShowSessions(Filter::read(&fields)?),
            (Verb::Start, _) => Request::Control(Command::Start, target(&fields, object)?),
            (Verb::Stop, _) => Request::Control(Command::Stop, target(&fields, object)?),
            (Verb::Drain, _) => Request::Control(Command::Drain, target(&fields, object)?),
        };
        let ignored = [&OFFSET.word, &PEER_OFFSET.word];
        let notes = ignored.into_iter().filter(|w| fields.has(w)).map(Note);
        Ok((request, notes.collect()))
    }

    /// The message that asks the daemon for it; of what is shown, all.
    pub(super) fn message(&self, seq: u32) -> Vec<u8> {
        match self {
            Request::AddTunnel(spec) => control::create_tunnel(spec, seq),
            Request::AddSession(spec) => control::create_session(spec, seq),
            Request::DeleteTunnel(id) => control::delete_tunnel(*id, seq),
            Request::DeleteSession(which) => control::delete_session(which, seq),
            Request::SetTunnel(id, change) => control::modify_tunnel(*id, change, seq),
            Request::SetSession(which, change) => control::modify_session(which, change, seq),
            Request::ShowTunnels(_) => control::dump_tunnels(seq),
            Request::ShowSessions(_) => control::dump_sessions(seq),
            Request::ShowConnections(_) => control::dump_connections(seq),
            Request::ShowControl => control::dump_control(seq),
            Request::Control(command, target) => control::control(*command, target, seq),
        }
    }
}

/// What is to be started or stopped.
fn target(fields: &Fields, object: Object) -> Result<ControlTarget, FieldError> {
    if object == Object::Daemon {
        return Ok(ControlTarget {
            everything: true,
            ..ControlTarget::default()
        });
    }
    let session = object == Object::Session;
    Ok(ControlTarget {
        connection: fields.get(&CONNECTION)?,
        call: match session && fields.has(&CONNECTION.word) {
            true => Some(fields.demand(&CALL)?),
            false => None,
        },
        tunnel: fields.get(&TUNNEL_ID)?,
        session: match session {
            true => fields.get(&SESSION_ID)?,
            false => None,
        },
        everything: false,
    })
}

/// A keyword that was taken and has no effect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note(pub(super) &'static Word);

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: ignored, it has no effect; leave it out",
            self.0.name
        )
    }
}

impl Filter {
    fn read(fields: &Fields) -> Result<Filter, FieldError> {
        Ok(Filter {
            tunnel: fields.get(&TUNNEL_ID)?.map(TunnelId),
            session: fields.get(&SESSION_ID)?.map(SessionId),
            name: fields.get(&NAME)?,
        })
    }

    /// Whether the object is one of those to show.
    pub(super) fn matches(&self, object: &Attributes) -> bool {
        self.tunnel.is_none_or(|id| object.conn_id == Some(id.0))
            && self
                .session
                .is_none_or(|id| object.session_id == Some(id.0))
            && self
                .name
                .as_ref()
                .is_none_or(|name| object.ifname.as_ref() == Some(name))
    }

    /// Whether all of a tunnel's sessions are wanted, which may be none.
    pub(super) fn whole_tunnel(&self) -> Option<TunnelId> {
        let narrowed = self.session.is_some() || self.name.is_some();
        self.tunnel.filter(|_| !narrowed)
    }

    /// The refusal when nothing matches; `None` when everything was asked for.
    pub(super) fn nothing_found(&self, object: &str) -> Option<FieldError> {
        let (field, value) = match (self.session, &self.name, self.tunnel) {
            (Some(id), _, _) => (SESSION_ID.word.name, id.to_string()),
            (None, Some(name), _) => (NAME.word.name, name.clone()),
            (None, None, Some(id)) => (TUNNEL_ID.word.name, id.to_string()),
            (None, None, None) => return None,
        };
        let inside = match self.tunnel {
            Some(id) if field != TUNNEL_ID.word.name => format!(" in tunnel {id}"),
            Some(_) | None => String::new(),
        };
        let text =
            format!("there is no {object} {value}{inside}; list them with `adit show {object}`");
        Some(FieldError::new(field, text))
    }
}
