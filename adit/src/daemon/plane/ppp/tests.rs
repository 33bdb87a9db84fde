use crate::daemon::plane::tests::{BLUE, talk, up};
use crate::daemon::ppp::News;
use adit_proto::l2tp::ResultCode;
use adit_wire::l2tp::avp::DisconnectCode;

const CALL: &str =
    "version = 2\n[[connection.session]]\nremote_end_id = \"x\"\nhand_to = \"pppd\"\n";

#[test]
fn ppp_sessions_are_told_of_when_they_are_up_and_when_they_are_gone() {
    let (mut one, mut two) = up(CALL, "version = 2");
    for (end, peer) in [(&mut one, "c"), (&mut two, "p")] {
        let [News::Up(key, call)] = &end.plane.take_ppp()[..] else {
            panic!("one session");
        };
        assert_eq!(call.data, end.sessions()[0].key);
        assert_eq!((call.peer.as_str(), call.data.session), (peer, key.id()));
    }
    let key = one.sessions()[0].key;
    let key = one.plane.with_endpoint(key).expect("pppd is asked for");
    assert_eq!(two.plane.with_endpoint(two.sessions()[0].key), None);
    // PPP ends: so does the call, which is placed again.
    let code = ResultCode::disconnect(DisconnectCode::CARRIER_LOST);
    one.plane.ppp_ended(key, code.clone(), &mut one.engine);
    talk(&mut one, &mut two);
    assert_eq!(one.plane.take_ppp(), [News::Down(key)]);
    assert!(matches!(two.plane.take_ppp()[..], [News::Down(_)]));
    assert!(two.sessions().is_empty());
    assert!(one.plane.dials["c"].due().is_some());
    // Told twice is told once.
    one.plane.ppp_ended(key, code, &mut one.engine);
    assert!(one.plane.take_ppp().is_empty());
}

#[test]
fn nobody_is_told_of_ethernet() {
    let (mut one, mut two) = up(BLUE, "");
    assert!(one.plane.take_ppp().is_empty() && two.plane.take_ppp().is_empty());
}
