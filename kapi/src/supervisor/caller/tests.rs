use super::*;

#[test]
fn sockets_are_told_by_their_inode() {
    assert_eq!(socket_inode("socket:[4711]"), Some(4711));
    for other in [
        "pipe:[4711]",
        "socket:[]",
        "socket:[1",
        "/dev/ppp",
        "socket:[x]",
    ] {
        assert_eq!(socket_inode(other), None, "{other}");
    }
}
