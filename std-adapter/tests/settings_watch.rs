//! Settings that follow a file. Each step waits until the watch tells of it.
#![cfg(feature = "watch")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use microbreaker_std::{Breaker, Registry, SettingsFile, SettingsWatch};

/// An empty folder for the test `name`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may be left over from an earlier run.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Settings that trip after as many failures in a row as the text says.
fn read(text: &str) -> Result<SettingsFile, Box<dyn Error + Send + Sync>> {
    assert_ne!(text, "panic");
    let mut file = SettingsFile::default();
    file.defaults.consecutive_failures = Some(text.trim().parse()?);
    file.defaults.open_for = Some(Duration::from_secs(30));
    Ok(file)
}

fn registry() -> Registry {
    let template = Breaker::builder("template").consecutive_failures(99);
    Registry::new(template.open_for(Duration::from_secs(30))).unwrap()
}

/// A watched registry, and what it tells: after how many failures its breaker trips, or what
/// was wrong.
struct Watched {
    watch: Option<SettingsWatch>,
    told: Receiver<Result<u32, String>>,
}

impl Watched {
    fn new(path: &Path) -> Self {
        let (sender, told) = channel();
        let registry = registry();
        let users = registry.get("users");
        let sender = Mutex::new(sender);
        let watch = registry.watch(path, read, move |reloaded| {
            let told = reloaded.map(|breakers| {
                assert_eq!(breakers.len(), 1);
                users.settings().consecutive_failures.unwrap()
            });
            let told = told.map_err(|error| error.problem.to_string());
            sender.lock().unwrap().send(told).unwrap();
        });
        Self { watch: Some(watch.unwrap()), told }
    }

    /// What is told next, sooner than by looking from time to time.
    fn next(&self) -> Result<u32, String> {
        self.told.recv_timeout(Duration::from_secs(20)).expect("it tells of nothing")
    }
}

#[test]
fn a_file_that_is_written_replaced_broken_and_taken_away() {
    let folder = folder("written");
    let path = folder.join("settings");
    fs::write(&path, "1").unwrap();
    let mut watched = Watched::new(&path);

    fs::write(&path, "2").unwrap();
    assert_eq!(watched.next(), Ok(2));

    // As an editor does: it may lose track of the first file.
    for failures in [3, 4] {
        let new = folder.join(".settings.swp");
        fs::write(&new, failures.to_string()).unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(watched.next(), Ok(failures));
    }

    fs::write(&path, "many").unwrap();
    assert_eq!(watched.next(), Err("invalid digit found in string".to_owned()));
    fs::write(&path, "0").unwrap();
    let refused = watched.next().unwrap_err();
    assert!(refused.contains("consecutive_failures"), "{refused}");
    fs::write(&path, "panic").unwrap();
    assert_eq!(watched.next(), Err("to read it panicked".to_owned()));
    fs::write(&path, "9".repeat((1 << 20) + 1)).unwrap();
    assert_eq!(watched.next(), Err("is longer than 1048576 bytes".to_owned()));
    fs::remove_file(&path).unwrap();
    assert!(watched.next().unwrap_err().starts_with("No such file"));
    fs::write(&path, "5").unwrap();
    assert_eq!(watched.next(), Ok(5));

    // As long as is read.
    fs::write(&path, " ".repeat((1 << 20) - 1) + "6").unwrap();
    assert_eq!(watched.next(), Ok(6));

    drop(watched.watch.take());
    assert_eq!(watched.told.try_recv(), Err(TryRecvError::Disconnected), "its thread has ended");
}

/// As the kubelet updates a volume: each version is a folder, to which `..data` is a link.
#[cfg(unix)]
#[test]
fn a_link_that_is_replaced_as_in_kubernetes() {
    use std::os::unix::fs::symlink;

    let folder = folder("mounted");
    let publish = |version: &str, failures: &str| {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("settings"), failures).unwrap();
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    publish("..1", "1");
    symlink("..data/settings", folder.join("settings")).unwrap();

    let by_link = Watched::new(&folder.join("settings"));
    let by_data = Watched::new(&folder.join("..data/settings"));
    let elsewhere = self::folder("elsewhere").join("settings");
    symlink(folder.join("settings"), &elsewhere).unwrap();
    let by_other_folder = Watched::new(&elsewhere);
    for (version, failures) in [("..2", 2), ("..3", 3)] {
        publish(version, &failures.to_string());
        for watched in [&by_link, &by_data, &by_other_folder] {
            assert_eq!(watched.next(), Ok(failures));
        }
    }
    // The file behind the links is written in place.
    fs::write(folder.join("..3/settings"), "4").unwrap();
    for watched in [&by_link, &by_data, &by_other_folder] {
        assert_eq!(watched.next(), Ok(4));
    }
}

#[test]
fn a_file_that_cannot_be_used_is_refused_at_once() {
    let folder = folder("refused");
    let path = folder.join("settings");
    let refused = |path: &Path| registry().watch(path, read, |_| ()).unwrap_err().to_string();
    let missing = refused(&path);
    assert!(missing.contains("settings: No such file"), "{missing}");
    fs::write(&path, "0").unwrap();
    let bad = refused(&path);
    assert!(bad.contains("consecutive_failures"), "{bad}");
    let error = registry().watch(&path, read, |_| ()).unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), error.problem.to_string());
    let nowhere = refused(&folder.join("no/such/folder/settings"));
    assert!(nowhere.contains("settings: "), "{nowhere}");
    fs::write(&path, "7").unwrap();
    let registry = registry();
    let watch = registry.watch(&path, read, |_| ()).unwrap();
    assert_eq!(registry.get("users").settings().consecutive_failures, Some(7));
    drop(watch);
}

/// What it tells may end it.
#[test]
fn a_watch_that_is_dropped_by_what_it_tells() {
    let path = folder("dropped").join("settings");
    fs::write(&path, "1").unwrap();
    let (give, given) = channel::<SettingsWatch>();
    let (sender, ended) = channel::<()>();
    let (given, sender) = (Mutex::new(given), Mutex::new(sender));
    let watch = registry().watch(&path, read, move |_| {
        drop(given.lock().unwrap().recv().unwrap());
        let _ = &sender;
    });
    give.send(watch.unwrap()).unwrap();
    fs::write(&path, "2").unwrap();
    assert!(ended.recv().is_err(), "its thread has ended");
}
