//! What ARCHITECTURE.md says of who may know whom, held against the workspace.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's crates and which of each other they may depend on, in tests too.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("adit-wire", &[]),
    ("adit-proto", &["adit-wire"]),
    ("adit-datapath", &["adit-wire"]),
    ("adit-kapi", &["adit-wire"]),
    ("adit-lab", &[]),
    (
        "adit",
        &[
            "adit-wire",
            "adit-proto",
            "adit-datapath",
            "adit-kapi",
            "adit-lab",
        ],
    ),
    ("adit-e2e", &["adit-lab"]),
    ("adit-bench", &["adit-lab", "adit-proto"]),
    (
        "adit-fuzz",
        &[
            "adit-wire",
            "adit-proto",
            "adit-datapath",
            "adit-kapi",
            "adit",
        ],
    ),
];

/// Crates that must build without the host: no dependency of any kind in the product.
const PURE: &[&str] = &["adit-wire"];

type Outcome = Result<(), Box<dyn Error>>;

struct Package {
    name: String,
    root: PathBuf,
    /// Names and kinds (`null` is a normal dependency, else `dev` or `build`).
    dependencies: Vec<(String, Option<String>)>,
}

#[test]
fn crates_know_only_what_they_may() -> Outcome {
    let may_know: BTreeMap<_, _> = MAY_KNOW.iter().copied().collect();
    for package in packages()? {
        let allowed = may_know.get(package.name.as_str());
        let allowed = allowed.ok_or(format!("{} is not in MAY_KNOW", package.name))?;
        for (dependency, _) in &package.dependencies {
            let ours = may_know.contains_key(dependency.as_str());
            let name = &package.name;
            assert!(
                !ours || allowed.contains(&dependency.as_str()),
                "{name} knows {dependency}"
            );
        }
    }
    Ok(())
}

#[test]
fn pure_crates_have_no_dependencies_and_forbid_unsafe() -> Outcome {
    for package in packages()?
        .iter()
        .filter(|package| PURE.contains(&package.name.as_str()))
    {
        let normal = package
            .dependencies
            .iter()
            .find(|(_, kind)| kind.as_deref() != Some("dev"));
        assert!(normal.is_none(), "{} depends on {normal:?}", package.name);
        let root = fs::read_to_string(package.root.join("src/lib.rs"))?;
        for line in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            assert!(
                root.lines().any(|l| l == line),
                "{}: {line} is missing",
                package.name
            );
        }
    }
    Ok(())
}

/// The crate whose runs repeat themselves: what it must not touch.
#[test]
fn proto_knows_no_clock_no_socket_and_no_runtime() -> Outcome {
    const HOST: &[&str] = &[
        "Instant::now",
        "SystemTime",
        "std::thread",
        "std::fs",
        "std::process",
        "std::env",
        "Socket::",
        "HashMap",
        "HashSet",
        "tokio",
        "libc",
        "rustix",
    ];
    let mut looked_at = 0;
    for package in packages()?.iter().filter(|p| p.name == "adit-proto") {
        let root = fs::read_to_string(package.root.join("src/lib.rs"))?;
        assert!(root.lines().any(|line| line == "#![forbid(unsafe_code)]"));
        // Its tests may ask other programs.
        let own = package.root.join("src");
        for file in sources(&package.root)? {
            if !file.starts_with(&own) {
                continue;
            }
            looked_at += 1;
            let text = fs::read_to_string(&file)?;
            let touched = HOST.iter().find(|word| text.contains(*word));
            assert!(touched.is_none(), "{}: {touched:?}", file.display());
        }
    }
    assert!(looked_at > 10, "only {looked_at} files found");
    Ok(())
}

#[test]
fn unsafe_stands_in_sys_modules_only() -> Outcome {
    let mut looked_at = 0;
    for package in packages()? {
        for file in sources(&package.root)? {
            looked_at += 1;
            let in_sys = file.components().any(|part| {
                Path::new(part.as_os_str())
                    .file_stem()
                    .is_some_and(|stem| stem == "sys")
            });
            let text = fs::read_to_string(&file)?;
            let found = text.lines().find(|line| is_unsafe(line));
            assert!(in_sys || found.is_none(), "{}: {found:?}", file.display());
        }
    }
    assert!(looked_at > 50, "only {looked_at} files found");
    Ok(())
}

fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["{", "fn", "impl", "extern"]
        .iter()
        .any(|next| code.contains(&["unsafe", next].join(" ")))
}

fn packages() -> Result<Vec<Package>, Box<dyn Error>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let out = Command::new(cargo)
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    packages
        .iter()
        .map(|package| read(package).ok_or("a package without a name".into()))
        .collect()
}

fn read(package: &serde_json::Value) -> Option<Package> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let dependency = |d: &serde_json::Value| Some((text(&d["name"])?, text(&d["kind"])));
    Some(Package {
        name: text(&package["name"])?,
        root: Path::new(package["manifest_path"].as_str()?)
            .parent()?
            .to_owned(),
        dependencies: package["dependencies"]
            .as_array()?
            .iter()
            .filter_map(dependency)
            .collect(),
    })
}

/// The Rust files of a package: its src, tests, benches and examples.
fn sources(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = ["src", "tests", "benches", "examples"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    Ok(found)
}
