//! What outlives the daemon when it is killed: tunnels, sessions, whose device is
//! whose, and what numbers packets carry.
//!
//! A record is the create message of the object, followed for what no create message says (where
//! it comes from, its device) by the beginning of its object message. The file belongs to one
//! network namespace of one boot; anything it says about another is void.

mod record;

use adit_datapath::Error;
use adit_datapath::spec::{Device, Sequencing, SessionKey, SessionSpec, TunnelSpec};
use adit_wire::l2tp::{Sequence, SessionId, TunnelId};
use adit_wire::netlink::Errno;
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
const TUNNELS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("tunnels");
const SESSIONS: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("sessions");
/// By session: whether it sends sequence numbers, and the next one.
const NUMBERS: TableDefinition<'_, (u32, u32), (bool, u32)> = TableDefinition::new("numbers");

/// Enough for the tables of ten thousand sessions; the library's own default is a gibibyte.
const CACHE_OCTETS: usize = 4 << 20;

/// Where an object comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A request through the control socket.
    Hand,
    /// The configuration file.
    File,
    /// A control protocol. Nobody writes it down: it ends with the process.
    Protocol,
}

/// A change of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Writes a tunnel down, over what was there.
    Tunnel(TunnelSpec, Origin),
    /// Writes a session and its device down, over what was there.
    Session(SessionSpec, Origin, Option<Device>),
    /// Forgets a tunnel and its sessions.
    RemoveTunnel(TunnelId),
    /// Forgets a session.
    RemoveSession(SessionKey),
    /// Writes down how sessions number their packets, over what was there.
    Numbers(Vec<(SessionKey, Sequencing)>),
}

/// The file, or nothing when state is not kept.
#[derive(Debug)]
pub struct Store {
    file: Option<(Database, PathBuf)>,
    /// Tunnels that are not written down, nor their sessions.
    passed_over: BTreeSet<TunnelId>,
}

impl Store {
    /// Keeps nothing.
    pub fn none() -> Store {
        Store {
            file: None,
            passed_over: BTreeSet::new(),
        }
    }

    /// Opens or makes the file at `path` for the namespace that `identity` names. A file that
    /// cannot be read is moved aside, one of another namespace or boot is emptied, both with a
    /// warning. Fails when another process has it open or the directory is not writable.
    pub fn open(path: &Path, identity: &str) -> Result<Store, redb::Error> {
        let database = match open(path, identity) {
            Err(err) if damaged(&err) => {
                set_aside(path, &err)?;
                open(path, identity)
            }
            outcome => outcome,
        }?;
        Ok(Store {
            file: Some((database, path.to_owned())),
            passed_over: BTreeSet::new(),
        })
    }

    /// Everything written down, tunnels before their sessions, and numbers last. Records that cannot be read are
    /// left out with a warning.
    pub fn load(&self) -> Result<Vec<Edit>, Error> {
        let Some((database, _)) = &self.file else {
            return Ok(Vec::new());
        };
        load(database).map_err(refused)
    }

    /// Leaves a tunnel, until it is removed, and its sessions out of the record.
    pub fn pass_over(&mut self, tunnel: TunnelId) {
        self.passed_over.insert(tunnel);
    }

    /// Makes `edit`; it has reached the file when this returns. What no record can say, PPP and
    /// what only Linux's API can make, is left out: it belongs to programs, which do not outlive
    /// the daemon either.
    pub fn write(&mut self, edit: &Edit) -> Result<(), Error> {
        match edit {
            Edit::Tunnel(spec, origin) if !record::holds_tunnel(spec, *origin) => {
                self.pass_over(spec.id);
                return Ok(());
            }
            Edit::Tunnel(spec, _) if self.passed_over.contains(&spec.id) => return Ok(()),
            Edit::Session(spec, origin, _)
                if self.passed_over.contains(&spec.key.tunnel)
                    || !record::holds_session(spec, *origin) =>
            {
                return Ok(());
            }
            Edit::RemoveTunnel(id) => drop(self.passed_over.remove(id)),
            Edit::Tunnel(..) | Edit::Session(..) | Edit::RemoveSession(_) | Edit::Numbers(_) => {}
        }
        match &self.file {
            Some((database, _)) => write(database, edit).map_err(refused),
            None => Ok(()),
        }
    }

    /// Removes the file, as there is nothing left to remember.
    pub fn remove(self) -> std::io::Result<()> {
        match self.file {
            Some((_, path)) => std::fs::remove_file(path),
            None => Ok(()),
        }
    }
}

