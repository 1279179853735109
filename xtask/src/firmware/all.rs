//! `cargo xtask firmware --all`: programs that need no board, on every core.

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use anyhow::bail;
use xshell::Shell;

use crate::cores::{Core, HARTS, M0, M3};
use crate::tools;

/// Programs, the packages of the same name, and the cores that they run on.
const PROGRAMS: [(&str, &[Core]); 2] = [("preempted", &[M0, M3]), ("harts", &[HARTS])];

pub(super) fn run(sh: &Shell, install: bool) -> anyhow::Result<()> {
    let cores = || PROGRAMS.iter().flat_map(|(_, cores)| cores.iter());
    tools::require(sh, install, |sh| cores().flat_map(|core| core.missing(sh)).collect())?;
    for (program, cores) in PROGRAMS {
        let built = cores.iter().map(|core| Ok((core, core.program(sh, program, program)?)));
        let built: Vec<_> = built.collect::<anyhow::Result<_>>()?;
        // Emulating one core takes one of the host's.
        thread::scope(|scope| {
            let run = |(core, path): &(&Core, PathBuf)| {
                let start = Instant::now();
                let printed = core.run(path)?;
                let last = printed.lines().last().unwrap_or_default();
                println!("{}, {program}: {last}, in {:.0?}", core.title, start.elapsed());
                anyhow::Ok(())
            };
            let runs: Vec<_> = built.iter().map(|built| scope.spawn(move || run(built))).collect();
            for run in runs {
                let Ok(result) = run.join() else { bail!("cannot run {program}") };
                result?;
            }
            Ok(())
        })?;
    }
    Ok(())
}
