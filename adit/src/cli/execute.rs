//! Commands that talk to the daemon.

use super::failure::{Failure, complain, one_line};
use super::render::{self, Style};
use super::request::{Filter, Request};
use crate::control::{self, Address, Client};
use adit_wire::netlink::Attributes;
use std::io::Write;
use std::process::ExitCode;

/// Answers carry their request's number; a connection makes two requests at most.
const SEQ: u32 = 1;

/// Asks the daemon at `socket` for `request` and prints what is to be shown.
pub(super) fn run(request: &Request, socket: &Address, style: Style) -> Result<ExitCode, Failure> {
    let text = answer(request, &mut Client::connect(socket)?, style)?;
    print(&text)
}

/// What `request` prints.
fn answer(request: &Request, client: &mut Client, style: Style) -> Result<String, Failure> {
    let objects = client.request(&request.message(SEQ))?;
    Ok(match request {
        Request::ShowTunnels(filter) => render::tunnels(&chosen(objects, filter, "tunnel")?, style),
        Request::ShowSessions(filter) => match filter.whole_tunnel() {
            Some(id) => {
                // A tunnel without sessions is no error, no tunnel is one.
                client.request(&control::get_tunnel(id, SEQ + 1))?;
                render::sessions(&matching(objects, filter), style)
            }
            None => render::sessions(&chosen(objects, filter, "session")?, style),
        },
        Request::ShowConnections(name) => {
            let mut rows = objects;
            rows.retain(|row| name.is_none() || row.connection == *name);
            if let (Some(name), true) = (name, rows.is_empty()) {
                let text =
                    format!("there is no connection {name}; list them with `adit show connection`");
                return Err(Failure::refused(format!("connection: {text}")));
            }
            render::connections(&rows, style)
        }
        Request::ShowControl => render::control(&objects, style),
        Request::AddTunnel(_)
        | Request::AddSession(_)
        | Request::DeleteTunnel(_)
        | Request::DeleteSession(_)
        | Request::SetTunnel(..)
        | Request::SetSession(..)
        | Request::Control(..) => String::new(),
    })
}

/// Has the daemon apply its configuration file, or say what it would change. Changes are printed,
/// failures complained about, in the daemon's order.
pub(super) fn reload(socket: &Address, dry_run: bool) -> Result<ExitCode, Failure> {
    let mut printed = Ok(ExitCode::SUCCESS);
    let line = |line: Attributes| {
        if let (Some(text), Ok(_)) = (line.text, &printed) {
            printed = print(&(one_line(&text) + "\n"));
        }
        if let Some(problem) = line.problem {
            complain(one_line(&problem));
        }
    };
    Client::connect(socket)?.follow(&control::reload(dry_run, SEQ), line)?;
    printed
}

/// Writes to stdout. A reader that has gone is no failure, any other trouble is one.
pub(super) fn print(text: &str) -> Result<ExitCode, Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::refused(
            format!("stdout: {error}; give it somewhere to write"),
        )),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// The objects to show; it is a refusal when some were asked for and none is there.
fn chosen(
    objects: Vec<Attributes>,
    filter: &Filter,
    what: &str,
) -> Result<Vec<Attributes>, Failure> {
    let chosen = matching(objects, filter);
    match filter.nothing_found(what) {
        Some(refusal) if chosen.is_empty() => Err(Failure::refused(refusal)),
        Some(_) | None => Ok(chosen),
    }
}

fn matching(mut objects: Vec<Attributes>, filter: &Filter) -> Vec<Attributes> {
    objects.retain(|object| filter.matches(object));
    objects
}

#[cfg(test)]
mod tests;
