use super::*;
use adit_wire::l2tp::avp::DisconnectCode;
use std::rc::Rc;
use tokio::task::LocalSet;

/// What comes of a shell script in pppd's place, which is told to leave when it has written a
/// line, if at all.
fn run_script(script: &str, told_to_leave: bool) -> ResultCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let leave = Notify::new();
        if told_to_leave {
            leave.notify_one();
        }
        run("session 1/2", command, &leave).await
    })
}

#[test]
fn its_status_is_what_the_peer_is_told() {
    let code = run_script("echo refused >&2; exit 19", false);
    assert_eq!(code.causes.unwrap().ppp.unwrap().code, 16);
    let code = run_script("exit 4", false);
    assert_eq!(code.code, DisconnectCode::NO_FACILITIES.0);
}

#[test]
fn one_that_shall_leave_is_told_so() {
    let code = run_script("trap 'exit 5' TERM; sleep 600 & wait", true);
    // The shell may have been told before it could listen.
    let expected = [
        DisconnectCode::ADMINISTRATIVE.0,
        DisconnectCode::GENERAL_ERROR.0,
    ];
    assert!(expected.contains(&code.code), "{code:?}");
}

/// The clock runs ahead while nothing else is to be done.
#[test]
fn one_that_does_not_leave_is_killed() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let code = LocalSet::new().block_on(&runtime, async {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; echo ready >&2; exec sleep 600"]);
        let leave = Notify::new();
        leave.notify_one();
        run("session 1/2", command, &leave).await
    });
    assert_eq!(code.code, DisconnectCode::GENERAL_ERROR.0);
}

#[test]
fn what_cannot_be_started_is_told_too() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let code = LocalSet::new().block_on(&runtime, async {
        run("session 1/2", Command::new("/nowhere/pppd"), &Notify::new()).await
    });
    assert_eq!(code.code, DisconnectCode::GENERAL_ERROR.0);
}

#[test]
fn lines_are_cut_and_cleaned() {
    let text = [
        b"one\r\n\n\x1b[2Jtwo\n".as_slice(),
        &[b'x'; 5000],
        b"\nlast",
    ]
    .concat();
    let lines = Rc::new(RefCell::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        read(text.as_slice(), |line| lines.borrow_mut().push(line)).await;
    });
    let lines = lines.take();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        (&*lines[0], &*lines[1], &*lines[3]),
        ("one", "[2Jtwo", "last")
    );
    assert_eq!(lines[2].len(), LINE);
}
