//! `cargo xtask firmware --all`: programs that need no board, on every core, and the examples
//! that do.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::bail;
use xshell::Shell;

use super::{example, operations};
use crate::cores::{self, Core, HARTS, M0, M3, M4F, M33, RISCV, RISCV_64, RISCV_WITHOUT_A};
use crate::tools;

/// Checks a program that ended without an error, given what it printed, and returns the
/// verdict to print.
type Check = fn(&Core, &Path, &str) -> anyhow::Result<String>;

/// The programs, named like their packages, and the cores that each runs on.
const PROGRAMS: [(&str, &[Core], Check); 4] = [
    ("suite", &[M0, M3, M4F, M33, RISCV, RISCV_WITHOUT_A, RISCV_64], passed),
    ("operations", &[M0, M3, M4F, RISCV, RISCV_WITHOUT_A, RISCV_64], operations::check),
    ("preempted", &[M0, M3, RISCV, RISCV_WITHOUT_A], passed),
    ("harts", &[HARTS], passed),
];

pub(super) fn run(sh: &Shell, every: NonZeroUsize, install: bool) -> anyhow::Result<()> {
    let cores = || PROGRAMS.iter().flat_map(|(_, cores, _)| cores.iter());
    tools::require(sh, install, |sh| cores().flat_map(|core| core.missing(sh)).collect())?;
    // `preempted` is built for it.
    let _every = sh.push_env("EVERY", every.to_string());
    for (program, cores, check) in PROGRAMS {
        let built = cores::programs(sh, program, cores)?;
        // In parallel: each emulated core occupies one of the host's.
        thread::scope(|scope| {
            let run = |core: &Core, path: &Path| {
                let start = Instant::now();
                let verdict = check(core, path, core.run(path)?.trim_end())?;
                println!("{}, {program}: {verdict} ({:.0?})", core.title, start.elapsed());
                anyhow::Ok(())
            };
            let start = |(core, path)| scope.spawn(move || run(core, path));
            let runs: Vec<_> =
                cores.iter().zip(built.iter().map(PathBuf::as_path)).map(start).collect();
            for run in runs {
                let Ok(result) = run.join() else { bail!("cannot run {program}") };
                result?;
            }
            Ok(())
        })?;
    }
    // `cargo xtask firmware` runs the first.
    example::EXAMPLES[1..].iter().try_for_each(|example| example.run(sh, false))
}

/// For a program that checks everything itself: its last line is the verdict.
fn passed(_: &Core, _: &Path, printed: &str) -> anyhow::Result<String> {
    Ok(printed.lines().last().unwrap_or_default().into())
}
