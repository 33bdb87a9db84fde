use super::*;

#[test]
fn each_status_of_the_manual_has_its_code() {
    use DisconnectCode as Code;
    let exited = |status: i32| of(ExitStatus::from_raw(status << 8));
    for (status, code, ppp) in [
        (0, Code::ADMINISTRATIVE, Some((3, 1))),
        (1, Code::GENERAL_ERROR, None),
        (2, Code::GENERAL_ERROR, None),
        (4, Code::NO_FACILITIES, None),
        (5, Code::ADMINISTRATIVE, Some((3, 2))),
        (10, Code::ADMINISTRATIVE, Some((0, 0))),
        (11, Code::ADMINISTRATIVE, Some((16, 1))),
        (15, Code::ADMINISTRATIVE, Some((8, 0))),
        (16, Code::CARRIER_LOST, None),
        (19, Code::ADMINISTRATIVE, Some((16, 2))),
        (200, Code::GENERAL_ERROR, None),
    ] {
        let ending = exited(status);
        let found = ending.code.causes.and_then(|causes| causes.ppp);
        let found = found.map(|ppp| (ppp.code, ppp.direction.0));
        assert_eq!((ending.code.code, found), (code.0, ppp), "{status}");
    }
}

#[test]
fn a_pppd_that_is_killed_is_no_normal_end() {
    let ending = of(ExitStatus::from_raw(9));
    assert_eq!(ending.text, "killed by signal 9");
    assert!(ending.fault);
}
