use crate::daemon::{accepted_session, accepted_tunnel};
use crate::one_line;
use adit::config::Config;
use adit::input::form::{ADD_SESSION, ADD_TUNNEL, Form, SET_SESSION, SHOW_SESSION};
use adit::input::keyword::TUNNEL_ID;
use adit::input::{FieldError, Fields, build};
use adit_datapath::spec::Inventory;
use std::path::Path;

/// The text of a configuration file. The daemon takes all that is good in the order of the ids,
/// and each fault is a line.
pub fn config_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Config::from_text(Path::new("FILE"), text) {
        Ok(config) => {
            let mut state = Inventory::default();
            for (id, spec) in config.inventory.tunnels {
                accepted_tunnel(&spec, &state);
                state.tunnels.insert(id, spec);
            }
            for (key, spec) in config.inventory.sessions {
                accepted_session(&spec, &state);
                state.sessions.insert(key, spec);
            }
        }
        Err(faults) => {
            let faults = faults.to_string();
            assert!(!faults.is_empty());
            for fault in faults.split('\n') {
                assert!(fault.starts_with("FILE:"), "{fault:?}");
                one_line(fault);
            }
        }
    }
}

/// An octet that chooses the command, then the words behind it.
pub fn command_words(data: &[u8]) {
    let Some((choice, words)) = data.split_first() else {
        return;
    };
    let words = String::from_utf8_lossy(words);
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let read = match choice % 4 {
        0 => fields(&ADD_TUNNEL, &words).and_then(|fields| {
            let spec = build::tunnel(&fields)?;
            accepted_tunnel(&spec, &Inventory::default());
            Ok(())
        }),
        1 => fields(&ADD_SESSION, &words).and_then(|fields| {
            let tunnel = fields.demand(&TUNNEL_ID)?;
            let spec = build::session(tunnel, &fields)?;
            accepted_session(&spec, &with_tunnel(tunnel));
            Ok(())
        }),
        2 => fields(&SET_SESSION, &words).and_then(|fields| {
            build::selector(&fields)?;
            build::session_change(&fields).map(drop)
        }),
        _ => fields(&SHOW_SESSION, &words).map(drop),
    };
    if let Err(refusal) = read {
        assert!(!refusal.text.is_empty());
    }
}

fn fields(form: &'static Form, words: &[String]) -> Result<Fields, FieldError> {
    Fields::from_words(form, words)
}

/// A state whose only tunnel has this id.
fn with_tunnel(id: u32) -> Inventory {
    let text = format!(
        "[[tunnel]]\ntunnel_id = {id}\npeer_tunnel_id = 1\nencap = \"ip\"\n\
         local = \"192.0.2.1\"\nremote = \"192.0.2.2\"\n"
    );
    let config = Config::from_text(Path::new("FILE"), &text);
    config.expect("only the id is not ours").inventory
}
