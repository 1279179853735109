//! Shells and tools that the commands share.

use std::path::Path;

use anyhow::bail;
use xshell::{Cmd, Shell, cmd};

/// A shell in the project's root.
pub(crate) fn shell() -> anyhow::Result<Shell> {
    let shell = Shell::new()?;
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    shell.change_dir(xtask.parent().unwrap_or(xtask));
    Ok(shell)
}

/// A tool that is not there, and how to get it.
pub(crate) struct Missing {
    /// Its name and what it is for.
    pub(crate) what: String,
    /// Debian's packages that bring it.
    pub(crate) packages: &'static [&'static str],
    /// How to get it elsewhere.
    pub(crate) elsewhere: String,
}

/// Debian's packages of a Rust toolchain that builds for bare-metal targets.
const RUST_PACKAGES: &[&str] =
    &["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"];

/// What must be there of it.
const DISTRIBUTION: [&str; 4] = [
    "/usr/bin/cargo",
    "/usr/bin/rustc",
    "/usr/bin/rust-lld",
    "/usr/lib/rustlib/src/rust/library/core",
];

/// The distribution's clippy, in a package of its own.
const CLIPPY_DRIVER: &str = "/usr/bin/clippy-driver";

/// Where a stable compiler builds what it takes for a bootstrap's. Not where the
/// rest is built: build scripts look for the same features, and what they found is
/// not asked again.
pub(crate) const BOOTSTRAP_TARGET: &str = "target/bootstrap";

/// Whether the toolchain in use has `core` for `target`.
fn has_target(sh: &Shell, target: &str) -> bool {
    let libraries = cmd!(sh, "rustc --print target-libdir --target {target}");
    libraries.quiet().ignore_stderr().read().is_ok_and(|path| Path::new(&path).is_dir())
}

/// A cargo that builds for the bare-metal `target`: the one in use if rustup
/// has the target, else the distribution's, which compiles `core` itself.
pub(crate) fn cargo_for<'a>(sh: &'a Shell, target: &str) -> Result<Cmd<'a>, Missing> {
    if has_target(sh, target) {
        return Ok(cmd!(sh, "cargo"));
    }
    if DISTRIBUTION.iter().all(|part| Path::new(part).exists()) {
        return Ok(cmd!(sh, "/usr/bin/cargo")
            // Without this it takes rustup's.
            .env("RUSTC", "/usr/bin/rustc")
            // A stable compiler builds `core` only when told that it is bootstrapping.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_UNSTABLE_BUILD_STD", "core"));
    }
    Err(Missing {
        what: format!("a Rust toolchain for {target}"),
        packages: RUST_PACKAGES,
        elsewhere: format!("rustup target add {target}"),
    })
}

/// Clippy for the bare-metal `target`, of the same toolchain as
/// [`cargo_for`], taking `arguments`; a warning is an error.
pub(crate) fn clippy_for<'a>(
    sh: &'a Shell,
    target: &str,
    arguments: &[&str],
) -> Result<Cmd<'a>, Missing> {
    let cargo = cargo_for(sh, target)?;
    if has_target(sh, target) {
        return Ok(cargo.arg("clippy").args(arguments).args(["--", "-D", "warnings"]));
    }
    if Path::new(CLIPPY_DRIVER).exists() {
        // What `cargo clippy` does; that takes rustup's driver.
        return Ok(cargo
            .arg("check")
            .args(arguments)
            .env("RUSTC_WORKSPACE_WRAPPER", CLIPPY_DRIVER)
            .env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__"));
    }
    Err(Missing {
        what: format!("clippy for {target}"),
        packages: &["rust-web-clippy"],
        elsewhere: "rustup component add clippy".into(),
    })
}

/// Nothing if `program` is on the path.
pub(crate) fn find(
    program: &str,
    packages: &'static [&'static str],
    elsewhere: &str,
) -> Option<Missing> {
    which::which(program).is_err().then(|| Missing {
        what: program.into(),
        packages,
        elsewhere: elsewhere.into(),
    })
}

/// Fails, and says what to get and how, if there is anything that `missing`
/// finds; with `install`, only after Debian's packages of it were installed.
pub(crate) fn require(
    sh: &Shell,
    install: bool,
    missing: impl Fn(&Shell) -> Vec<Missing>,
) -> anyhow::Result<()> {
    let mut tools = missing(sh);
    if install && !tools.is_empty() {
        let packages: Vec<_> = tools.iter().flat_map(|tool| tool.packages).collect();
        // Root may have no sudo.
        let program = if cmd!(sh, "id -u").quiet().read()? == "0" { "env" } else { "sudo" };
        cmd!(sh, "{program} apt-get update").run()?;
        cmd!(sh, "{program} apt-get install -y --no-install-recommends {packages...}").run()?;
        tools = missing(sh);
    }
    if tools.is_empty() {
        return Ok(());
    }
    for Missing { what, packages, elsewhere } in &tools {
        eprintln!("{what} is not installed:");
        eprintln!(
            "  Debian 12 or newer: apt-get install --no-install-recommends {}",
            packages.join(" ")
        );
        eprintln!("  or: {elsewhere}");
    }
    bail!("tools are missing; with --install, Debian's packages are installed first")
}

/// Copies the project, as git knows it and as it is now; not what is a
/// workspace of its own.
pub(crate) fn copy_project(sh: &Shell, to: &Path) -> anyhow::Result<()> {
    let here = [
        ".",
        ":!embedded-example/boards",
        ":!loom-tests/example",
        ":!verify/cores",
        ":!verify/fuzz",
    ];
    let files = cmd!(sh, "git ls-files --cached --others --exclude-standard -- {here...}");
    for file in files.quiet().read()?.lines().filter(|file| sh.path_exists(file)) {
        let copy = to.join(file);
        let text = sh.read_binary_file(file)?;
        // What has not changed is not built anew.
        if std::fs::read(&copy).ok().as_ref() != Some(&text) {
            sh.write_file(copy, text)?;
        }
    }
    Ok(())
}
