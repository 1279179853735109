//! What it costs a call that its breaker is in a fleet.

use std::hint::black_box;
use std::time::{Duration, Instant};

use microbreaker_fleet::{Fleet, MemoryStore};
use microbreaker_std::Breaker;

use crate::figures::Figures;

const CALLS: u32 = 100_000;
const TURNS: usize = 101;

/// Measures both by turns, while the background task runs on another thread.
pub(crate) fn call_cost(figures: &mut Figures) -> anyhow::Result<()> {
    let make = || {
        Breaker::builder("users").consecutive_failures(5).open_for(Duration::from_secs(30)).build()
    };
    let (local, member) = (make()?, make()?);
    let fleet = Fleet::join(MemoryStore::new(), "cost").interval(Duration::from_millis(100));
    anyhow::ensure!(fleet.breaker(&member), "it cannot join");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(fleet.run(tokio::time::sleep))
    });
    let turn = |breaker: &Breaker| {
        let start = Instant::now();
        for n in 0..CALLS {
            let _ = black_box(breaker.call(|| Ok::<_, ()>(black_box(n))));
        }
        start.elapsed().as_secs_f64() / f64::from(CALLS) * 1e9
    };
    let mut ratios = Vec::new();
    for n in 0..TURNS {
        let (local, member) = if n % 2 == 0 {
            let local = turn(&local);
            (local, turn(&member))
        } else {
            let member = turn(&member);
            (turn(&local), member)
        };
        ratios.push(member / local);
    }
    ratios.sort_by(f64::total_cmp);
    figures.time_at_most("call_cost_over_local", ratios[TURNS / 2], 1.05);
    Ok(())
}
