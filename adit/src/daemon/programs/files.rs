//! Open `/dev/ppp`s.

use super::{OpenFile, Owner};
use crate::daemon::state::State;
use adit_datapath::ppp::{End, File, Filter, FilterKind, Instruction, NpMode};
use adit_kapi::protocol::{PppAsk, Say};
use adit_wire::netlink::Errno;
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

/// Takes our end of a program's `/dev/ppp`.
pub(super) fn open(
    end: OwnedFd,
    privileged: bool,
    owner: Owner,
    state: &mut State,
) -> Result<u32, Errno> {
    if !privileged {
        return Err(Errno::EPERM);
    }
    let programs = &mut state.programs;
    let number = programs.number();
    let on_close = programs.on_close(number);
    let end = End::new(end).map_err(|_| Errno::EBADF)?;
    let file = Arc::new(programs.ppp()?.open(end, on_close)?);
    programs.files.insert(number, OpenFile { file, owner });
    Ok(number)
}

/// Answers a request to an open file: EBADF when `owner` has none of this number.
pub(super) async fn answer(
    number: u32,
    ask: PppAsk,
    owner: &Owner,
    state: &Rc<RefCell<State>>,
) -> Result<Say, Errno> {
    let file = {
        let state = state.borrow();
        let found = state.programs.files.get(&number);
        let found = found.filter(|found| found.owner.is(owner));
        Arc::clone(&found.ok_or(Errno::EBADF)?.file)
    };
    let done = |()| Say::End;
    let number = |number: u32| Say::Number(number.into());
    match ask {
        PppAsk::NewUnit(wanted) => new_unit(file, wanted).await.map(number),
        PppAsk::AttachChannel(channel) => file.attach_channel(channel).map(done),
        PppAsk::AttachUnit(unit) => file.attach_unit(unit).map(done),
        PppAsk::Connect(unit) => file.connect(unit).map(done),
        PppAsk::Disconnect => file.disconnect().map(done),
        PppAsk::Bridge(channel) => file.bridge(channel).map(done),
        PppAsk::Unbridge => file.unbridge().map(done),
        PppAsk::Unit => file.unit().map(number),
        PppAsk::Flags => file.flags().map(number),
        PppAsk::SetFlags(flags) => file.set_flags(flags).map(done),
        PppAsk::SetMru(mru) => file.set_mru(mru).map(done),
        PppAsk::Debug => file.debug().map(number),
        PppAsk::SetDebug(debug) => file.set_debug(debug).map(done),
        PppAsk::NpMode(protocol) => file.np_mode(protocol).map(|mode| number(mode.0)),
        PppAsk::SetNpMode(protocol, mode) => file.set_np_mode(protocol, NpMode(mode)).map(done),
        PppAsk::SetMaxConnections(word) => file.set_max_connections(word).map(done),
        PppAsk::Idle => file.idle().map(|idle| {
            let millis =
                |time: std::time::Duration| time.as_millis().try_into().unwrap_or(u64::MAX);
            Say::Idle(millis(idle.sent), millis(idle.received))
        }),
        PppAsk::SetFilter { active, program } => set_filter(&file, active, &program).map(done),
    }
}

/// Making a unit may wait until the device of a former one is gone.
async fn new_unit(file: Arc<File>, wanted: Option<u32>) -> Result<u32, Errno> {
    let made = tokio::task::spawn_blocking(move || file.new_unit(wanted)).await;
    made.unwrap_or(Err(Errno::EIO))
}

fn set_filter(file: &File, active: bool, program: &[(u16, u8, u8, u32)]) -> Result<(), Errno> {
    let kind = match active {
        true => FilterKind::Active,
        false => FilterKind::Pass,
    };
    let instruction = |&(code, jt, jf, k): &(u16, u8, u8, u32)| Instruction {
        code,
        jump_true: jt,
        jump_false: jf,
        k,
    };
    let program: Vec<Instruction> = program.iter().map(instruction).collect();
    let filter = match program.is_empty() {
        true => None,
        false => Some(Filter::new(&program).map_err(|_| Errno::EINVAL)?),
    };
    file.set_filter(kind, filter)
}

/// The counters of the unit whose device has this interface index.
pub(super) fn counters(index: u32, state: &State) -> Result<Say, Errno> {
    let found = state.programs.ppp()?.statistics(index);
    let found = found.ok_or(Errno::ENODEV)?;
    Ok(Say::Counters(vec![
        found.rx_bytes,
        found.rx_packets,
        found.rx_errors,
        found.tx_bytes,
        found.tx_packets,
        found.tx_errors,
    ]))
}
