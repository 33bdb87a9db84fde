use super::*;
use crate::policy::{Pseudowire, SessionTerms};
use adit_wire::l2tp::{SessionId, TunnelId};

/// A call of the peer `branch`, which says nothing of who calls.
pub(super) fn call() -> Call {
    Call {
        data: DataKey {
            tunnel: TunnelId(3000),
            session: SessionId(1000),
        },
        terms: SessionTerms {
            pseudowire: Pseudowire::Ppp,
            hand_to: HandTo::Pppd,
            ..SessionTerms::default()
        },
        peer: "branch".to_owned(),
        remote: IpAddr::from([192, 0, 2, 7]),
        calling_number: None,
        called_number: None,
    }
}
