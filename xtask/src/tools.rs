//! The shell and the external tools that the commands share.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::bail;
use xshell::{Cmd, Shell, cmd};

/// The project's root.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A shell in the project's root.
pub(crate) fn shell() -> anyhow::Result<Shell> {
    let shell = Shell::new()?;
    shell.change_dir(Path::new(ROOT).canonicalize()?);
    Ok(shell)
}

/// A tool that is not installed, and how to install it.
pub(crate) struct Missing {
    /// Its name, and what it is for.
    pub(crate) what: String,
    /// The Debian packages that contain it.
    pub(crate) packages: &'static [&'static str],
    /// How to install it on other systems.
    pub(crate) elsewhere: String,
}

/// The Debian packages of a Rust toolchain that builds for bare-metal targets.
const RUST_PACKAGES: &[&str] =
    &["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"];

/// The files of that toolchain that must exist.
const DISTRIBUTION: [&str; 4] = [
    "/usr/bin/cargo",
    "/usr/bin/rustc",
    "/usr/bin/rust-lld",
    "/usr/lib/rustlib/src/rust/library/core",
];

/// The distribution's clippy, which is a package of its own.
const CLIPPY_DRIVER: &str = "/usr/bin/clippy-driver";

/// Where a stable compiler builds with `RUSTC_BOOTSTRAP` set. Not in the usual `target`:
/// build scripts probe for unstable features, and cargo does not run them again when that
/// variable changes.
pub(crate) const BOOTSTRAP_TARGET: &str = "target/bootstrap";

/// Whether the toolchain in use has `core` for all `targets`.
fn has(sh: &Shell, targets: &[&str]) -> bool {
    targets.iter().all(|target| {
        let libraries = cmd!(sh, "rustc --print target-libdir --target {target}");
        libraries.quiet().ignore_stderr().read().is_ok_and(|path| Path::new(&path).is_dir())
    })
}

/// A cargo that builds for the bare-metal `targets`: the one in use if its toolchain has
/// them, otherwise the distribution's, which compiles `core` itself.
pub(crate) fn cargo_for<'a>(sh: &'a Shell, targets: &[&str]) -> Result<Cmd<'a>, Missing> {
    cargo_with(sh, targets, "core")
}

/// [`cargo_for`] `targets` that have all of `libraries`, such as `std,panic_abort`.
pub(crate) fn cargo_with<'a>(
    sh: &'a Shell,
    targets: &[&str],
    libraries: &str,
) -> Result<Cmd<'a>, Missing> {
    // One folder for all firmware, whose workspaces have much in common.
    let folder = Path::new(ROOT).join("target/bare");
    if has(sh, targets) {
        return Ok(cmd!(sh, "cargo").env("CARGO_TARGET_DIR", folder));
    }
    if DISTRIBUTION.iter().all(|part| Path::new(part).exists()) {
        return Ok(cmd!(sh, "/usr/bin/cargo")
            .env("CARGO_TARGET_DIR", folder)
            // Otherwise it would use rustup's.
            .env("RUSTC", "/usr/bin/rustc")
            // A stable compiler builds them only with this set.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_UNSTABLE_BUILD_STD", libraries));
    }
    Err(Missing {
        what: format!("a Rust toolchain for {}", targets.join(", ")),
        packages: RUST_PACKAGES,
        elsewhere: format!("rustup target add {}", targets.join(" ")),
    })
}

/// Clippy with `arguments` for the bare-metal `target`, from the toolchain of
/// [`cargo_for`]; a warning is an error.
pub(crate) fn clippy_for<'a>(
    sh: &'a Shell,
    target: &str,
    arguments: &[&str],
) -> Result<Cmd<'a>, Missing> {
    let cargo = cargo_for(sh, &[target])?;
    if has(sh, &[target]) {
        return Ok(cargo.arg("clippy").args(arguments).args(["--", "-D", "warnings"]));
    }
    if Path::new(CLIPPY_DRIVER).exists() {
        // What `cargo clippy` does internally; called directly, it would use rustup's
        // driver.
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

/// Calls `work` for each item, so many at a time, until it returns false or fails.
pub(crate) fn each<T: Sync>(
    items: &[T],
    workers: usize,
    work: impl Fn(&T) -> anyhow::Result<bool> + Sync,
) -> anyhow::Result<()> {
    let (next, go_on) = (AtomicUsize::new(0), AtomicBool::new(true));
    let worker = || {
        while go_on.load(Ordering::Relaxed)
            && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let done = work(item);
            if !matches!(done, Ok(true)) {
                go_on.store(false, Ordering::Relaxed);
            }
            done?;
        }
        anyhow::Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })
}

/// `None` if `program` is on the path.
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

/// Fails if `missing` finds anything, and prints how to install it. With `install`, first
/// installs the Debian packages.
pub(crate) fn require(
    sh: &Shell,
    install: bool,
    missing: impl Fn(&Shell) -> Vec<Missing>,
) -> anyhow::Result<()> {
    let mut tools = missing(sh);
    if install && !tools.is_empty() {
        let packages: Vec<_> = tools.iter().flat_map(|tool| tool.packages).collect();
        // Root needs no sudo, and may not have it.
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
    bail!("tools are missing; --install installs the Debian packages")
}

/// Copies the project as it is now: every file that git does not ignore, except for the
/// workspaces of their own.
pub(crate) fn copy_project(sh: &Shell, to: &Path) -> anyhow::Result<()> {
    let workspace = [
        ".",
        ":!embedded-example/boards",
        ":!loom-tests/example",
        ":!verify/cores",
        ":!verify/fuzz",
    ];
    let files = cmd!(sh, "git ls-files --cached --others --exclude-standard -- {workspace...}");
    for file in files.quiet().read()?.lines().filter(|file| sh.path_exists(file)) {
        let copy = to.join(file);
        let text = sh.read_binary_file(file)?;
        // A file that has not changed keeps its time, so cargo does not rebuild it.
        if std::fs::read(&copy).ok().as_ref() != Some(&text) {
            sh.write_file(copy, text)?;
        }
    }
    Ok(())
}
