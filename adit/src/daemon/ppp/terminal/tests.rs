use super::*;
use std::fs::File;
use std::io::{Read, Write};

#[test]
fn octets_pass_unchanged_and_are_not_echoed() {
    let (modem, line) = open().unwrap();
    let (modem, line) = (File::from(modem), File::from(line));
    let every: Vec<u8> = (0..=255).collect();
    let mut found = [0; 256];
    for (mut from, mut to) in [(&modem, &line), (&line, &modem)] {
        from.write_all(&every).unwrap();
        to.read_exact(&mut found).unwrap();
        assert_eq!(found[..], every);
    }
}
