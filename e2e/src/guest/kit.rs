use std::env;
use std::path::{Path, PathBuf};

/// What a guest is started from.
#[derive(Debug)]
pub struct Kit {
    qemu: PathBuf,
    directory: PathBuf,
}

/// What is missing for a guest; one line that ends with what to do.
#[derive(Debug, thiserror::Error)]
#[error("{missing} is missing; run e2e/guest/prepare as root")]
pub struct Unavailable {
    missing: String,
}

impl Kit {
    /// The kit that `e2e/guest/prepare` makes.
    ///
    /// # Errors
    /// The first part of it that is missing.
    pub fn find() -> Result<Kit, Unavailable> {
        let qemu = in_path("qemu-system-x86_64")?;
        let directory = cache()?.join("adit/guest");
        // The script writes the stamp last, so that it stands for everything.
        existing(directory.join("stamp"))?;
        Ok(Kit { qemu, directory })
    }

    pub(super) fn qemu(&self) -> &Path {
        &self.qemu
    }

    pub(super) fn kernel(&self) -> PathBuf {
        self.directory.join("vmlinuz")
    }

    pub(super) fn initramfs(&self) -> PathBuf {
        self.directory.join("initramfs.gz")
    }
}

fn in_path(program: &str) -> Result<PathBuf, Unavailable> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&path).map(|directory| directory.join(program));
    places.find(|place| place.is_file()).ok_or(Unavailable {
        missing: program.to_owned(),
    })
}

/// The user's cache directory (XDG Base Directory Specification).
fn cache() -> Result<PathBuf, Unavailable> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")))
        .ok_or(Unavailable {
            missing: "the environment variable HOME".to_owned(),
        })
}

fn existing(path: PathBuf) -> Result<PathBuf, Unavailable> {
    if path.exists() {
        return Ok(path);
    }
    Err(Unavailable {
        missing: path.display().to_string(),
    })
}
