//! Memory use over many calls and many names.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use microbreaker_std::{Breaker, Registry};

const NAMES: u32 = 10_000;
const MOST_IDLE: usize = 1_000;
const CALLS: u32 = 1_000_000;

/// In KiB. A leak of 8 bytes per call would be twice as much.
const MOST_GROWTH: u64 = 4 * 1_024;

/// Makes calls through a registry that keeps a breaker for a tenth of the names used, and
/// checks that memory stops growing after the first calls.
pub(crate) fn check() -> anyhow::Result<()> {
    let template = Breaker::builder("template").failure_rate(50).min_calls(10).last_calls(100);
    let registry = Registry::new(template.open_for(Duration::from_secs(30)))?;
    let registry = registry.most_idle(MOST_IDLE);
    let call = |n: u32| {
        let name = format!("host-{}", n % NAMES);
        // Every third call fails, and some breakers open.
        let result = if n.is_multiple_of(3) { Err(()) } else { Ok(()) };
        let _ = registry.get(&name).call(|| result);
    };
    (0..CALLS / 10).for_each(call);
    let before = resident()?;
    (0..CALLS).for_each(call);
    let (after, held) = (resident()?, registry.list().len());
    println!(
        "\nmemory: {before} KiB before and {after} KiB after {CALLS} calls under {NAMES} names; \
         {held} breakers are held"
    );
    let most_held = MOST_IDLE + MOST_IDLE / 10;
    ensure!(held <= most_held, "{held} breakers are held, but must be at most {most_held}");
    let growth = after.saturating_sub(before);
    ensure!(growth <= MOST_GROWTH, "memory grew by {growth} KiB, must be at most {MOST_GROWTH}");
    Ok(())
}

/// The memory of this process, in KiB.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("this needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("the kernel reports no VmRSS")?.parse()?)
}
