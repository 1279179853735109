//! What the operating system does with threads, where it can be asked.

#[cfg(target_os = "linux")]
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::resource::{UsageWho, getrusage},
    unistd::Pid,
};

/// How often the processor was taken from this thread.
#[cfg(target_os = "linux")]
pub(crate) fn interruptions() -> Option<i64> {
    Some(getrusage(UsageWho::RUSAGE_THREAD).ok()?.involuntary_context_switches())
}

/// Keeps this thread on one of the cores it may use: the one after so many others,
/// starting over after the last. If that fails, the thread is not pinned.
#[cfg(target_os = "linux")]
pub(crate) fn stay_on(core: usize) {
    let here = Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(here) else { return };
    let cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    let mut one = CpuSet::new();
    if let Some(core) = cores.cycle().nth(core)
        && one.set(core).is_ok()
    {
        let _ = sched_setaffinity(here, &one);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn interruptions() -> Option<i64> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_on(_: usize) {}
