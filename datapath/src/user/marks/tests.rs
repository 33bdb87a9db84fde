use super::*;

/// An Ethernet frame with the start of an IPv4 packet of this class.
fn frame(class: u8) -> Vec<u8> {
    let mut frame = vec![0; 34];
    frame[12..16].copy_from_slice(&[8, 0, 0x45, class]);
    frame
}

fn tunnel(tos: Tos, ecn: bool) -> Marks {
    Marks::new(Some(tos), Some(ecn), None)
}

#[test]
fn what_a_session_leaves_open_is_its_tunnels() {
    let (open, frame) = (Marks::new(None, None, None), frame(0xba));
    for (tos, ecn, class) in [
        (Tos::Fixed(0), false, 0),
        (Tos::Fixed(0x48), true, 0x4a),
        (Tos::Inherit, false, 0xb8),
        (Tos::Uniform, true, 0xba),
    ] {
        let mark = open.over(&tunnel(tos, ecn));
        assert_eq!(mark.class(Layer::Ethernet, &frame), class, "{tos:?} {ecn}");
    }
    assert_eq!(open.ttl(), None);
    assert!(!open.wants_class());
}

#[test]
fn what_a_session_has_of_its_own_counts_until_it_is_left_open_again() {
    let (tunnel, frame) = (tunnel(Tos::Uniform, true), frame(0xba));
    let own = Marks::new(Some(Tos::Fixed(0x28)), Some(false), NonZeroU8::new(9));
    let mark = own.over(&tunnel);
    assert_eq!(mark.class(Layer::Ethernet, &frame), 0x28);
    assert_eq!(mark.arrived(Layer::Ethernet, &frame, 3), Arrival::AsItIs);
    assert_eq!(own.ttl(), Some(9));
    own.change(&Retuning {
        tos: Some(None),
        ecn: Some(None),
        ttl: Some(None),
        ..Retuning::default()
    });
    assert_eq!(own.over(&tunnel).class(Layer::Ethernet, &frame), 0xba);
    assert_eq!(own.ttl(), None);
}
