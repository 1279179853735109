//! Builds and lists models, and runs each in a process of its own, one per core at a
//! time.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

use crate::tools;

/// A model of loom's or shuttle's: one test.
pub(crate) struct Model {
    binary: PathBuf,
    /// The name of its file.
    file: String,
    name: String,
}

/// `file::name`
impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.file, self.name)
    }
}

/// How a model is run, and how much of it is explored.
#[derive(Clone, Copy, Default)]
pub(crate) struct Limits {
    /// The bound on preemptions, instead of the model's own.
    pub(crate) preemptions: Option<u32>,
    /// The number of shuttle's random schedules.
    pub(crate) schedules: Option<u32>,
    /// When loom stops. It checks the time every thousand interleavings.
    pub(crate) time: Option<Duration>,
    /// The number of the ordering that is weakened, if it was built for that.
    pub(crate) weakened: Option<usize>,
}

/// How much a run of loom explored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coverage {
    /// The bound on preemptions.
    pub(crate) preemptions: Option<u32>,
    pub(crate) interleavings: u32,
    /// Whether that is every interleaving within the bound.
    pub(crate) complete: bool,
    pub(crate) seconds: f32,
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { preemptions, interleavings, complete, seconds } = self;
        match preemptions {
            Some(bound) => write!(f, "at most {bound} preemptions")?,
            None => write!(f, "any number of preemptions")?,
        }
        write!(f, ", {interleavings} interleavings in {seconds:.1} s")?;
        if *complete { Ok(()) } else { write!(f, ", not all of them") }
    }
}

/// How a run ended.
pub(crate) enum End {
    /// Passed. Shuttle's models, and tests of many small models, report no coverage.
    Passed(Option<Coverage>),
    /// Failed, with this output.
    Failed(String),
}

/// Builds the models in `package` for `tool`, loom or shuttle, with the tool as a
/// `--cfg`. That rebuilds everything, so `target` is a folder of its own, which leaves
/// the usual builds alone.
pub(crate) fn build(
    sh: &Shell,
    tool: &str,
    package: &str,
    target: &str,
) -> anyhow::Result<Vec<Model>> {
    let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    flags.push_str(&format!(" --cfg {tool}"));
    let _flags = sh.push_env("RUSTFLAGS", flags.trim());
    let _target = sh.push_env("CARGO_TARGET_DIR", target);
    let messages = cmd!(sh, "cargo test --quiet -p {package} --release --tests --no-run --message-format=json-render-diagnostics").read()?;
    let mut models = Vec::new();
    for message in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(message)?;
        let Some(binary) = message["executable"].as_str() else { continue };
        let file = message["target"]["name"].as_str().context("a target has a name")?;
        for line in cmd!(sh, "{binary} --list --format terse").quiet().read()?.lines() {
            if let Some(name) = line.strip_suffix(": test") {
                let (file, name) = (file.to_owned(), name.to_owned());
                models.push(Model { binary: binary.into(), file, name });
            }
        }
    }
    Ok(models)
}

impl Model {
    /// Runs the model.
    pub(crate) fn run(&self, limits: Limits) -> anyhow::Result<End> {
        let mut command = Command::new(&self.binary);
        command.args(["--exact", &self.name, "--nocapture"]);
        if let Some(schedules) = limits.schedules {
            command.env("SCHEDULES", schedules.to_string());
        }
        if let Some(bound) = limits.preemptions {
            command.env("LOOM_MAX_PREEMPTIONS", bound.to_string());
        }
        if let Some(time) = limits.time {
            command.env("LOOM_MAX_DURATION", time.as_secs().to_string());
            command.env("LOOM_CHECKPOINT_INTERVAL", "1000");
        }
        if let Some(number) = limits.weakened {
            command.env("WEAKENED", number.to_string());
        }
        let output = command.output().with_context(|| format!("cannot run {self}"))?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(if output.status.success() { End::Passed(seen(&stderr)) } else { End::Failed(stderr) })
    }
}

/// The coverage in a model's output.
fn seen(stderr: &str) -> Option<Coverage> {
    let stderr = stderr.lines().find_map(|line| line.strip_prefix("loom: preemptions "))?;
    let mut parts = stderr.split(", ");
    Some(Coverage {
        preemptions: parts.next()?.parse().ok(),
        interleavings: parts.next()?.strip_prefix("interleavings ")?.parse().ok()?,
        complete: parts.next()? == "ended",
        seconds: parts.next()?.strip_suffix(" s")?.parse().ok()?,
    })
}

/// Calls `work` for each model, one per core at a time, until it returns false or fails.
pub(crate) fn each(
    models: &[Model],
    work: impl Fn(&Model) -> anyhow::Result<bool> + Sync,
) -> anyhow::Result<()> {
    tools::each(models, thread::available_parallelism()?.get(), work)
}

/// Runs all models, prints the result of each, and fails if any failed.
pub(crate) fn report(models: &[Model], limits: Limits) -> anyhow::Result<()> {
    let start = Instant::now();
    let failed = AtomicUsize::new(0);
    each(models, |model| {
        match model.run(limits)? {
            End::Passed(None) => println!("{model}: passed"),
            End::Passed(Some(seen)) => println!("{model}: {seen}"),
            End::Failed(output) => {
                failed.fetch_add(1, Ordering::Relaxed);
                println!("{model} FAILED\n{output}");
            }
        }
        Ok(true)
    })?;
    let failed = failed.into_inner();
    println!("{} models, {failed} failed, {:.0?}", models.len(), start.elapsed());
    ensure!(failed == 0, "a model found a violation");
    ensure!(!models.is_empty(), "there is no such model");
    Ok(())
}
