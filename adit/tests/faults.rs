//! What the program says, and where, when a configuration file has several faults or a reload
//! fails in part.

use adit_wire::netlink::{Attr, Command as Verb, Errno, Frames, Writer, flag};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType, accept, bind, listen, recv,
    send, socket,
};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn adit(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_adit");
    let command = Command::new(program).args(args).output();
    command.expect("the program runs")
}

/// Exit status, lines on stdout and lines on stderr.
fn told(output: &Output) -> (Option<i32>, Vec<&str>, Vec<&str>) {
    let lines = |octets| {
        std::str::from_utf8(octets)
            .expect("UTF-8")
            .lines()
            .collect::<Vec<_>>()
    };
    let (out, err) = (lines(&output.stdout), lines(&output.stderr));
    (output.status.code(), out, err)
}

#[test]
fn each_fault_of_a_file_is_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("adit.toml");
    fs::write(&file, "[[tunnel]]\ntunnel_id = 0\n\n[[tunel]]\n").unwrap();
    let file = file.to_str().unwrap();
    for args in [&["check", file][..], &["run", "--config", file]] {
        let output = adit(args);
        let (status, out, err) = told(&output);
        assert_eq!((status, out), (Some(1), vec![]), "{args:?}: {err:?}");
        let starts = ["1:1: peer_tunnel_id", "2:13: tunnel_id", "4:3: tunel"];
        assert_eq!(err.len(), starts.len(), "{err:?}");
        for (line, start) in err.iter().zip(starts) {
            let start = format!("adit: {file}:{start}: ");
            assert!(line.starts_with(&start), "{line}");
        }
    }
}

/// Answers one request at `path` with a change, a failure and a refusal.
fn serve_once(path: &Path) -> std::thread::JoinHandle<()> {
    let listener = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).expect("a socket");
    let address = SocketAddrUnix::new(path).expect("a short path");
    bind(&listener, &address).expect("a free path");
    listen(&listener, 1).expect("a listener");
    std::thread::spawn(move || {
        let client = accept(&listener).expect("a client");
        let mut packet = vec![0; 4096];
        let (_, octets) = recv(&client, &mut packet[..], RecvFlags::empty()).expect("a request");
        let asked = &packet[..octets];
        let seq = Frames::new(asked).flatten().next().expect("a message").seq;
        let line = || Writer::command(Verb::Reload, flag::MULTI, seq, 0);
        let answer = [
            line().string(Attr::Text, "add tunnel 1").finish(),
            line().string(Attr::Problem, "add tunnel 2: no").finish(),
            Writer::answer(asked, 0, Some(Errno::EIO), Some("config: 1 of 2")).finish(),
        ];
        send(&client, &answer.concat(), SendFlags::NOSIGNAL).expect("a reader");
    })
}

#[test]
fn a_reload_that_fails_in_part_tells_what_was_done_and_what_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let daemon = serve_once(&path);
    let output = adit(&["--socket", path.to_str().unwrap(), "reload"]);
    let done = vec!["add tunnel 1"];
    let failed = vec!["adit: add tunnel 2: no", "adit: config: 1 of 2"];
    assert_eq!(told(&output), (Some(1), done, failed));
    daemon.join().unwrap();
}