/// Opens or makes the database, every page checked: a damaged file is an error, not a surprise.
fn open(path: &Path, identity: &str) -> Result<Database, redb::Error> {
    // Cookies are nobody else's business.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let database = redb::Builder::new()
        .set_cache_size(CACHE_OCTETS)
        .set_check_integrity_on_open(true)
        .create_with_backend(FileBackend::new(file)?)?;
    if identify(&database, identity)? {
        let path = path.display();
        tracing::warn!("{path}: was the state of another namespace or boot; it is emptied");
    }
    Ok(database)
}

/// Writes the identity down and empties a file that has another; tells whether it did.
fn identify(database: &Database, identity: &str) -> Result<bool, redb::Error> {
    let write = database.begin_write()?;
    let foreign = {
        let mut meta = write.open_table(META)?;
        let old = meta.insert("namespace", identity)?;
        old.is_some_and(|old| old.value() != identity)
    };
    if foreign {
        write.delete_table(TUNNELS)?;
        write.delete_table(SESSIONS)?;
        write.delete_table(NUMBERS)?;
    }
    write.open_table(TUNNELS)?;
    write.open_table(SESSIONS)?;
    write.open_table(NUMBERS)?;
    write.commit()?;
    Ok(foreign)
}

/// Whether the error is about what the file holds, not about reaching it.
fn damaged(err: &redb::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    if let redb::Error::Io(err) = err {
        return matches!(err.kind(), InvalidData | UnexpectedEof);
    }
    !matches!(err, redb::Error::DatabaseAlreadyOpen)
}

fn set_aside(path: &Path, reason: &redb::Error) -> std::io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".corrupt");
    let (shown, to) = (path.display(), Path::new(&aside).display());
    tracing::warn!("{shown}: cannot be read ({reason}); moved to {to}, state starts empty");
    std::fs::rename(path, &aside)
}

fn load(database: &Database) -> Result<Vec<Edit>, redb::Error> {
    let read = database.begin_read()?;
    let mut out = Vec::new();
    for row in read.open_table(TUNNELS)?.iter()? {
        let (key, value) = row?;
        match record::read_tunnel(value.value()) {
            Some(edit) => out.push(edit),
            None => tracing::warn!(
                "the record of tunnel {} is left out: malformed",
                key.value()
            ),
        }
    }
    for row in read.open_table(SESSIONS)?.iter()? {
        let (key, value) = row?;
        match record::read_session(value.value()) {
            Some(edit) => out.push(edit),
            None => tracing::warn!(
                "the record of session {:?} is left out: malformed",
                key.value()
            ),
        }
    }
    let mut numbers = Vec::new();
    for row in read.open_table(NUMBERS)?.iter()? {
        let (key, value) = row?;
        let ((tunnel, session), (send_seq, next_ns)) = (key.value(), value.value());
        let key = SessionKey {
            tunnel: TunnelId(tunnel),
            session: SessionId(session),
        };
        let next_ns = Sequence(next_ns & Sequence::MAX);
        numbers.push((key, Sequencing { send_seq, next_ns }));
    }
    if !numbers.is_empty() {
        out.push(Edit::Numbers(numbers));
    }
    Ok(out)
}

fn write(database: &Database, edit: &Edit) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut tunnels = write.open_table(TUNNELS)?;
        let mut sessions = write.open_table(SESSIONS)?;
        let mut numbers = write.open_table(NUMBERS)?;
        match edit {
            Edit::Tunnel(spec, origin) => {
                tunnels.insert(spec.id.0, record::tunnel(spec, *origin).as_slice())?;
            }
            Edit::Session(spec, origin, device) => {
                let record = record::session(spec, *origin, device.as_ref());
                sessions.insert(row(spec.key), record.as_slice())?;
            }
            Edit::RemoveTunnel(TunnelId(id)) => {
                tunnels.remove(id)?;
                let its = (*id, 0)..=(*id, u32::MAX);
                sessions.retain_in(its.clone(), |_, _| false)?;
                numbers.retain_in(its, |_, _| false)?;
            }
            Edit::RemoveSession(key) => {
                sessions.remove(row(*key))?;
                numbers.remove(row(*key))?;
            }
            Edit::Numbers(changed) => {
                for (key, now) in changed {
                    numbers.insert(row(*key), (now.send_seq, now.next_ns.0))?;
                }
            }
        }
    }
    write.commit()?;
    Ok(())
}

fn row(key: SessionKey) -> (u32, u32) {
    (key.tunnel.0, key.session.0)
}

fn refused(err: redb::Error) -> Error {
    let text = format!("cannot be kept on disk: {err}; make room, or run with --state none");
    Error::new(Errno::EIO, "state", text)
}

#[cfg(test)]
pub(super) mod tests;
