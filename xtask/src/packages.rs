//! `cargo xtask packages`: packages the crates as for publishing, and builds projects
//! outside the workspace that use the packages.

mod guide;

use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::{expect, tools};

/// The published crates, and the folder of each.
const CRATES: [(&str, &str); 4] = [
    ("microbreaker", "core"),
    ("microbreaker-std", "std-adapter"),
    ("microbreaker-macros", "macros"),
    ("microbreaker-fleet", "fleet"),
];

/// The files that each has besides its sources. In the package they must be files, not
/// links: the licences are links in the repository.
const FILES: [&str; 4] = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Where they are packaged.
const PACKAGED: &str = "target/packaged";

/// The projects that use the packages.
const CONSUMER: &str = "xtask/consumer";

/// A copy of those projects, with the unpacked crates beside them.
const COPY: &str = "target/consumer";

/// The targets of the firmware, and the features that each needs.
const TARGETS: [(&str, &str); 2] =
    [("thumbv7m-none-eabi", ""), ("thumbv6m-none-eabi", "critical-section")];

/// The only warning that `cargo publish` may print.
const NOT_UPLOADED: &str = "warning: aborting upload due to dry run";

pub(crate) fn run() -> anyhow::Result<()> {
    let sh = tools::shell()?;
    tools::require(&sh, true, |sh| {
        TARGETS.iter().filter_map(|(target, _)| tools::cargo_for(sh, &[target]).err()).collect()
    })?;
    let packaged = package(&sh)?;
    sh.remove_path(COPY)?;
    copy(&sh, CONSUMER, COPY)?;
    for (name, folder) in CRATES {
        unpack(&sh, &packaged, name, folder)?;
    }
    let root = sh.current_dir();
    // Most of what they depend on has been built for the project.
    let _target = sh.push_env("CARGO_TARGET_DIR", root.join("target"));
    guide::run(&sh, &root.join("docs/services.md"), &root.join("target/guide"))?;
    let printed = root.join(CONSUMER).join("host/printed.txt");
    sh.change_dir(COPY);
    cmd!(sh, "cargo fmt --check -p host -p firmware").run()?;
    host(&sh, &printed)?;
    TARGETS.iter().try_for_each(|(target, needed)| firmware(&sh, target, needed))
}

/// Packages the crates as they are now, committed or not, and does a dry run of
/// publishing. Returns the folder of the packages.
fn package(sh: &Shell) -> anyhow::Result<String> {
    sh.remove_path(PACKAGED)?;
    // Cargo verifies the adapter with the packaged core, from a temporary registry in this
    // folder. It caches a registry's crates by version, so a second run in the same
    // folder would get the first run's core.
    let target = format!("{PACKAGED}/{}", UNIX_EPOCH.elapsed()?.as_millis());
    let crates = CRATES.map(|(name, _)| ["-p", name]);
    let options = [crates.as_flattened(), &["--allow-dirty", "--target-dir", &target]].concat();
    let options = options.as_slice();
    without_warnings(cmd!(sh, "cargo package {options...}"))?;
    without_warnings(cmd!(sh, "cargo publish --dry-run --no-verify {options...}"))?;
    Ok(target + "/package")
}

/// Unpacks a crate into the copy, and checks that it is complete.
fn unpack(sh: &Shell, packaged: &str, name: &str, folder: &str) -> anyhow::Result<()> {
    let id = cmd!(sh, "cargo pkgid -p {name}").read()?;
    let version = id.rsplit(['@', '#']).next().context("an id ends with a version")?;
    let unpacked = Path::new(COPY).join(name);
    sh.create_dir(&unpacked)?;
    let archive = format!("{packaged}/{name}-{version}.crate");
    cmd!(sh, "tar -xzf {archive} -C {unpacked} --strip-components 1").run()?;
    for file in FILES {
        let unpacked = sh.current_dir().join(&unpacked).join(file);
        ensure!(!unpacked.is_symlink(), "{name} has a link in place of {file}");
        let source = sh.read_file(Path::new(folder).join(file))?;
        ensure!(sh.read_file(unpacked)? == source, "{file} of {name} differs from its source");
    }
    Ok(())
}

/// Checks that the packaged examples compile, and that the host's program prints what it
/// should.
fn host(sh: &Shell, printed: &Path) -> anyhow::Result<()> {
    let crates = CRATES.map(|(name, _)| ["-p", name]);
    let crates = crates.as_flattened();
    without_warnings(cmd!(sh, "cargo check --all-targets {crates...}"))?;
    without_warnings(cmd!(sh, "cargo check --all-targets --all-features {crates...}"))?;
    without_warnings(cmd!(sh, "cargo check -p host --features full"))?;
    without_warnings(cmd!(sh, "cargo build -p host"))?;
    let lines = cmd!(sh, "cargo run --quiet -p host").read()?;
    expect::same(&format!("{lines}\n"), printed)
}

/// Checks that the firmware links, with only the features that `target` needs and with all
/// of them.
fn firmware(sh: &Shell, target: &str, needed: &str) -> anyhow::Result<()> {
    for features in [needed, &format!("full,{needed}")] {
        let Ok(cargo) = tools::cargo_for(sh, &[target]) else {
            anyhow::bail!("no toolchain for {target}: `cargo xtask firmware --install`");
        };
        let arguments = ["build", "-p", "firmware"];
        without_warnings(cargo.args(arguments).args(["--target", target, "--features", features]))?;
    }
    Ok(())
}

/// Runs a cargo command, which must succeed without a warning.
fn without_warnings(command: Cmd<'_>) -> anyhow::Result<()> {
    let output = command.env("CARGO_TERM_COLOR", "never").ignore_status().output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    eprint!("{stderr}");
    ensure!(output.status.success(), "cargo failed: {}", output.status);
    let warned = stderr.lines().any(|line| line.starts_with("warning") && line != NOT_UPLOADED);
    ensure!(!warned, "cargo must not warn");
    Ok(())
}

/// Copies a folder with everything in it.
fn copy(sh: &Shell, from: impl AsRef<Path>, to: impl AsRef<Path>) -> anyhow::Result<()> {
    sh.create_dir(&to)?;
    for entry in sh.read_dir(from)? {
        let to = to.as_ref().join(entry.file_name().context("entries have names")?);
        if entry.is_dir() { copy(sh, &entry, to)? } else { sh.copy_file(&entry, to)? }
    }
    Ok(())
}
