use crate::one_line;
use adit::config::Config;
use adit::control::{Answers, create_session, create_tunnel, dump_sessions};
use adit::daemon::genl::{self, Action, Dialect, Extra, Header, Request};
use adit_datapath::spec::{Change, Inventory, SessionSpec, TunnelSpec};
use std::path::Path;
use std::sync::LazyLock;

/// A state in which requests find something.
static STATE: LazyLock<Inventory> = LazyLock::new(|| {
    let text = include_str!("../../packaging/adit.toml");
    let config = Config::from_text(Path::new("FILE"), text);
    config.expect("the example is good").inventory
});

/// A client's packet, decided upon in a state with tunnels and sessions. What would be made can be
/// written down and read again, and can be told.
pub fn daemon_request(data: &[u8]) {
    match decide(data, &STATE) {
        Ok(Action::Change(Change::AddTunnel(spec))) => accepted_tunnel(&spec, &STATE),
        Ok(Action::Change(Change::AddSession(spec))) => accepted_session(&spec, &STATE),
        Ok(_) => {}
        Err(refusal) => assert!(!refusal.is_empty()),
    }
}

/// A daemon's packet, read by a client that has asked for the sessions.
pub fn control_answer(data: &[u8]) {
    if let Err(refusal) = Answers::to(&dump_sessions(0)).read(data, |_| {}) {
        one_line(&refusal.to_string());
    }
}

fn decide(packet: &[u8], state: &Inventory) -> Result<Action, String> {
    let request = Request::read(packet).map_err(|refusal| refusal.to_string())?;
    let mut name = |spec: &SessionSpec| spec.ifname.clone();
    genl::decide(&request, state, &mut name).map_err(|refusal| refusal.to_string())
}

/// The daemon makes of `spec`'s message just `spec`, and a client can read what it is told of it.
pub(crate) fn accepted_tunnel(spec: &TunnelSpec, state: &Inventory) {
    let made = decide(&create_tunnel(spec, 0), state);
    assert_eq!(made, Ok(Action::Change(Change::AddTunnel(*spec))));
    told(&genl::tunnel(HEADER, spec, &Extra::default()));
}

/// As [`accepted_tunnel`], of a session whose tunnel is in `state`.
pub(crate) fn accepted_session(spec: &SessionSpec, state: &Inventory) {
    let made = decide(&create_session(spec, 0), state);
    assert_eq!(made, Ok(Action::Change(Change::AddSession(spec.clone()))));
    let tunnel = state.tunnels.get(&spec.key.tunnel).expect("it was found");
    told(&genl::session(
        HEADER,
        tunnel,
        spec,
        None,
        &Extra::default(),
    ));
}

const HEADER: Header = Header {
    multi: true,
    seq: 0,
    portid: 0,
    cookies: true,
    dialect: Dialect::Adit,
    news: None,
};

fn told(message: &[u8]) {
    let mut objects = 0;
    let complete = Answers::to(&dump_sessions(0)).read(message, |_| objects += 1);
    assert!(matches!(complete, Ok(false)), "{complete:?}");
    assert_eq!(objects, 1);
}
