//! A capture file of control messages, and tshark on it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// The secret that tshark checks digests with.
pub(crate) const SECRET: &str = "secret";

/// A message, from one end to the other or back.
pub(crate) struct Sent {
    pub(crate) back: bool,
    /// Over IP, the zero word in front; else over UDP.
    pub(crate) over_ip: bool,
    pub(crate) octets: Vec<u8>,
}

impl Sent {
    pub(crate) fn there(octets: Vec<u8>) -> Sent {
        Sent {
            back: false,
            over_ip: false,
            octets,
        }
    }
}

/// What tshark reads of each message: a row of the `fields`, several values of one joined by
/// commas. `None` without tshark, which fails where nothing may be left out.
pub(crate) fn dissect(sent: &[Sent], fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let file = Scratch::new();
    fs::write(&file.0, pcap(sent)).expect("the temporary directory takes a file");
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&file.0).args(["-T", "fields"]);
    tshark.args([
        "-E",
        "separator=/t",
        "-E",
        "occurrence=a",
        "-E",
        "aggregator=,",
    ]);
    tshark.args(["-o", &format!("l2tp.shared_secret:{SECRET}")]);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let Ok(out) = tshark.output() else {
        assert!(
            env::var_os("CI").is_none_or(|ci| ci != "true"),
            "tshark is missing"
        );
        println!("skipped: tshark is not installed");
        return None;
    };
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "tshark fails: {errors}");
    let text = String::from_utf8(out.stdout).expect("tshark writes UTF-8");
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    Some(text.lines().map(row).collect())
}

/// A file that goes away with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("adit-tshark-{}-{number}.pcap", process::id());
        Scratch(env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The messages in IPv4, as a capture of raw IP packets.
fn pcap(sent: &[Sent]) -> Vec<u8> {
    let word = u32::to_le_bytes;
    let mut out = Vec::new();
    out.extend(word(0xa1b2_c3d4));
    out.extend([2, 0, 4, 0]);
    for field in [0, 0, 65_535, 101] {
        out.extend(word(field));
    }
    for one in sent {
        let packet = packet(one);
        let length = packet.len() as u32;
        for field in [1, 0, length, length] {
            out.extend(word(field));
        }
        out.extend(packet);
    }
    out
}

fn packet(sent: &Sent) -> Vec<u8> {
    let (from, to) = match sent.back {
        false => ([192, 0, 2, 1], [192, 0, 2, 2]),
        true => ([192, 0, 2, 2], [192, 0, 2, 1]),
    };
    let half = |number: usize| (number as u16).to_be_bytes();
    let (protocol, header) = if sent.over_ip { (115, 0) } else { (17, 8) };
    let length = header + sent.octets.len();
    let mut out = vec![0x45, 0];
    out.extend(half(20 + length));
    out.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    out.extend(from);
    out.extend(to);
    if !sent.over_ip {
        out.extend(half(1701));
        out.extend(half(1701));
        out.extend(half(length));
        out.extend([0, 0]);
    }
    out.extend(&sent.octets);
    out
}
