use super::*;

/// The example of RFC 1071 section 3, whose sum without complement is ddf2.
#[test]
fn the_checksum_is_the_internet_one() {
    let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(checksum(&octets), !0xddf2);
    assert_eq!(checksum(&[0xff]), 0x00ff);
}

#[test]
fn only_the_whole_answer_answers() {
    let ping = Ping::to([192, 0, 2, 1]).size(4);
    let request = ping.request(7, 1);
    let mut answer = vec![0x45; 20];
    answer.extend(&request);
    assert!(!ping.answers(&answer, &request), "a request is no answer");
    answer[20] = 0;
    assert!(ping.answers(&answer, &request));
    assert!(!ping.answers(&answer, &ping.request(7, 2)));
    assert!(!ping.answers(&answer[..30], &request));
    *answer.last_mut().unwrap() ^= 1;
    assert!(!ping.answers(&answer, &request));
    assert!(!ping.answers(&[], &request));
}
