//! Tunnels and sessions with other implementations.
//!
//! No PPP is spoken where the kernel has none, so what is looked at is the control protocol: both
//! ends say that tunnel and session are established, and clear them together.

use adit_e2e::{Host, Pair, Test, eventually, needing};
use libtest_mimic::Trial;
use std::fs::{self, File};
use std::process::{Child, Stdio};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        needing(&["xl2tpd"], "interop::xl2tpd_is_called", xl2tpd_is_called),
        needing(&["xl2tpd"], "interop::xl2tpd_calls", xl2tpd_calls),
        needing(
            &["xl2tpd"],
            "interop::xl2tpd_is_called_in_either_version",
            xl2tpd_is_called_in_either_version,
        ),
        needing(&["l2tpns"], "interop::l2tpns_is_called", l2tpns_is_called),
        needing(
            &["l2tpns"],
            "interop::l2tpns_is_called_in_either_version",
            l2tpns_is_called_in_either_version,
        ),
        needing(
            &["vpnserver", "vpncmd"],
            "interop::softether_is_called",
            softether_is_called,
        ),
        needing(
            &["vpnserver", "vpncmd"],
            "interop::softether_is_called_in_version_3",
            softether_is_called_in_version_3,
        ),
    ]
}

/// Adit's end: 192.0.2.1. It calls 192.0.2.2.
fn calling(terms: &str) -> String {
    format!(
        "[[listener]]\nname = \"l\"\nlocal = \"192.0.2.1\"\n\
         [[connection]]\nname = \"x\"\nhost = \"192.0.2.2\"\nversion = 2\nrole = \"lac\"\n\
         redial = 1\n{terms}\n[[connection.session]]\nremote_end_id = \"x\"\n"
    )
}

/// The same without a word about the version, for calls of PPP.
fn in_either(terms: &str) -> String {
    calling(terms).replace("version = 2\n", "") + "pseudowire = \"ppp\"\n"
}

/// Another implementation, in the other host's namespace.
struct Foreign<'a> {
    host: &'a Host,
    process: Child,
}

impl<'a> Foreign<'a> {
    /// Runs a shell script that ends by becoming the program, with mounts of its own.
    fn start(host: &'a Host, script: &str) -> std::io::Result<Foreign<'a>> {
        let log = File::create(host.path("foreign.log"))?;
        let process = host
            .command("unshare")
            // With a process namespace everything that it starts goes with it.
            .args(["--mount", "--pid", "--fork", "--kill-child"])
            .args(["sh", "-ec", script])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Foreign { host, process })
    }

    fn log(&self) -> String {
        let log = fs::read(self.host.path("foreign.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    #[track_caller]
    fn says(&self, text: &str) {
        eventually(&format!("it says: {text}"), || self.log().contains(text));
    }
}

impl Drop for Foreign<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- its log:\n{}---", self.log());
        }
        // A process that has ended is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until Adit has one tunnel with one session, both established.
#[track_caller]
fn await_established(host: &Host) {
    eventually("tunnel and session are established", || {
        ["tunnel", "session"].iter().all(|kind| {
            let objects = host.list(kind);
            objects.len() == 1 && objects[0]["state"] == "established"
        })
    });
}

#[track_caller]
fn await_nothing(host: &Host) {
    eventually("nothing is left", || {
        host.list("tunnel").is_empty() && host.list("session").is_empty()
    });
}

/// Starts xl2tpd with this section, and something that stays in pppd's place.
fn xl2tpd<'a>(host: &'a Host, global: &str, section: &str) -> std::io::Result<Foreign<'a>> {
    let path = |name: &str| host.path(name).display().to_string();
    let [config, secrets, pppd, options] = ["conf", "secrets", "pppd", "options"].map(path);
    fs::write(&secrets, "* * s3cret\n")?;
    fs::write(&options, "noauth\n")?;
    let text = format!(
        "[global]\nport = 1701\nauth file = {secrets}\n{global}\n\
         {section}\npppoptfile = {options}\nrequire authentication = no\nchallenge = yes\n"
    );
    fs::write(&config, text)?;
    fs::write(&pppd, "#!/bin/sh\nexec sleep 600\n")?;
    let script = format!(
        "chmod +x {pppd}; mount --bind {pppd} /usr/sbin/pppd; \
         exec xl2tpd -D -c {config} -s {secrets} -p {} -C {}",
        path("pid"),
        path("control")
    );
    Foreign::start(host, &script)
}

const XL2TPD_LNS: &str = "[lns default]\nip range = 10.9.0.2-10.9.0.9\nlocal ip = 10.9.0.1";
const XL2TPD_LAC: &str =
    "[lac adit]\nlns = 192.0.2.1\nautodial = yes\nredial = yes\nredial timeout = 1";

fn xl2tpd_is_called() -> Test {
    let mut pair = Pair::idle();
    let peer = xl2tpd(&pair.b, "", XL2TPD_LNS)?;
    peer.says("Listening on IP address");
    pair.a.start_configured(&calling("secret = \"s3cret\""));
    await_established(&pair.a);
    peer.says("Connection established to 192.0.2.1");
    peer.says("Call established with 192.0.2.1");
    pair.a.adit("stop tunnel connection x");
    await_nothing(&pair.a);
    peer.says("Connection closed to 192.0.2.1");
    Ok(())
}

