//! fastd, the user-space tunnel of many community networks.

use super::{DEVICE, Peer, feed};
use crate::world::{Side, World};
use anyhow::Context;
use std::process::Child;

const PORT: u16 = 10000;

pub(super) fn probe(world: &World) -> anyhow::Result<String> {
    let version = world
        .execute(Side::Near, "fastd", "--version")
        .context("missing (Debian package fastd)")?;
    Ok(version.trim().to_owned())
}

pub(super) fn start(world: &World, side: Side) -> anyhow::Result<Child> {
    let command = world.command(side, "fastd").args(["--config", "-"]);
    feed(command, &configuration(side))
}

fn configuration(side: Side) -> String {
    let other = side.other();
    // Only who starts last calls, for two calls at once would be settled by a slow retry.
    let remote = match side {
        Side::Near => format!("remote {}:{PORT};", other.outer()),
        Side::Far => String::new(),
    };
    format!(
        "log to stderr level error; mode tap; method \"null\"; interface \"{DEVICE}\"; mtu {mtu};\n\
         bind {address}:{PORT}; secret \"{secret}\";\n\
         peer \"other\" {{ {remote} key \"{key}\"; }}\n",
        mtu = Peer::Fastd.mtu(),
        address = side.outer(),
        secret = keys(side).secret,
        key = keys(other).public,
    )
}

struct Keys {
    secret: &'static str,
    public: &'static str,
}

/// As `fastd --generate-key` made them; they guard nothing.
fn keys(side: Side) -> Keys {
    match side {
        Side::Near => Keys {
            secret: "30e698089f91443e6d552bee49549ecd2fcee39828b90231c9beb86a1cbdfa61",
            public: "2300c0b4313dbad8f712de57a71916e0186fe1914e97731c39dbbe43ae6d0109",
        },
        Side::Far => Keys {
            secret: "08fcec21fe3eb777c0ab984449054c64029dbe8740560d719dbd84aa9361f96c",
            public: "522bc1b141e79cab77f437c5305001930534ce069596d0e381418e0c94289569",
        },
    }
}
