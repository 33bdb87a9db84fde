use adit_wire::netlink::{Answer, Attributes, Command, Errno, Frames, Writer, kind};

/// The attributes behind a generic-netlink header: what is read, written and read again is the
/// same; what is refused is refused with an error number of the kernel's policy.
pub fn netlink_attributes(data: &[u8]) {
    match Attributes::read(data) {
        Ok(attributes) => {
            let writer = Writer::command(Command::SessionGet, 0, 0, 0);
            let message = attributes.write(writer).finish();
            let frame = Frames::new(&message).next().expect("it was written");
            let (_, _, octets) = frame.expect("it is whole").genl().expect("it is a command");
            assert_eq!(Attributes::read(octets), Ok(attributes));
        }
        Err(error) => assert!(matches!(error.errno(), Errno::ERANGE | Errno::EINVAL)),
    }
}

/// A datagram of netlink messages, read as requests and as answers. The answer to a message must
/// itself be readable.
pub fn netlink_frames(data: &[u8]) {
    for frame in Frames::new(data).flatten() {
        let answer = Answer::read(&frame);
        assert!(answer.is_none() || frame.kind == kind::ERROR);
        if let Some((_, _, octets)) = frame.genl() {
            netlink_attributes(octets);
        }
    }

    let refusal = Some(Errno::EINVAL);
    let message = Writer::answer(data, 0, refusal, Some("text")).finish();
    let frame = Frames::new(&message).next().expect("it was written");
    let answer = Answer::read(&frame.expect("it is whole")).expect("it is an answer");
    assert_eq!(answer.errno, refusal);
}
