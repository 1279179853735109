//! What the operating system does with threads, on systems that tell.

#[cfg(target_os = "linux")]
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::resource::{UsageWho, getrusage},
    unistd::Pid,
};

/// How many times the operating system has preempted this thread.
#[cfg(target_os = "linux")]
pub(crate) fn interruptions() -> Option<i64> {
    Some(getrusage(UsageWho::RUSAGE_THREAD).ok()?.involuntary_context_switches())
}

/// Pins this thread to core number `core` of those that it may use, starting over after
/// the last one. If that fails, the thread is not pinned.
#[cfg(target_os = "linux")]
pub(crate) fn stay_on(core: usize) {
    let this_thread = Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(this_thread) else { return };
    let cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    let mut one = CpuSet::new();
    if let Some(core) = cores.cycle().nth(core)
        && one.set(core).is_ok()
    {
        let _ = sched_setaffinity(this_thread, &one);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn interruptions() -> Option<i64> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_on(_: usize) {}