/// One that knows version 2 only takes the offer of version 3 for nothing, and is spoken to in its own
/// (RFC 3931 §4.7.3).
fn xl2tpd_is_called_in_either_version() -> Test {
    let mut pair = Pair::idle();
    let peer = xl2tpd(&pair.b, "", XL2TPD_LNS)?;
    peer.says("Listening on IP address");
    pair.a.start_configured(&in_either("secret = \"s3cret\""));
    await_established(&pair.a);
    assert_eq!(pair.a.list("tunnel")[0]["version"], 2);
    peer.says("Call established with 192.0.2.1");
    Ok(())
}

fn xl2tpd_calls() -> Test {
    let mut pair = Pair::idle();
    pair.a.start_configured(
        "[[listener]]\nname = \"l\"\nlocal = \"0.0.0.0\"\n\
         [[peer]]\nname = \"xl\"\nversion = 2\nrole = \"lns\"\nsecret = \"s3cret\"\n",
    );
    let peer = xl2tpd(&pair.b, "", XL2TPD_LAC)?;
    await_established(&pair.a);
    peer.says("Call established with 192.0.2.1");
    let tunnel = pair.a.list("tunnel").remove(0);
    assert_eq!(tunnel["origin"], "peer xl");
    assert!(pair.a.stop().success());
    peer.says("Connection closed to 192.0.2.1");
    Ok(())
}

/// It needs ten seconds to find itself alone, during which it answers nobody.
fn l2tpns(host: &Host) -> std::io::Result<Foreign<'_>> {
    let config = host.path("startup-config").display().to_string();
    fs::write(
        &config,
        format!(
            "set debug 3\nset pid_file \"{}\"\nset l2tp_secret \"s3cret\"\n\
             set radius_secret \"x\"\nset primary_radius 192.0.2.9\nset bind_address 192.0.2.2\n\
             set cli_bind_address 127.0.0.1\nset cluster_address 239.192.13.13\n\
             set cluster_interface eth0\nset cluster_master_min_adv 1\nset lock_pages no\n",
            host.path("pid").display()
        ),
    )?;
    Foreign::start(host, &format!("exec l2tpns -c {config}"))
}

/// Terms of a caller that waits until l2tpns answers.
const PATIENT: &str = "secret = \"s3cret\"\nretransmit = 500\nretransmit_cap = 1000\nretries = 20";

fn l2tpns_is_called() -> Test {
    let mut pair = Pair::idle();
    let peer = l2tpns(&pair.b)?;
    pair.a.start_configured(&calling(PATIENT));
    await_established(&pair.a);
    pair.a.adit("stop tunnel connection x");
    await_nothing(&pair.a);
    drop(peer);
    Ok(())
}

fn l2tpns_is_called_in_either_version() -> Test {
    let mut pair = Pair::idle();
    let peer = l2tpns(&pair.b)?;
    pair.a.start_configured(&in_either(PATIENT));
    await_established(&pair.a);
    assert_eq!(pair.a.list("tunnel")[0]["version"], 2);
    drop(peer);
    Ok(())
}

/// Starts SoftEther's server, and waits until it listens to L2TP without IPsec.
fn softether(host: &Host) -> std::io::Result<Foreign<'_>> {
    let peer = Foreign::start(
        host,
        "for kept in lib log; do mkdir -p /var/$kept/softether; \
             mount -t tmpfs none /var/$kept/softether; done; \
         mkdir -p /run/softether; mount -t tmpfs none /run/softether; \
         exec vpnserver execsvc",
    )?;
    eventually("it listens to L2TP", || {
        let command = host.command("vpncmd").args([
            "localhost",
            "/SERVER",
            "/CMD",
            "IPsecEnable",
            "/L2TP:no",
            "/L2TPRAW:yes",
            "/ETHERIP:yes",
            "/PSK:vpn",
            "/DEFAULTHUB:DEFAULT",
        ]);
        let output = command.stdin(Stdio::null()).output();
        output.is_ok_and(|output| output.status.success())
    });
    Ok(peer)
}

/// Raw L2TPv2, without the IPsec that it usually comes in.
fn softether_is_called() -> Test {
    let mut pair = Pair::idle();
    let peer = softether(&pair.b)?;
    pair.a.start_configured(&calling(""));
    await_established(&pair.a);
    pair.a.adit("stop tunnel connection x");
    await_nothing(&pair.a);
    drop(peer);
    Ok(())
}

/// It asks for no sublayer, whatever it is asked for, and bridges frames only of sessions that IPsec
/// protects, so that the control protocol is all there is to see.
fn softether_is_called_in_version_3() -> Test {
    let mut pair = Pair::idle();
    let peer = softether(&pair.b)?;
    pair.a.start_configured(
        "[[listener]]\nname = \"l\"\nlocal = \"192.0.2.1\"\n\
         [[connection]]\nname = \"x\"\nhost = \"192.0.2.2\"\nversion = 3\nhello = 1\n\
         redial = 1\n[[connection.session]]\nremote_end_id = \"x\"\n",
    );
    await_established(&pair.a);
    let tunnel = pair.a.list("tunnel").remove(0);
    assert_eq!(tunnel["version"], 3);
    // It is called as its host is.
    assert!(tunnel["peer_name"].is_string(), "{tunnel}");
    pair.a.adit("stop tunnel connection x");
    await_nothing(&pair.a);
    drop(peer);
    Ok(())
}
