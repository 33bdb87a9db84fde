//! What goes through a pseudowire or a call.

use crate::rig::{ECHO, Rig};
use crate::side::Side;
use adit_e2e::Test;
use adit_lab::Ping;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

/// What goes as TCP, in each direction.
const TRANSFER: usize = 200_000;

/// No answer for this long is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Five echoes of `size` octets from one side, each of which must be answered.
pub(crate) fn ping(rig: &mut Rig, from: Side, target: Ipv4Addr, size: usize) -> Test {
    match from {
        Side::Adit => {
            let echo = Ping::to(target).count(5).size(size).timeout(PATIENCE);
            let report = echo.run(&rig.host)?;
            assert!(report.complete(), "{size} octets: {report:?}");
        }
        Side::Kernel => {
            let report = rig.guest(&format!("ping -q -A -c 5 -w 50 -s {size} {target}"))?;
            let complete = report.contains(" 0% packet loss");
            assert!(complete, "{size} octets: {report}");
        }
    }
    Ok(())
}

/// TCP to the guest's address `target` and back at the same time.
pub(crate) fn transfer(rig: &Rig, target: Ipv4Addr) -> Test {
    let sent: Vec<u8> = (0..TRANSFER).map(|at| (at % 251) as u8).collect();
    let target = SocketAddr::from((target, ECHO));
    let mut stream = rig
        .host
        .run(|| TcpStream::connect_timeout(&target, PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut writer = stream.try_clone()?;
    let mut received = Vec::new();
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            writer.write_all(&sent)?;
            writer.shutdown(Shutdown::Write)
        });
        stream.read_to_end(&mut received)?;
        writing.join().map_err(|_| "the writer panicked")??;
        Test::Ok(())
    })?;
    assert!(received == sent, "what came back is not what was sent");
    Ok(())
}
