//! Settings that follow a file.

mod place;
mod settled;

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use notify::RecommendedWatcher;

use self::place::Place;
use self::settled::{Look, Settled};
use crate::engine::reload::Reloaded;
use crate::error::BoxError;
use crate::registry::Registry;
use crate::settings_file::SettingsFile;
use crate::telemetry::listeners::harmless;
use crate::telemetry::log;

/// The settings of a registry follow a file for as long as this lives.
///
/// Dropping it waits for a reload that is under way. Afterwards there is none.
#[must_use = "dropped, it watches no more"]
pub struct SettingsWatch {
    path: PathBuf,
    is_over: Arc<AtomicBool>,
    wake: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

/// The settings in a file could not be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct SettingsWatchError {
    /// The file.
    pub path: PathBuf,
    /// Why not: what reading it returned, what the registry refused, or why it cannot be
    /// watched.
    pub problem: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for SettingsWatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings file {}: {}", self.path.display(), self.problem)
    }
}

impl Error for SettingsWatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.problem)
    }
}

impl Registry {
    /// [Reloads](Self::reload) the settings from the file at `path`, now and whenever it has
    /// changed.
    ///
    /// `read` makes settings of the text in the file, and chooses the profile. `told` hears
    /// of each reload but the first, or why the settings could not be used, in which case the
    /// old ones hold; with the feature `tracing`, the log does as well. Both run on a thread
    /// of the watch, and a panic in them ends nothing.
    ///
    /// ```no_run
    /// # use microbreaker_std::{Breaker, Registry, SettingsFile};
    /// # fn deserializer(_: &str) -> Result<serde::de::value::UnitDeserializer<serde::de::value::Error>, std::fmt::Error> { todo!() }
    /// # let template = Breaker::builder("template").consecutive_failures(5);
    /// let registry = Registry::new(template.open_for(std::time::Duration::from_secs(30)))?;
    /// let read = |text: &str| {
    ///     let file = SettingsFile::read(deserializer(text)?)?; // `toml::Deserializer::parse`
    ///     Ok(file.in_profile(Some("production"))?)
    /// };
    /// let _watch = registry.watch("/etc/service/breakers.toml", read, |reloaded| match reloaded {
    ///     Ok(breakers) => println!("{} breakers have new settings", breakers.len()),
    ///     Err(error) => println!("the old settings hold: {error}"),
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A new content is read when it has stayed the same for half a second, so that a file
    /// that is being written is not taken for a whole one. It does not matter whether the
    /// file is written in place, replaced, as editors do, or reached by way of a link that is
    /// replaced, as in a ConfigMap of Kubernetes. A file that is away, longer than a mebibyte,
    /// or not UTF-8 is an error. The file is also looked at every 30 seconds, for file
    /// systems that tell of no change.
    ///
    /// # Errors
    ///
    /// If the file cannot be watched, or if what is in it now cannot be used.
    pub fn watch(
        &self,
        path: impl AsRef<Path>,
        read: impl Fn(&str) -> Result<SettingsFile, Box<dyn Error + Send + Sync>> + Send + 'static,
        told: impl Fn(Result<Vec<(Arc<str>, Reloaded)>, SettingsWatchError>) + Send + 'static,
    ) -> Result<SettingsWatch, SettingsWatchError> {
        let path = path.as_ref();
        let failed = |problem| SettingsWatchError { path: path.to_path_buf(), problem };
        let place = Place::new(path).map_err(|error| failed(error.into()))?;
        let (wake, changes) = sync_channel(1);
        // Before the file is read, so that no change is missed.
        let watcher = place.watch(wake.clone()).map_err(|error| failed(error.into()))?;
        let content = place.content();
        let follower = Follower { registry: self.clone(), place, read, told };
        follower.reload(&content)?;

        let (path, is_over) =
            (follower.place.path().to_path_buf(), Arc::new(AtomicBool::new(false)));
        let run = {
            let (wake, is_over) = (wake.clone(), is_over.clone());
            move || follower.follow(Settled::on(content), watcher, &wake, &changes, &is_over)
        };
        let thread = thread::Builder::new().name("breaker settings".to_owned()).spawn(run);
        let thread = thread
            .map_err(|error| SettingsWatchError { path: path.clone(), problem: error.into() })?;
        Ok(SettingsWatch { path, is_over, wake, thread: Some(thread) })
    }
}

/// What the thread needs to reload settings.
struct Follower<R, T> {
    registry: Registry,
    place: Place,
    read: R,
    told: T,
}

impl<R, T> Follower<R, T>
where
    R: Fn(&str) -> Result<SettingsFile, BoxError>,
    T: Fn(Result<Vec<(Arc<str>, Reloaded)>, SettingsWatchError>),
{
    fn follow(
        &self,
        mut settled: Settled<Result<String, String>>,
        mut watcher: RecommendedWatcher,
        wake: &SyncSender<()>,
        changes: &Receiver<()>,
        is_over: &AtomicBool,
    ) {
        while !is_over.load(Ordering::Relaxed) {
            let content = self.place.content();
            match settled.look(&content, Instant::now()) {
                Look::Again(time) => _ = changes.recv_timeout(time),
                Look::Take => {
                    let reloaded = self.reload(&content);
                    log::settings(self.place.path(), &reloaded);
                    harmless(|| (self.told)(reloaded));
                    // The folders may be others now. If they cannot be watched, looking from
                    // time to time must do.
                    if let Ok(next) = self.place.watch(wake.clone()) {
                        watcher = next;
                    }
                }
            }
        }
        drop(watcher);
    }

    fn reload(
        &self,
        content: &Result<String, String>,
    ) -> Result<Vec<(Arc<str>, Reloaded)>, SettingsWatchError> {
        let reload = || -> Result<_, BoxError> {
            let text = content.as_ref().map_err(String::as_str)?;
            let SettingsFile { defaults, breakers, .. } = (self.read)(text)?;
            Ok(self.registry.reload(defaults, breakers)?)
        };
        let mut reloaded = Err("to read it panicked".into());
        harmless(|| reloaded = reload());
        let path = || self.place.path().to_path_buf();
        reloaded.map_err(|problem| SettingsWatchError { path: path(), problem })
    }
}

impl Drop for SettingsWatch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // If there is no room, the thread will look without this.
        _ = self.wake.try_send(());
        if let Some(thread) = self.thread.take()
            // It may be dropped by what it tells.
            && thread.thread().id() != thread::current().id()
        {
            // What is not ours cannot make it panic.
            _ = thread.join();
        }
    }
}

impl fmt::Debug for SettingsWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsWatch").field("path", &self.path).finish_non_exhaustive()
    }
}
