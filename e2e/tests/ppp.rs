//! PPP over calls that were set up by protocol: an unmodified pppd takes each over by a PPPoL2TP
//! socket that `adit exec` gives it.

use adit_e2e::{Host, Pair, Test, eventually, needing, program, test};
use adit_lab::Ping;
use libtest_mimic::Trial;
use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        needing(
            &["pppd", "python3"],
            "ppp::pppd_takes_a_call_over",
            pppd_takes_a_call_over,
        ),
        test("ppp::a_program_gets_a_session", a_program_gets_a_session),
    ]
}

/// Connects a PPPoL2TP socket to a session that is there, and becomes pppd on it.
const TAKE_OVER: &str = r#"
import ctypes, os, socket, struct, sys
tunnel, session, peer_tunnel, peer_session = map(int, sys.argv[1:5])
AF_PPPOX, PX_PROTO_OL2TP = 24, 1
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.socket(AF_PPPOX, socket.SOCK_DGRAM, PX_PROTO_OL2TP)
# sockaddr_pppol2tp: family, protocol, pid, the tunnel's socket (none), an unused address, ids.
address = struct.pack("=HIii", AF_PPPOX, PX_PROTO_OL2TP, 0, -1) + bytes(16)
address += struct.pack("=HHHH", tunnel, session, peer_tunnel, peer_session)
if fd < 0 or libc.connect(fd, address, len(address)) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
os.set_inheritable(fd, True)
# Without magic numbers: both ends may draw the same and believe the line is looped.
words = "nodetach noauth nomagic noccp novj plugin pppol2tp.so pppol2tp".split()
os.execv("/usr/sbin/pppd", ["pppd"] + words + [str(fd)] + sys.argv[5:])
"#;

fn pppd(host: &Host, addresses: &str) -> std::io::Result<Child> {
    let session = host.list("session").remove(0);
    let ids = [
        "tunnel_id",
        "session_id",
        "peer_tunnel_id",
        "peer_session_id",
    ];
    let ids = ids.map(|id| session[id].as_u64().unwrap_or(0).to_string());
    let script = host.path("take-over.py");
    fs::write(&script, TAKE_OVER)?;
    let log = File::create(host.path("pppd.log"))?;
    let command = host.command(program()).args(["exec", "--", "python3"]);
    let command = command.arg(&script).args(ids).arg(addresses);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .env_remove("ADIT_SOCKET")
        .spawn()
}

fn pppd_takes_a_call_over() -> Test {
    let mut pair = Pair::idle();
    let listener = |address: &str| format!("[[listener]]\nname = \"l\"\nlocal = \"{address}\"\n");
    let b = listener("192.0.2.2") + "[[peer]]\nname = \"a\"\nversion = 2\n";
    pair.b.start_configured(&b);
    let call = "[[connection]]\nname = \"b\"\nhost = \"192.0.2.2\"\nversion = 2\n\
                persistent = false\n[[connection.session]]\nremote_end_id = \"x\"\n";
    pair.a.start_configured(&(listener("192.0.2.1") + call));
    pair.a.adit("start tunnel connection b");
    let up = |host: &Host| {
        host.list("session")
            .iter()
            .any(|one| one["state"] == "established")
    };
    eventually("the call is up", || up(&pair.a) && up(&pair.b));
    let mut children = [
        pppd(&pair.b, "10.77.0.2:10.77.0.1")?,
        pppd(&pair.a, "10.77.0.1:10.77.0.2")?,
    ];
    let ping = Ping::to([10, 77, 0, 2]).timeout(Duration::from_millis(500));
    eventually("a ping is answered through ppp0", || {
        ping.run(&pair.a).is_ok_and(|report| report.complete())
    });
    // Who hangs up says so to the peer.
    children[1].kill()?;
    for host in [&pair.a, &pair.b] {
        eventually("the call has ended", || host.list("session").is_empty());
    }
    for child in &mut children {
        // One may have ended by itself.
        let _ = child.kill();
        child.wait()?;
    }
    Ok(())
}

/// `adit exec --session` connects a socket to a PPP session, and to nothing else.
fn a_program_gets_a_session() -> Test {
    let host = Host::new("a");
    let ends = "local 127.0.0.1 remote 127.0.0.2 encap udp udp_sport 1701 udp_dport 1701";
    host.adit(&format!(
        "add tunnel version 2 tunnel_id 7 peer_tunnel_id 8 {ends}"
    ));
    host.adit("add session tunnel_id 7 session_id 1 peer_session_id 2 pseudowire ppp");
    host.adit("exec --session 7/1 -- test -S /dev/stdin");
    for (session, reason) in [
        ("7/9", "tunnel 7 has no session 9"),
        ("9/1", "there is no tunnel 9"),
        (
            "7",
            "session: 7: not two ids; give this end's, TUNNEL/SESSION",
        ),
    ] {
        let refused = host.refused(&format!("exec --session {session} -- true"));
        assert!(refused.text.contains(reason), "{}", refused.text);
    }
    Ok(())
}
