use super::*;
use crate::daemon::samples::{any_session, any_tunnel, directory, key, session, udp};
use adit_datapath::spec::Device;
use proptest::prelude::*;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

/// A disk that is full from some moment on.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Disk {
    memory: Arc<InMemoryBackend>,
    full: Arc<AtomicBool>,
}

impl Disk {
    /// A store on a new disk.
    pub(in crate::daemon) fn store() -> (Disk, Store) {
        let disk = Disk {
            memory: Arc::new(InMemoryBackend::new()),
            full: Arc::new(AtomicBool::new(false)),
        };
        let database = redb::Builder::new()
            .create_with_backend(disk.clone())
            .unwrap();
        identify(&database, "here").unwrap();
        let file = Some((database, PathBuf::new()));
        (
            disk,
            Store {
                file,
                passed_over: BTreeSet::new(),
            },
        )
    }

    /// From now on nothing more is written.
    pub(in crate::daemon) fn fill(&self) {
        self.full.store(true, Ordering::Relaxed);
    }

    fn room(&self) -> io::Result<()> {
        match self.full.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room().and_then(|()| self.memory.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.room().and_then(|()| self.memory.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room().and_then(|()| self.memory.write(offset, data))
    }
}

fn device(index: u32) -> Device {
    Device {
        name: format!("l2tpeth{index}"),
        index,
        mtu: 1446,
    }
}

fn numbers(tunnel: u16, session: u16) -> (SessionKey, Sequencing) {
    let now = Sequencing {
        send_seq: session.is_multiple_of(2),
        next_ns: Sequence(session.into()),
    };
    (key(tunnel, session), now)
}

fn filled(path: &Path) -> Vec<Edit> {
    let mut store = Store::open(path, "here").unwrap();
    let edits = vec![
        Edit::Tunnel(udp(1), Origin::File),
        Edit::Tunnel(udp(2), Origin::Hand),
        Edit::Session(session(1, 5), Origin::Hand, Some(device(3))),
        Edit::Session(session(2, 6), Origin::File, None),
        Edit::Numbers(vec![numbers(1, 5), numbers(2, 6)]),
    ];
    for edit in &edits {
        store.write(edit).unwrap();
    }
    edits
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let dir = directory();
    let path = dir.path().join("state");
    let edits = filled(&path);
    assert_eq!(Store::open(&path, "here").unwrap().load().unwrap(), edits);
}

#[test]
fn removals_are_remembered_and_a_tunnels_takes_its_sessions() {
    let dir = directory();
    let path = dir.path().join("state");
    let edits = filled(&path);
    let mut store = Store::open(&path, "here").unwrap();
    store.write(&Edit::RemoveTunnel(udp(1).id)).unwrap();
    let left = Edit::Numbers(vec![numbers(2, 6)]);
    let expected = [edits[1].clone(), edits[3].clone(), left];
    assert_eq!(store.load().unwrap(), expected);
    store.write(&Edit::RemoveSession(key(2, 6))).unwrap();
    assert_eq!(store.load().unwrap(), [edits[1].clone()]);
    store.remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn the_state_of_another_namespace_is_void() {
    let dir = directory();
    let path = dir.path().join("state");
    filled(&path);
    assert_eq!(Store::open(&path, "elsewhere").unwrap().load().unwrap(), []);
    assert_eq!(Store::open(&path, "elsewhere").unwrap().load().unwrap(), []);
}

#[test]
fn numbers_are_written_over_what_was_there() {
    let (_, mut store) = Disk::store();
    let (key, now) = numbers(1, 5);
    let later = Sequencing {
        next_ns: now.next_ns.plus(7),
        ..now
    };
    for now in [now, later] {
        store.write(&Edit::Numbers(vec![(key, now)])).unwrap();
        let expected = Edit::Numbers(vec![(key, now)]);
        assert_eq!(store.load().unwrap(), [expected]);
    }
}

/// A file of a version that did not keep numbers is as good as any.
#[test]
fn a_file_without_numbers_is_kept() {
    let dir = directory();
    let path = dir.path().join("state");
    let edits = filled(&path);
    let database = Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    write.delete_table(NUMBERS).unwrap();
    write.commit().unwrap();
    drop(database);
    let store = Store::open(&path, "here").unwrap();
    assert_eq!(store.load().unwrap(), edits[..4]);
    assert!(!dir.path().join("state.corrupt").exists());
}

#[test]
fn a_file_in_use_is_refused_and_left_alone() {
    let dir = directory();
    let path = dir.path().join("state");
    let _first = Store::open(&path, "here").unwrap();
    let second = Store::open(&path, "here").unwrap_err();
    assert!(
        matches!(second, redb::Error::DatabaseAlreadyOpen),
        "{second}"
    );
    assert!(path.exists());
}

#[test]
fn a_truncated_file_never_stops_the_daemon() {
    let dir = directory();
    let path = dir.path().join("state");
    let edits = filled(&path);
    let whole = fs::read(&path).unwrap();
    let mut set_aside = 0;
    for octets in [1, 9, 63, 320, 4096, 5000, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..octets]).unwrap();
        let store = Store::open(&path, "here").unwrap();
        let found = store.load().unwrap();
        assert!(found.is_empty() || found == edits, "{octets} octets");
        let aside = dir.path().join("state.corrupt");
        if aside.exists() {
            set_aside += 1;
            assert_eq!(fs::read(&aside).unwrap().len(), octets);
            fs::remove_file(aside).unwrap();
        }
    }
    assert!(set_aside > 0);
}

#[test]
fn a_malformed_record_is_left_out() {
    let dir = directory();
    let path = dir.path().join("state");
    let edits = filled(&path);
    let store = Store::open(&path, "here").unwrap();
    let (database, _) = store.file.as_ref().unwrap();
    let write = database.begin_write().unwrap();
    write
        .open_table(TUNNELS)
        .unwrap()
        .insert(9, &b"rubbish"[..])
        .unwrap();
    write
        .open_table(SESSIONS)
        .unwrap()
        .insert((9, 9), &b"rubbish"[..])
        .unwrap();
    write.commit().unwrap();
    assert_eq!(store.load().unwrap(), edits);
}

proptest! {
    #[test]
    fn records_are_read_as_they_were_meant(
        tunnel in any_tunnel(),
        session in any_session(),
        file in any::<bool>(),
        index in proptest::option::of(1..9999u32),
    ) {
        let origin = if file { Origin::File } else { Origin::Hand };
        let device = index.map(device);
        let read = record::read_tunnel(&record::tunnel(&tunnel, origin));
        prop_assert_eq!(read, Some(Edit::Tunnel(tunnel, origin)));
        let read = record::read_session(&record::session(&session, origin, device.as_ref()));
        prop_assert_eq!(read, Some(Edit::Session(session, origin, device)));
    }

    #[test]
    fn no_record_panics(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = record::read_tunnel(&octets);
        let _ = record::read_session(&octets);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_stops_the_daemon(at in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let dir = directory();
        let path = dir.path().join("state");
        filled(&path);
        let mut octets = fs::read(&path).unwrap();
        let at = at.index(octets.len());
        octets[at] = octet;
        fs::write(&path, &octets).unwrap();
        let _ = Store::open(&path, "here").unwrap().load().unwrap();
    }
}
