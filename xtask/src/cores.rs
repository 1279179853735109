//! Cores in QEMU, and programs for them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use wait_timeout::ChildExt;
use xshell::Shell;

use crate::tools::{self, Missing};

/// The workspace of firmware that needs a core, but no board.
pub(crate) const PROGRAMS: &str = "verify/cores";

/// The most time that a program gets: far longer than any needs.
const TIME_LIMIT: Duration = Duration::from_secs(900);

/// A core that QEMU emulates.
pub(crate) struct Core {
    /// Its name in figures and options.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) target: &'static str,
    /// Whether it has compare-and-swap.
    pub(crate) has_cas: bool,
    qemu: Qemu,
    /// QEMU's arguments. With `-icount shift=N`, each instruction takes 2^N nanoseconds of
    /// virtual time, so that instructions can be counted.
    machine: &'static [&'static str],
}

/// One of QEMU's executables.
pub(crate) struct Qemu {
    program: &'static str,
    packages: &'static [&'static str],
}

pub(crate) const QEMU_ARM: Qemu =
    Qemu { program: "qemu-system-arm", packages: &["qemu-system-arm"] };
const QEMU_RISCV: Qemu = Qemu { program: "qemu-system-riscv32", packages: &["qemu-system-misc"] };
const QEMU_RISCV_64: Qemu =
    Qemu { program: "qemu-system-riscv64", packages: &["qemu-system-misc"] };

pub(crate) const M0: Core = Core {
    name: "m0",
    title: "Cortex-M0",
    target: "thumbv6m-none-eabi",
    has_cas: false,
    qemu: QEMU_ARM,
    machine: &["-machine", "microbit", "-icount", "shift=10"],
};

pub(crate) const M3: Core = Core {
    name: "m3",
    title: "Cortex-M3",
    target: "thumbv7m-none-eabi",
    has_cas: true,
    qemu: QEMU_ARM,
    machine: &["-machine", "mps2-an385", "-icount", "shift=10"],
};

pub(crate) const M4F: Core = Core {
    name: "m4f",
    title: "Cortex-M4F",
    target: "thumbv7em-none-eabihf",
    machine: &["-machine", "mps2-an386", "-icount", "shift=10"],
    ..M3
};

pub(crate) const M33: Core = Core {
    name: "m33",
    title: "Cortex-M33",
    target: "thumbv8m.main-none-eabihf",
    machine: &["-machine", "mps2-an505", "-icount", "shift=10"],
    ..M3
};

pub(crate) const RISCV: Core = Core {
    name: "riscv",
    title: "RISC-V (IMAC)",
    target: "riscv32imac-unknown-none-elf",
    has_cas: true,
    qemu: QEMU_RISCV,
    machine: &["-machine", "virt", "-bios", "none", "-icount", "shift=0"],
};

pub(crate) const RISCV_WITHOUT_A: Core = Core {
    name: "riscv_without_a",
    title: "RISC-V (IMC)",
    target: "riscv32imc-unknown-none-elf",
    has_cas: false,
    machine: &["-machine", "virt", "-cpu", "lowrisc-ibex", "-bios", "none", "-icount", "shift=0"],
    ..RISCV
};

pub(crate) const RISCV_64: Core = Core {
    name: "riscv64",
    title: "RISC-V 64 (IMAC)",
    target: "riscv64imac-unknown-none-elf",
    qemu: QEMU_RISCV_64,
    ..RISCV
};

/// Two cores that run in parallel, so that instructions cannot be counted.
pub(crate) const HARTS: Core = Core {
    title: "two RISC-V harts",
    machine: &["-machine", "virt", "-bios", "none", "-smp", "2"],
    ..RISCV
};

impl Qemu {
    /// `None` if it is installed.
    pub(crate) fn missing(&self) -> Option<Missing> {
        let elsewhere = format!("brew install qemu, dnf install {}", self.program);
        tools::find(self.program, self.packages, &elsewhere)
    }

