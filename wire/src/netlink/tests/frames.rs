use crate::netlink::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::vec::Vec;

fn request(name: &str) -> Vec<u8> {
    Writer::command(Command::SessionDelete, flag::REQUEST | flag::ACK, 7, 42)
        .string(Attr::Ifname, name)
        .finish()
}

proptest! {
    #[test]
    fn frames_walk_what_was_written(list in vec((any::<[u32; 2]>(), "[a-z]{0,15}"), 0..6)) {
        let mut datagram = Vec::new();
        for ([seq, portid], name) in &list {
            let writer = Writer::command(Command::SessionGet, flag::MULTI, *seq, *portid);
            datagram.extend(writer.string(Attr::Ifname, name).finish());
        }
        let frames: Vec<_> = Frames::new(&datagram).map(Result::unwrap).collect();
        prop_assert_eq!(frames.len(), list.len());
        for (frame, ([seq, portid], name)) in frames.iter().zip(list) {
            prop_assert_eq!((frame.kind, frame.flags), (FAMILY_ID, flag::MULTI));
            prop_assert_eq!((frame.seq, frame.portid), (seq, portid));
            let (command, version, attributes) = frame.genl().unwrap();
            prop_assert_eq!((command, version), (Command::SessionGet.number(), FAMILY_VERSION));
            prop_assert_eq!(Attributes::read(attributes).unwrap().ifname, Some(name));
        }
    }

    #[test]
    fn an_answer_is_what_was_answered(
        name in "[a-z]{0,15}",
        errno in option::of(1..200i32),
        text in option::of("[^\\x00]{0,80}"),
    ) {
        let errno = errno.map(Errno);
        let answer = Writer::answer(&request(&name), 42, errno, text.as_deref()).finish();
        let frame = Frames::new(&answer).next().unwrap().unwrap();
        prop_assert_eq!((frame.kind, frame.seq, frame.portid), (kind::ERROR, 7, 42));
        let text = text.as_deref().filter(|_| errno.is_some());
        prop_assert_eq!(Answer::read(&frame), Some(Answer { errno, text }));
    }

    #[test]
    fn no_input_panics(datagram: Vec<u8>) {
        for frame in Frames::new(&datagram).flatten() {
            let _ = (frame.genl(), Answer::read(&frame));
        }
    }

    /// As above, in a frame that claims to be an answer with a text.
    #[test]
    fn no_answer_panics(flags in 0..0x400u16, body in vec(any::<u8>(), 0..80)) {
        let frame = Frame { kind: kind::ERROR, flags, seq: 0, portid: 0, body: &body };
        let answer = Answer::read(&frame);
        prop_assert_eq!(answer.is_some(), body.len() >= 4);
    }

    #[test]
    fn an_answer_to_anything_is_one_frame(request: Vec<u8>, refuse: bool) {
        let answer = Writer::answer(&request, 0, refuse.then_some(Errno::EINVAL), Some("x"));
        let answer = answer.finish();
        prop_assert_eq!(Frames::new(&answer).filter_map(Result::ok).count(), 1);
    }
}

/// An answer by hand: error -19, then the octets `echo`, then the attributes `tlvs`.
fn refusal(echo: &[u8], tlvs: &[u8]) -> Vec<u8> {
    [&(-19i32).to_ne_bytes()[..], echo, tlvs].concat()
}

#[test]
fn the_text_is_found_behind_a_capped_and_a_whole_echo() {
    // NLMSGERR_ATTR_OFFS (2) before NLMSGERR_ATTR_MSG (1).
    let tlvs = [8, 0, 2, 0, 20, 0, 0, 0, 7, 0, 1, 0, b'n', b'o', 0, 0];
    let request = request("odd");
    let whole = refusal(&request, &tlvs);
    let capped = refusal(&request[..16], &tlvs);
    for (flags, body, text) in [
        (flag::ACK_TLVS, &whole, Some("no")),
        (flag::ACK_TLVS | flag::CAPPED, &capped, Some("no")),
        (0, &whole, None),
        (flag::CAPPED, &capped, None),
    ] {
        let frame = Frame {
            kind: kind::ERROR,
            flags,
            seq: 0,
            portid: 0,
            body,
        };
        let errno = Some(Errno::ENODEV);
        assert_eq!(
            Answer::read(&frame),
            Some(Answer { errno, text }),
            "{flags:#x}"
        );
    }
}

#[test]
fn an_echo_that_claims_too_much_has_no_text() {
    let mut echo = request("x");
    echo[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
    let body = refusal(&echo, &[7, 0, 1, 0, b'n', b'o', 0, 0]);
    let frame = Frame {
        kind: kind::ERROR,
        flags: flag::ACK_TLVS,
        seq: 0,
        portid: 0,
        body: &body,
    };
    assert_eq!(Answer::read(&frame).unwrap().text, None);
}

#[test]
fn only_an_error_message_is_an_answer() {
    let done = Writer::done(1, 0).finish();
    let frame = Frames::new(&done).next().unwrap().unwrap();
    assert_eq!((frame.kind, frame.flags), (kind::DONE, flag::MULTI));
    assert_eq!(Answer::read(&frame), None);
}

#[test]
fn a_bad_length_ends_the_walk() {
    let good = request("x");
    for (bad, error) in [
        (vec_with_length(15), FrameError::BadLength(15)),
        (vec_with_length(17), FrameError::BadLength(17)),
        (Vec::from([0; 7]), FrameError::ShortHeader),
    ] {
        let datagram = [&good[..], &bad].concat();
        let walked: Vec<_> = Frames::new(&datagram).collect();
        assert_eq!(walked.len(), 2);
        assert!(walked[0].is_ok());
        assert_eq!(walked[1], Err(error));
    }
}

/// A bare header whose nlmsg_len is `len`.
fn vec_with_length(len: u32) -> Vec<u8> {
    let mut header = Vec::from([0; 16]);
    header[..4].copy_from_slice(&len.to_ne_bytes());
    header
}
