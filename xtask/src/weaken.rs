//! `cargo xtask weaken`: is every memory ordering of the core needed?

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::bail;
use xshell::{Shell, cmd};

use crate::models::{self, End, Limits, Model};
use crate::{loom, tools};

/// A copy of the project, in which the core is changed.
const COPY: &str = "target/weaken/project";
/// Where the copy is built.
const BUILT: &str = "target/weaken/built";

/// What each ordering can be weakened to.
const WEAKER: [(&str, &[&str]); 4] = [
    ("SeqCst", &["AcqRel", "Acquire", "Release"]),
    ("AcqRel", &["Acquire", "Release"]),
    ("Acquire", &["Relaxed"]),
    ("Release", &["Relaxed"]),
];

/// Options of `cargo xtask weaken`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Weaken only orderings in files whose path contains this
    filter: Option<String>,
}

/// One ordering to weaken.
struct Place {
    file: PathBuf,
    /// Where in the file the ordering's name is.
    at: usize,
    from: &'static str,
    to: &'static str,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let places = places(&sh, options.filter.as_deref().unwrap_or_default())?;
    let root = sh.current_dir();
    tools::copy_project(&sh, &root.join(COPY))?;
    sh.change_dir(COPY);
    let target = root.join(BUILT).display().to_string();
    let mut unneeded = 0;
    for Place { file, at, from, to } in &places {
        let original = sh.read_file(file)?;
        let line = original[..*at].lines().count();
        let weakened = format!("{}{to}{}", &original[..*at], &original[at + from.len()..]);
        sh.write_file(file, weakened)?;
        let failing = first_failing(&loom::build(&sh, &target)?)?;
        sh.write_file(file, &original)?;
        print!("{}:{line}: {from} -> {to}: ", file.display());
        match failing {
            Some(model) => println!("{model} fails"),
            None => {
                unneeded += 1;
                println!("NO MODEL FAILS");
            }
        }
    }
    println!("{} orderings weakened, no model failed for {unneeded}", places.len());
    if unneeded > 0 {
        bail!("write a model that fails, or relax the ordering");
    }
    Ok(())
}

/// Every way to weaken one ordering in the core's sources.
fn places(sh: &Shell, filter: &str) -> anyhow::Result<Vec<Place>> {
    let mut places = Vec::new();
    for file in cmd!(sh, "git ls-files core/src/*.rs").quiet().read()?.lines() {
        let text = sh.read_file(file)?;
        for (start, _) in text.match_indices("Ordering::").filter(|_| file.contains(filter)) {
            let at = start + "Ordering::".len();
            for (from, weaker) in WEAKER {
                if text[at..].starts_with(from) {
                    let file = PathBuf::from(file);
                    places.extend(weaker.iter().map(|to| Place {
                        file: file.clone(),
                        at,
                        from,
                        to,
                    }));
                }
            }
        }
    }
    Ok(places)
}

/// The first model that fails. Runs each of them for a second first, because most
/// failures show up early.
fn first_failing(models: &[Model]) -> anyhow::Result<Option<String>> {
    let quick = Limits { time: Some(Duration::from_secs(1)), ..Limits::default() };
    for limits in [quick, Limits::default()] {
        let failing = Mutex::new(None);
        models::each(models, |model| {
            let failed = matches!(model.run(limits)?, End::Failed(_));
            if failed {
                *failing.lock().expect("no thread panics") = Some(model.to_string());
            }
            Ok(!failed)
        })?;
        let failing = failing.into_inner().expect("no thread panics");
        if failing.is_some() {
            return Ok(failing);
        }
    }
    Ok(None)
}
