//! Which keywords each command takes: the one definition behind parser, help, manual pages and
//! completions.

use super::keyword::{self, Keyword, Word};
use super::{FieldError, nearest};

/// The keywords of one place: a command, or a table of the configuration file.
#[derive(Debug)]
pub struct Form {
    /// The keywords, in the order in which help lists them.
    pub slots: &'static [Slot],
}

/// A keyword and whether it must be there.
#[derive(Debug)]
pub struct Slot {
    /// The keyword.
    pub word: &'static Word,
    /// Whether it must be there.
    pub need: Need,
}

/// Whether a keyword must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may be left out.
    Optional,
    /// All keywords that are `ById` must be there, or the one that is [`Need::ByName`].
    ById,
    /// See [`Need::ById`].
    ByName,
}

impl Form {
    /// The keyword that `given` spells.
    pub fn find(&self, given: &str) -> Option<&'static Word> {
        self.words().find(|word| word.is(given))
    }

    /// The refusal of `name`, which spells no keyword, or by an alias where none is taken.
    pub fn unknown(&self, name: &str) -> FieldError {
        let names = || self.words().map(|word| word.name);
        let spelled_out = self.find(name).map(|word| word.name);
        let remedy = match spelled_out.or_else(|| nearest(name, names())) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("give one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        FieldError::new(name, format!("not a keyword here; {remedy}"))
    }

    /// All keywords.
    pub fn words(&self) -> impl Iterator<Item = &'static Word> + '_ {
        self.slots.iter().map(|slot| slot.word)
    }

    /// The keywords of one kind of need.
    pub fn needing(&self, need: Need) -> impl Iterator<Item = &'static Word> + '_ {
        let wanted = self.slots.iter().filter(move |slot| slot.need == need);
        wanted.map(|slot| slot.word)
    }

    /// The form as one line: required keywords as they are, optional ones in brackets.
    pub fn usage(&self) -> String {
        let pairs = |need, open, close| -> Vec<String> {
            let pair = |w: &Word| format!("{open}{} {}{close}", w.name, w.metavar);
            self.needing(need).map(pair).collect()
        };
        let mut parts = pairs(Need::Required, "", "");
        let by_id = pairs(Need::ById, "", "");
        if !by_id.is_empty() {
            let by_name = pairs(Need::ByName, " | ", "");
            parts.push(format!("{{ {}{} }}", by_id.join(" "), by_name.concat()));
        }
        parts.extend(pairs(Need::Optional, "[", "]"));
        parts.join(" ")
    }
}

const fn slot<T>(keyword: &'static Keyword<T>, need: Need) -> Slot {
    Slot {
        word: &keyword.word,
        need,
    }
}

macro_rules! form {
    ($(#[$doc:meta])* $name:ident { $($keyword:ident $need:ident),* $(,)? }) => {
        $(#[$doc])*
        pub static $name: Form = Form {
            slots: &[$(slot(&keyword::$keyword, Need::$need)),*],
        };
    };
}

form! {
    /// `add tunnel`, and `[[tunnel]]`.
    ADD_TUNNEL {
        TUNNEL_ID Required, PEER_TUNNEL_ID Required, LOCAL Required, REMOTE Required,
        VERSION Optional, ENCAP Optional, UDP_SPORT Optional, UDP_DPORT Optional,
        UDP_CSUM Optional, UDP6_CSUM_TX Optional, UDP6_CSUM_RX Optional,
        PMTUDISC Optional, PMTU_PROBE Optional, TTL Optional, TOS Optional, ECN Optional, DEBUG Optional,
    }
}

form! {
    /// `add session`.
    ADD_SESSION {
        TUNNEL_ID Required, SESSION_ID Required, PEER_SESSION_ID Required,
        PSEUDOWIRE Optional, NAME Optional, COOKIE Optional, PEER_COOKIE Optional,
        L2SPEC_TYPE Optional, SEQ Optional, LNS_MODE Optional, REORDER_TIMEOUT Optional, MTU Optional, MSS Optional,
        SESSION_TOS Optional, SESSION_ECN Optional, SESSION_TTL Optional, DEBUG Optional,
        OFFSET Optional, PEER_OFFSET Optional,
    }
}

form! {
    /// `[[tunnel.session]]`, whose tunnel is the table around it.
    CONFIG_SESSION {
        SESSION_ID Required, PEER_SESSION_ID Required,
        PSEUDOWIRE Optional, NAME Optional, COOKIE Optional, PEER_COOKIE Optional,
        L2SPEC_TYPE Optional, SEQ Optional, LNS_MODE Optional, REORDER_TIMEOUT Optional, MTU Optional, MSS Optional,
        SESSION_TOS Optional, SESSION_ECN Optional, SESSION_TTL Optional, DEBUG Optional,
    }
}

form! {
    /// `del tunnel`.
    DEL_TUNNEL { TUNNEL_ID Required }
}

form! {
    /// `del session`.
    DEL_SESSION { TUNNEL_ID ById, SESSION_ID ById, NAME ByName }
}

form! {
    /// `set tunnel`.
    SET_TUNNEL {
        TUNNEL_ID Required, PMTUDISC Optional, PMTU_PROBE Optional, TTL Optional, TOS Optional, ECN Optional, DEBUG Optional,
    }
}

form! {
    /// `set session`.
    SET_SESSION {
        TUNNEL_ID ById, SESSION_ID ById, NAME ByName,
        SEQ Optional, LNS_MODE Optional, REORDER_TIMEOUT Optional, MTU Optional, MSS Optional,
        SESSION_TOS Optional, SESSION_ECN Optional, SESSION_TTL Optional, DEBUG Optional,
    }
}

form! {
    /// `start tunnel`.
    START_TUNNEL { CONNECTION Required }
}

form! {
    /// `start session`.
    START_SESSION { CONNECTION Required, CALL Required }
}

form! {
    /// `stop tunnel` and `drain tunnel`.
    STOP_TUNNEL { TUNNEL_ID ById, CONNECTION ByName }
}

form! {
    /// `stop session`.
    STOP_SESSION { TUNNEL_ID ById, SESSION_ID ById, CONNECTION ByName, CALL ByName }
}

form! {
    /// `show tunnel`.
    SHOW_TUNNEL { TUNNEL_ID Optional }
}

form! {
    /// `show connection`.
    SHOW_CONNECTION { CONNECTION Optional }
}

form! {
    /// `show control` and `drain daemon`.
    NOTHING {}
}

form! {
    /// `show session`.
    SHOW_SESSION { TUNNEL_ID Optional, SESSION_ID Optional, NAME Optional }
}

pub mod policy;
