//! Files to add to the guest: a cpio archive behind its initramfs, which the kernel unpacks over it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// An initramfs as `original` with `programs` in its /sbin, and the libraries that they need where
/// they look for them.
///
/// # Errors
/// What reading any of the files meets.
pub(super) fn extended(original: &Path, programs: &[&Path]) -> io::Result<Vec<u8>> {
    let mut image = fs::read(original)?;
    // Archives begin at multiples of four; zeros in between are skipped.
    image.resize(image.len().next_multiple_of(4), 0);
    let mut made = BTreeSet::new();
    for program in programs {
        let name = program.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        add_file(
            &mut image,
            &mut made,
            &Path::new("/sbin").join(name),
            program,
        )?;
        for library in libraries(program)? {
            add_file(&mut image, &mut made, &library, &library)?;
        }
    }
    add(&mut image, "TRAILER!!!", 0, &[]);
    Ok(image)
}

fn add_file(
    image: &mut Vec<u8>,
    made: &mut BTreeSet<PathBuf>,
    place: &Path,
    source: &Path,
) -> io::Result<()> {
    let mut parents: Vec<&Path> = place.ancestors().skip(1).collect();
    parents.pop();
    for parent in parents.into_iter().rev() {
        if made.insert(parent.to_owned()) {
            add(image, &relative(parent), DIRECTORY, &[]);
        }
    }
    if made.insert(place.to_owned()) {
        add(image, &relative(place), PROGRAM, &fs::read(source)?);
    }
    Ok(())
}

fn relative(path: &Path) -> String {
    path.to_string_lossy().trim_start_matches('/').to_owned()
}

/// The shared libraries of a program, and its loader.
fn libraries(program: &Path) -> io::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.split_whitespace();
    Ok(words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect())
}

/// Appends an entry in the "newc" form: thirteen numbers in hexadecimal, the name, the data.
fn add(image: &mut Vec<u8>, name: &str, mode: u32, data: &[u8]) {
    let (size, name_size) = (data.len() as u32, name.len() as u32 + 1);
    let inode = 0;
    let numbers = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
    image.extend(b"070701");
    for number in numbers {
        image.extend(format!("{number:08X}").bytes());
    }
    image.extend(name.bytes());
    image.push(0);
    image.resize(image.len().next_multiple_of(4), 0);
    image.extend(data);
    image.resize(image.len().next_multiple_of(4), 0);
}
