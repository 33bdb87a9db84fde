//! The tables of the configuration file about tunnels and calls that are set up by protocol.

use super::{Form, Need, slot};
use crate::input::keyword::{self, policy as word};

macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($($path:ident)::+ $need:ident),* $(,)? }) => {
        $(#[$doc])*
        pub static $name: Form = Form {
            slots: &[$(slot(&$($path)::+, Need::$need)),*],
        };
    };
}

table! {
    /// `[[listener]]`.
    LISTENER {
        word::LABEL Required, word::BIND Required, word::PORT Optional, keyword::ENCAP Optional,
        word::INTERFACE Optional, word::MARKS Optional, keyword::UDP_CSUM Optional, keyword::UDP6_CSUM_TX Optional,
        keyword::UDP6_CSUM_RX Optional,
    }
}

/// The keys of a tunnel's terms, for the tables that have them.
macro_rules! with_tunnel_terms {
    ($(#[$doc:meta])* $name:ident { $($($path:ident)::+ $need:ident),* $(,)? }) => {
        table! {
            $(#[$doc])*
            $name {
                $($($path)::+ $need,)*
                word::VERSION Optional, word::ROLE Optional, word::HOST_NAME Optional,
                word::SECRET Optional, word::OLD_SECRET Optional, word::DIGEST Optional,
                word::HIDE_AVPS Optional, word::HELLO Optional, word::RETRANSMIT Optional,
                word::RETRANSMIT_CAP Optional, word::RETRIES Optional, word::WINDOW Optional,
                word::SETUP_TIMEOUT Optional, word::MAX_SESSIONS Optional,
                word::SOURCE_PORT Optional, word::PEER_SOURCE Optional, word::ROAMING Optional,
                word::ECN Optional, keyword::PMTUDISC Optional, keyword::PMTU_PROBE Optional,
                keyword::TOS Optional, keyword::TTL Optional, word::QUIRKS Optional,
            }
        }
    };
}

/// The keys of a call's terms, for the tables that have them.
macro_rules! with_session_terms {
    ($(#[$doc:meta])* $name:ident { $($($path:ident)::+ $need:ident),* $(,)? }) => {
        table! {
            $(#[$doc])*
            $name {
                $($($path)::+ $need,)*
                word::PSEUDOWIRE Optional, word::HAND_TO Optional,
                word::PPPD_ON Optional, word::PPPD_POOL Optional,
                word::PPPD_FILE Optional, word::PPPD_OPTIONS Optional,
                word::CALLING_NUMBER Optional, word::CALLED_NUMBER Optional,
                word::COOKIE_OCTETS Optional, keyword::L2SPEC_TYPE Optional,
                keyword::SEQ Optional, keyword::REORDER_TIMEOUT Optional, keyword::MTU Optional, keyword::MSS Optional,
                keyword::SESSION_TOS Optional, word::CALL_ECN Optional, keyword::SESSION_TTL Optional,
                word::CIRCUIT_STATUS Optional, keyword::DEBUG Optional,
            }
        }
    };
}

with_tunnel_terms! {
    /// `[[tunnel_profile]]`.
    TUNNEL_PROFILE { word::LABEL Required, word::INHERIT Optional }
}

with_session_terms! {
    /// `[[session_profile]]`.
    SESSION_PROFILE { word::LABEL Required, word::INHERIT Optional }
}

with_tunnel_terms! {
    /// `[[peer]]`.
    PEER {
        word::LABEL Required, word::INHERIT Optional, word::TUNNEL_PROFILE Optional,
        word::SESSION_PROFILE Optional, word::ADDRESSES Optional, word::PEER_NAME Optional,
        word::ACCEPT Optional,
    }
}

with_tunnel_terms! {
    /// `[[connection]]`.
    CONNECTION {
        word::LABEL Required, word::TUNNEL_PROFILE Optional, word::SESSION_PROFILE Optional,
        word::LISTENER Optional, word::HOST Optional, word::PORT Optional,
        word::PERSISTENT Optional, word::REDIAL Optional,
    }
}

table! {
    /// `[[connection.peer]]`.
    CANDIDATE {
        word::HOST Required, word::PORT Optional, word::PRIORITY Optional, word::WEIGHT Optional,
    }
}

with_session_terms! {
    /// `[[connection.session]]` and `[[peer.session]]`.
    CALL {
        word::REMOTE_END_ID Required, word::SESSION_PROFILE Optional, keyword::NAME Optional,
    }
}

table! {
    /// `[limits]`.
    LIMITS {
        word::MAX_TUNNELS Optional, word::MAX_SESSIONS Optional, word::TUNNEL_RATE Optional,
        word::CALL_RATE Optional, word::MAX_PPPD Optional,
    }
}
