//! A file whose content may change, and what has to be watched to hear of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

/// The most that is read of a file, in bytes.
const LARGEST: u64 = 1 << 20;

/// The most links that are followed to a file, as by Linux.
const MOST_LINKS: usize = 40;

/// The absolute path of a file, which may go and come back.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        std::path::absolute(path).map(Self)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What is in the file now, or why that cannot be read.
    pub(super) fn content(&self) -> Result<String, String> {
        let mut content = String::new();
        let file = File::open(&self.0).map_err(|error| error.to_string())?;
        let read = file.take(LARGEST + 1).read_to_string(&mut content);
        read.map_err(|error| error.to_string())?;
        if content.len() as u64 > LARGEST {
            return Err(format!("is longer than {LARGEST} bytes"));
        }
        Ok(content)
    }

    /// Watches the file where it is now: each event sends to `changes`, unless the last one
    /// was not received yet.
    ///
    /// It watches folders, not the file: an editor, or `mv`, puts another file in its place.
    pub(super) fn watch(&self, changes: SyncSender<()>) -> notify::Result<RecommendedWatcher> {
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Reading the file is an event too.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                _ = changes.try_send(());
            }
        })?;
        watcher.watch(folder(&self.0), RecursiveMode::NonRecursive)?;
        for other in self.folders() {
            // If one of these cannot be watched, looking from time to time must do.
            _ = watcher.watch(&other, RecursiveMode::NonRecursive);
        }
        Ok(watcher)
    }

    /// The other folders in which something can happen that changes the file: where it really
    /// is, and where each link on the way to it is, which may be replaced.
    ///
    /// In Kubernetes, `settings.toml` of a mounted ConfigMap is a link to
    /// `..data/settings.toml`, and `..data` one that an update replaces.
    fn folders(&self) -> BTreeSet<PathBuf> {
        let (mut path, mut folders) = (self.0.clone(), BTreeSet::new());
        for _ in 0..MOST_LINKS {
            folders.insert(folder(&path).to_path_buf());
            let Some(link) = path.ancestors().filter(|path| path.is_symlink()).last() else {
                break;
            };
            let Ok(target) = link.read_link() else { break };
            folders.insert(folder(link).to_path_buf());
            // The rest of the path, if the link is not the whole of it.
            let rest = path.strip_prefix(link).into_iter().flat_map(Path::components);
            path = folder(link).join(target).components().chain(rest).collect();
        }
        folders.remove(folder(&self.0));
        folders
    }
}

/// The folder that a file, by its absolute path, is in.
fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::sync::mpsc::sync_channel;

    use super::*;

    /// Otherwise the watch would wake itself for ever.
    #[test]
    fn that_the_file_is_read_is_no_change() {
        let folder = std::env::temp_dir().join(format!("microbreaker-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("settings");
        fs::write(&path, "1").unwrap();
        let place = Place::new(&path).unwrap();
        let (sender, changes) = sync_channel(100);
        let watcher = place.watch(sender).unwrap();
        fs::create_dir(folder.join("one")).unwrap();
        changes.recv().unwrap();
        assert_eq!(place.content(), Ok("1".to_owned()));
        fs::create_dir(folder.join("another")).unwrap();
        changes.recv().unwrap();
        drop(watcher);
        assert_eq!(changes.iter().count(), 0, "there were two changes");
        fs::remove_dir_all(&folder).unwrap();
    }
}
