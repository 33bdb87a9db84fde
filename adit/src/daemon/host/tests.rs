use super::*;
use crate::daemon::samples::directory;

#[test]
fn state_files_of_other_boots_go_unless_somebody_has_them() {
    let dir = directory();
    let path = |name: &str| dir.path().join(name);
    let kept = [
        "netns-7-this-boot.redb",
        "netns-9-in-use.redb",
        "netns-9-other-boot.redb.corrupt",
        "netns-9.redb",
        "notes.redb",
    ];
    for name in kept.iter().chain(&["netns-9-other-boot.redb"]) {
        fs::write(path(name), "").unwrap();
    }
    let _in_use = Store::open(&path("netns-9-in-use.redb"), "9-in-use").unwrap();
    remove_void(dir.path(), "this-boot");
    assert!(!path("netns-9-other-boot.redb").exists());
    for name in kept {
        assert!(path(name).exists(), "{name}");
    }
}
