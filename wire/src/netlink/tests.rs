use super::*;
use std::vec::Vec;

#[test]
fn an_answer_carries_errno_and_text() {
    let request = Writer::command(Command::TunnelDelete, flag::REQUEST | flag::ACK, 7, 0)
        .word(Attr::ConnId, 9)
        .finish();
    let answer = Writer::answer(&request, 1, Some(Errno::ENODEV), Some("no tunnel 9")).finish();
    let frames: Vec<_> = Frames::new(&answer).collect();
    let frame = frames[0].unwrap();
    assert_eq!((frames.len(), frame.seq), (1, 7));
    let read = Answer::read(&frame).unwrap();
    assert_eq!(
        read,
        Answer {
            errno: Some(Errno::ENODEV),
            text: Some("no tunnel 9")
        }
    );
}