    /// Starts a machine with `program` in its memory. Its output goes to a pipe.
    pub(crate) fn start(&self, machine: &[&str], program: &Path) -> anyhow::Result<Child> {
        Command::new(self.program)
            .args(machine)
            .args(["-display", "none", "-monitor", "none"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .arg("-kernel")
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program))
    }
}

impl Core {
    /// The tools that are missing to build for this core and to run it.
    pub(crate) fn missing(&self, sh: &Shell) -> impl Iterator<Item = Missing> {
        let cargo = tools::cargo_for(sh, &[self.target]).err();
        cargo.into_iter().chain(self.qemu.missing())
    }

    /// Runs a program to its end, and returns what it printed.
    pub(crate) fn run(&self, program: &Path) -> anyhow::Result<String> {
        let mut qemu = self.qemu.start(&[self.machine, &["-serial", "none"]].concat(), program)?;
        let output = qemu.stdout.take().context("QEMU has no output")?;
        let printed = thread::spawn(move || io::read_to_string(output));
        let status = qemu.wait_timeout(TIME_LIMIT)?;
        if status.is_none() {
            qemu.kill()?;
            qemu.wait()?;
        }
        let Ok(printed) = printed.join() else { bail!("QEMU's output cannot be read") };
        let printed = printed?;
        let what = || format!("{} on {}", program.display(), self.title);
        match status {
            // QEMU also exits with 0 when it is told to terminate.
            Some(status) if status.success() && printed.is_empty() => {
                bail!("{} printed nothing", what())
            }
            Some(status) if status.success() => Ok(printed),
            Some(status) => bail!("{} failed, {status}:\n{printed}", what()),
            None => bail!("{} did not end in time:\n{printed}", what()),
        }
    }

    /// Builds `package` of [`PROGRAMS`] for the core, and returns its program `name`.
    pub(crate) fn program(&self, sh: &Shell, package: &str, name: &str) -> anyhow::Result<PathBuf> {
        self.build(sh, PROGRAMS, package, name)
    }

    /// Builds `package` of a `workspace` for the core, and returns its program
    /// `name`.
    pub(crate) fn build(
        &self,
        sh: &Shell,
        workspace: &str,
        package: &str,
        name: &str,
    ) -> anyhow::Result<PathBuf> {
        build(sh, workspace, package, name, &[self.target])?.pop().context("there is one target")
    }
}

/// Builds the program that is called like its `package` of [`PROGRAMS`] for each of `cores`.
pub(crate) fn programs(sh: &Shell, package: &str, cores: &[Core]) -> anyhow::Result<Vec<PathBuf>> {
    // Many at once, but not with those of another architecture: cargo would give both the
    // features that either needs.
    let is_arm = |core: &Core| core.target.starts_with("thumb");
    let mut programs = Vec::new();
    for cores in cores.chunk_by(|a, b| is_arm(a) == is_arm(b)) {
        let targets = cores.iter().map(|core| core.target).collect::<Vec<_>>();
        programs.extend(build(sh, PROGRAMS, package, package, &targets)?);
    }
    Ok(programs)
}

/// Builds the program `name` in `package` of a `workspace`, for each of `targets`.
fn build(
    sh: &Shell,
    workspace: &str,
    package: &str,
    name: &str,
    targets: &[&str],
) -> anyhow::Result<Vec<PathBuf>> {
    let Ok(cargo) = tools::cargo_for(sh, targets) else { bail!("no toolchain for {targets:?}") };
    let _workspace = sh.push_dir(workspace);
    let messages = cargo
        .args(["build", "--release", "--locked", "--package", package, "--bin", name])
        .args(targets.iter().flat_map(|target| ["--target", target]))
        .arg("--message-format=json-render-diagnostics")
        .read()?;
    let executables: Vec<PathBuf> = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect();
    let built = targets.iter().map(|target| {
        let is_for = |path: &&PathBuf| path.iter().any(|folder| folder == *target);
        executables.iter().find(is_for).cloned().with_context(|| format!("no {name} for {target}"))
    });
    built.collect()
}
