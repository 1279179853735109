//! `cargo xtask weaken`: is every memory ordering needed?

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::bail;
use xshell::{Shell, cmd};

use crate::models::{self, End, Limits, Model};
use crate::{loom, tools};

/// A copy of the project, in which each ordering can be weakened when a model starts.
const COPY: &str = "target/weaken/project";
/// Where the copy is built.
const BUILT: &str = "target/weaken/built";

/// The code that loom's models reach.
const SOURCES: [&str; 3] =
    ["core/src/*.rs", "std-adapter/src/window*.rs", "std-adapter/src/sync.rs"];

/// What each ordering can be weakened to.
const WEAKER: [(&str, &[&str]); 4] = [
    ("SeqCst", &["AcqRel", "Acquire", "Release"]),
    ("AcqRel", &["Acquire", "Release"]),
    ("Acquire", &["Relaxed"]),
    ("Release", &["Relaxed"]),
];

/// Appended to the copy's `sync` modules: one build serves for all orderings.
const SWITCH: &str = r#"
/// The weaker ordering whose number is in the environment, or `is`.
pub(crate) fn weakened(
    is: core::sync::atomic::Ordering,
    weaker: &[(usize, core::sync::atomic::Ordering)],
) -> core::sync::atomic::Ordering {
    extern crate std;
    static CHOSEN: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("WEAKENED").ok()?.parse().ok());
    weaker.iter().find(|(number, _)| Some(*number) == *chosen).map_or(is, |(_, weaker)| *weaker)
}
"#;
const SWITCHED: [&str; 2] = ["core/src/sync.rs", "std-adapter/src/sync.rs"];

/// Options of `cargo xtask weaken`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Weaken only orderings in files whose path contains this
    filter: Option<String>,
}

/// One ordering to weaken.
struct Place {
    file: String,
    /// Where in the file `Ordering::` is.
    at: usize,
    from: &'static str,
    to: &'static str,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let root = sh.current_dir();
    let texts = texts(&sh)?;
    let places = places(&texts);
    tools::copy_project(&sh, &root.join(COPY))?;
    sh.change_dir(COPY);
    for (file, text) in &texts {
        sh.write_file(file, switchable(file, text, &places))?;
    }
    let mut models = loom::build(&sh, &root.join(BUILT).display().to_string())?;
    let filter = options.filter.as_deref().unwrap_or_default();
    let (mut weakened, mut unneeded) = (0, 0);
    for (number, Place { file, at, from, to }) in places.iter().enumerate() {
        if !file.contains(filter) {
            continue;
        }
        weakened += 1;
        let line = texts[file][..=*at].lines().count();
        print!("{file}:{line}: {from} -> {to}: ");
        match first_failing(&models, number)? {
            Some(model) => {
                println!("{model} fails");
                // What fails for one ordering often does for the next.
                let first = models.iter().position(|other| other.to_string() == model);
                models[..=first.expect("it is one of them")].rotate_right(1);
            }
            None => {
                unneeded += 1;
                println!("NO MODEL FAILS");
            }
        }
    }
    println!("{weakened} orderings weakened, no model failed for {unneeded}");
    if unneeded > 0 {
        bail!("write a model that fails, or relax the ordering");
    }
    Ok(())
}

/// The sources, by file.
fn texts(sh: &Shell) -> anyhow::Result<BTreeMap<String, String>> {
    let files = cmd!(sh, "git ls-files {SOURCES...}").quiet().read()?;
    files.lines().map(|file| Ok((file.to_owned(), sh.read_file(file)?))).collect()
}

/// Every way to weaken one ordering.
fn places(texts: &BTreeMap<String, String>) -> Vec<Place> {
    let mut places = Vec::new();
    for (file, text) in texts {
        for (at, found) in text.match_indices("Ordering::") {
            let line = text[..at].rsplit('\n').next().unwrap_or_default();
            if line.trim_start().starts_with("//") {
                continue;
            }
            for (from, weaker) in WEAKER {
                if text[at + found.len()..].starts_with(from) {
                    let place = |to: &&'static str| Place { file: file.clone(), at, from, to };
                    places.extend(weaker.iter().map(place));
                }
            }
        }
    }
    places
}

/// The text, in which each ordering is asked for.
fn switchable(file: &str, text: &str, places: &[Place]) -> String {
    let mut by_position = BTreeMap::<_, Vec<_>>::new();
    for (number, place) in places.iter().enumerate().filter(|(_, place)| place.file == file) {
        by_position.entry((place.at, place.from)).or_default().push((number, place.to));
    }
    let mut text = text.to_owned();
    // From the end, so that positions stay what they are.
    for ((at, from), weaker) in by_position.into_iter().rev() {
        let ordering = |name: &str| format!("Ordering::{name}");
        let weaker: String =
            weaker.iter().map(|(number, to)| format!("({number}, {}),", ordering(to))).collect();
        let asked = format!("crate::sync::weakened({}, &[{weaker}])", ordering(from));
        text.replace_range(at..at + "Ordering::".len() + from.len(), &asked);
    }
    if SWITCHED.contains(&file) {
        text.push_str(SWITCH);
    }
    text
}

/// The first model that fails with the ordering of this number weakened. Runs each of them
/// for a second first, because most failures show up early.
fn first_failing(models: &[Model], weakened: usize) -> anyhow::Result<Option<String>> {
    let whole = Limits { weakened: Some(weakened), ..Limits::default() };
    let quick = Limits { time: Some(Duration::from_secs(1)), ..whole };
    for limits in [quick, whole] {
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
